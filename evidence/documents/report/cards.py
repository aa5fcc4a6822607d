"""Cards: cases on a third of a page each, for reports of many cases."""

from collections import Counter
from dataclasses import replace

from evidence.documents.case.comparison import Gallery, describe_ratio, list_compared_pictures
from evidence.documents.case.sections import (
    THIRD_PARTY_FIELD,
    describe_decision,
    describe_first_seen,
    describe_third_party_statement,
)
from evidence.documents.phrases.wording import Wording
from evidence.documents.report.facts import ReportCase
from evidence.documents.typeset.blocks import Card, FactSource, Line, Plate, Row, Style
from evidence.facts.case import CaseFacts, MatchFacts, SightingFacts, TimestampFacts
from exhibit.periods import get_earliest_time, get_latest_time
from exhibit.types import Decision

DRAWING_ROLES = ("side-by-side", "overlay")
MAX_URL_CHARS = 150
MAX_NAME_CHARS = 60
PLATES_PER_ROW = 1


def build_case_card(case: ReportCase, label: str, gallery: Gallery) -> Card:
    """Return the card of one case; ``label`` is the target of links to it."""
    facts, wording = case.facts, gallery.wording
    title = wording.clip_text(facts.work.title or wording.render("document.unknown"), MAX_NAME_CHARS)
    party = wording.clip_text(facts.party.name, MAX_NAME_CHARS)
    return Card(
        title=wording.render("report.case_heading", case=facts.number, title=title, party=party),
        label=label,
        plates=_build_plates(facts, gallery),
        rows=tuple(_build_rows(case, wording)),
    )


def _build_plates(facts: CaseFacts, gallery: Gallery) -> tuple[Plate, ...]:
    """Return both drawings of the best match, or both pictures if the match has no drawings."""
    match = _choose_match(facts)
    if match is None:
        return ()
    drawings = {role: path for role, path in match.drawings.items() if role in DRAWING_ROLES} or list_compared_pictures(
        facts, match
    )
    find_caption = gallery.wording.phrases.find_first
    captions = {role: find_caption(role.replace("-", "_"), "card", "picture") for role in drawings}
    return tuple(
        replace(gallery.create_plate(role, path, PLATES_PER_ROW), caption=captions[role])
        for role, path in drawings.items()
    )


def _choose_match(facts: CaseFacts) -> MatchFacts | None:
    """Return the match that covers the largest part of a registered picture."""
    aligned = [match for match in facts.matches if match.verification.transform is not None]
    return max(aligned or facts.matches, key=lambda match: match.verification.overlap_work, default=None)


def _build_rows(case: ReportCase, wording: Wording) -> list[Row]:
    facts = case.facts
    first_sighting = facts.sightings[0] if facts.sightings else None
    rows = [
        wording.build_row("decision", _get_decision_field(facts), describe_decision(facts, wording), style=Style.STRONG)
    ]
    if first_sighting is not None:
        rows += _build_sighting_rows(facts, first_sighting, wording)
    rows += _build_status_row(case, wording)
    match = _choose_match(facts)
    if match is not None:
        rows += _build_measurement_rows(facts, match, wording)
    outcome = facts.licence_check.outcome
    licence_key = "covered" if outcome == "all" else outcome
    search_time = wording.format_time(facts.licence_check.checked_at)
    rows.append(
        wording.build_row(
            "licences", "licence_check.result", wording.render(f"card.licence_{licence_key}", time=search_time)
        )
    )
    return [*rows, *_build_seal_rows(case, wording)]


def _get_decision_field(facts: CaseFacts) -> str:
    decision = facts.decision
    return "decision.demonstration" if decision.at is None or decision.demonstration else "decision.decision"


def _build_sighting_rows(facts: CaseFacts, first_sighting: SightingFacts, wording: Wording) -> list[Row]:
    """Return rows for the first page, the number of further pages, and the times of the sightings."""
    last_seen = get_latest_time(sighting.last_seen for sighting in facts.sightings)
    first_seen = get_earliest_time(sighting.first_seen for sighting in facts.sightings)
    pages = [wording.clip_text(first_sighting.page_url or first_sighting.image_url, MAX_URL_CHARS)]
    rows = [wording.build_row("page_url", "sightings[].page_url", *pages, style=Style.MONO)]
    if len(facts.sightings) > 1:
        more_text = wording.render("card.more_places", n=len(facts.sightings) - 1)
        rows[0] = Row(rows[0].label, (*rows[0].lines, Line(more_text, Style.QUIET)), rows[0].speaker)
    if first_sighting.page_url:
        image = wording.clip_text(first_sighting.image_url, MAX_URL_CHARS)
        rows.append(wording.build_row("image_url", "sightings[].image_url", image, style=Style.MONO))
    statements = [statement for sighting in facts.sightings for statement in sighting.elsewhere if statement.stated]
    oldest = min(statements, key=lambda statement: statement.stated, default=None)
    statement_rows = (
        []
        if oldest is None
        else [wording.build_row("elsewhere", THIRD_PARTY_FIELD, describe_third_party_statement(oldest, wording))]
    )
    if first_seen is None or last_seen is None:
        return [
            *rows,
            wording.build_row("seen", FactSource.STATED, describe_first_seen(first_sighting, wording)),
            *statement_rows,
        ]
    period = wording.render("report.period", first=wording.format_time(first_seen), last=wording.format_time(last_seen))
    return [*rows, wording.build_row("seen", "sightings[].first_seen", period), *statement_rows]


def _build_status_row(case: ReportCase, wording: Wording) -> list[Row]:
    """Return a row with the number of pages by availability at the last visit, and the time of the latest visit."""
    if not case.standings:
        return []
    counts = Counter(status.standing for status in case.standings)
    labels = [f"{wording.phrases.get_label('standing', name)} ({count})" for name, count in sorted(counts.items())]
    status_text = wording.render("document.joined").join(labels)
    time = wording.format_time(max(status.at for status in case.standings))
    return [
        wording.build_row(
            "last_visit", FactSource.RECORDED, wording.render("standing.line", standing=status_text, time=time)
        )
    ]


def _build_measurement_rows(facts: CaseFacts, match: MatchFacts, wording: Wording) -> list[Row]:
    verification = match.verification
    aligned = verification.transform is not None and verification.decision is not Decision.NONE
    alignment = wording.describe_alignment(verification) if aligned else wording.render("match.not_aligned")
    ratio = describe_ratio("card", verification, facts.find_calibration(match), wording)
    field = "matches[].verification."
    comparison_row = wording.build_row("compared", f"{field}{'overlap_work' if aligned else 'decision'}", alignment)
    return [comparison_row, wording.build_row("ratio", f"{field}probability", ratio)]


def _build_seal_rows(case: ReportCase, wording: Wording) -> list[Row]:
    if case.seal is None:
        return [wording.build_row("seal", FactSource.RECORDED, wording.render("card.not_sealed"))]
    rows = [wording.build_row("seal", FactSource.RECORDED, case.seal.hex, style=Style.MONO)]
    if case.earlier:
        rows.append(wording.build_row("sealed_under", FactSource.RECORDED, wording.render("card.earlier_decision")))
    return [*rows, wording.build_row("timestamp", "timestamps[].time", _describe_timestamps(case.timestamps, wording))]


def _describe_timestamps(timestamps: tuple[TimestampFacts, ...], wording: Wording) -> str:
    """Return the earliest timestamp; development services are used only if no other service has a timestamp."""
    complete = [timestamp for timestamp in timestamps if timestamp.time is not None]
    independent = [timestamp for timestamp in complete if not timestamp.development]
    earliest = min(independent or complete, key=lambda timestamp: (timestamp.time, timestamp.name), default=None)
    if earliest is None or earliest.time is None:
        return wording.render("timestamp.none")
    key = "card.timestamp_development" if earliest.development else "card.timestamp"
    return wording.render(
        key, time=wording.format_time(earliest.time), name=wording.clip_text(earliest.name, MAX_NAME_CHARS)
    )
