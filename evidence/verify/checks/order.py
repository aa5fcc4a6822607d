"""Check of order: no two times of a bundle contradict each other, and each is listed with its source."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from evidence.facts.case import CaseFacts
from evidence.log.notes import parse_note
from evidence.log.proofs import LogProof
from evidence.verdict.result import Check, Time, failed, passed
from evidence.verify.checks.inspection import Inspection, log_proofs
from exhibit.errors import IntegrityError

SLACK = timedelta(hours=1)
"""Allowed difference between clocks: no evidence depends on an hour, and a wrong summer time is no forgery."""
GATHERING = timedelta(minutes=5)  # time that writing the facts may take
LOG, CLOCK, DECLARATION = "log", "operator's clock", "declaration"
Witness = tuple[str, Check]  # subject of a witness in words, and the check of its receipt


def check_order(
    inspection: Inspection, facts: CaseFacts | None, seal: LogProof | None, witnesses: Sequence[Witness]
) -> tuple[Check, tuple[Time, ...]]:
    """Return ``order``, and every time with its source.

    Args:
        inspection: The bundle.
        facts: The facts, or ``None`` if they cannot be read.
        seal: Log proof of the seal, or ``None`` without a readable entry.
        witnesses: Subject and check of each receipt.
    """
    witness_times = [Time(subject, check.time, check.by) for subject, check in witnesses if check.time is not None]
    sealing = Time("sealed", inspection.manifest.sealed_at, CLOCK)
    inside = list(_inside(facts)) if facts is not None else []
    entry = [] if seal is None else [Time("entry", seal.time, LOG)]
    pairs = [(event, sealing) for event in inside] + [(sealing, logged) for logged in entry]
    pairs += [
        (event, stated) for stated in witness_times for event in _list_earlier_times(stated.of, inside, sealing, entry)
    ]
    pairs += _steps(facts) if facts is not None else ()
    try:
        pairs += _sequence([*(proof for _, proof in log_proofs(facts)), *([] if seal is None else [seal])])
    except IntegrityError as error:
        return failed("order", error.message), ()
    for earlier, later in pairs:
        if earlier.moment - later.moment > SLACK:
            return failed("order", f"{earlier.words}, cannot be after {later.words}."), ()
    subjects = {"registration", "slice:01", "sealed", "entry"}
    description = "; ".join(time.words for time in (*inside, sealing, *entry) if time.of in subjects)
    work = None if facts is None else facts.work
    stated = {} if work is None else {"first publication": work.first_publication, "creation": work.created}
    declared_times = (Time(name, text, DECLARATION) for name, text in stated.items() if text)
    times = (*witness_times, *inside, sealing, *entry, *declared_times)
    return passed("order", f"No times contradict each other by more than an hour: {description}."), times


def _inside(facts: CaseFacts) -> Iterator[Time]:
    """Yield every time in the facts; all of them precede the seal."""
    yield Time("registered", facts.work.registered_at, CLOCK)
    yield from (Time(name, proof.time, LOG) for name, proof in log_proofs(facts))
    for sighting in facts.sightings:
        seen_times = {"first seen": sighting.first_seen, "last seen": sighting.last_seen}
        yield from (Time(f"{of}:{sighting.number:02d}", moment, CLOCK) for of, moment in seen_times.items() if moment)
        yield from (Time(f"captured:{sighting.number:02d}", capture.finished, CLOCK) for capture in sighting.captures)
    yield from (
        Time("left out", omitted_file.since, CLOCK) for omitted_file in facts.left_out if omitted_file.since is not None
    )
    if facts.work.earlier_registration is not None:
        yield Time("registered by another", facts.work.earlier_registration, CLOCK)
    recorded_times = {
        "opened": facts.opened_at,
        "decided": facts.decision.at,
        "licences": facts.licence_check.checked_at,
    }
    yield from (Time(name, time, CLOCK) for name, time in recorded_times.items() if time is not None)
    yield Time("written", facts.written_at, CLOCK)


def _steps(facts: CaseFacts) -> Iterator[tuple[Time, Time]]:
    """Yield pairs of times in the facts of which the first must precede the second."""
    times = {time.of: time for time in _inside(facts)}
    steps = [("registered", "registration"), ("opened", "decided"), ("opened", "written"), ("decided", "written")]
    steps += [("licences", "written"), ("registered by another", "registered")]
    writing_time = times["written"]
    yield from (
        (time, writing_time) for time in _inside(facts) if time.moment - writing_time.moment > SLACK + GATHERING
    )
    first_seen_times = [time for name, time in times.items() if name.startswith("first seen:")]
    if first_seen_times and "decided" in times:
        yield min(first_seen_times, key=lambda time: time.moment), times["decided"]
    yield from ((time, times["licences"]) for time in first_seen_times)
    for sighting in facts.sightings:
        number = f"{sighting.number:02d}"
        steps += [(f"first seen:{number}", f"{later}:{number}") for later in ("last seen", "slice")]
        for capture in sighting.captures:
            visit = Time(f"visit:{number}", capture.started, CLOCK)
            if f"first seen:{number}" in times:
                yield times[f"first seen:{number}"], visit
            yield visit, Time("its end", capture.finished, CLOCK)
        if sighting.slice is not None and sighting.slice.record.seen is not None:
            yield Time(f"record:{number}", sighting.slice.record.seen, CLOCK), times[f"slice:{number}"]
    yield from ((times[first], times[then]) for first, then in steps if first in times and then in times)


def _list_earlier_times(subject: str, inside: list[Time], sealing: Time, entry: list[Time]) -> list[Time]:
    """Return the times that a witness's time must not precede: those inside its subject."""
    if subject.startswith("checkpoint of "):
        return [event for event in inside if event.of == subject.removeprefix("checkpoint of ")]
    if subject.startswith("unrelated"):
        return []
    return [*inside, sealing] if subject == "manifest" else [*inside, sealing, *entry]


def _sequence(proofs: list[LogProof]) -> Iterator[tuple[Time, Time]]:
    """Yield each log entry with the latest preceding one: a log's times must not run backwards."""
    latest: dict[str, Time] = {}
    placed = {(parse_note(proof.checkpoint).origin, proof.sequence, proof.time) for proof in proofs}
    for log, number, time in sorted(placed):
        entry = Time(f"entry {number}", time, LOG)
        if log in latest:
            yield latest[log], entry
        latest[log] = max(latest.get(log, entry), entry, key=lambda time: time.moment)
