"""The append-only log of entries: appending, checkpoints and proofs, independent of the store of its nodes."""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evidence.keys.ed25519 import FileSigner, create_key_folder
from evidence.log import merkle
from evidence.log.notes import check_name, format_verifier_key, sign_note, verify_note
from exhibit.entries import Entry
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.files.durable import settle_path
from exhibit.ports import Head, HeadStore, LogStore, SignedCheckpoint, Signer
from exhibit.sentences import Sentence, following

_BREAK = Sentence(
    "Start a new log name, which records the break: exhibit api POST /operator/log/new-origin --field reason=TEXT"
)
_OLDER = Sentence("A checkpoint was signed under the name %(name)s, which this log does not know: this log is older.")
UNSURE = Sentence(
    "Verify the log against the newest bundle or checkpoint that you handed out: exhibit log verify "
    "--against FILE. If nothing is missing: exhibit api POST /operator/log/accept-head --field "
    "reason=TEXT. If something is missing, or you cannot be sure: exhibit api POST "
    "/operator/log/new-origin --field reason=TEXT"
)
_LOST_KEY = Sentence(
    "Restore secrets/log.key from your backup. If it is lost, start a new log name: exhibit api "
    "POST /operator/log/new-origin --field reason=TEXT"
)


class BrokenHistoryError(IntegrityError):
    """The log does not, or may not, continue its last signed checkpoint: nothing is signed until that is resolved."""


def load_log_key(path: Path, checkpoint_store: HeadStore, origin: str) -> FileSigner:
    """Return the log's own key from its file, creating it if the file is absent.

    A new key has signed nothing, and the remembered head says so before the key gets its name: with a key from
    elsewhere, such as a backup, nothing is signed without a remembered head.

    Raises:
        ConfigError: The key file cannot be used.
    """
    if not path.exists():
        with _exclusive_lock(create_key_folder(path)):
            if not path.exists():
                new_signer = FileSigner(path.with_name(f"{path.name}.coming"))  # maybe left by a killed process
                checkpoint_store.begin(sign_note(origin, 0, merkle.EMPTY_ROOT, new_signer))
                new_signer.path.replace(path)
                settle_path(path.parent)
    return FileSigner(path)


@contextmanager
def _exclusive_lock(folder: Path) -> Iterator[None]:
    """Wait for an exclusive lock on a folder, and hold it as a context manager."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Log:
    """An append-only Merkle log (RFC 9162) whose checkpoints are signed notes.

    ``checkpoint_store`` stores the latest signed checkpoint apart from the log's store. If the store was reset to an
    earlier state, or the remembered checkpoint is missing (:func:`load_log_key` creates it with the key), the log signs
    nothing more.
    Without ``checkpoint_store`` nothing is remembered. ``former_origins`` lists the names of the log before a break,
    under which it never signs again; ``keys`` are the public keys that signed under a name if they differ from the
    log's own.
    """

    def __init__(
        self,
        store: LogStore,
        signer: Signer,
        origin: str,
        checkpoint_store: HeadStore | None = None,
        former_origins: Iterable[str] = (),
        keys: Mapping[str, bytes] | None = None,
    ) -> None:
        self._store = store
        self._signer = signer
        self._checkpoint_store = checkpoint_store
        self.origin = check_name(origin)
        self.former_origins = tuple(former_origins)
        self._keys = {} if keys is None else keys

    def append(self, entries: Iterable[Entry], submissions: Iterable[int | None] | None = None) -> list[int]:
        """Append entries in order, all or nothing, and return their numbers; waits for the exclusive right to append.

        For each entry, ``submissions`` may hold the store's key of the submission.
        """
        new_entries = list(entries)
        keys = [None] * len(new_entries) if submissions is None else list(submissions)
        sequences: list[int] = []
        with self._store.sequencer() as transaction:
            new_nodes: dict[tuple[int, int], bytes] = {}

            def node(level: int, index: int) -> bytes:
                fresh_value = new_nodes.get((level, index))
                return transaction.node(level, index) if fresh_value is None else fresh_value

            for entry, key in zip(new_entries, keys, strict=True):
                sequence = transaction.size
                completed = merkle.list_completed_nodes(sequence, entry.leaf_hash, node)
                new_nodes.update({(level, index): value for level, index, value in completed})
                transaction.append(entry, key, completed)
                sequences.append(sequence)
        return sequences

    def checkpoint(self) -> SignedCheckpoint:
        """Sign and store a checkpoint of the current size; returns the stored one if nothing has been appended since.

        Raises:
            BrokenHistoryError: The log does not, or may not, continue what it has signed, such as after a restore.
        """
        size = self._store.size()
        root = self.root(size)
        latest = self._store.latest_checkpoint()
        if latest is not None and (latest.origin, latest.size, latest.root) == (self.origin, size, root):
            return latest
        self.check_history()
        checkpoint = sign_note(self.origin, size, root, self._signer)
        self._store.add_checkpoint(checkpoint)
        self.store_checkpoint(checkpoint)
        return checkpoint

    def check_history(self) -> None:
        """Check that the log continues every checkpoint that it knows to have signed, in its store and remembered.

        Raises:
            BrokenHistoryError: It does not, or that is unknown: the remembered head is missing, damaged or a copy.
        """
        latest = self._store.latest_checkpoint()
        if latest is not None:
            self.check_known(latest)
        if self._checkpoint_store is None:
            return
        try:
            stored = self._checkpoint_store.read()
        except IntegrityError as error:
            message = Sentence("It is unknown what the log signed last.")
            raise BrokenHistoryError(following(error.message, message), hint=UNSURE) from error
        if stored is None:  # every key that was created here has a remembered head
            missing_message = Sentence(
                "The log's checkpoint file is missing. At least %(size)s entries were signed; it is unknown "
                "whether there were more.",
                size=0 if latest is None else latest.size,
            )
            raise BrokenHistoryError(missing_message, hint=UNSURE)
        for checkpoint in stored.known:
            if checkpoint != latest:
                self.check_known(checkpoint)
        if stored.moved:
            moved_message = Sentence(
                "The log's checkpoint file (%(size)s entries) was copied here, for example when a folder was "
                "restored from a backup. It is unknown whether more entries were signed since.",
                size=stored.checkpoint.size,
            )
            raise BrokenHistoryError(moved_message, hint=UNSURE)

    def describe_stop(self) -> str:
        """Return why the log signs nothing more, with what to do about it; empty while it signs."""
        try:
            self.check_history()
        except IntegrityError as error:
            return error.sentence
        return ""

    def check_known(self, checkpoint: SignedCheckpoint) -> None:
        """Check that a checkpoint signed by this log's key is consistent with the log's history.

        Raises:
            BrokenHistoryError: Another key signed it, the log does not know its name, or the log does not continue it.
        """
        if checkpoint.origin in self.former_origins:
            return  # the break is recorded
        try:
            verify_note(checkpoint.note, format_verifier_key(checkpoint.origin, self._signer.public_key))
        except IntegrityError as error:
            message = Sentence("The log's key is not the key that signed before.")
            raise BrokenHistoryError(message, hint=_LOST_KEY) from error
        if checkpoint.size == 0:
            return  # nothing was signed yet, so the name does not matter
        if checkpoint.origin != self.origin:
            raise BrokenHistoryError(Sentence(_OLDER, name=checkpoint.origin), hint=_BREAK)
        self.check_continues(checkpoint)

    def read_stored_checkpoint(self) -> Head | None:
        """Return the remembered head; ``None`` if there is none that can be read."""
        try:
            return None if self._checkpoint_store is None else self._checkpoint_store.read()
        except IntegrityError:
            return None

    def create_empty_checkpoint(self) -> SignedCheckpoint:
        """Return a signed checkpoint of no entries, which is remembered before anything was signed."""
        return sign_note(self.origin, 0, merkle.EMPTY_ROOT, self._signer)

    def store_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Remember a checkpoint that was signed or seen outside.

        The log then signs nothing that does not continue it.
        """
        if self._checkpoint_store is not None:
            self._checkpoint_store.write(checkpoint)

    def check_continues(self, checkpoint: SignedCheckpoint) -> None:
        """Check that the log still continues a checkpoint, such as one that a witness has kept.

        Raises:
            BrokenHistoryError: Leaves are missing or differ; a new origin and a record are needed.
        """
        if checkpoint.size > self._store.size():
            short_message = Sentence(
                "The log has fewer than the %(size)s entries that it has signed.", size=checkpoint.size
            )
            raise BrokenHistoryError(short_message, hint=_BREAK)
        if self.root(checkpoint.size) != checkpoint.root:
            message = Sentence(
                "The first %(size)s log entries do not match the signed checkpoint.", size=checkpoint.size
            )
            raise BrokenHistoryError(message, hint=_BREAK)

    def size(self) -> int:
        """Return the number of entries."""
        return self._store.size()

    def root(self, size: int) -> bytes:
        """Return the root over the first ``size`` leaves, 32 bytes; raises ``NotFoundError`` if there are fewer."""
        return self._with_nodes(lambda node: [merkle.compute_root(size, node)])[0]

    def inclusion(self, sequence: int, size: int) -> list[bytes]:
        """Return the inclusion proof of an entry in the first ``size`` leaves.

        Raises ``WrongUseError`` if it is missing.
        """
        return self._compute_proof(lambda node: merkle.prove_inclusion(sequence, size, node), size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that size ``new`` continues size ``old``; raises ``WrongUseError`` for impossible sizes."""
        return self._compute_proof(lambda node: merkle.prove_consistency(old, new, node), new)

    def sign(self, statement: bytes) -> bytes:
        """Sign canonical JSON with the log's key, 64 bytes; a single line cannot be mistaken for a checkpoint."""
        return self._signer.sign(statement)

    def vkey(self) -> str:
        """Return the public key in the form that verifiers pin."""
        return self.vkeys()[-1]

    def vkeys(self) -> list[str]:
        """Return the public key under each name of the log, the current one last: verifiers pin both name and key."""
        return [
            format_verifier_key(name, self._keys.get(name, self._signer.public_key))
            for name in (*self.former_origins, self.origin)
        ]

    @property
    def public_key(self) -> bytes:
        """Public key of the current signer, 32 bytes."""
        return self._signer.public_key

    def _compute_proof(self, compute: Callable[[merkle.Node], list[bytes]], size: int) -> list[bytes]:
        if size > self._store.size():
            raise WrongUseError(f"The log doesn't have {size} entries.")
        try:
            return self._with_nodes(compute)
        except ValueError as error:
            raise WrongUseError(f"There is no such proof: {error}.") from error

    def _with_nodes(self, compute: Callable[[merkle.Node], list[bytes]]) -> list[bytes]:
        """Run a computation twice: first to collect the nodes that it reads, then with all of them fetched at once."""
        positions: list[tuple[int, int]] = []

        def record_position(level: int, index: int) -> bytes:
            positions.append((level, index))
            return merkle.EMPTY_ROOT

        compute(record_position)
        nodes = dict(zip(positions, self._store.nodes(positions) if positions else [], strict=True))
        return compute(lambda level, index: nodes[level, index])
