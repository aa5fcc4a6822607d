"""Checks of timestamps.

Each receipt is verified by the rules of its service and the pinned roots. The overall time follows from the receipts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from evidence.anchors import KINDS
from evidence.anchors.cosignature.kind import KIND as COSIGNATURE
from evidence.anchors.kind import format_pin_name
from evidence.bundle.bag import ANCHORS_PATH, CHECKPOINT_PATH, AnchorRecord, compute_checkpoint_digest
from evidence.facts.case import CaseFacts, TimestampFacts
from evidence.formats.codec import FormatError
from evidence.verdict.result import (
    UNLISTED,
    Check,
    State,
    expect,
    fail_check,
    format_time,
    pass_check,
    run_check,
    skip_check,
)
from evidence.verdict.trust import Trust
from evidence.verify.checks.contents import check_unread
from evidence.verify.checks.inspection import Inspection, list_log_proofs
from evidence.verify.checks.proofs import find_signer, is_same_log, list_renewed_digests, read_checkpoint
from exhibit.digests import Digest
from exhibit.plain import fold_name

NO_RECEIPT = "no timestamp receipt for this seal is included"
MAX_RECEIPT_BYTES = 1 << 20
TIME_TOLERANCE = timedelta(seconds=1)
MAX_ANCHORS = MAX_RECEIPT_FILES = 64
_DIGEST_FILE_NAME = re.compile(r"(?:certificate|crl)-([0-9a-f]{16})\.pem")
_RECEIPT_FILE_NAME = re.compile(rf"{_DIGEST_FILE_NAME.pattern}|block-[0-9]+\.header")
"""Names of files that accompany receipts; no kind of timestamp service reads other files."""


@dataclass(frozen=True, slots=True)
class TimestampResults:
    """Results of the timestamp checks: all checks, and a pair of subject (as text) and check for each receipt.

    ``log_time`` is the earliest time by which the log contained the seal with its signature, or ``None``. A timestamp
    of the manifest alone does not prove that the manifest was already signed.
    """

    checks: tuple[Check, ...]
    log_time: datetime | None = None
    receipt_checks: tuple[tuple[str, Check], ...] = ()


def check_timestamps(
    inspection: Inspection, facts: CaseFacts | None, *, is_logged: bool, is_continued: bool
) -> TimestampResults:
    """Check each receipt (``anchor:``), the timestamp services named in the facts, the cosigners, and ``time``.

    Args:
        inspection: The bundle.
        facts: Facts of the case, if they can be read.
        is_logged: True if the bundle's checkpoint is proven to contain the seal. Otherwise that checkpoint and its
            continuations are unrelated to the seal.
        is_continued: True if the checkpoint is proven to contain the earlier entries in the facts.
    """
    try:
        records = _read_records(inspection)
        subjects = _list_subjects(inspection, facts, is_logged=is_logged)
    except FormatError as error:
        return TimestampResults(
            (fail_check("anchors", error.message), skip_check("time", "The list of timestamp receipts cannot be read."))
        )
    receipt_checks = []
    for record in records:
        name = f"anchor:{PurePosixPath(record.file).name}"
        receipt_checks.append(
            (subjects.get(record.digest, ""), run_check(name, _check_receipt, inspection, name, record, subjects))
        )
    receipt_files = (
        path for record in records for path in record.material if _RECEIPT_FILE_NAME.fullmatch(PurePosixPath(path).name)
    )
    unread_checks = check_unread(inspection, frozenset([*(record.file for record in records), *receipt_files]))
    log_checks = [check for subject, check in receipt_checks if _is_log_checkpoint(subject)]
    bundle_checks = [check for subject, check in receipt_checks if subject == "manifest" or _is_log_checkpoint(subject)]
    time_check = _check_time(bundle_checks, inspection.trust, inspection.trust.requirements.timestamps)
    cosignatures = [
        (record, pair) for record, pair in zip(records, receipt_checks, strict=True) if record.kind == COSIGNATURE.name
    ]
    checkpoint_checks = [
        check for record, (subject, check) in cosignatures if _is_own_log_checkpoint(inspection, record, subject)
    ]
    cosigned_checks = _check_cosigned(inspection.trust, checkpoint_checks, is_continued=is_continued)
    all_checks = (
        *unread_checks,
        *(check for _, check in receipt_checks),
        *_check_stated_services(facts, records, receipt_checks),
        *cosigned_checks,
        time_check,
    )
    return TimestampResults(all_checks, _check_time(log_checks, inspection.trust).time, tuple(receipt_checks))


def _check_stated_services(
    facts: CaseFacts | None, records: tuple[AnchorRecord, ...], receipt_checks: list[tuple[str, Check]]
) -> tuple[Check, ...]:
    """Check that each service with a receipt according to the facts has a matching one here (``timestamps``)."""
    services = () if facts is None else facts.timestamps
    if problem := _find_impossible_statement(services):
        return (fail_check("timestamps", problem),)
    complete_services = [service for service in services if service.state == "complete"]
    if not complete_services:
        return ()
    checkpoint_digests = {compute_checkpoint_digest(proof.checkpoint) for _, proof in list_log_proofs(facts)}
    receipts = [
        (record, check)
        for record, (_, check) in zip(records, receipt_checks, strict=True)
        if record.digest in checkpoint_digests
    ]
    unconfirmed_names, pin_names = [], []
    for service in complete_services:
        service_checks = [
            check for record, check in receipts if (record.kind, record.service) == (service.kind, service.name)
        ]
        if contradiction := _find_contradiction(service, service_checks):
            return (fail_check("timestamps", contradiction),)
        if not any(check.time is not None for check in service_checks):
            unconfirmed_names.append(service.name)
        pin_names += [check.by for check in service_checks if check.time is not None]
    if unconfirmed_names:
        sentence = f"No receipt confirms what facts.json states about {unconfirmed_names[0][:60]!a}."
        return (skip_check("timestamps", sentence),)
    distinct_names, stated_names = sorted(set(pin_names)), {service.name for service in complete_services}
    sentence = f"Timestamp services whose receipts match facts.json: {len(complete_services)}."
    if set(distinct_names) != {
        format_pin_name(name) if format_pin_name(name) in distinct_names else name for name in stated_names
    }:
        sentence += f" Names on the trust list: {', '.join(distinct_names)[:200]}."
    if any(service.qualified for service in complete_services):
        sentence += " That services are qualified is stated only by the operator."
    return (pass_check("timestamps", sentence),)


def _find_impossible_statement(services: Sequence[TimestampFacts]) -> str:
    """Return an impossible statement of the facts about timestamp services; empty if there is none.

    The facts are written before the manifest and cannot state anything that happened later.
    """
    if len({(service.kind, service.name) for service in services}) < len(services):
        return "facts.json lists a timestamp service twice."
    for service in services:
        is_complete = service.state == "complete"
        is_possible = service.state in {"requested", "pending", "complete"} and (is_complete or service.time is None)
        if not is_possible:
            return f"What facts.json states about {service.name[:60]!a} could not be known when facts.json was written."
        if service.development and service.qualified:
            return f"facts.json calls the development service {service.name[:60]!a} qualified."
    return ""


def _find_contradiction(service: TimestampFacts, checks: Sequence[Check]) -> str:
    """Return a problem if the facts contradict the receipts of a service or state something impossible; else empty."""
    name, times = f"{service.name[:60]!a}", [check.time for check in checks if check.time is not None]
    clock_delay = KINDS[service.kind].clock_margin if service.kind in KINDS else timedelta(0)
    if times and (
        service.time is None or min(abs(time - clock_delay - service.time) for time in times) > TIME_TOLERANCE
    ):
        return f"The time in the receipt of {name} does not match facts.json."
    if any(check.development for check in checks) and not service.development:
        return f"facts.json does not state that {name} is a development service."
    return (
        ""
        if service.subject == "checkpoint"
        else f"According to facts.json, {name} received a digest that did not exist yet."
    )


def _check_cosigned(trust: Trust, checks: list[Check], *, is_continued: bool) -> tuple[Check, ...]:
    """Check that enough pinned log witnesses cosigned a checkpoint over registration and seal (``cosigned``).

    The result is empty if the trust list requires no cosigners.
    """
    required_count, pinned = trust.requirements.cosigners, {cosigner.name for cosigner in trust.cosigners}
    pinned_names = set(map(fold_name, pinned))
    if not required_count:
        return ()
    labels_by_name = {
        check.by: check.development for check in checks if check.state is State.PASSED and check.by in pinned
    }
    cosigners = sorted({fold_name(name): name for name in labels_by_name}.values())
    counts = f"{len(cosigners)} of {len(pinned_names)}"
    text = f"Log witnesses on the trust list that cosigned a checkpoint over the seal: {counts}"
    names = f": {', '.join(cosigners)[:200]}" if cosigners else ""
    if not is_continued:
        return (
            skip_check(
                "cosigned", f"{text}{names}. It is not proven that the checkpoint also covers the registration."
            ),
        )
    if len(cosigners) >= required_count:
        return (pass_check("cosigned", f"{text}{names}.", development=next(filter(None, labels_by_name.values()), "")),)
    return (skip_check("cosigned", f"{text}{names}. The trust list requires {required_count}."),)


def _is_log_checkpoint(subject: str) -> bool:
    """Return True if the subject is a checkpoint that contains the seal; earlier checkpoints do not contain it."""
    return subject == "checkpoint" or subject.startswith("later checkpoint")


def _is_own_log_checkpoint(inspection: Inspection, record: AnchorRecord, subject: str) -> bool:
    """Return True if a cosigned checkpoint is the bundle's own, or a later one of the same log.

    A log witness tracks each log name separately. A cosignature under another name therefore proves nothing about forks
    of this log.
    """
    if not subject.startswith("later checkpoint"):
        return subject == "checkpoint"
    try:
        text = inspection.read_file(record.file, MAX_RECEIPT_BYTES).decode()
        own_text = read_checkpoint(inspection)
    except (FormatError, UnicodeDecodeError):
        return False
    return is_same_log(find_signer(inspection.trust, own_text), find_signer(inspection.trust, text))


def _read_records(inspection: Inspection) -> tuple[AnchorRecord, ...]:
    if not inspection.has_file(ANCHORS_PATH):
        return ()
    records = inspection.read_as(tuple[AnchorRecord, ...], ANCHORS_PATH)
    expect(
        _has_unique_names([record.file for record in records], MAX_ANCHORS),
        f"{ANCHORS_PATH} lists a receipt twice, or more than {MAX_ANCHORS}.",
    )
    is_unique = all(_has_unique_names(record.material, MAX_RECEIPT_FILES) for record in records)
    expect(
        is_unique,
        f"{ANCHORS_PATH} lists an additional file of a receipt twice, or more than {MAX_RECEIPT_FILES} files.",
    )
    return records


def _has_unique_names(paths: Sequence[str], limit: int) -> bool:
    """Return True if there are at most ``limit`` paths, all with different file names (regardless of their folders)."""
    return len({PurePosixPath(path).name for path in paths}) == len(paths) <= limit


def _list_subjects(inspection: Inspection, facts: CaseFacts | None, *, is_logged: bool) -> dict[Digest, str]:
    """Return the objects that may have been timestamped, by digest: manifest, own, earlier and later checkpoints."""
    prefix = "" if is_logged else "unrelated "
    subjects = {digest: f"{prefix}{description}" for digest, description in list_renewed_digests(inspection).items()}
    for name, proof in list_log_proofs(facts):
        subjects.setdefault(compute_checkpoint_digest(proof.checkpoint), f"checkpoint of {name}")
    if inspection.has_file(CHECKPOINT_PATH):
        subjects[compute_checkpoint_digest(read_checkpoint(inspection))] = f"{prefix}checkpoint"
    subjects[inspection.seal_digest] = "manifest"
    return subjects


def _check_receipt(inspection: Inspection, name: str, record: AnchorRecord, subjects: dict[Digest, str]) -> Check:
    expect(record.digest in subjects, "The receipt is listed for a digest that is not in this bundle.")
    proof, receipt_files = inspection.read_file(record.file, MAX_RECEIPT_BYTES), _read_receipt_files(inspection, record)
    kind = KINDS.get(record.kind)
    if kind is None:
        return skip_check(name, f"This verifier does not support receipts of the kind {record.kind[:40]!a}.")
    attestation = kind.verify(
        record.digest, proof, receipt_files, getattr(inspection.trust, kind.trust_field), subjects[record.digest]
    )
    name_note = "" if record.service in attestation.sentence else f" Name in the bundle: {record.service[:60]!a}."
    return Check(
        name,
        State.PASSED,
        attestation.sentence + name_note,
        attestation.time,
        attestation.label,
        attestation.trust_entry,
    )


def _read_receipt_files(inspection: Inspection, record: AnchorRecord) -> dict[str, bytes]:
    """Read the files that accompany a receipt, by name.

    Raises:
        FormatError: A certificate or revocation list does not match the SHA-256 in its name.
    """
    files = {PurePosixPath(path).name: inspection.read_file(path, MAX_RECEIPT_BYTES) for path in record.material}
    for name, data in files.items():
        match = _DIGEST_FILE_NAME.fullmatch(name)
        is_unchanged = match is None or Digest.from_bytes(data).hex.startswith(match[1])
        expect(is_unchanged, f"{name} was changed: its name contains a different SHA-256.")
    return files


def _check_time(checks: list[Check], trust: Trust, required_count: int = 1) -> Check:
    """Return ``time``: the earliest time that a pinned timestamp service states for the whole bundle.

    Services with legal weight take precedence over development services. The check passes if the required number of
    different pinned timestamp services state a time.
    """
    timed_checks = [(bool(check.development), check.time, check) for check in checks if check.time is not None]
    if not timed_checks:
        reason = f"{UNLISTED}: the timestamp services of all {len(checks)} receipts" if checks else NO_RECEIPT
        return skip_check("time", f"{reason}. The time is not proven.")
    _, time, check = min(timed_checks, key=lambda item: (item[0], item[1]))
    sentence = f"The whole bundle existed no later than {format_time(time)} ({check.name.partition(':')[2]})."
    chain_names = {ledger.name: f"chain {ledger.chain}" for ledger in trust.ledgers}  # a chain counts once
    count = len({chain_names.get(timed.by, fold_name(timed.by)) for _, _, timed in timed_checks})
    state = State.PASSED if count >= required_count else State.NOT_CHECKED
    shortfall = (
        ""
        if count >= required_count
        else f" Timestamp services on the trust list that state a time: {count}; required: {required_count}."
    )
    return Check("time", state, sentence + shortfall, time, check.development, check.by)
