"""The append-only log of entries: appending, checkpoints and proofs, over whatever store keeps its nodes."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from evidence import merkle
from evidence.notes import Note, check_name, parse_note, sign_note, verifier_key, verify_note
from exhibit.entries import Entry
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.ports import LogStore, SignedCheckpoint, Signer

__all__ = ["Log", "Note", "parse_note", "verify_note"]


class Log:
    """An append-only Merkle log (RFC 9162) whose heads are signed notes.

    Args:
        store: where the leaves lie.
        signer: the log's own key.
        origin: the log's name, such as ``example.org/log``; a new one after a break.
        head: a file that remembers the head signed last, apart from the store: with a store that was set back to an
            earlier state nothing is signed any more. Nothing is remembered without it.
    """

    def __init__(self, store: LogStore, signer: Signer, origin: str, head: Path | None = None) -> None:
        self._store = store
        self._signer = signer
        self._head = head
        self.origin = check_name(origin)

    def append(self, entries: Iterable[Entry], submissions: Iterable[int | None] | None = None) -> list[int]:
        """Append entries in order, all or nothing; waits for the sole right to do so.

        Args:
            entries: what the leaves say.
            submissions: for each entry the store's key of who asked for it, if it keeps such.

        Returns:
            The sequence number of each, from 0.
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

        Raises:
            IntegrityError: the log no longer continues what it has signed, as after a restore.
        """
        size = self._store.size()
        root = self.root(size)
        latest = self._store.latest_checkpoint()
        if latest is not None and latest.origin == self.origin:
            if latest.size == size and latest.root == root:
                return latest
            self.check_continues(latest)
        if (remembered := self._remembered()) is not None:
            self.check_continues(remembered)
        checkpoint = sign_note(self.origin, size, root, self._signer)
        self._store.add_checkpoint(checkpoint)
        self._remember(checkpoint)
        return checkpoint

    def _remembered(self) -> SignedCheckpoint | None:
        """The head of this origin that was signed last, as the file tells."""
        if self._head is None or not self._head.exists():
            return None
        text = self._head.read_text(encoding="utf-8")
        note = parse_note(text)
        return SignedCheckpoint(note.origin, note.size, note.root, text) if note.origin == self.origin else None

    def _remember(self, checkpoint: SignedCheckpoint) -> None:
        if self._head is None:
            return
        draft = self._head.with_name(f".{self._head.name}.{os.getpid()}")
        with draft.open("w", encoding="utf-8") as file:
            file.write(checkpoint.note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._head)

    def check_continues(self, seen: SignedCheckpoint) -> None:
        """Make sure that the log still holds what a checkpoint said, for example one that a witness has kept.

        Raises:
            IntegrityError: leaves are missing or differ; the log then needs a new origin, and the break a record.
        """
        hint = "Start a new origin and record the break."
        if seen.size > self._store.size():
            raise IntegrityError(f"The log is shorter than the {seen.size} entries it has signed.", hint=hint)
        if self.root(seen.size) != seen.root:
            raise IntegrityError(f"The first {seen.size} entries of the log aren't those it has signed.", hint=hint)

    def root(self, size: int) -> bytes:
        """The root over the first ``size`` leaves, 32 bytes; raises ``NotFoundError`` when there are fewer."""
        return self._with_nodes(lambda node: [merkle.root(size, node)])[0]

    def inclusion(self, sequence: int, size: int) -> list[bytes]:
        """The inclusion proof of an entry in the first ``size`` leaves; raises ``WrongUseError`` if it isn't there."""
        return self._proof(lambda node: merkle.inclusion(sequence, size, node), size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that size ``new`` continues size ``old``; raises ``WrongUseError`` for sizes that can't be."""
        return self._proof(lambda node: merkle.consistency(old, new, node), new)

    def vkey(self) -> str:
        """The public key in the form that a verifier pins."""
        return verifier_key(self.origin, self._signer.public_key)

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
        found = dict(zip(wanted, self._fetch(wanted), strict=True))
        return compute(lambda level, index: found[level, index])

    def _fetch(self, wanted: Sequence[tuple[int, int]]) -> list[bytes]:
        return self._store.nodes(wanted) if wanted else []
