"""Verification of the whole log: leaves, nodes, checkpoints, signatures and stored openings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby

from django.db import connection, transaction
from django.db.models import Q

from evidence.log import merkle
from evidence.log.notes import verify_note
from exhibit.clock import format_rfc3339
from exhibit.digests import Digest
from exhibit.entries import compute_commitment, encode_canonical
from exhibit.errors import ExhibitError
from registry.log.local_log import get_log
from registry.log.models import AnchorReceipt, LogCheckpoint, LogEntry, LogNode, LogOpening, LogSubmission
from registry.services.services import Services

CHUNK = 4096  # number of leaves that are read together
MAX_SEQUENCING_DELAY = timedelta(hours=1)  # older submissions without an entry were omitted
MAX_PROBLEMS = 1000


@dataclass
class ReplayResult:
    """Result of a replay."""

    entries: int = 0
    checkpoints: int = 0  # signed checkpoints, all verified
    openings: int = 0  # openings that were verified
    erased: int = 0  # entries without a stored opening
    waiting: int = 0  # submissions without a sequence number yet
    problems: list[str] = field(default_factory=list)

    def add_problem(self, problem: str) -> None:
        """Record a problem; only the first :data:`MAX_PROBLEMS` are kept."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def replay(services: Services) -> ReplayResult:
    """Read the whole log and verify all its parts against each other, without writing anything.

    Each entry costs two hashes and five rows; 100,000 entries take some seconds.
    """
    result = ReplayResult()
    with _read_snapshot():
        checkpoints = _CheckpointVerifier(services, result)
        tree = _RecomputedTree(result)
        checkpoints.check_up_to(tree, 0)
        for rows in _iterate_chunks():
            openings = _load_openings(result, rows)
            submissions = LogSubmission.objects.in_bulk([row.submission_id for row in rows])
            for row in rows:
                _check_row(result, row, submissions.get(row.submission_id or 0), openings.get(row.submission_id or 0))
                tree.append(row)
                checkpoints.check_up_to(tree, row.sequence + 1)
            tree.compare_with_stored(rows[0].sequence)
        result.entries = tree.size
        tree.check_no_extra_nodes()
        checkpoints.report_unreached(tree.size)
        _check_unsequenced(result)
    try:
        get_log(services).check_history()  # checked last, because the newest checkpoint may be newer than the snapshot
    except ExhibitError as error:
        result.add_problem(error.message)
    return result


@contextmanager
def _read_snapshot() -> Iterator[None]:
    """Read from one snapshot while more entries are logged. An outer transaction keeps its isolation level."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _iterate_chunks() -> Iterator[list[LogEntry]]:
    """Yield the entries in order; each chunk starts at a multiple of its size."""
    start = 0
    while rows := list(LogEntry.objects.filter(sequence__gte=start, sequence__lt=start + CHUNK).order_by("sequence")):
        yield rows
        start += CHUNK


def _load_openings(result: ReplayResult, rows: list[LogEntry]) -> dict[int, LogOpening]:
    try:
        return {opening.submission_id: opening for opening in LogOpening.objects.filter(submission__entry__in=rows)}
    except ValueError:  # one opening contains a number that Python cannot parse; search for it
        if len(rows) > 1:
            return {pk: opening for row in rows for pk, opening in _load_openings(result, [row]).items()}
        _report_unreadable(result, rows[0])
        return {}


def _report_unreadable(result: ReplayResult, row: LogEntry) -> None:
    result.add_problem(f"The opening of entry {row.sequence} cannot be read.")


def _check_row(
    result: ReplayResult, row: LogEntry, submission: LogSubmission | None, opening: LogOpening | None
) -> None:
    """Compare one entry with its submission, and its commitment with its opening."""
    commitment = bytes(row.commitment)
    if row.submission_id is not None:
        leaf = (row.type, row.time, commitment)
        if submission is None or (submission.type, submission.time, bytes(submission.commitment)) != leaf:
            result.add_problem(f"Entry {row.sequence} differs from its submission.")
    if opening is None:
        result.erased += 1
        return
    result.openings += 1
    details = opening.details
    try:
        if compute_commitment(opening.content, bytes(opening.salt))[0] != commitment:
            result.add_problem(f"Entry {row.sequence} has a commitment that does not match its opening.")
        elif details is not None and opening.content.get("details") != Digest.from_bytes(encode_canonical(details)).hex:
            result.add_problem(f"The details of entry {row.sequence} do not match the digest in its opening.")
    except (ValueError, TypeError, AttributeError):  # not an opening that Exhibit could have written
        _report_unreadable(result, row)


class _RecomputedTree:
    """The tree recomputed from the leaves. Its complete subtrees are compared with the stored ones."""

    def __init__(self, result: ReplayResult) -> None:
        self.size = 0
        self._result = result
        self._last_nodes: dict[int, tuple[int, bytes]] = {}
        self._new_nodes: dict[tuple[int, int], bytes] = {}
        self._nodes = 0

    def append(self, row: LogEntry) -> None:
        if row.sequence != self.size:
            self._result.add_problem(f"Entry {self.size} is missing: entry {row.sequence} follows.")
            self.size = row.sequence
        # Use the row's values, because the entry type may be unknown.
        fields = {"commitment": bytes(row.commitment).hex(), "time": format_rfc3339(row.time), "type": row.type}
        leaf = merkle.compute_leaf_hash(encode_canonical(fields))
        for level, index, value in merkle.list_completed_nodes(row.sequence, leaf, self._get_node):
            self._last_nodes[level] = (index, value)
            self._new_nodes[level, index] = value
        self.size = row.sequence + 1

    def root(self) -> bytes:
        return merkle.compute_root(self.size, self._get_node)

    def compare_with_stored(self, start: int) -> None:
        """Compare the subtrees that were completed since the previous call with the stored nodes."""
        ranges = Q()
        for _, keys in groupby(sorted(self._new_nodes), key=lambda key: key[0]):
            (level, first_index), *_rest = level_keys = list(keys)
            ranges |= Q(level=level, index__gte=first_index, index__lte=level_keys[-1][1])
        stored_hashes = {(row.level, row.index): bytes(row.hash) for row in LogNode.objects.filter(ranges)}
        self._nodes += len(self._new_nodes)
        for key, value in self._new_nodes.items():
            if stored_hashes.get(key) != value:
                problem = "is missing" if key not in stored_hashes else "does not match its entries"
                self._result.add_problem(
                    f"The hash of subtree {key[1]} at level {key[0]} {problem} (entries from {start})."
                )
        self._new_nodes.clear()

    def check_no_extra_nodes(self) -> None:
        """Check that the rows contain no subtrees beyond those of the entries."""
        if (extra_count := LogNode.objects.count() - self._nodes) > 0:
            self._result.add_problem(f"{extra_count} hashes do not belong to an entry.")

    def _get_node(self, level: int, index: int) -> bytes:
        stored_index, value = self._last_nodes.get(level, (-1, b""))
        return value if stored_index == index else self._new_nodes.get((level, index), b"")


class _CheckpointVerifier:
    """Verifier of the signed checkpoints. Each is verified when the tree has reached its size."""

    def __init__(self, services: Services, result: ReplayResult) -> None:
        self._result = result
        self._vkeys = {vkey.partition("+")[0]: vkey for vkey in get_log(services).list_verifier_keys()}
        self._pending = list(LogCheckpoint.objects.order_by("-size", "-pk"))

    def check_up_to(self, tree: _RecomputedTree, size: int) -> None:
        while self._pending and self._pending[-1].size <= size:
            self._check(self._pending.pop(), tree.root() if tree.size == size else b"")

    def report_unreached(self, size: int) -> None:
        for row in self._pending:
            self._result.add_problem(f"A checkpoint of {row.size} entries was signed, but the log has {size}.")

    def _check(self, row: LogCheckpoint, root: bytes) -> None:
        self._result.checkpoints += 1
        description = f"The checkpoint of {row.size} entries ({row.origin})"
        if bytes(row.root) != root:
            self._result.add_problem(f"{description} does not match the root of these entries.")
        vkey = self._vkeys.get(row.origin)
        if vkey is None:
            self._result.add_problem(f"{description} has a name that the log never had.")
            return
        try:
            note = verify_note(row.note, vkey)
        except ExhibitError as error:
            self._result.add_problem(f"{description}: {error.message}")
            return
        if (note.size, note.root) != (row.size, bytes(row.root)):
            self._result.add_problem(f"{description} differs from its signed note.")
        note_digest = Digest.from_bytes(row.note.encode())
        for receipt in AnchorReceipt.objects.filter(checkpoint=row).exclude(digest=note_digest):
            self._result.add_problem(f"{description}: {receipt.service} timestamped another digest.")


def _check_unsequenced(result: ReplayResult) -> None:
    """Count recent submissions without an entry as waiting, and report earlier ones as omitted."""
    newest_checkpoint = LogCheckpoint.objects.order_by("-pk").first()
    for row in LogSubmission.objects.filter(entry=None).order_by("pk"):
        if newest_checkpoint is not None and newest_checkpoint.made_at - row.time > MAX_SEQUENCING_DELAY:
            result.add_problem(
                f"Submission {row.pk} ({row.type}, {row.time:%Y-%m-%d %H:%M:%S} UTC) was left out of the log."
            )
        else:
            result.waiting += 1
