"""Error rates of the comparison: those of this installation's log, and joint counts of several installations.

For both, Exhibit exports a file from which third parties can compute the same result.
"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from evidence.accuracy.counts import (
    CountedPicture,
    FalseAlarmCounts,
    JointFalseAlarmCounts,
    read_signed_statement,
    sign_statement,
)
from evidence.accuracy.error_rates import DECISION_CLASSES, Accuracy, count_decisions
from evidence.accuracy.file import LoggedEntry, write_accuracy
from exhibit.config.config import Config
from exhibit.entries import Entry, EntryType
from exhibit.errors import ExhibitError, NotFoundError
from registry.log.local_log import get_log
from registry.log.models import LogEntry, LogOpening
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.services.services import Services

if TYPE_CHECKING:
    from indexer.calibration.calibrate import CalibrationResult

CHUNK = 2000
JOINED_COUNTS_NAME = "joined.json"  # file in the data folder with joint counts, if the operator publishes them


def compute_accuracy() -> Accuracy:
    """Compute the accuracy from all decisions in the log."""
    rows = LogEntry.objects.filter(type=EntryType.DECISION).order_by("sequence")
    decisions = rows.values_list("time", "submission__opening__content").iterator(CHUNK)
    return count_decisions(decisions)


def export_accuracy(services: Services, out: BinaryIO) -> int:
    """Write the log up to a new checkpoint, with the openings of decisions; return the number of entries.

    Raises:
        NotFoundError: The log is empty.
    """
    sequence_log(services)
    checkpoint = sign_checkpoint(services)
    if checkpoint is None:
        raise NotFoundError("The log is still empty.", hint="Registrations, crawls and decisions are logged.")
    write_accuracy(out, checkpoint.note, iterate_logged_entries(checkpoint.size))
    return checkpoint.size


def sign_counts(services: Services, outcome: "CalibrationResult", *, list_photographs: bool) -> bytes:
    """Return a file with a calibration's signed counts, which other installations can add to theirs.

    With ``list_photographs``, the file also lists the photographs.
    """
    calibration = outcome.calibration
    failed_by_class = {
        kind: {alarm.photograph for alarm in outcome.find_false_alarms(kind)} for kind in DECISION_CLASSES
    }
    pictures = tuple(
        CountedPicture(
            photograph.digest,
            photograph.hash,
            tuple(kind for kind in DECISION_CLASSES if photograph.group in failed_by_class[kind]),
        )
        for photograph in outcome.photographs
        if list_photographs and photograph.digest.hex == photograph.group
    )
    totals = (
        calibration.certain.photographs,
        calibration.certain.false_alarms,
        calibration.review.false_alarms,
        pictures,
    )
    return sign_statement(
        get_log(services),
        FalseAlarmCounts(
            calibration.made, calibration.pipeline, calibration.network, calibration.digest, calibration.data, *totals
        ),
    )


def load_joined_counts(config: Config) -> JointFalseAlarmCounts | None:
    """Return the joint counts that the operator publishes; ``None`` without a valid file (an invalid one is logged)."""
    path = config.data_dir / JOINED_COUNTS_NAME
    try:
        return (
            read_signed_statement(JointFalseAlarmCounts, path.read_bytes(), file_label=JOINED_COUNTS_NAME)[0]
            if path.exists()
            else None
        )
    except (ExhibitError, OSError) as error:
        logging.getLogger(__name__).warning("%s is not shown: %s", JOINED_COUNTS_NAME, error)
        return None


def iterate_logged_entries(size: int) -> Iterator[LoggedEntry]:
    """Yield the first ``size`` entries of the log, decisions with their openings, for an accuracy file."""
    for start in range(0, size, CHUNK):
        chunk = LogEntry.objects.filter(sequence__gte=start, sequence__lt=min(size, start + CHUNK))
        rows = list(chunk.order_by("sequence"))
        decision_ids = [row.submission_id for row in rows if row.type == EntryType.DECISION]
        openings = {row.submission_id: row for row in LogOpening.objects.filter(submission_id__in=decision_ids)}
        for row in rows:
            entry = Entry(EntryType(row.type), row.time, bytes(row.commitment))
            opening = None if row.submission_id is None else openings.get(row.submission_id)
            if opening is None or opening.content is None:
                yield LoggedEntry(entry)
            else:
                yield LoggedEntry(entry, bytes(opening.salt), opening.content)
