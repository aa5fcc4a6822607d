"""The nouns as rows. Identities are unique keys; what a step works off carries its own state."""

from registry.models.canaries import Canary
from registry.models.cases import Capture, Case, CaseEvent, CaseSighting, LookAlike, PictureReport
from registry.models.crawls import Crawl, CrawlSlice, FrontierUrl, HostDenial, HostLease, Refusal, Sighting, Watch
from registry.models.deposits import Deposit
from registry.models.descriptors import DescriptorChoice, DescriptorGap, DescriptorModel
from registry.models.evidence import AnchorReceipt, Bundle, Report, WitnessState
from registry.models.invitations import Invitation
from registry.models.keys import Countersignature, DeviceKey, DocumentKey, SealingKey
from registry.models.ledger import LedgerChange, LedgerEffect
from registry.models.links import DownloadLink
from registry.models.log import LogCheckpoint, LogEntry, LogNode, LogOpening, LogOrigin, LogSubmission, LogWaiting
from registry.models.matching import CalibrationRow, FingerprintRow, IndexChange, Match, SpaceRow
from registry.models.notices import Notice, NoticeCase, NoticeEvent, NoticeMail, NoticeWording
from registry.models.ownership import OwnershipRemark, WorkAttachment, WorkChange
from registry.models.packages import Package
from registry.models.people import Membership, Owner, Role, User
from registry.models.pictures import BlockedDigest, BytesState, Picture, WithheldFile
from registry.models.repeats import KeptAnswer
from registry.models.revisits import Revisit
from registry.models.running import Dismissal, Heartbeat, StepTime
from registry.models.searches import Inquiry, SearchKey
from registry.models.steps import UNFINISHED, Claimable, StepState
from registry.models.tokens import SCOPES_OF, ApiToken, Scope
from registry.models.told import Delivery, Event, EventKind, Feed, MailChoice, Webhook
from registry.models.uploads import Upload, UploadFile, UploadLine
from registry.models.works import Licence, RegistrationConflict, Work, WorkPicture
