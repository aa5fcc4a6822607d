"""How often the comparison was wrong: this installation's rate from its own log, and counts that it joins with others'.

Of each there is a file from which an outsider computes the same.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from evidence.accuracy.counts import CountedPicture, Counts, Joined, read_signed, signed
from evidence.accuracy.error_rates import CLASSES, Accuracy, count
from evidence.accuracy.file import LoggedEntry, write_accuracy
from exhibit.config.config import Config
from exhibit.entries import DECISION_VERSION, Entry, EntryType
from exhibit.errors import ExhibitError, NotFoundError
from registry.log.models import LogEntry, LogOpening
from registry.log.own_log import get_log
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.services.services import Services

if TYPE_CHECKING:
    from indexer.calibration.calibrate import Outcome

CHUNK = 2000
JOINED = "joined.json"  # in the data folder: joined counts, if the operator has put some there to be shown


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


def sign_counts(services: Services, outcome: "Outcome", *, listed: bool) -> bytes:
    """The counts of a calibration as a file that others can join with theirs, with a list of its photographs or not."""
    made = outcome.calibration
    failed = {kind: {alarm.photograph for alarm in outcome.alarms(kind)} for kind in CLASSES}
    pictures = tuple(
        CountedPicture(first.digest, first.hash, tuple(kind for kind in CLASSES if first.group in failed[kind]))
        for first in outcome.photographs
        if listed and first.digest.hex == first.group
    )
    counted = (made.certain.photographs, made.certain.failed, made.review.failed, pictures)
    return signed(get_log(services), Counts(made.made, made.pipeline, made.network, made.digest, made.data, *counted))


def shown_joined(config: Config) -> Joined | None:
    """The joined counts that the operator shows; ``None`` without any, or where the process's log says why not."""
    path = config.data_dir / JOINED
    try:
        return read_signed(Joined, path.read_bytes(), what=JOINED)[0] if path.exists() else None
    except (ExhibitError, OSError) as error:
        logging.getLogger(__name__).warning("%s isn't shown: %s", JOINED, error)
        return None


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
