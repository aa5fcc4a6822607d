"""Checks of timestamps by outside witnesses.

Each receipt by its own rules and the pinned roots, and the overall time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from evidence.anchors import KINDS
from evidence.anchors.cosignature.kind import KIND as COSIGNATURE
from evidence.anchors.kind import get_pin_name
from evidence.bundle.bag import ANCHORS_PATH, CHECKPOINT_PATH, AnchorRecord, compute_checkpoint_digest
from evidence.facts.case import CaseFacts, WitnessFacts
from evidence.formats.codec import FormatError
from evidence.verdict.result import UNKNOWN, Check, State, checked, expect, failed, not_checked, passed, second
from evidence.verdict.trust import Trust
from evidence.verify.checks.contents import check_unread
from evidence.verify.checks.inspection import Inspection, log_proofs
from evidence.verify.checks.proofs import is_by_the_same, read_checkpoint, renewed, signer_of
from exhibit.digests import Digest
from exhibit.plain import fold_name

NO_RECEIPT = "no timestamp receipt for this seal is included"
MAX_RECEIPT = 1 << 20
TO_THE_SECOND = timedelta(seconds=1)
MAX_ANCHORS = MAX_MATERIAL = 64
_NAMED_BY_DIGEST = re.compile(r"(?:certificate|crl)-([0-9a-f]{16})\.pem")
_MATERIAL = re.compile(rf"{_NAMED_BY_DIGEST.pattern}|block-[0-9]+\.header")
"""Names of files that come with receipts; no kind of witness reads a file with another name."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Result of checking the witnesses: the checks, and pairs of subject (in words) and check for each receipt.

    ``logged`` is the earliest time by which the log held the seal with its signature, or ``None``. A witness of the
    manifest alone does not show that the manifest was signed by then.
    """

    checks: tuple[Check, ...]
    logged: datetime | None = None
    pairs: tuple[tuple[str, Check], ...] = ()


def check_witnesses(
    inspection: Inspection, facts: CaseFacts | None, *, is_logged: bool, is_continued: bool
) -> Witnessed:
    """Check each receipt (``anchor:``), the witnesses that the facts name, the cosigners, and ``time``.

    Args:
        inspection: The bundle.
        facts: Facts of the case, if they can be read.
        is_logged: True if the bundle's checkpoint is shown to hold the seal. Otherwise that checkpoint and its
            continuations have nothing to do with the seal.
        is_continued: True if the checkpoint is shown to hold the earlier entries in the facts.
    """
    try:
        records = _records(inspection)
        subjects = _subjects(inspection, facts, is_logged=is_logged)
    except FormatError as error:
        return Witnessed(
            (failed("anchors", error.message), not_checked("time", "The list of timestamp receipts cannot be read."))
        )
    pairs = []
    for record in records:
        name = f"anchor:{PurePosixPath(record.file).name}"
        pairs.append((subjects.get(record.digest, ""), checked(name, _anchor, inspection, name, record, subjects)))
    material = (path for record in records for path in record.material if _MATERIAL.fullmatch(PurePosixPath(path).name))
    unread = check_unread(inspection, frozenset([*(record.file for record in records), *material]))
    logged = [check for subject, check in pairs if _is_of_the_log(subject)]
    whole = [check for subject, check in pairs if subject == "manifest" or _is_of_the_log(subject)]
    time = _check_time(whole, inspection.trust, inspection.trust.requirements.witnesses)
    cosignatures = [
        (record, pair) for record, pair in zip(records, pairs, strict=True) if record.kind == COSIGNATURE.name
    ]
    heads = [check for record, (subject, check) in cosignatures if _is_of_this_log(inspection, record, subject)]
    cosigned = _check_cosigned(inspection.trust, heads, is_continued=is_continued)
    every = (*unread, *(check for _, check in pairs), *_check_stated(facts, records, pairs), *cosigned, time)
    return Witnessed(every, _check_time(logged, inspection.trust).time, tuple(pairs))


def _check_stated(
    facts: CaseFacts | None, records: tuple[AnchorRecord, ...], pairs: list[tuple[str, Check]]
) -> tuple[Check, ...]:
    """Check that each witness with a receipt according to the facts has one here that agrees (``witnesses``)."""
    every = () if facts is None else facts.witnesses
    if problem := _impossible(every):
        return (failed("witnesses", problem),)
    complete = [witness for witness in every if witness.state == "complete"]
    if not complete:
        return ()
    heads = {compute_checkpoint_digest(proof.checkpoint) for _, proof in log_proofs(facts)}
    receipts = [(record, check) for record, (_, check) in zip(records, pairs, strict=True) if record.digest in heads]
    missing, by = [], []
    for witness in complete:
        own = [check for record, check in receipts if (record.kind, record.witness) == (witness.kind, witness.name)]
        if fault := _fault(witness, own):
            return (failed("witnesses", fault),)
        if not any(check.time is not None for check in own):
            missing.append(witness.name)
        by += [check.by for check in own if check.time is not None]
    if missing:
        words = f"No receipt confirms the facts on {missing[0][:60]!a}; they are stated by the installation only."
        return (not_checked("witnesses", words),)
    names, called = sorted(set(by)), {witness.name for witness in complete}
    words = f"The receipts of {len(complete)} timestamp services match the facts."
    if set(names) != {get_pin_name(name) if get_pin_name(name) in names else name for name in called}:
        words += f" {len(names)} of them are on the trust list: {', '.join(names)[:200]}."
    if any(witness.qualified for witness in complete):
        words += " Whether they are qualified is stated by the operator only."
    return (passed("witnesses", words),)


def _impossible(witnesses: Sequence[WitnessFacts]) -> str:
    """Return a problem if the facts, which are written before the manifest, cannot know this of witnesses.

    Else empty.
    """
    if len({(witness.kind, witness.name) for witness in witnesses}) < len(witnesses):
        return "The facts name a timestamp service twice."
    for witness in witnesses:
        is_complete = witness.state == "complete"
        is_possible = witness.state in {"asked", "pending", "complete"} and (is_complete or witness.time is None)
        if not is_possible:
            return f"The facts on {witness.name[:60]!a} could not have been known at that time."
        if witness.development and witness.qualified:
            return f"The facts state that {witness.name[:60]!a} is qualified; it is a development service."
    return ""


def _fault(witness: WitnessFacts, own: Sequence[Check]) -> str:
    """Return a problem if the facts contradict a witness's receipts or state something impossible.

    Else an empty text.
    """
    name, times = f"{witness.name[:60]!a}", [check.time for check in own if check.time is not None]
    late = KINDS[witness.kind].clocks if witness.kind in KINDS else timedelta(0)
    if times and (witness.time is None or min(abs(time - late - witness.time) for time in times) > TO_THE_SECOND):
        return f"The time in the receipt of {name} differs from the facts."
    if any(check.development for check in own) and not witness.development:
        return f"The facts do not state that {name} is a development service."
    return (
        ""
        if witness.subject == "checkpoint"
        else f"The facts state that {name} received a digest that did not exist yet."
    )


def _check_cosigned(trust: Trust, checks: list[Check], *, is_continued: bool) -> tuple[Check, ...]:
    """Check that enough pinned witnesses cosigned a checkpoint over registration and seal (``cosigned``).

    The result is empty if the trust list requires no cosigners.
    """
    required_count, pinned = trust.requirements.cosigners, {witness.name for witness in trust.cosigners}
    every = set(map(fold_name, pinned))
    if not required_count:
        return ()
    good = {check.by: check.development for check in checks if check.state is State.PASSED and check.by in pinned}
    cosigners = sorted({fold_name(name): name for name in good}.values())
    text = f"{len(cosigners)} of {len(every)} pinned log witnesses have cosigned a checkpoint that covers the seal"
    names = f": {', '.join(cosigners)[:200]}" if cosigners else ""
    if not is_continued:
        return (not_checked("cosigned", f"{text}{names}; it is not proven that it also covers the registration."),)
    if len(cosigners) >= required_count:
        return (passed("cosigned", f"{text}{names}.", development=next(filter(None, good.values()), "")),)
    return (not_checked("cosigned", f"{text}{names}; the trust list requires {required_count}."),)


def _is_of_the_log(subject: str) -> bool:
    """Return True if the subject is a checkpoint of a log that holds the seal; earlier checkpoints do not hold it."""
    return subject == "checkpoint" or subject.startswith("later checkpoint")


def _is_of_this_log(inspection: Inspection, record: AnchorRecord, subject: str) -> bool:
    """Return True if a cosigned checkpoint is the bundle's own, or a later one by the same log.

    A witness keeps the checkpoints of each log apart: what it saw under another name shows nothing about forks of this
    log.
    """
    if not subject.startswith("later checkpoint"):
        return subject == "checkpoint"
    try:
        text = inspection.read_file(record.file, MAX_RECEIPT).decode()
        own = read_checkpoint(inspection)
    except (FormatError, UnicodeDecodeError):
        return False
    return is_by_the_same(signer_of(inspection.trust, own), signer_of(inspection.trust, text))


def _records(inspection: Inspection) -> tuple[AnchorRecord, ...]:
    if not inspection.has(ANCHORS_PATH):
        return ()
    records = inspection.read_as(tuple[AnchorRecord, ...], ANCHORS_PATH)
    expect(
        _is_once([record.file for record in records], MAX_ANCHORS),
        f"{ANCHORS_PATH} lists a receipt twice, or more than {MAX_ANCHORS}.",
    )
    once = all(_is_once(record.material, MAX_MATERIAL) for record in records)
    expect(once, f"{ANCHORS_PATH} lists material of a receipt twice, or more than {MAX_MATERIAL} files.")
    return records


def _is_once(paths: Sequence[str], most: int) -> bool:
    """Return True if there are at most ``most`` paths and no two have the same file name, in whatever folder."""
    return len({PurePosixPath(path).name for path in paths}) == len(paths) <= most


def _subjects(inspection: Inspection, facts: CaseFacts | None, *, is_logged: bool) -> dict[Digest, str]:
    """Return everything that a witness may have timestamped, by digest.

    Manifest, own, earlier and later checkpoints.
    """
    unrelated = "" if is_logged else "unrelated "
    subjects = {digest: f"{unrelated}{words}" for digest, words in renewed(inspection).items()}
    for name, proof in log_proofs(facts):
        subjects.setdefault(compute_checkpoint_digest(proof.checkpoint), f"checkpoint of {name}")
    if inspection.has(CHECKPOINT_PATH):
        subjects[compute_checkpoint_digest(read_checkpoint(inspection))] = f"{unrelated}checkpoint"
    subjects[inspection.seal] = "manifest"
    return subjects


def _anchor(inspection: Inspection, name: str, record: AnchorRecord, subjects: dict[Digest, str]) -> Check:
    expect(record.digest in subjects, "The receipt is listed for a digest that is not in this bundle.")
    proof, material = inspection.read_file(record.file, MAX_RECEIPT), _material(inspection, record)
    kind = KINDS.get(record.kind)
    if kind is None:
        return not_checked(name, f"This verifier does not support receipts of the kind {record.kind[:40]!a}.")
    attested = kind.verify(
        record.digest, proof, material, getattr(inspection.trust, kind.pins), subjects[record.digest]
    )
    called = "" if record.witness in attested.sentence else f" Name in the bundle: {record.witness[:60]!a}."
    return Check(name, State.PASSED, attested.sentence + called, attested.time, attested.label, attested.by)


def _material(inspection: Inspection, record: AnchorRecord) -> dict[str, bytes]:
    """Return the files that came with a receipt, by name.

    Certificates and revocation lists are named by their own SHA-256; raises ``FormatError`` if that does not match.
    """
    files = {PurePosixPath(path).name: inspection.read_file(path, MAX_RECEIPT) for path in record.material}
    for name, data in files.items():
        match = _NAMED_BY_DIGEST.fullmatch(name)
        same = match is None or Digest.of(data).hex.startswith(match[1])
        expect(same, f"{name} was changed: its name contains a different SHA-256.")
    return files


def _check_time(checks: list[Check], trust: Trust, required_count: int = 1) -> Check:
    """Return ``time``: the earliest time that a pinned witness states for the whole bundle.

    Witnesses with legal weight take precedence over development ones. The check passes if the required number of
    different pinned timestamp services state a time.
    """
    good = [(bool(check.development), check.time, check) for check in checks if check.time is not None]
    if not good:
        kinds = (
            f"{UNKNOWN}: none of {len(checks)} receipts is from a pinned timestamp service" if checks else NO_RECEIPT
        )
        return not_checked("time", f"{kinds}, so the time is not proven.")
    _, time, check = min(good, key=lambda item: (item[0], item[1]))
    sentence = f"The whole bundle existed no later than {second(time)} ({check.name.partition(':')[2]})."
    chains = {ledger.name: f"chain {ledger.chain}" for ledger in trust.ledgers}  # one chain counts as one witness
    count = len({chains.get(attestation.by, fold_name(attestation.by)) for _, _, attestation in good})
    state = State.PASSED if count >= required_count else State.NOT_CHECKED
    few = (
        ""
        if count >= required_count
        else f" {count} pinned timestamp services state a time; the trust list requires {required_count}."
    )
    return Check("time", state, sentence + few, time, check.development, check.by)
