"""All Django models. Identities are unique keys, and rows that a job processes store the state of this job."""

from registry.accounts.models import SCOPES_BY_ROLE, ApiToken, Invitation, Membership, Owner, Role, Scope, User
from registry.alliance.models import (
    Agreement,
    CosignedCheckpoint,
    LogFork,
    Partner,
    PartnerCall,
)
from registry.bundles.models import Bundle, Countersignature, Deposit, DownloadLink, Package, Report
from registry.cases.models import (
    ArchiveLookup,
    Capture,
    Case,
    CaseEvent,
    CaseSighting,
    Flood,
    FoundDay,
    GroupDecision,
    LedgerEffect,
    LookAlike,
    PageReading,
)
from registry.crawls.models import (
    AddressList,
    Crawl,
    CrawlSlice,
    FrontierUrl,
    HostDenial,
    HostLease,
    Inquiry,
    KnownCopy,
    KnownPage,
    KnownSheet,
    Pace,
    Proposal,
    Refusal,
    Revisit,
    SearchCharge,
    SearchConsent,
    SearchKey,
    Sighting,
    Watch,
)
from registry.db.claimable import (
    UNFINISHED,
    Claimable,
    Dismissal,
    Heartbeat,
    Lease,
    StepState,
    StepTime,
)
from registry.db.idempotency import KeptAnswer
from registry.edge.models import (
    Contributor,
    EdgeResult,
)
from registry.events.models import Delivery, Event, EventKind, Feed, MailChoice, PushSubscription, Webhook
from registry.fingerprints.models import (
    DescriptorChoice,
    DescriptorGap,
    DescriptorModel,
    FingerprintRow,
    IndexChange,
    MilvusCollection,
    SpaceRow,
)
from registry.keys.models import DeviceKey, DocumentKey, PasskeyQuestion, SealingKey
from registry.log.models import (
    AddedTimestampService,
    AnchorReceipt,
    LogCheckpoint,
    LogEntry,
    LogNode,
    LogOpening,
    LogOrigin,
    LogSubmission,
    LogWaiting,
    TimestampServiceState,
)
from registry.matches.models import CalibrationRow, Match
from registry.notices.models import (
    ClaimAnswer,
    Notice,
    NoticeCase,
    NoticeEvent,
    NoticeMail,
    NoticeReply,
    NoticeReplyFile,
    NoticeWording,
    Sender,
)
from registry.parties.models import (
    Demand,
    DemandEntry,
    Fee,
    FeeTable,
    Instalment,
    Invoice,
    PartyLookup,
    RdapRecord,
)
from registry.pictures.models import (
    BlockedDigest,
    BytesState,
    Picture,
    PictureReport,
    WithheldFile,
)
from registry.services.models import SecretMark
from registry.works.models import (
    BulkEdit,
    Collection,
    ColumnMapping,
    LedgerChange,
    Licence,
    OwnershipRemark,
    RegistrationConflict,
    SignedCopy,
    Upload,
    UploadFile,
    UploadLine,
    Work,
    WorkAttachment,
    WorkChange,
    WorkPicture,
    WorkRelation,
)
