"""The append-only log of entries: appending, checkpoints and proofs, over whatever store keeps its nodes."""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evidence.keys.ed25519 import FileSigner, made_key_folder
from evidence.log import merkle
from evidence.log.notes import check_name, sign_note, verifier_key, verify_note
from exhibit.entries import Entry
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.files.durable import settle_path
from exhibit.ports import Head, HeadStore, LogStore, SignedCheckpoint, Signer
from exhibit.sentences import Sentence, following

_BREAK = Sentence(
    "Begin a new origin, which records the break: exhibit api POST /operator/log/new-origin --field reason=TEXT"
)
_OLDER = Sentence("A head was signed under the name %(name)s, which this log doesn't know: it is older.")
_UNSURE = Sentence(
    "Hold the newest bundle or checkpoint that was handed out against it: exhibit log verify --against FILE. "
    "If nothing is missing: exhibit api POST /operator/log/accept-head --field reason=TEXT. If something is, or you "
    "cannot know: exhibit api POST /operator/log/new-origin --field reason=TEXT"
)
_LOST_KEY = Sentence(
    "Put secrets/log.key back from your backup. If it is lost, begin a new name: "
    "exhibit api POST /operator/log/new-origin --field reason=TEXT"
)


class BrokenHistoryError(IntegrityError):
    """The log isn't, or may not be, what it was at its last head: nothing is signed until that is settled."""


def log_key(path: Path, head: HeadStore, origin: str) -> FileSigner:
    """The log's own key out of its file, made when it is absent.

    A key that is made here has signed nothing, and the remembered head says so before the key has its name: with a key
    that came from elsewhere, as from a backup, nothing is signed without one. Raises ``ConfigError`` when the file of
    the key can't be used.
    """
    if not path.exists():
        with _one_at_a_time(made_key_folder(path)):
            if not path.exists():
                coming = FileSigner(path.with_name(f"{path.name}.coming"))  # or what one left that was killed here
                head.begin(sign_note(origin, 0, merkle.EMPTY_ROOT, coming))
                coming.path.replace(path)
                settle_path(path.parent)
    return FileSigner(path)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process is where this one goes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Log:
    """An append-only Merkle log (RFC 9162) whose heads are signed notes.

    ``head`` remembers the head signed last, apart from the store: with a store that was set back to an earlier state
    nothing is signed any more, nor without what is remembered, which :func:`log_key` begins with the key. Nothing is
    remembered if none is given. The names in ``left`` are those that the log had before a break, and never signs
    under again; ``keys`` are the public keys that signed under a name, where they aren't this log's own.
    """

    def __init__(
        self,
        store: LogStore,
        signer: Signer,
        origin: str,
        head: HeadStore | None = None,
        left: Iterable[str] = (),
        keys: Mapping[str, bytes] | None = None,
    ) -> None:
        self._store = store
        self._signer = signer
        self._head = head
        self.origin = check_name(origin)
        self.left = tuple(left)
        self._keys = {} if keys is None else keys

    def append(self, entries: Iterable[Entry], submissions: Iterable[int | None] | None = None) -> list[int]:
        """Append entries in order, all or nothing, and return their numbers; waits for the sole right to do so.

        For each entry ``submissions`` may hold the store's key of who asked for it.
        """
        wanted = list(entries)
        keys = [None] * len(wanted) if submissions is None else list(submissions)
        sequences: list[int] = []
        with self._store.sequencer() as transaction:
            fresh: dict[tuple[int, int], bytes] = {}

            def node(level: int, index: int) -> bytes:
                known = fresh.get((level, index))
                return transaction.node(level, index) if known is None else known

            for entry, key in zip(wanted, keys, strict=True):
                sequence = transaction.size
                completed = merkle.completed_nodes(sequence, entry.leaf_hash, node)
                fresh.update({(level, index): value for level, index, value in completed})
                transaction.append(entry, key, completed)
                sequences.append(sequence)
        return sequences

    def checkpoint(self) -> SignedCheckpoint:
        """Sign the present head and keep it; the kept one when nothing was appended since.

        Raises ``BrokenHistoryError`` when the log doesn't continue what it has signed, as after a restore, or may not.
        """
        size = self._store.size()
        root = self.root(size)
        latest = self._store.latest_checkpoint()
        if latest is not None and (latest.origin, latest.size, latest.root) == (self.origin, size, root):
            return latest
        self.check_history()
        checkpoint = sign_note(self.origin, size, root, self._signer)
        self._store.add_checkpoint(checkpoint)
        self.remember(checkpoint)
        return checkpoint

    def check_history(self) -> None:
        """Make sure that the log continues all that it knows to have signed: in its store, and in its remembered head.

        Raises ``BrokenHistoryError`` when it doesn't, or can't know: that is missing, damaged or was copied here.
        """
        latest = self._store.latest_checkpoint()
        if latest is not None:
            self.check_known(latest)
        if self._head is None:
            return
        try:
            head = self._head.read()
        except IntegrityError as error:
            unknown = Sentence("What was signed last can't be told.")
            raise BrokenHistoryError(following(error.message, unknown), hint=_UNSURE) from error
        if head is None:  # a key that was made here came with one
            missing = Sentence(
                "The file of the log's head is missing. %(size)s entries are known to have been signed; "
                "whether more were can't be told.",
                size=0 if latest is None else latest.size,
            )
            raise BrokenHistoryError(missing, hint=_UNSURE)
        for seen in head.known:
            if seen != latest:
                self.check_known(seen)
        if head.moved:
            moved = Sentence(
                "The file of the log's head (%(size)s entries) was copied here, as when a folder is put back from "
                "a backup. Whether more were signed since can't be told.",
                size=head.checkpoint.size,
            )
            raise BrokenHistoryError(moved, hint=_UNSURE)

    def stopped(self) -> str:
        """Why nothing more is signed, with what to do about it; empty while signing goes on."""
        try:
            self.check_history()
        except IntegrityError as error:
            return error.sentence
        return ""

    def check_known(self, seen: SignedCheckpoint) -> None:
        """Make sure that a checkpoint that this log's key has signed belongs to what the log knows of itself.

        Raises ``BrokenHistoryError`` when another key has signed it, or the log doesn't know its name, or has it as the
        present one and doesn't continue it.
        """
        if seen.origin in self.left:
            return  # that is over, and recorded
        try:
            verify_note(seen.note, verifier_key(seen.origin, self._signer.public_key))
        except IntegrityError as error:
            other = Sentence("The log's key isn't the one that signed before.")
            raise BrokenHistoryError(other, hint=_LOST_KEY) from error
        if seen.size == 0:
            return  # nothing was signed yet, whatever the name was to be
        if seen.origin != self.origin:
            raise BrokenHistoryError(Sentence(_OLDER, name=seen.origin), hint=_BREAK)
        self.check_continues(seen)

    def head(self) -> Head | None:
        """What is remembered; ``None`` without anything that can be read."""
        try:
            return None if self._head is None else self._head.read()
        except IntegrityError:
            return None

    def empty_head(self) -> SignedCheckpoint:
        """The head of no entries: what is remembered while nothing was signed yet."""
        return sign_note(self.origin, 0, merkle.EMPTY_ROOT, self._signer)

    def remember(self, checkpoint: SignedCheckpoint) -> None:
        """Remember a head that was signed or seen outside: what doesn't continue it isn't signed any more."""
        if self._head is not None:
            self._head.write(checkpoint)

    def check_continues(self, seen: SignedCheckpoint) -> None:
        """Make sure that the log still holds what a checkpoint said, for example one that a witness has kept.

        Raises ``BrokenHistoryError`` when leaves are missing or differ: a new origin is needed then, and a record.
        """
        if seen.size > self._store.size():
            short = Sentence("The log is shorter than the %(size)s entries it has signed.", size=seen.size)
            raise BrokenHistoryError(short, hint=_BREAK)
        if self.root(seen.size) != seen.root:
            other = Sentence("The first %(size)s entries of the log aren't those it has signed.", size=seen.size)
            raise BrokenHistoryError(other, hint=_BREAK)

    def size(self) -> int:
        """How many entries there are."""
        return self._store.size()

    def root(self, size: int) -> bytes:
        """The root over the first ``size`` leaves, 32 bytes; raises ``NotFoundError`` when there are fewer."""
        return self._with_nodes(lambda node: [merkle.root(size, node)])[0]

    def inclusion(self, sequence: int, size: int) -> list[bytes]:
        """The inclusion proof of an entry in the first ``size`` leaves; raises ``WrongUseError`` if it isn't there."""
        return self._proof(lambda node: merkle.inclusion(sequence, size, node), size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that size ``new`` continues size ``old``; raises ``WrongUseError`` for sizes that can't be."""
        return self._proof(lambda node: merkle.consistency(old, new, node), new)

    def sign(self, statement: bytes) -> bytes:
        """Sign canonical JSON with the log's key, 64 bytes; it is a single line, so no head of a log."""
        return self._signer.sign(statement)

    def vkey(self) -> str:
        """The public key in the form that a verifier pins."""
        return self.vkeys()[-1]

    def vkeys(self) -> list[str]:
        """The public key under each name that the log had, the present one last: a verifier pins name and key."""
        return [verifier_key(name, self._keys.get(name, self._signer.public_key)) for name in (*self.left, self.origin)]

    @property
    def public_key(self) -> bytes:
        """Of the key that signs now, 32 bytes."""
        return self._signer.public_key

    def _proof(self, compute: Callable[[merkle.Node], list[bytes]], size: int) -> list[bytes]:
        if size > self._store.size():
            raise WrongUseError(f"The log doesn't have {size} entries.")
        try:
            return self._with_nodes(compute)
        except ValueError as error:
            raise WrongUseError(f"There is no such proof: {error}.") from error

    def _with_nodes(self, compute: Callable[[merkle.Node], list[bytes]]) -> list[bytes]:
        """Run a computation twice: to learn which nodes it reads, and with all of them fetched at once."""
        wanted: list[tuple[int, int]] = []

        def note_down(level: int, index: int) -> bytes:
            wanted.append((level, index))
            return merkle.EMPTY_ROOT

        compute(note_down)
        found = dict(zip(wanted, self._store.nodes(wanted) if wanted else [], strict=True))
        return compute(lambda level, index: found[level, index])
