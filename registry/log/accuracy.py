"""Error rates of the comparison: this installation's, from its own log, and counts joined with other installations'.

For each there is a file from which outsiders can compute the same result.
"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from evidence.accuracy.counts import CountedPicture, Counts, JoinedCounts, read_signed_statement, sign_statement
from evidence.accuracy.error_rates import CLASSES, Accuracy, count_decisions
from evidence.accuracy.file import LoggedEntry, write_accuracy
from exhibit.config.config import Config
from exhibit.entries import Entry, EntryType
from exhibit.errors import ExhibitError, NotFoundError
from registry.log.local_log import get_log
from registry.log.models import LogEntry, LogOpening
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.services.services import Services

if TYPE_CHECKING:
    from indexer.calibration.calibrate import Outcome

CHUNK = 2000
JOINED = "joined.json"  # in the data folder: joined counts, if the operator shows some


def compute_accuracy() -> Accuracy:
    """Return the accuracy according to all decisions in the log."""
    rows = LogEntry.objects.filter(type=EntryType.DECISION).order_by("sequence")
    decisions = rows.values_list("time", "submission__opening__content").iterator(CHUNK)
    return count_decisions(decisions)


def export_accuracy(services: Services, out: BinaryIO) -> int:
    """Write the log up to a new checkpoint, with decisions opened; returns its size or raises ``NotFoundError``."""
    sequence_log(services)
    checkpoint = sign_checkpoint(services)
    if checkpoint is None:
        raise NotFoundError("The log is still empty.", hint="Registrations, crawls and decisions are logged.")
    write_accuracy(out, checkpoint.note, iterate_logged_entries(checkpoint.size))
    return checkpoint.size


def sign_counts(services: Services, outcome: "Outcome", *, list_photographs: bool) -> bytes:
    """Return a calibration's signed counts, a file that others can join with theirs, optionally listing photographs."""
    calibration = outcome.calibration
    failed = {kind: {alarm.photograph for alarm in outcome.alarms(kind)} for kind in CLASSES}
    pictures = tuple(
        CountedPicture(first.digest, first.hash, tuple(kind for kind in CLASSES if first.group in failed[kind]))
        for first in outcome.photographs
        if list_photographs and first.digest.hex == first.group
    )
    totals = (calibration.certain.photographs, calibration.certain.failed, calibration.review.failed, pictures)
    return sign_statement(
        get_log(services),
        Counts(
            calibration.made, calibration.pipeline, calibration.network, calibration.digest, calibration.data, *totals
        ),
    )


def load_joined_counts(config: Config) -> JoinedCounts | None:
    """Return the joined counts that the operator shows; ``None`` if there are none or the file is invalid (logged)."""
    path = config.data_dir / JOINED
    try:
        return read_signed_statement(JoinedCounts, path.read_bytes(), what=JOINED)[0] if path.exists() else None
    except (ExhibitError, OSError) as error:
        logging.getLogger(__name__).warning("%s isn't shown: %s", JOINED, error)
        return None


def iterate_logged_entries(size: int) -> Iterator[LoggedEntry]:
    """Yield the first ``size`` entries of the log with what an accuracy file needs of each."""
    for first in range(0, size, CHUNK):
        part = LogEntry.objects.filter(sequence__gte=first, sequence__lt=min(size, first + CHUNK))
        rows = list(part.order_by("sequence"))
        decision_ids = [row.submission_id for row in rows if row.type == EntryType.DECISION]
        openings = {row.submission_id: row for row in LogOpening.objects.filter(submission_id__in=decision_ids)}
        for row in rows:
            entry = Entry(EntryType(row.type), row.time, bytes(row.commitment))
            opening = None if row.submission_id is None else openings.get(row.submission_id)
            if opening is None or opening.content is None:
                yield LoggedEntry(entry)
            else:
                yield LoggedEntry(entry, bytes(opening.salt), opening.content)
