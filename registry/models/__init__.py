"""The nouns as rows. Identities are unique keys; what a step works off carries its own state."""

from registry.models.accounts import SCOPES_OF, ApiToken, Invitation, KeptAnswer, Membership, Owner, Role, Scope, User
from registry.models.cases import (
    Capture,
    Case,
    CaseEvent,
    CaseSighting,
    Flood,
    FoundDay,
    GroupDecision,
    LedgerChange,
    LedgerEffect,
    LookAlike,
    PictureReport,
)
from registry.models.crawls import (
    AddressList,
    Canary,
    Contributor,
    Crawl,
    CrawlSlice,
    EdgeResult,
    FrontierUrl,
    HostDenial,
    HostLease,
    Inquiry,
    KnownPage,
    Refusal,
    Revisit,
    SearchCharge,
    SearchConsent,
    SearchKey,
    Sighting,
    Watch,
)
from registry.models.evidence import AnchorReceipt, Bundle, Deposit, DownloadLink, Package, Report, WitnessState
from registry.models.log import (
    Agreement,
    Countersignature,
    DeviceKey,
    DocumentKey,
    LogCheckpoint,
    LogEntry,
    LogFork,
    LogNode,
    LogOpening,
    LogOrigin,
    LogSubmission,
    LogWaiting,
    Partner,
    PartnerCall,
    PasskeyQuestion,
    SealingKey,
    SecretMark,
    WitnessedHead,
)
from registry.models.matching import (
    CalibrationRow,
    DescriptorChoice,
    DescriptorGap,
    DescriptorModel,
    FingerprintRow,
    IndexChange,
    IndexManifest,
    Match,
    SegmentSearch,
    SpaceRow,
)
from registry.models.notices import (
    ClaimAnswer,
    Notice,
    NoticeCase,
    NoticeEvent,
    NoticeMail,
    NoticeReply,
    NoticeWording,
    Sender,
)
from registry.models.notifications import Delivery, Event, EventKind, Feed, MailChoice, Webhook
from registry.models.pictures import BlockedDigest, BytesState, Pack, PackedBytes, PackGap, Picture, WithheldFile
from registry.models.steps import UNFINISHED, Claimable, Dismissal, Heartbeat, Lease, StepState, StepTime
from registry.models.works import (
    BulkEdit,
    Collection,
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
