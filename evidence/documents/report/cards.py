"""Cards: cases on a third of a page each, for reports of many cases."""

from collections import Counter
from dataclasses import replace

from evidence.documents.case.comparison import Gallery, both_pictures, ratio_told
from evidence.documents.case.sections import ELSEWHERE, decision_words, elsewhere_words, seen_words
from evidence.documents.phrases.wording import Wording
from evidence.documents.report.facts import ReportCase
from evidence.documents.typeset.blocks import Card, Line, Plate, Row, Speaker, Style
from evidence.facts.case import CaseFacts, MatchFacts, SightingFacts, WitnessFacts
from exhibit.periods import earliest, latest
from exhibit.types import Decision

DRAWING_ROLES = ("side-by-side", "overlay")
MAX_ADDRESS = 150
MAX_NAME = 60
ACROSS = 1


def case_card(case: ReportCase, label: str, gallery: Gallery) -> Card:
    """Return the card of one case; links point to its label."""
    facts, wording = case.facts, gallery.wording
    title = wording.clipped(facts.work.title or wording.say("document.unknown"), MAX_NAME)
    party = wording.clipped(facts.party.name, MAX_NAME)
    return Card(
        title=wording.say("report.case_heading", case=facts.number, title=title, party=party),
        label=label,
        plates=_plates(facts, gallery),
        rows=tuple(_rows(case, wording)),
    )


def _plates(facts: CaseFacts, gallery: Gallery) -> tuple[Plate, ...]:
    """Return both drawings of the best match, or the two pictures if there are none."""
    match = _choose_match(facts)
    if match is None:
        return ()
    drawings = {role: path for role, path in match.drawings.items() if role in DRAWING_ROLES} or both_pictures(
        facts, match
    )
    first = gallery.wording.phrases.first
    captions = {role: first(role.replace("-", "_"), "card", "picture") for role in drawings}
    return tuple(replace(gallery.plate(role, path, ACROSS), caption=captions[role]) for role, path in drawings.items())


def _choose_match(facts: CaseFacts) -> MatchFacts | None:
    """Return the match that covers most of a registered picture."""
    aligned = [match for match in facts.matches if match.verification.transform is not None]
    return max(aligned or facts.matches, key=lambda match: match.verification.overlap_work, default=None)


def _rows(case: ReportCase, wording: Wording) -> list[Row]:
    facts = case.facts
    first = facts.sightings[0] if facts.sightings else None
    rows = [wording.row("decision", _decider(facts), decision_words(facts, wording), style=Style.STRONG)]
    if first is not None:
        rows += _build_sighting_rows(facts, first, wording)
    rows += _standing(case, wording)
    match = _choose_match(facts)
    if match is not None:
        rows += _build_measurement_rows(facts, match, wording)
    outcome = facts.licence_check.outcome
    licence = "covered" if outcome == "all" else outcome
    searched = wording.time(facts.licence_check.checked_at)
    rows.append(wording.row("licences", "licence_check.result", wording.say(f"card.licence_{licence}", time=searched)))
    return [*rows, *_build_seal_rows(case, wording)]


def _decider(facts: CaseFacts) -> str:
    decision = facts.decision
    return "decision.demonstration" if decision.at is None or decision.demonstration else "decision.decision"


def _build_sighting_rows(facts: CaseFacts, first: SightingFacts, wording: Wording) -> list[Row]:
    """Return rows with the first place, and the number of further places."""
    last = latest(sighting.last_seen for sighting in facts.sightings)
    start = earliest(sighting.first_seen for sighting in facts.sightings)
    pages = [wording.clipped(first.page_url or first.image_url, MAX_ADDRESS)]
    rows = [wording.row("page_url", "sightings[].page_url", *pages, style=Style.MONO)]
    if len(facts.sightings) > 1:
        more = wording.say("card.more_places", n=len(facts.sightings) - 1)
        rows[0] = Row(rows[0].label, (*rows[0].lines, Line(more, Style.QUIET)), rows[0].speaker)
    if first.page_url:
        image = wording.clipped(first.image_url, MAX_ADDRESS)
        rows.append(wording.row("image_url", "sightings[].image_url", image, style=Style.MONO))
    statements = [statement for sighting in facts.sightings for statement in sighting.elsewhere if statement.stated]
    oldest = min(statements, key=lambda statement: statement.stated, default=None)
    elsewhere = [] if oldest is None else [wording.row("elsewhere", ELSEWHERE, elsewhere_words(oldest, wording))]
    if start is None or last is None:
        return [*rows, wording.row("seen", Speaker.STATED, seen_words(first, wording)), *elsewhere]
    period = wording.say("report.period", first=wording.time(start), last=wording.time(last))
    return [*rows, wording.row("seen", "sightings[].first_seen", period), *elsewhere]


def _standing(case: ReportCase, wording: Wording) -> list[Row]:
    """Return a row with the number of places by their state at the last visit, and the time of the latest visit."""
    if not case.standings:
        return []
    counts = Counter(standing.standing for standing in case.standings)
    words = [f"{wording.phrases.word('standing', name)} ({count})" for name, count in sorted(counts.items())]
    joined = wording.say("document.joined").join(words)
    time = wording.time(max(standing.at for standing in case.standings))
    return [wording.row("last_visit", Speaker.RECORDED, wording.say("standing.line", standing=joined, time=time))]


def _build_measurement_rows(facts: CaseFacts, match: MatchFacts, wording: Wording) -> list[Row]:
    verification = match.verification
    aligned = verification.transform is not None and verification.decision is not Decision.NONE
    words = wording.aligned(verification) if aligned else wording.say("match.not_aligned")
    ratio = ratio_told("card", verification, facts.find_calibration(match), wording)
    field = "matches[].verification."
    comparison_row = wording.row("compared", f"{field}{'overlap_work' if aligned else 'decision'}", words)
    return [comparison_row, wording.row("ratio", f"{field}probability", ratio)]


def _build_seal_rows(case: ReportCase, wording: Wording) -> list[Row]:
    if case.seal is None:
        return [wording.row("seal", Speaker.RECORDED, wording.say("card.not_sealed"))]
    rows = [wording.row("seal", Speaker.RECORDED, case.seal.hex, style=Style.MONO)]
    if case.earlier:
        rows.append(wording.row("sealed_under", Speaker.RECORDED, wording.say("card.earlier_decision")))
    return [*rows, wording.row("witnessed", "witnesses[].time", _describe_timestamps(case.witnesses, wording))]


def _describe_timestamps(witnesses: tuple[WitnessFacts, ...], wording: Wording) -> str:
    """Return the earliest time that a witness states; a development witness counts only if there is no other."""
    complete = [witness for witness in witnesses if witness.time is not None]
    outside = [witness for witness in complete if not witness.development]
    earliest = min(outside or complete, key=lambda witness: (witness.time, witness.name), default=None)
    if earliest is None or earliest.time is None:
        return wording.say("witness.none")
    key = "card.witnessed_development" if earliest.development else "card.witnessed"
    return wording.say(key, time=wording.time(earliest.time), name=wording.clipped(earliest.name, MAX_NAME))
