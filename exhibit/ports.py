"""The ports: what a room asks of the outside. Tests hold every adapter of one to the same contract."""

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
    """Vectors of one space that can be searched.

    Vectors are ``uint8`` rows of packed bits (hamming) or ``float32`` rows of unit length (cosine).
    """

    space: Space

    def __len__(self) -> int:
        """How many vectors can be found."""

    def search(self, queries: "NDArray[Any]", *, k: int, within: float | None = None) -> list[list[Hit]]:
        """For each query the at most ``k`` nearest hits, nearest first, ties by number, at most ``within`` away."""


class VectorSource(Protocol):
    """The database, as an index of one collection in one space sees it."""

    def last_change(self) -> int:
        """The highest change number; no lower one is added later."""

    def batches(self, upto: int) -> Iterator[tuple["NDArray[np.int64]", Any]]:
        """Numbers, ascending, and vectors of everything that the changes up to a number add and do not remove."""

    def count(self, upto: int, by: int | None = None) -> int:
        """Count what the changes up to ``upto`` add, less what those up to ``by`` remove again (by default all)."""


@dataclass(frozen=True, slots=True)
class IndexStats:
    """The durable state of an index."""

    count: int = 0  # entries
    sequence: int = 0  # highest change number that it contains
    size: int = 0  # bytes on disk


class StoredIndex(Protocol):
    """An index of one space that is a cache of the database.

    A process opens what is durable and replays newer changes by ``upsert`` and ``remove`` into its own memory; any of
    the processes may make them durable. Methods raise ``IntegrityError`` if what is durable is damaged.
    """

    space: Space

    @property
    def sequence(self) -> int:
        """Highest change number that is durable; the caller replays newer changes."""

    def __len__(self) -> int:
        """How many entries can be found."""

    def upsert(self, numbers: "NDArray[np.int64]", vectors: Any) -> None:  # noqa: ANN401 - as the space has them
        """Add entries, numbers of shape (n,); a number that is there is replaced."""

    def remove(self, numbers: "NDArray[np.int64]") -> int:
        """Remove numbers; returns how many were there."""

    def flush(self, sequence: int | None = None) -> None:
        """Make everything durable that was replayed up to a change number, unless another process has done so."""

    def reopen(self) -> bool:
        """Drop what is not durable if another process has written; returns whether it had."""

    def check(self, source: VectorSource) -> list[str]:
        """List all problems of the durable state, one sentence each."""

    def repair(self, source: VectorSource) -> list[str]:
        """Empty the index if it is damaged, so that it is replayed; returns the problems that required it."""

    def tidy(self, source: VectorSource) -> None:
        """Delete leftovers of killed writers, and correct entries that differ from the database; run it regularly."""

    def rebuild(self, source: VectorSource) -> None:
        """Replace what is durable by what the database says; other processes notice by :meth:`reopen`."""

    def stats(self) -> IndexStats:
        """Measure the durable state."""

    def clear(self) -> None:
        """Delete the index."""


class LogTransaction(Protocol):
    """The sole right to append, held until the end of the ``with`` block, all or nothing."""

    @property
    def size(self) -> int:
        """Leaves before this transaction and in it so far."""

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree of ``2**level`` leaves."""

    def append(self, entry: Entry, submission: int | None, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        """Append one leaf and the nodes (level, index, hash) that it completes, the leaf's own at level 0 first."""


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A signed tree head."""

    origin: str  # the log's name, first line of the note
    size: int  # number of leaves
    root: bytes  # 32 bytes
    note: str  # the C2SP signed note, text


@dataclass(frozen=True, slots=True)
class Head:
    """The head that a log remembers apart from its store."""

    checkpoint: SignedCheckpoint  # what was signed last, or seen outside
    moved: bool  # whether it was copied here, so that it may be older than what was signed last
    besides: SignedCheckpoint | None = None  # what this machine remembers of an earlier moment

    @property
    def known(self) -> tuple[SignedCheckpoint, ...]:
        """All that the log has to continue."""
        return (self.checkpoint,) if self.besides is None else (self.checkpoint, self.besides)


class HeadStore(Protocol):
    """Where a log remembers the head signed last; one at a time may write, who holds the sole right to sign."""

    def read(self) -> Head | None:
        """What is remembered, or ``None``; raises ``IntegrityError`` when it can't be read."""

    def begin(self, checkpoint: SignedCheckpoint) -> None:
        """Remember a head unless one is remembered."""

    def write(self, checkpoint: SignedCheckpoint) -> None:
        """Remember a head instead, whole or not at all."""

    def set_aside(self) -> None:
        """Remember nothing any more, and keep what was remembered beside it."""


class LogStore(Protocol):
    """Where the append-only log lies."""

    def sequencer(self) -> AbstractContextManager[LogTransaction]:
        """Wait for the sole right to append, and hold it."""

    def size(self) -> int:
        """Number of leaves."""

    def nodes(self, wanted: Sequence[tuple[int, int]]) -> list[bytes]:
        """Hashes of complete subtrees by (level, index); raises ``NotFoundError`` when one isn't complete."""

    def entry(self, sequence: int) -> Entry:
        """The entry with this sequence number, from 0; raises ``NotFoundError``."""

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Keep a checkpoint; raises ``IntegrityError`` when one of the same origin and size has another root."""

    def latest_checkpoint(self) -> SignedCheckpoint | None:
        """The largest checkpoint of the newest origin."""


class Signer(Protocol):
    """Signs with one key that never leaves it."""

    @property
    def public_key(self) -> bytes:
        """Ed25519 public key, 32 raw bytes (RFC 8032)."""

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""


class ReceiptState(StrEnum):
    """How far a receipt is."""

    PENDING = "pending"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an outside witness gave back."""

    kind: str  # by which the kinds of witnesses are named: `rfc3161`, `opentimestamps` and so on
    witness: str  # the name of the witness as configured
    development: bool  # true when the witness has no legal weight, because it was started for trials
    state: ReceiptState  # `pending` or `complete`
    proof: bytes  # the raw receipt: a `.tsr` reply, an `.ots` file or an `evm-*.json`
    material: tuple[tuple[str, bytes], ...] = ()  # files that a checker needs: certificates, CRLs, block headers
    time: datetime | None = None  # the time that the witness states, once complete


class OwnLog(Protocol):
    """What witnesses of the log are shown of it."""

    def note(self, digest: Digest) -> str:
        """The signed head whose text has this digest; raises ``NotFoundError``."""

    def size(self) -> int:
        """How many entries it has now."""

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the size ``new`` continues ``old`` (RFC 9162, 2.1.4), hashes of 32 bytes."""


class Anchor(Protocol):
    """One outside witness of a digest."""

    kind: str  # of receipt
    name: str  # as configured
    development: bool  # without legal weight
    patience: timedelta  # how long to wait at least before asking again for what is pending
    qualified: str  # ISO 8601 day as of which the operator's list names it as qualified (eIDAS), or empty

    def examine(self) -> str:
        """How the witness is, in a sentence, by asking what costs nothing.

        Raises ``ServiceMissingError`` when it doesn't answer, ``ConfigError`` when it can't serve as configured.
        """

    def submit(self, digest: Digest) -> Receipt:
        """Ask the witness; raises ``ServiceMissingError`` when it doesn't answer."""

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        """Ask for what was pending; the same receipt when nothing is new."""

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """The witnessed time by the witness's own roots; raises ``IntegrityError`` when it doesn't hold."""


@dataclass(frozen=True, slots=True)
class CapturedFile:
    """One file that a capture made, with its role in the bundle, such as ``exchange`` or ``network``."""

    role: str
    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Captured:
    """What a capture of a page and its image found."""

    outcome: str
    """``captured``, ``not-shown`` (served as before, but the rendered page doesn't show it), ``page-gone``,
    ``image-gone``, ``image-changed`` or ``unreachable``."""
    sentence: str  # what happened, in plain words
    started: datetime  # aware, UTC
    finished: datetime  # aware, UTC
    image: Digest | None  # digest of the image bytes that were served now, or `None`
    files: tuple[CapturedFile, ...]  # what is kept
    method: str = "http"  # `http`, or `browser` when the page was rendered
    digests: frozenset[Digest] = frozenset()
    """Of everything that the files carry or show: page, image, all that the page asked for, and images that are
    written inside of these."""


class Capturer(Protocol):
    """Visits a page and some of its images, and keeps what was served."""

    def capture_all(
        self, page_url: str, images: Sequence[tuple[str, Digest]], denied: Callable[[str], bool] = ...
    ) -> Iterator[Captured]:
        """Visit the page once, now, for these images, each with the digest that is expected; what came of each.

        One comes after the other, in their order, so that none has to wait in memory for those behind it.

        A page that has gone is an outcome, not an error. ``denied`` says which hosts aren't asked.
        """
