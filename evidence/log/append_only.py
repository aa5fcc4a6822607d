"""The append-only log of entries: appending, checkpoints and proofs, independent of how nodes are stored."""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evidence.keys.ed25519 import FileSigner, create_key_folder
from evidence.log import merkle
from evidence.log.notes import check_name, format_verifier_key, sign_note, verify_note
from exhibit.entries import Entry
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.files.durable import sync_path
from exhibit.ports import CheckpointStore, LogStore, SignedCheckpoint, Signer, StoredCheckpoint
from exhibit.sentences import Sentence, concatenate_sentences

_BREAK_HINT = Sentence(
    "Record the interruption of the log by giving it a new name: exhibit api POST "
    "/operator/log/new-origin --field reason=TEXT"
)
_UNKNOWN_NAME = Sentence(
    "A checkpoint was signed under the name %(name)s, which this log does not contain. This copy of "
    "the log is older than that checkpoint."
)
VERIFY_HINT = Sentence(
    "Verify the log against the newest bundle or checkpoint that another party received: exhibit "
    "log verify --against FILE. If nothing is missing: exhibit api POST /operator/log/accept-head "
    "--field reason=TEXT. If something is missing, or you cannot be sure: exhibit api POST "
    "/operator/log/new-origin --field reason=TEXT"
)
_LOST_KEY_HINT = Sentence(
    "Restore secrets/log.key from your backup. If it is lost, give the log a new name: exhibit api "
    "POST /operator/log/new-origin --field reason=TEXT"
)


class BrokenHistoryError(IntegrityError):
    """The log does not, or may not, extend its last signed checkpoint. It signs nothing until that is resolved."""


def load_log_key(path: Path, checkpoint_store: CheckpointStore, origin: str) -> FileSigner:
    """Load the log's key from its file, creating the key if the file is missing.

    For a new key, an empty checkpoint is stored before the key file gets its final name. A key without a stored
    checkpoint therefore comes from elsewhere, such as a backup, and the log signs nothing with it.

    Raises:
        ConfigError: The key file cannot be used.
    """
    if not path.exists():
        with _exclusive_lock(create_key_folder(path)):
            if not path.exists():
                new_signer = FileSigner(path.with_name(f"{path.name}.coming"))  # may exist if a process was killed
                checkpoint_store.begin(sign_note(origin, 0, merkle.EMPTY_ROOT, new_signer))
                new_signer.path.replace(path)
                sync_path(path.parent)
    return FileSigner(path)


@contextmanager
def _exclusive_lock(folder: Path) -> Iterator[None]:
    """Context manager that waits for an exclusive lock on a folder, and holds it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Log:
    """An append-only Merkle log (RFC 9162) whose checkpoints are signed notes.

    ``checkpoint_store`` stores the latest signed checkpoint apart from the log's store. If the store was reset to an
    earlier state, or the stored checkpoint is missing (:func:`load_log_key` creates it with the key), the log signs
    no further checkpoints. Without ``checkpoint_store``, this protection is off.

    ``former_origins`` lists the log's former names: each was replaced after entries were lost, and the log never signs
    under it again. ``keys`` contains the public keys that signed under a name, if they differ from the current key.
    """

    def __init__(
        self,
        store: LogStore,
        signer: Signer,
        origin: str,
        checkpoint_store: CheckpointStore | None = None,
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
        """Append entries in order, all or none, and return their numbers; waits until no other process appends.

        ``submissions`` contains, for each entry, the store's key of its submission or ``None``.
        """
        new_entries = list(entries)
        keys = [None] * len(new_entries) if submissions is None else list(submissions)
        sequences: list[int] = []
        with self._store.sequencer() as transaction:
            new_nodes: dict[tuple[int, int], bytes] = {}

            def get_node(level: int, index: int) -> bytes:
                fresh_value = new_nodes.get((level, index))
                return transaction.node(level, index) if fresh_value is None else fresh_value

            for entry, key in zip(new_entries, keys, strict=True):
                sequence = transaction.size
                completed = merkle.list_completed_nodes(sequence, entry.leaf_hash, get_node)
                new_nodes.update({(level, index): value for level, index, value in completed})
                transaction.append(entry, key, completed)
                sequences.append(sequence)
        return sequences

    def sign_checkpoint(self) -> SignedCheckpoint:
        """Sign and store a checkpoint of the current size; returns the latest checkpoint if nothing was appended since.

        Raises:
            BrokenHistoryError: The log does not, or may not, extend its signed checkpoints, such as after a restore.
        """
        size = self._store.size()
        root = self.compute_root(size)
        latest = self._store.latest_checkpoint()
        if latest is not None and (latest.origin, latest.size, latest.root) == (self.origin, size, root):
            return latest
        self.check_history()
        checkpoint = sign_note(self.origin, size, root, self._signer)
        self._store.add_checkpoint(checkpoint)
        self.store_checkpoint(checkpoint)
        return checkpoint

    def check_history(self) -> None:
        """Check that the log extends all signed checkpoints in its store and in the checkpoint store.

        Raises:
            BrokenHistoryError: It does not, or it is unknown because the checkpoint file is missing, damaged or a copy.
        """
        latest = self._store.latest_checkpoint()
        if latest is not None:
            self.check_known_checkpoint(latest)
        if self._checkpoint_store is None:
            return
        try:
            stored = self._checkpoint_store.read()
        except IntegrityError as error:
            message = Sentence("The last checkpoint that the log signed is unknown.")
            raise BrokenHistoryError(concatenate_sentences(error.message, message), hint=VERIFY_HINT) from error
        if stored is None:  # every key that was created on this installation has a stored checkpoint
            missing_message = Sentence(
                "The log's checkpoint file is missing. At least %(size)s entries were signed; it is unknown "
                "whether there were more.",
                size=0 if latest is None else latest.size,
            )
            raise BrokenHistoryError(missing_message, hint=VERIFY_HINT)
        for checkpoint in stored.all_checkpoints:
            if checkpoint != latest:
                self.check_known_checkpoint(checkpoint)
        if stored.is_copied:
            moved_message = Sentence(
                "The log's checkpoint file (%(size)s entries) was copied here, for example when a folder was "
                "restored from a backup. It is unknown whether more entries have been signed since then.",
                size=stored.checkpoint.size,
            )
            raise BrokenHistoryError(moved_message, hint=VERIFY_HINT)

    def describe_signing_stop(self) -> str:
        """Describe why the log does not sign, and the steps to resolve it; an empty string while it signs."""
        try:
            self.check_history()
        except IntegrityError as error:
            return error.sentence
        return ""

    def check_known_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Check that a checkpoint signed by this log's key is consistent with the log's history.

        Raises:
            BrokenHistoryError: Another key signed it, the log does not know its name, or the log does not extend it.
        """
        if checkpoint.origin in self.former_origins:
            return  # the break is recorded
        try:
            verify_note(checkpoint.note, format_verifier_key(checkpoint.origin, self._signer.public_key))
        except IntegrityError as error:
            message = Sentence("The log's key is not the key that signed its earlier checkpoints.")
            raise BrokenHistoryError(message, hint=_LOST_KEY_HINT) from error
        if checkpoint.size == 0:
            return  # nothing was signed yet, so the name does not matter
        if checkpoint.origin != self.origin:
            raise BrokenHistoryError(Sentence(_UNKNOWN_NAME, name=checkpoint.origin), hint=_BREAK_HINT)
        self.check_continues(checkpoint)

    def read_stored_checkpoint(self) -> StoredCheckpoint | None:
        """Return the stored checkpoint; ``None`` if it is missing or unreadable."""
        try:
            return None if self._checkpoint_store is None else self._checkpoint_store.read()
        except IntegrityError:
            return None

    def create_empty_checkpoint(self) -> SignedCheckpoint:
        """Return a signed checkpoint of size 0, which is stored before any other checkpoint is signed."""
        return sign_note(self.origin, 0, merkle.EMPTY_ROOT, self._signer)

    def store_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Store a checkpoint that was signed here or received from outside.

        From then on, the log signs only checkpoints that extend it.
        """
        if self._checkpoint_store is not None:
            self._checkpoint_store.write(checkpoint)

    def check_continues(self, checkpoint: SignedCheckpoint) -> None:
        """Check that the log extends a checkpoint, such as one that a log witness has stored.

        Raises:
            BrokenHistoryError: Leaves are missing or differ; the log needs a new name, which records the break.
        """
        if checkpoint.size > self._store.size():
            short_message = Sentence(
                "The log has fewer than the %(size)s entries that it has signed.", size=checkpoint.size
            )
            raise BrokenHistoryError(short_message, hint=_BREAK_HINT)
        if self.compute_root(checkpoint.size) != checkpoint.root:
            message = Sentence(
                "The first %(size)s log entries do not match the signed checkpoint.", size=checkpoint.size
            )
            raise BrokenHistoryError(message, hint=_BREAK_HINT)

    def count_entries(self) -> int:
        """Return the number of entries."""
        return self._store.size()

    def compute_root(self, size: int) -> bytes:
        """Compute the root hash of the first ``size`` leaves, 32 bytes; raises ``NotFoundError`` if there are fewer."""
        return self._compute_with_nodes(lambda node: [merkle.compute_root(size, node)])[0]

    def prove_inclusion(self, sequence: int, size: int) -> list[bytes]:
        """Return the inclusion proof of an entry in the first ``size`` leaves.

        Raises:
            InvalidRequestError: The log has fewer leaves, or the entry is not among them.
        """
        return self._compute_proof(lambda node: merkle.prove_inclusion(sequence, size, node), size)

    def prove_consistency(self, old: int, new: int) -> list[bytes]:
        """Return the consistency proof from size ``old`` to ``new``.

        Raises ``InvalidRequestError`` for impossible sizes.
        """
        return self._compute_proof(lambda node: merkle.prove_consistency(old, new, node), new)

    def sign(self, statement: bytes) -> bytes:
        """Sign canonical JSON with the log's key, 64 bytes; a single line cannot be mistaken for a checkpoint."""
        return self._signer.sign(statement)

    def get_verifier_key(self) -> str:
        """Return the public key in the form that verifiers pin (a C2SP verifier key)."""
        return self.list_verifier_keys()[-1]

    def list_verifier_keys(self) -> list[str]:
        """Return one verifier key for each name of the log, the current name last: verifiers pin both name and key."""
        return [
            format_verifier_key(name, self._keys.get(name, self._signer.public_key))
            for name in (*self.former_origins, self.origin)
        ]

    @property
    def public_key(self) -> bytes:
        """Public key of the current signer, 32 bytes."""
        return self._signer.public_key

    def _compute_proof(self, compute: Callable[[merkle.NodeHashGetter], list[bytes]], size: int) -> list[bytes]:
        if size > self._store.size():
            raise InvalidRequestError(f"The log does not have {size} entries.")
        try:
            return self._compute_with_nodes(compute)
        except ValueError as error:
            raise InvalidRequestError(f"There is no such proof: {error}.") from error

    def _compute_with_nodes(self, compute: Callable[[merkle.NodeHashGetter], list[bytes]]) -> list[bytes]:
        """Run a computation twice: first to collect the positions of its nodes, then with all nodes fetched at once."""
        positions: list[tuple[int, int]] = []

        def record_position(level: int, index: int) -> bytes:
            positions.append((level, index))
            return merkle.EMPTY_ROOT

        compute(record_position)
        nodes = dict(zip(positions, self._store.nodes(positions) if positions else [], strict=True))
        return compute(lambda level, index: nodes[level, index])
