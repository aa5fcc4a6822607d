"""Check of order: no two times in a bundle contradict each other. Each time is listed with its source."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from evidence.facts.case import CaseFacts
from evidence.log.notes import parse_note
from evidence.log.proofs import LogProof
from evidence.verdict.result import Check, Time, fail_check, pass_check
from evidence.verify.checks.inspection import Inspection, list_log_proofs
from exhibit.errors import IntegrityError

SLACK = timedelta(hours=1)
"""Allowed difference between clocks: evidence does not depend on an hour, and a wrong summer time is not forgery."""
WRITING_TIME = timedelta(minutes=5)  # maximum duration of writing the facts
LOG, CLOCK, DECLARATION = "log", "operator's clock", "declaration"
SubjectCheck = tuple[str, Check]  # subject of a timestamp as text, and the check of its receipt


def check_order(
    inspection: Inspection, facts: CaseFacts | None, seal: LogProof | None, receipt_checks: Sequence[SubjectCheck]
) -> tuple[Check, tuple[Time, ...]]:
    """Check ``order``; returns the check, and every time with its source.

    Args:
        inspection: The bundle.
        facts: The facts, or ``None`` if they cannot be read.
        seal: Log proof of the seal, or ``None`` without a readable entry.
        receipt_checks: Subject and check of each receipt.
    """
    timestamp_times = [
        Time(subject, check.time, check.by) for subject, check in receipt_checks if check.time is not None
    ]
    seal_time = Time("sealed", inspection.manifest.sealed_at, CLOCK)
    fact_times = list(_list_fact_times(facts)) if facts is not None else []
    entry_times = [] if seal is None else [Time("entry", seal.time, LOG)]
    pairs = [(event, seal_time) for event in fact_times] + [(seal_time, entry_time) for entry_time in entry_times]
    pairs += [
        (event, timestamp)
        for timestamp in timestamp_times
        for event in _list_earlier_times(timestamp.subject, fact_times, seal_time, entry_times)
    ]
    pairs += _list_ordered_pairs(facts) if facts is not None else ()
    try:
        pairs += _list_log_sequence(
            [*(proof for _, proof in list_log_proofs(facts)), *([] if seal is None else [seal])]
        )
    except IntegrityError as error:
        return fail_check("order", error.message), ()
    for earlier, later in pairs:
        if earlier.exact_time - later.exact_time > SLACK:
            return fail_check("order", f"{earlier.description}, must not be after {later.description}."), ()
    subjects = {"registration", "slice:01", "sealed", "entry"}
    description = "; ".join(
        time.description for time in (*fact_times, seal_time, *entry_times) if time.subject in subjects
    )
    work = None if facts is None else facts.work
    declarations = {} if work is None else {"first publication": work.first_publication, "creation": work.created}
    declared_times = (Time(name, text, DECLARATION) for name, text in declarations.items() if text)
    times = (*timestamp_times, *fact_times, seal_time, *entry_times, *declared_times)
    return pass_check("order", f"No times contradict each other by more than an hour: {description}."), times


def _list_fact_times(facts: CaseFacts) -> Iterator[Time]:
    """Yield every time in the facts; each must precede the seal."""
    yield Time("registered", facts.work.registered_at, CLOCK)
    yield from (Time(name, proof.time, LOG) for name, proof in list_log_proofs(facts))
    for sighting in facts.sightings:
        seen_times = {"first seen": sighting.first_seen, "last seen": sighting.last_seen}
        yield from (
            Time(f"{event}:{sighting.number:02d}", event_time, CLOCK)
            for event, event_time in seen_times.items()
            if event_time
        )
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


def _list_ordered_pairs(facts: CaseFacts) -> Iterator[tuple[Time, Time]]:
    """Yield pairs of times in the facts in which the first must precede the second."""
    times = {time.subject: time for time in _list_fact_times(facts)}
    ordered_names = [
        ("registered", "registration"),
        ("opened", "decided"),
        ("opened", "written"),
        ("decided", "written"),
    ]
    ordered_names += [("licences", "written"), ("registered by another", "registered")]
    writing_time = times["written"]
    yield from (
        (time, writing_time)
        for time in _list_fact_times(facts)
        if time.exact_time - writing_time.exact_time > SLACK + WRITING_TIME
    )
    first_seen_times = [time for name, time in times.items() if name.startswith("first seen:")]
    if first_seen_times and "decided" in times:
        yield min(first_seen_times, key=lambda time: time.exact_time), times["decided"]
    yield from ((time, times["licences"]) for time in first_seen_times)
    for sighting in facts.sightings:
        number = f"{sighting.number:02d}"
        ordered_names += [(f"first seen:{number}", f"{later}:{number}") for later in ("last seen", "slice")]
        for capture in sighting.captures:
            visit = Time(f"visit:{number}", capture.started, CLOCK)
            if f"first seen:{number}" in times:
                yield times[f"first seen:{number}"], visit
            yield visit, Time("its end", capture.finished, CLOCK)
        if sighting.slice is not None and sighting.slice.record.seen is not None:
            yield Time(f"record:{number}", sighting.slice.record.seen, CLOCK), times[f"slice:{number}"]
    yield from ((times[first], times[second]) for first, second in ordered_names if first in times and second in times)


def _list_earlier_times(subject: str, fact_times: list[Time], seal_time: Time, entry_times: list[Time]) -> list[Time]:
    """Return the times that must precede a timestamp: those inside its subject."""
    if subject.startswith("checkpoint of "):
        return [event for event in fact_times if event.subject == subject.removeprefix("checkpoint of ")]
    if subject.startswith("unrelated"):
        return []
    return [*fact_times, seal_time] if subject == "manifest" else [*fact_times, seal_time, *entry_times]


def _list_log_sequence(proofs: list[LogProof]) -> Iterator[tuple[Time, Time]]:
    """Yield each log entry with the latest preceding entry: the times of a log must not decrease."""
    latest: dict[str, Time] = {}
    positions = {(parse_note(proof.checkpoint).origin, proof.sequence, proof.time) for proof in proofs}
    for log, number, time in sorted(positions):
        entry = Time(f"entry {number}", time, LOG)
        if log in latest:
            yield latest[log], entry
        latest[log] = max(latest.get(log, entry), entry, key=lambda time: time.exact_time)
