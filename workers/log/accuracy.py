"""The error rate of this installation from its own log, and the file from which an outsider computes it."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from evidence.accuracy.error_rates import Accuracy, count
from evidence.accuracy.file import LoggedEntry, write_accuracy
from exhibit.entries import DECISION_VERSION, Entry, EntryType
from exhibit.errors import NotFoundError
from registry.models import LogEntry, LogOpening
from workers.log.sequencer import sequence_log, sign_checkpoint
from workers.services.wiring import Services

CHUNK = 2000


def present_accuracy() -> Accuracy:
    """What the decisions that lie in the log until now say."""
    rows = LogEntry.objects.filter(type=EntryType.DECISION).order_by("sequence")
    found = rows.values_list("time", "submission__opening__content").iterator(CHUNK)
    return count((time, _shown(content)) for time, content in found)


def export_accuracy(services: Services, out: BinaryIO) -> int:
    """Write the log under a checkpoint of now, decisions opened; returns its size or raises ``NotFoundError``."""
    sequence_log(services)
    checkpoint = sign_checkpoint(services)
    if checkpoint is None:
        raise NotFoundError("The log is still empty.", hint="Registrations, crawls and decisions are logged.")
    write_accuracy(out, checkpoint.note, _entries(checkpoint.size))
    return checkpoint.size


def _entries(size: int) -> Iterator[LoggedEntry]:
    for first in range(0, size, CHUNK):
        part = LogEntry.objects.filter(sequence__gte=first, sequence__lt=min(size, first + CHUNK))
        rows = list(part.order_by("sequence"))
        decided = [row.submission_id for row in rows if row.type == EntryType.DECISION]
        openings = {row.submission_id: row for row in LogOpening.objects.filter(submission_id__in=decided)}
        for row in rows:
            entry = Entry(EntryType(row.type), row.time, bytes(row.commitment))
            opening = None if row.submission_id is None else openings.get(row.submission_id)
            if opening is None or _shown(opening.content) is None:
                yield LoggedEntry(entry)
            else:
                yield LoggedEntry(entry, bytes(opening.salt), opening.content)


def _shown(content: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """An opening that outsiders may see; those of the first version hold names in clear, and stay here."""
    return content if content is not None and content.get("version") == DECISION_VERSION else None
