"""Interfaces to external services and stores. Tests run one contract against all adapters of an interface."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from exhibit.digests import Digest
from exhibit.entries import Entry
from exhibit.types import Hit, Space

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VectorIndex(Protocol):
    """A searchable index of the vectors of one space.

    Vectors are ``uint8`` rows of packed bits (hamming) or ``float32`` rows of unit length (cosine).
    """

    space: Space

    def __len__(self) -> int:
        """Return the number of searchable vectors."""

    def search(self, queries: "NDArray[Any]", *, k: int, within: float | None = None) -> list[list[Hit]]:
        """Return for each query at most ``k`` hits within the distance ``within``, nearest first, ties by number."""


class VectorSource(Protocol):
    """The database as seen by an index: the changes of one collection in one space."""

    def last_change(self) -> int:
        """Return the highest change number. No lower number is added later."""

    def batches(self, upto: int) -> Iterator[tuple["NDArray[np.int64]", Any]]:
        """Yield numbers (ascending) and vectors of the entries that changes up to ``upto`` add and do not remove."""

    def count(self, upto: int, by: int | None = None) -> int:
        """Count entries added by changes up to ``upto``, minus those removed by changes up to ``by`` (default: all)."""


@dataclass(frozen=True, slots=True)
class IndexStats:
    """Durable state of an index."""

    count: int = 0  # number of entries
    sequence: int = 0  # highest change number that the index contains
    size: int = 0  # bytes on disk


class StoredIndex(Protocol):
    """An index of one space that is a cache of the database.

    A process opens the durable state and replays newer changes with ``upsert`` and ``remove`` in its own memory. Any of
    the processes may make them durable. Methods raise ``IntegrityError`` if the durable state is damaged.
    """

    space: Space

    @property
    def sequence(self) -> int:
        """Highest durable change number. The caller replays newer changes."""

    def __len__(self) -> int:
        """Return the number of searchable entries."""

    def upsert(self, numbers: "NDArray[np.int64]", vectors: Any) -> None:  # noqa: ANN401 - as the space has them
        """Add entries. ``numbers`` has shape (n,); existing numbers are replaced."""

    def remove(self, numbers: "NDArray[np.int64]") -> int:
        """Remove entries by number, and return how many existed."""

    def flush(self, sequence: int | None = None) -> None:
        """Make all changes replayed up to a change number durable, unless another process has done so."""

    def reopen(self) -> bool:
        """Discard changes that are not durable if another process has written. Returns True if another process had."""

    def check(self, source: VectorSource) -> list[str]:
        """Return all problems of the durable state, one sentence each."""

    def repair(self, source: VectorSource) -> list[str]:
        """Empty the index if it is damaged, so that it is replayed. Returns the problems found."""

    def tidy(self, source: VectorSource) -> None:
        """Delete leftovers of killed writers, and correct entries that differ from the database. Call it regularly."""

    def rebuild(self, source: VectorSource) -> None:
        """Rebuild the durable state from the database. Other processes notice this in :meth:`reopen`."""

    def stats(self) -> IndexStats:
        """Return the statistics of the durable state."""

    def clear(self) -> None:
        """Delete the index."""


class LogTransaction(Protocol):
    """Exclusive right to append to the log, held until the end of the ``with`` block. All appends succeed or none."""

    @property
    def size(self) -> int:
        """Number of leaves, including those appended in this transaction so far."""

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree of ``2**level`` leaves."""

    def append(self, entry: Entry, submission: int | None, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        """Append a leaf and the nodes (level, index, hash) that it completes, starting with its own at level 0."""


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A signed tree head (checkpoint)."""

    origin: str  # name of the log, first line of the note
    size: int  # number of leaves
    root: bytes  # 32 bytes
    note: str  # the C2SP signed note, text


@dataclass(frozen=True, slots=True)
class Head:
    """The checkpoint that a log remembers outside its own store."""

    checkpoint: SignedCheckpoint  # the latest checkpoint that was signed, or seen outside
    moved: bool  # whether it was copied to this machine and may be older than the last signed one
    besides: SignedCheckpoint | None = None  # an earlier checkpoint that this machine remembers

    @property
    def known(self) -> tuple[SignedCheckpoint, ...]:
        """All checkpoints that the log must be consistent with."""
        return (self.checkpoint,) if self.besides is None else (self.checkpoint, self.besides)


class HeadStore(Protocol):
    """Storage for the latest signed checkpoint of a log. Only the holder of the exclusive right to sign may write."""

    def read(self) -> Head | None:
        """Return the stored checkpoint, or ``None``. Raises ``IntegrityError`` if it is unreadable."""

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        """Store a checkpoint unless one is stored already."""

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Replace the stored checkpoint atomically."""

    def set_aside(self) -> None:
        """Forget the stored checkpoint, and keep a copy of it beside the store."""


class LogStore(Protocol):
    """Storage of the append-only log."""

    def sequencer(self) -> AbstractContextManager[LogTransaction]:
        """Wait for the exclusive right to append, and hold it for the block."""

    def size(self) -> int:
        """Return the number of leaves."""

    def nodes(self, positions: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return hashes of complete subtrees by (level, index). Raises ``NotFoundError`` if a subtree is incomplete."""

    def entry(self, sequence: int) -> Entry:
        """Return the entry with this sequence number, counted from 0. Raises ``NotFoundError``."""

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Store a checkpoint. Raises ``IntegrityError`` if one with the same origin and size has another root."""

    def latest_checkpoint(self) -> SignedCheckpoint | None:
        """Return the largest checkpoint of the newest origin."""


class Signer(Protocol):
    """Signs with one private key, which is never exported."""

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key, 32 raw bytes (RFC 8032)."""

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a message, 64 bytes."""


class ReceiptState(StrEnum):
    """State of a timestamp receipt."""

    PENDING = "pending"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Receipt from an outside timestamp service."""

    kind: str  # kind of timestamp service: `rfc3161`, `opentimestamps` and so on
    witness: str  # configured name of the timestamp service
    development: bool  # true for a service that was started for trials and has no legal weight
    state: ReceiptState  # `pending` or `complete`
    proof: bytes  # the raw receipt: a `.tsr` reply, an `.ots` file or an `evm-*.json`
    material: tuple[tuple[str, bytes], ...] = ()  # files needed for verification: certificates, CRLs, block headers
    time: datetime | None = None  # the time that the service states, once complete


class OwnLog(Protocol):
    """The part of the log that its witnesses can read."""

    def note(self, digest: Digest) -> str:
        """Return the signed checkpoint whose text has this digest. Raises ``NotFoundError``."""

    def size(self) -> int:
        """Return the current number of entries."""

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the size ``new`` continues ``old`` (RFC 9162, 2.1.4), as hashes of 32 bytes."""


class Anchor(Protocol):
    """An outside timestamp service that witnesses a digest."""

    kind: str  # kind of receipt
    name: str  # configured name
    development: bool  # without legal weight
    patience: timedelta  # minimum wait before a pending receipt is requested again
    qualified: str  # ISO 8601 date since which the operator's list names the service as qualified (eIDAS), or empty

    def examine(self) -> str:
        """Describe the state of the service in a sentence, using only requests that are free of charge.

        Raises ``ServiceMissingError`` if the service does not respond, ``ConfigError`` if its configuration is
        unusable.
        """

    def submit(self, digest: Digest) -> Receipt:
        """Submit a digest. Raises ``ServiceMissingError`` if the service does not respond."""

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        """Request the completion of a pending receipt. Returns the same receipt if there is no change."""

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Return the witnessed time, verified against the service's own roots. Raises ``IntegrityError`` on failure."""


@dataclass(frozen=True, slots=True)
class CapturedFile:
    """A file created by a capture, with its role in the bundle, such as ``exchange`` or ``network``."""

    role: str
    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Captured:
    """Result of capturing a page and its image."""

    outcome: str
    """``captured``, ``not-shown`` (served as before, but the rendered page doesn't show it), ``page-gone``,
    ``image-gone``, ``image-changed`` or ``unreachable``."""
    sentence: str  # description of what happened, for users
    started: datetime  # aware, UTC
    finished: datetime  # aware, UTC
    image: Digest | None  # digest of the image bytes served at the capture, or `None`
    files: tuple[CapturedFile, ...]  # the files to keep
    method: str = "http"  # `http`, or `browser` when the page was rendered
    digests: frozenset[Digest] = frozenset()
    """Digests of everything that the files contain or show: page, image, all requests of the page, and images that are
    embedded in these.
    """


class Capturer(Protocol):
    """Visits a page and some of its images, and keeps the responses."""

    def capture_all(
        self, page_url: str, images: Sequence[tuple[str, Digest]], denied: Callable[[str], bool] = ...
    ) -> Iterator[Captured]:
        """Visit the page once, now, and yield the result for each of these images.

        The results come one at a time, in the order of the images, so that none has to wait in memory for later ones. A
        page that no longer exists is a result, not an error.

        Args:
            page_url: URL of the page.
            images: URL and expected digest of each image.
            denied: Returns True for hosts that must not be requested.
        """
