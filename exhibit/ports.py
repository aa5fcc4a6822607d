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
    """Searchable index of the vectors of one space.

    Vectors are ``uint8`` rows of packed bits (hamming) or ``float32`` rows of unit length (cosine).
    """

    space: Space

    def __len__(self) -> int:
        """Return the number of searchable vectors."""

    def search(self, queries: "NDArray[Any]", *, k: int, within: float | None = None) -> list[list[Hit]]:
        """Return, for each query, up to ``k`` hits within the distance ``within``, nearest first, ties by number."""


class VectorSource(Protocol):
    """Changes of one collection in one space, as an index reads them from the database."""

    def last_change(self) -> int:
        """Return the highest change number. All later changes have higher numbers."""

    def batches(self, upto: int) -> Iterator[tuple["NDArray[np.int64]", Any]]:
        """Yield numbers (ascending) and vectors of the entries as they are after all changes up to ``upto``."""

    def count(self, upto: int, by: int | None = None) -> int:
        """Count the entries added by changes up to ``upto`` and not removed by changes up to ``by`` (default: all)."""


@dataclass(frozen=True, slots=True)
class IndexStats:
    """Statistics on the stored state of an index."""

    count: int = 0  # number of entries
    sequence: int = 0  # highest change number that the index contains
    size: int = 0  # bytes on disk


class StoredIndex(Protocol):
    """Index of one space. It is a cache of the database.

    A process opens the durable state and replays newer changes with ``upsert`` and ``remove`` in its own memory. Any
    process can make the changes durable. Methods raise ``IntegrityError`` if the durable state is damaged.
    """

    space: Space

    @property
    def sequence(self) -> int:
        """Highest durable change number. The caller must replay newer changes."""

    def __len__(self) -> int:
        """Return the number of searchable entries."""

    def upsert(self, numbers: "NDArray[np.int64]", vectors: Any) -> None:  # noqa: ANN401 - as the space has them
        """Add entries. ``numbers`` has shape (n,); existing numbers are replaced."""

    def remove(self, numbers: "NDArray[np.int64]") -> int:
        """Remove entries by number, and return the number of entries that existed."""

    def flush(self, sequence: int | None = None) -> None:
        """Write all replayed changes up to a change number to disk, unless another process has done so."""

    def reopen(self) -> bool:
        """Reload the durable state if another process has changed it. Returns True if it has.

        Changes that were replayed but not written are discarded.
        """

    def check(self, source: VectorSource) -> list[str]:
        """Return the problems of the durable state, one sentence each."""

    def repair(self, source: VectorSource) -> list[str]:
        """Empty the index if it is damaged, so that the caller replays all changes. Returns the problems."""

    def tidy(self, source: VectorSource) -> None:
        """Delete leftovers of killed writers, and correct entries that differ from the database. Call it regularly."""

    def rebuild(self, source: VectorSource) -> None:
        """Rebuild the durable state from the database. Other processes notice this in :meth:`reopen`."""

    def stats(self) -> IndexStats:
        """Return the statistics of the durable state."""

    def clear(self) -> None:
        """Delete the index."""


class LogTransaction(Protocol):
    """Exclusive right to append to the log until the end of the ``with`` block. All appends succeed or none."""

    @property
    def size(self) -> int:
        """Number of leaves, including those appended in this transaction."""

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree of ``2**level`` leaves."""

    def append(self, entry: Entry, submission: int | None, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        """Append a leaf and the nodes (level, index, hash) that it completes, starting with its own at level 0."""


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """Signed checkpoint of a log (signed tree head)."""

    origin: str  # name of the log, first line of the note
    size: int  # number of leaves
    root: bytes  # 32 bytes
    note: str  # text of the C2SP signed note


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """Latest checkpoint of a log, stored outside the log itself."""

    checkpoint: SignedCheckpoint  # latest checkpoint that was signed, or seen on other machines
    is_copied: bool  # true if it was copied to this machine and may be older than the last signed one
    earlier: SignedCheckpoint | None = None  # earlier checkpoint that this machine has stored

    @property
    def all_checkpoints(self) -> tuple[SignedCheckpoint, ...]:
        """All stored checkpoints. The log must be consistent with each of them."""
        return (self.checkpoint,) if self.earlier is None else (self.checkpoint, self.earlier)


class CheckpointStore(Protocol):
    """Storage of the latest signed checkpoint of a log. Only the process with the exclusive right to sign may write."""

    def read(self) -> StoredCheckpoint | None:
        """Return the stored checkpoint, or ``None``. Raises ``IntegrityError`` if it is unreadable."""

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        """Store the first checkpoint. Does nothing if one is already stored."""

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Replace the stored checkpoint atomically."""

    def set_aside(self) -> None:
        """Remove the stored checkpoint, and keep a copy of it next to the store."""


class LogStore(Protocol):
    """Storage of the append-only log."""

    def sequencer(self) -> AbstractContextManager[LogTransaction]:
        """Acquire the exclusive right to append to the log, and hold it for the block."""

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
    """Signer with one private key, which is never exported."""

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
    service: str  # configured name of the timestamp service
    development: bool  # true for a development service, without legal weight
    state: ReceiptState  # `pending` or `complete`
    proof: bytes  # the raw receipt: a `.tsr` reply, an `.ots` file or an `evm-*.json`
    material: tuple[tuple[str, bytes], ...] = ()  # files needed for verification: certificates, CRLs, block headers
    time: datetime | None = None  # time stated by the service; `None` while pending


class OwnLog(Protocol):
    """This installation's log, as far as requests to log witnesses need it."""

    def note(self, digest: Digest) -> str:
        """Return the signed checkpoint whose text has this digest. Raises ``NotFoundError``."""

    def size(self) -> int:
        """Return the current number of entries."""

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the consistency proof between two sizes of the log (RFC 9162, 2.1.4), as hashes of 32 bytes."""


class Anchor(Protocol):
    """Outside timestamp service, which proves that a digest existed at a time."""

    kind: str  # kind of receipt
    name: str  # configured name
    development: bool  # true for a development service, without legal weight
    retry_interval: timedelta  # minimum time before the service is queried again about a pending receipt
    qualified: str  # ISO 8601 date from which the service is qualified (eIDAS) by the operator's list, or empty

    def describe_status(self) -> str:
        """Describe the status of the service in one sentence, using only requests that are free of charge.

        Raises ``ServiceMissingError`` if the service does not respond, ``ConfigError`` if its configuration is
        unusable.
        """

    def submit(self, digest: Digest) -> Receipt:
        """Submit a digest. Raises ``ServiceMissingError`` if the service does not respond."""

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        """Request the completion of a pending receipt. Returns the same receipt if there is no change."""

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Verify a receipt against the service's own roots, and return its time. Raises ``IntegrityError``."""


@dataclass(frozen=True, slots=True)
class CapturedFile:
    """File created by a capture, with its role in the bundle, such as ``exchange`` or ``network``."""

    role: str
    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """Result of capturing a page and its image."""

    outcome: str
    """``captured``, ``not-shown`` (served, but not visible on the rendered page), ``page-gone``,
    ``image-gone``, ``image-changed`` or ``unreachable``."""
    sentence: str  # description of the result, for users
    started: datetime  # aware, UTC
    finished: datetime  # aware, UTC
    image: Digest | None  # digest of the image bytes served at the capture, or `None`
    files: tuple[CapturedFile, ...]  # files to store
    method: str = "http"  # `http`, or `browser` when the page was rendered
    digests: frozenset[Digest] = frozenset()
    """Digests of all content in the files: page, image, all requests of the page, and images embedded in these.
    """


class Capturer(Protocol):
    """Capture of a page and some of its images, with all responses."""

    def capture_all(
        self, page_url: str, images: Sequence[tuple[str, Digest]], denied: Callable[[str], bool] = ...
    ) -> Iterator[CaptureResult]:
        """Visit the page once, and yield the result for each of these images.

        Results are yielded one at a time, in the order of the images, so that the caller does not hold all of them in
        memory. If the page no longer exists, that is a result, not an error.

        Args:
            page_url: URL of the page.
            images: URL and expected digest of each image.
            denied: Returns True for hosts that must not be requested.
        """
