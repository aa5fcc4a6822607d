"""The log in a folder: an adapter of the port ``LogStore`` without a server.

``entries`` contains one line of fixed width for each leaf, ``level-NN`` the 32-byte hashes of the complete subtrees of
``2**NN`` leaves in order, and ``size`` the number of committed leaves. Data beyond that number in the other files are
the remains of an unfinished transaction; the next transaction overwrites them. Each origin has a folder of
checkpoints, and the folders are numbered in the order in which the origins began.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from evidence.log.notes import parse_note
from exhibit.clock import parse_rfc3339
from exhibit.entries import Entry, EntryType
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.ports import SignedCheckpoint

HASH = 32
LINE = 160


class FolderLogStore:
    """A log in a folder, safe after a crash, and for several processes and threads by means of a lock file.

    Args:
        path: The folder; created if absent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        (path / "checkpoints").mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def sequencer(self) -> Iterator["FolderTransaction"]:
        """Wait for the exclusive right to append. Appended entries are committed if the block ends without an error."""
        with self._locked():
            transaction = FolderTransaction(self, self.size())
            yield transaction
            self._commit(transaction)

    def size(self) -> int:
        """Return the number of leaves."""
        with contextlib.suppress(FileNotFoundError):
            return int((self._path / "size").read_text("ascii"))
        return 0

    def nodes(self, positions: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return hashes of complete subtrees by (level, index).

        Raises:
            NotFoundError: A subtree is not complete.
        """
        size = self.size()
        with contextlib.ExitStack() as stack:
            files = {}
            hashes = []
            for level, index in positions:
                if level < 0 or index < 0 or (index + 1) << level > size:
                    raise NotFoundError(f"The log of {size} entries has no complete subtree {index} at level {level}.")
                if level not in files:
                    files[level] = stack.enter_context(self._level(level).open("rb"))
                files[level].seek(index * HASH)
                hashes.append(files[level].read(HASH))
        if any(len(value) != HASH for value in hashes):
            raise IntegrityError("The log has lost entries: a file of hashes is too short.")
        return hashes

    def entry(self, sequence: int) -> Entry:
        """Return the entry with this sequence number, counted from 0.

        Raises:
            NotFoundError: The log has no such entry.
        """
        if not 0 <= sequence < self.size():
            raise NotFoundError(f"The log has no entry {sequence}.")
        with (self._path / "entries").open("rb") as file:
            file.seek(sequence * LINE)
            line = file.read(LINE)
        try:
            fields = json.loads(line)
            commitment = bytes.fromhex(fields["commitment"])
            return Entry(EntryType(fields["type"]), parse_rfc3339(fields["time"]), commitment)
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"Entry {sequence} of the log can't be read.") from error

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Store a checkpoint.

        Raises:
            IntegrityError: A stored checkpoint of the same origin and size has another root.
        """
        with self._locked():
            folder = self._origin_folder(checkpoint.origin)
            path = folder / f"{checkpoint.size:020d}.note"
            if not path.exists():
                _replace(path, checkpoint.note.encode())
            elif parse_note(path.read_text("utf-8")).root != checkpoint.root:
                raise IntegrityError(f"The log has signed another root for {checkpoint.size} entries.")

    def latest_checkpoint(self) -> SignedCheckpoint | None:
        """Return the largest checkpoint of the newest origin."""
        for folder in sorted((self._path / "checkpoints").iterdir(), reverse=True):
            if notes := sorted(folder.glob("*.note")):
                text = notes[-1].read_text("utf-8")
                note = parse_note(text)
                return SignedCheckpoint(note.origin, note.size, note.root, text)
        return None

    def _origin_folder(self, origin: str) -> Path:
        name = hashlib.sha256(origin.encode()).hexdigest()[:32]
        folders = sorted((self._path / "checkpoints").iterdir())
        for folder in folders:
            if folder.name.endswith(name):
                return folder
        number = int(folders[-1].name.partition("-")[0]) + 1 if folders else 1
        folder = self._path / "checkpoints" / f"{number:06d}-{name}"
        folder.mkdir()
        _sync_folder(folder.parent)
        return folder

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._path / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _level(self, level: int) -> Path:
        return self._path / f"level-{level:02d}"

    def _commit(self, transaction: "FolderTransaction") -> None:
        if transaction.size == transaction.first:
            return
        _write_at(self._path / "entries", transaction.first * LINE, b"".join(transaction.lines))
        for level, hashes in transaction.levels.items():
            _write_at(self._level(level), (transaction.first >> level) * HASH, b"".join(hashes))
        _sync_folder(self._path)
        _replace(self._path / "size", f"{transaction.size}\n".encode())


class FolderTransaction:
    """The entries that a holder of the sequencer has appended so far (port ``LogTransaction``)."""

    def __init__(self, store: FolderLogStore, size: int) -> None:
        self._store = store
        self.first = size
        self.lines: list[bytes] = []
        self.levels: dict[int, list[bytes]] = {}

    @property
    def size(self) -> int:
        """Number of leaves, including those of this transaction."""
        return self.first + len(self.lines)

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree.

        Raises:
            NotFoundError: The subtree is not complete.
        """
        offset = index - (self.first >> level)
        fresh = self.levels.get(level, [])
        if 0 <= offset < len(fresh):
            return fresh[offset]
        return self._store.nodes([(level, index)])[0]

    def append(self, entry: Entry, submission: int | None, nodes: Sequence[tuple[int, int, bytes]]) -> None:  # noqa: ARG002 - the port's; a folder knows no submissions
        """Append a leaf and the nodes that it completes, the leaf's own node at level 0 first."""
        sequence = self.size
        for level, index, value in nodes:
            if len(value) != HASH or (index + 1) << level != sequence + 1:
                raise IntegrityError(f"Entry {sequence} doesn't complete subtree {index} at level {level}.")
        line = entry.leaf_bytes.ljust(LINE - 1) + b"\n"
        if len(line) != LINE:
            raise IntegrityError(f"Entry {sequence} is longer than the log keeps.")
        for level, _, value in nodes:
            self.levels.setdefault(level, []).append(value)
        self.lines.append(line)


def _write_at(path: Path, offset: int, data: bytes) -> None:
    """Write durably from an offset, over the remains of an unfinished transaction."""
    with path.open("r+b" if path.exists() else "wb") as file:
        if file.seek(0, os.SEEK_END) < offset:
            raise IntegrityError(f"The log has lost entries: {path.name} is too short.")
        file.seek(offset)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, data: bytes) -> None:
    """Replace a small file atomically and durably. The caller holds the lock."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
