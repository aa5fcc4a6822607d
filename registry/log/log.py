"""The append-only log in PostgreSQL. Any transaction submits entries, and a single sequencer numbers them."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Min, Q

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import SALT_BYTES, Entry, EntryType, compute_commitment, encode_canonical
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.ports import SignedCheckpoint
from registry.accounts.models import Owner
from registry.db.locks import Lock, hold
from registry.db.rows import require
from registry.log.models import (
    AnchorReceipt,
    LogCheckpoint,
    LogEntry,
    LogNode,
    LogOpening,
    LogOrigin,
    LogSubmission,
    LogWaiting,
)

WRITE_BATCH_SIZE = 1000
CLOCK_TOLERANCE = timedelta(hours=1)
"""Tolerance for a clock that was set back, within which the log's times do not decrease."""


class NewEntry(NamedTuple):
    """Content of a log entry."""

    type_: EntryType
    opening: Mapping[str, Any]
    owner: Owner | None = None
    time: datetime | None = None  # time of the recorded action; now if ``None``
    details: Mapping[str, Any] | None = None


def submit_entry(
    type_: EntryType,
    opening: Mapping[str, Any],
    owner: Owner | None = None,
    time: datetime | None = None,
    details: Mapping[str, Any] | None = None,
) -> LogSubmission | None:
    """Submit a log entry in the transaction of the action that it records; its sequence number is assigned later.

    A database trigger marks the entry as waiting (``LogWaiting``). The next tick assigns its number and signs a
    checkpoint (:mod:`registry.log.sequencer`).

    The opening is the JSON that the entry commits to. It is stored separately, so that it can be erased. It contains
    a salted digest of the details, so that it can be shown without them.

    Returns:
        The submission; ``None`` for a sample owner, whose actions are not logged. Entries without an owner are always
        logged.
    """
    return submit_entries([NewEntry(type_, opening, owner, time, details)])[0]


def submit_entries(new_entries: Sequence[NewEntry]) -> list[LogSubmission | None]:
    """Submit entries in this order, each as :func:`submit_entry` does."""
    log_flags = [new_entry.owner is None or not new_entry.owner.sample for new_entry in new_entries]
    new_entries = [new_entry for new_entry, is_logged in zip(new_entries, log_flags, strict=True) if is_logged]
    contents = [_add_details_digest(new_entry.opening, new_entry.details) for new_entry in new_entries]
    commitments = [compute_commitment(content) for _, content in contents]
    with transaction.atomic(savepoint=False):
        default_time = _adjust_for_clock(now()) if any(new_entry.time is None for new_entry in new_entries) else now()
        rows = LogSubmission.objects.bulk_create(
            LogSubmission(
                type=new_entry.type_, time=new_entry.time or default_time, commitment=commitment, owner=new_entry.owner
            )
            for new_entry, (commitment, _) in zip(new_entries, commitments, strict=True)
        )
        LogOpening.objects.bulk_create(
            LogOpening(submission=row, salt=salt, content=content, details=details)
            for row, (_, salt), (details, content) in zip(rows, commitments, contents, strict=True)
        )
    submissions = iter(rows)
    return [next(submissions) if is_logged else None for is_logged in log_flags]


def _adjust_for_clock(current_time: datetime) -> datetime:
    """Return ``current_time``, or the newest entry's time if that is slightly later because the clock was set back.

    If the clock was far ahead before, the current time is recorded, so that the earlier wrong times are evident.
    """
    newest_time = LogSubmission.objects.order_by("-pk").values_list("time", flat=True).first()
    return (
        newest_time
        if newest_time is not None and current_time < newest_time <= current_time + CLOCK_TOLERANCE
        else current_time
    )


def _add_details_digest(
    opening: Mapping[str, Any], details: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the details with a salt added, and the opening with the digest of these details."""
    if details is None:
        return None, dict(opening)
    salted_details = {**details, "salt": secrets.token_hex(SALT_BYTES)}
    return salted_details, {**opening, "details": Digest.from_bytes(encode_canonical(salted_details)).hex}


def load_unsequenced(limit: int) -> list[tuple[int, Entry]]:
    """Return submissions without a sequence number, oldest first."""
    rows = LogWaiting.objects.select_related("submission").order_by("submission_id")[:limit]
    return [(row.submission_id, _to_entry(row.submission)) for row in rows]


def _to_entry(row: LogSubmission | LogEntry) -> Entry:
    return Entry(EntryType(row.type), row.time, bytes(row.commitment))


def load_origins() -> dict[str, bytes | None]:
    """Return the names under which checkpoints were signed, the current one last, with public keys if known."""
    rows = LogOrigin.objects.order_by("pk").values_list("name", "public_key")
    return {name: None if key is None else bytes(key) for name, key in rows}


def load_newest_checkpoint(origin: str) -> SignedCheckpoint | None:
    """Return the largest stored checkpoint under a name."""
    row = LogCheckpoint.objects.filter(origin=origin).order_by("-size").first()
    return None if row is None else SignedCheckpoint(row.origin, row.size, bytes(row.root), row.note)


def start_origin(name: str, public_key: bytes | None, submission: LogSubmission | None = None) -> None:
    """Store a new name for later checkpoints; ``submission`` is the entry that records the break."""
    LogOrigin.objects.create(name=name, began_at=now(), public_key=public_key, submission=submission)


def erase_openings(sequences: Iterable[int], *, by: str, reason: str) -> list[int]:
    """Erase the openings of entries, for example on a data-subject request. The leaves stay; one entry records this.

    Returns:
        Sequence numbers of entries that had an opening to erase.

    Raises:
        NotFoundError: An entry does not exist. Nothing is erased.
    """
    requested_sequences = set(sequences)
    with transaction.atomic():
        entries = dict(LogEntry.objects.filter(sequence__in=requested_sequences).values_list("sequence", "submission"))
        if missing_sequences := sorted(requested_sequences - set(entries)):
            raise NotFoundError(f"The log has no entry {missing_sequences[0]}.")
        openings = LogOpening.objects.select_for_update().filter(submission__in=entries.values())
        opening_submissions = set(openings.values_list("submission", flat=True))
        erased_sequences = sorted(
            sequence for sequence, submission in entries.items() if submission in opening_submissions
        )
        if erased_sequences:
            openings.delete()
            submit_entry(
                EntryType.PURGE, {"entries": erased_sequences, "what": "opening"}, details={"by": by, "reason": reason}
            )
        return erased_sequences


class PostgresLogStore:
    """Adapter of :class:`exhibit.ports.LogStore` for PostgreSQL, in which triggers reject changes and deletions."""

    @contextmanager
    def sequencer(self) -> Iterator["PostgresLogTransaction"]:
        """Hold the exclusive right to append, in one database transaction."""
        with transaction.atomic():
            hold(Lock.LOG)
            log_transaction = PostgresLogTransaction(self.size())
            yield log_transaction
            log_transaction.write()

    def size(self) -> int:
        """Return the number of leaves."""
        last_sequence = LogEntry.objects.order_by("-sequence").values_list("sequence", flat=True).first()
        return 0 if last_sequence is None else last_sequence + 1

    def nodes(self, positions: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return hashes of complete subtrees, in the requested order."""
        hashes: dict[tuple[int, int], bytes] = {}
        if positions:
            query = Q()
            for level in {level for level, _ in positions}:
                query |= Q(level=level, index__in={index for node_level, index in positions if node_level == level})
            rows = LogNode.objects.filter(query).values_list("level", "index", "hash")
            hashes = {(level, index): bytes(value) for level, index, value in rows}
        missing_positions = [pair for pair in positions if pair not in hashes]
        if missing_positions:
            raise NotFoundError(
                f"The log has no complete subtree at level {missing_positions[0][0]}, index {missing_positions[0][1]}."
            )
        return [hashes[pair] for pair in positions]

    def entry(self, sequence: int) -> Entry:
        """Return the entry with this sequence number."""
        row = LogEntry.objects.filter(sequence=sequence).first()
        return _to_entry(require(row, f"The log has no entry {sequence}."))

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Store a checkpoint; storing the same one again changes nothing."""
        row, _ = LogCheckpoint.objects.get_or_create(
            origin=checkpoint.origin, size=checkpoint.size, defaults={"root": checkpoint.root, "note": checkpoint.note}
        )
        if bytes(row.root) != checkpoint.root:
            raise IntegrityError(f"The log has already signed another root at size {checkpoint.size}.")

    def latest_checkpoint(self) -> SignedCheckpoint | None:
        """Return the largest checkpoint of the newest origin."""
        newest_origin = (
            LogCheckpoint.objects.values("origin").annotate(first_pk=Min("pk")).order_by("-first_pk").first()
        )
        if newest_origin is None:
            return None
        return load_newest_checkpoint(newest_origin["origin"])


class PostgresLogTransaction:
    """Leaves appended in one database transaction, written together at its end."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: list[LogEntry] = []
        self._new_nodes: dict[tuple[int, int], bytes] = {}

    @property
    def size(self) -> int:
        """Number of leaves, including those appended in this transaction."""
        return self._size

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree."""
        new_node = self._new_nodes.get((level, index))
        return PostgresLogStore().nodes([(level, index)])[0] if new_node is None else new_node

    def append(self, entry: Entry, submission: int | None, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        """Append one leaf and the nodes that it completes."""
        columns = {"type": entry.type, "time": entry.time, "commitment": entry.commitment}
        self._entries.append(LogEntry(sequence=self._size, submission_id=submission, **columns))
        self._new_nodes.update({(level, index): digest for level, index, digest in nodes})
        self._size += 1

    def write(self) -> None:
        """Write everything in order. The database rejects gaps."""
        LogEntry.objects.bulk_create(self._entries, batch_size=WRITE_BATCH_SIZE)
        nodes = [LogNode(level=level, index=index, hash=digest) for (level, index), digest in self._new_nodes.items()]
        LogNode.objects.bulk_create(nodes, batch_size=WRITE_BATCH_SIZE)


def load_submitted_note(digest: Digest) -> str:
    """Return a checkpoint submitted to timestamp services by the digest of its text; raises ``NotFoundError``."""
    row = AnchorReceipt.objects.select_related("checkpoint").filter(digest=digest, checkpoint__isnull=False).first()
    if row is None or row.checkpoint is None:
        raise NotFoundError("The log has no checkpoint with this digest.")
    return row.checkpoint.note
