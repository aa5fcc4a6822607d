"""Checks of renewals: that later checkpoints in a bundle continue its own."""

from collections.abc import Iterator, Mapping

from evidence import merkle
from evidence.bundle import CHECKPOINT_PATH, checkpoint_digest
from evidence.checks.inspection import Inspection
from evidence.checks.proofs import read_checkpoint
from evidence.codec import FormatError
from evidence.notes import MAX_NOTE, parse_note
from evidence.renewals import RENEWALS_PATH, RenewalRecord
from evidence.verdict import Check, State, failed, passed
from exhibit.digests import Digest
from exhibit.errors import IntegrityError

MAX_RENEWALS = 16


def check_renewals(inspection: Inspection) -> Iterator[Check]:
    """One ``renewal:`` for each later checkpoint; nothing when the bundle holds none."""
    if not inspection.has(RENEWALS_PATH):
        return
    try:
        records = renewal_records(inspection)
    except FormatError as error:
        yield failed("renewals", error.message)
        return
    for record in records:
        yield _check(inspection, record)


def renewed(inspection: Inspection) -> Mapping[Digest, str]:
    """What witnesses of renewals were given, for those that continue the bundle's own checkpoint, with words for it."""
    if not inspection.has(RENEWALS_PATH) or not inspection.has(CHECKPOINT_PATH):
        return {}
    found = {}
    for record in renewal_records(inspection):
        if _check(inspection, record).state is State.PASSED:
            digest = checkpoint_digest(inspection.read(record.file, MAX_NOTE).decode())
            found[digest] = f"later checkpoint of {record.size} entries"
    return found


def renewal_records(inspection: Inspection) -> tuple[RenewalRecord, ...]:
    """What is listed; raises ``FormatError``."""
    records = inspection.read_as(tuple[RenewalRecord, ...], RENEWALS_PATH)
    if len(records) > MAX_RENEWALS or len({record.size for record in records}) != len(records):
        raise FormatError(f"{RENEWALS_PATH} lists a checkpoint twice, or more than {MAX_RENEWALS}.")
    return records


def _check(inspection: Inspection, record: RenewalRecord) -> Check:
    name = f"renewal:{record.size}"
    try:
        own = parse_note(read_checkpoint(inspection))
        later = parse_note(inspection.read(record.file, MAX_NOTE).decode("utf-8"))
    except UnicodeDecodeError:
        return failed(name, f"{record.file} isn't UTF-8.")
    except (FormatError, IntegrityError) as error:
        return failed(name, error.message)
    if later.size != record.size or later.size <= own.size:
        return failed(name, f"The checkpoint of {later.size} entries isn't the later one that is listed.")
    if not merkle.verify_consistency(own.size, later.size, own.root, later.root, record.path):
        return failed(name, f"The log of {later.size} entries doesn't continue that of {own.size}.")
    return passed(name, f"The later checkpoint of {later.size} entries continues the bundle's own (RFC 9162, 2.1.4).")
