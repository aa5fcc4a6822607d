"""First page of a sheet: summary, both pictures, main facts, and a box on visits that did not show the picture.

The sentences are in ``sheet.toml`` of each language (``evidence/documents/phrases``). Each sentence of the summary ends
with its source, by the table of :mod:`evidence.facts.field_origins`.
"""

from collections.abc import Iterator, Sequence

from evidence.documents.case.comparison import Gallery, list_compared_pictures
from evidence.documents.case.sections import describe_decision, describe_first_seen, describe_unicode_host
from evidence.documents.phrases.wording import Wording, format_percent
from evidence.documents.typeset.blocks import Block, Callout, Lead, Row, Rows, Style
from evidence.facts.case import CaptureFacts, CaseFacts, MatchFacts, SightingFacts
from exhibit.periods import get_earliest_time
from exhibit.types import CaseDecision, Decision

CAPTURED_OUTCOME, BROWSER_METHOD = "captured", "browser"  # outcome and method of a visit
MAX_TITLE, MAX_NAME, MAX_URL = 120, 80, 240  # maximum number of characters, so that the content fits on one page
MAX_BOX_LINES = 4  # maximum number of visits in the box
MAX_PICTURE_HEIGHT = 68  # maximum height of the pictures, millimetres


def build_summary(facts: CaseFacts, gallery: Gallery) -> tuple[Block, ...]:
    """Build the summary, the pictures of the best match, the main facts, and the box if needed."""
    wording, match = gallery.wording, find_best_match(facts)
    text = Lead(wording.render("document.sentences").join(_iterate_sentences(facts, wording)))
    pictures = () if match is None else (gallery.create_row(_select_pictures(facts, match), MAX_PICTURE_HEIGHT),)
    return (
        text,
        *_build_unshown_box(facts, wording),
        *pictures,
        Rows(_build_main_rows(facts, wording), together=False),
    )


def find_best_match(facts: CaseFacts) -> MatchFacts | None:
    """Return the match for the first page: the one that shows the largest part of a registered picture."""
    return max(facts.matches, key=_get_extent_key, default=None)


def list_first_page_labels(facts: CaseFacts) -> frozenset[str]:
    """Return the labels of rows that are complete on the first page, so that the sections omit them."""
    labels: set[str] = set()
    if len(facts.work.title) <= MAX_TITLE and 0 < len(facts.work.author) <= MAX_NAME:
        labels |= {"title", "author", "work_number"}
    if len(facts.sightings) == 1 and len(facts.work.pictures) == 1:
        labels.add("digest")
    urls = [url for sighting in facts.sightings for url in (sighting.page_url, sighting.image_url, sighting.final_url)]
    if len(facts.sightings) == 1 and all(len(url) <= MAX_URL for url in urls):
        labels |= {"page_url", "image_url", "first_seen"}
    return frozenset(labels)


def _select_pictures(facts: CaseFacts, match: MatchFacts) -> dict[str, str]:
    side_by_side = match.drawings.get("side-by-side")
    return {"side-by-side": side_by_side} if side_by_side else list_compared_pictures(facts, match)


def _iterate_sentences(facts: CaseFacts, wording: Wording) -> Iterator[str]:
    """Yield sentences on the claim, the sightings, the similarity, the decision, and missing evidence."""
    names = {"owner": facts.owner.name, "holder": facts.work.holder, "party": facts.party.name}
    names = {name: wording.clip_text(text, MAX_NAME) for name, text in names.items()}
    title = wording.clip_text(facts.work.title or wording.render("document.unknown"), MAX_TITLE)
    is_confirmed = facts.decision.decision == CaseDecision.CONFIRMED and not facts.decision.demonstration
    claim_phrase = "claim" if is_confirmed else "about"
    claim_phrase += "_for" if facts.work.holder else ""
    yield _format_sentence(f"summary.{claim_phrase}", "owner.name", wording, title=title, **names)
    if not is_confirmed and facts.party.name:
        yield _format_sentence("summary.concerns", "party.name", wording, party=names["party"])
    if facts.sightings:
        key = "summary.found_first" if len(facts.sightings) > 1 else "summary.found"
        values = {"time": _describe_first_seen(facts, wording), "n": len(facts.sightings), "owner": names["owner"]}
        yield _format_sentence(key, "sightings[].first_seen", wording, **values)
    if visit := _find_last_showing_visit(facts):
        texts = {
            "time": wording.format_time(visit.finished),
            "method": wording.phrases.get_label("fetched", visit.method),
        }
        yield _format_sentence("summary.again", "sightings[].captures[].outcome", wording, **texts)
    yield from _describe_similarity(facts, wording)
    yield _describe_decision(facts, wording)
    yield wording.render(
        "summary.missing", what=wording.render("report.between").join(_describe_omissions(facts, wording))
    )


def _format_sentence(sentence: str, source: str, wording: Wording, **values: object) -> str:
    """Format a sentence with its source."""
    source_name = wording.get_source_label(source).replace(":\n", ": ").replace("\n", "")
    return wording.render("summary.said", sentence=wording.render(sentence, **values), word=source_name)


def _describe_similarity(facts: CaseFacts, wording: Wording) -> Iterator[str]:
    match = find_best_match(facts)
    if match is None:
        return
    verification, field = match.verification, "matches[].verification."
    fractions = {"dense": format_percent(verification.dense), "share": format_percent(verification.overlap_work)}
    if match.picture == match.work_picture:
        yield _format_sentence("summary.same", "matches[].picture", wording)
    elif verification.transform is None:
        yield _format_sentence("summary.unlaid", f"{field}decision", wording)
    else:
        yield _format_sentence("summary.alike", f"{field}dense", wording, **fractions)
    if verification.decision in {Decision.REVIEW, Decision.RELATED}:
        yield _format_sentence(f"summary.{verification.decision}", f"{field}decision", wording)


def _get_extent_key(match: MatchFacts) -> tuple[bool, bool, float]:
    """Return a sort key that is highest for the match with the largest part of a registered picture."""
    verification = match.verification
    return match.picture == match.work_picture, verification.transform is not None, verification.overlap_work


def _describe_decision(facts: CaseFacts, wording: Wording) -> str:
    decision = facts.decision
    if decision.at is None:
        return _format_sentence("summary.undecided", "decision.demonstration", wording)
    time = wording.format_time(decision.at)
    if decision.demonstration:
        return _format_sentence("summary.switch", "decision.demonstration", wording, time=time)
    decided_by, decision_text = wording.clip_text(decision.by, MAX_NAME), describe_decision(facts, wording)
    owner = wording.clip_text(facts.owner.name, MAX_NAME)
    return _format_sentence(
        "summary.decided", "decision.by", wording, owner=owner, by=decided_by, time=time, decision=decision_text
    )


def _describe_omissions(facts: CaseFacts, wording: Wording) -> Iterator[str]:
    """Yield sentences on missing evidence, most severe first; the last is on facts that are never checked."""
    render = wording.render
    if facts.sightings:
        unshown_sightings = _list_unshown_sightings(facts)
        if len(unshown_sightings) == len(facts.sightings):
            was_visited = any(sighting.captures for sighting in facts.sightings)
            yield render("summary.unshown" if was_visited else "summary.unvisited")
        elif unshown_sightings:
            yield render(
                "summary.unshown_some", n=wording.join_numbers(sighting.number for sighting in unshown_sightings)
            )
        if len(unshown_sightings) < len(facts.sightings) and not _has_browser_capture(facts):
            yield render("summary.undrawn")
        if any(sighting.slice is None for sighting in facts.sightings):
            yield render("summary.unlogged")
    if facts.licence_check.outcome == "unsearched":
        yield render("summary.unsearched")
    if not any(timestamp.state == "complete" and not timestamp.development for timestamp in facts.timestamps):
        yield render("summary.no_timestamp")
    yield render("summary.never")


def _list_unshown_sightings(facts: CaseFacts) -> list[SightingFacts]:
    """Return the sightings without a visit that showed the picture."""
    return [sighting for sighting in facts.sightings if not any(map(_shows_picture, sighting.captures))]


def _shows_picture(visit: CaptureFacts) -> bool:
    return visit.outcome == CAPTURED_OUTCOME


def _list_visits(facts: CaseFacts) -> Sequence[CaptureFacts]:
    return [visit for sighting in facts.sightings for visit in sighting.captures]


def _has_browser_capture(facts: CaseFacts) -> bool:
    """Return True if a visit with a browser showed the picture."""
    return any(_shows_picture(visit) and visit.method == BROWSER_METHOD for visit in _list_visits(facts))


def _find_last_showing_visit(facts: CaseFacts) -> CaptureFacts | None:
    """Return the last visit that showed the picture, preferring browser visits."""
    visits = filter(_shows_picture, _list_visits(facts))
    return max(visits, key=lambda visit: (visit.method == BROWSER_METHOD, visit.finished), default=None)


def _describe_first_seen(facts: CaseFacts, wording: Wording) -> str:
    time = get_earliest_time(sighting.first_seen for sighting in facts.sightings)
    return describe_first_seen(facts.sightings[0], wording) if time is None else wording.format_time(time)


def _build_main_rows(facts: CaseFacts, wording: Wording) -> tuple[Row, ...]:
    """Build rows with claimant, work, alleged use, time, digests and timestamps."""
    author = wording.clip_text(facts.work.author, MAX_NAME)
    work = " · ".join(filter(None, (wording.clip_text(facts.work.title, MAX_TITLE), author, facts.work.number)))
    return (
        wording.build_row("owner", "owner.name", wording.clip_text(facts.owner.name, MAX_NAME)),
        wording.build_row("identity", "owner.identity", facts.owner.identity),
        wording.build_row("work", "work.title", work),
        wording.build_row("party", "party.name", facts.party.name, *describe_unicode_host(facts.party.name, wording)),
        *_build_use_rows(facts, wording),
        wording.build_row("timestamp", "timestamps[].time", *_describe_timestamps(facts, wording)),
    )


def _build_use_rows(facts: CaseFacts, wording: Wording) -> Iterator[Row]:
    """Yield rows on the first sighting and the compared pictures."""
    match = find_best_match(facts)
    if facts.sightings:
        first_sighting, further_count = facts.sightings[0], len(facts.sightings) - 1
        further_text = wording.render("summary.more", n=further_count) if further_count else ""
        page_url, *image_urls = (
            wording.clip_text(url, MAX_URL)
            for url in dict.fromkeys((first_sighting.page_url, first_sighting.image_url, first_sighting.final_url))
            if url
        )
        yield wording.build_row("page_url", "sightings[].page_url", page_url, further_text, style=Style.MONO)
        yield wording.build_row("image_url", "sightings[].image_url", *image_urls, style=Style.MONO)
        yield wording.build_row("since", "sightings[].first_seen", _describe_first_seen(facts, wording))
        found_digest = first_sighting.picture.digest if match is None else match.picture
        yield wording.build_row("found_digest", "sightings[].picture.digest", found_digest.hex, style=Style.MONO)
    if match is not None:
        registered_digest = match.work_picture.hex
        yield wording.build_row("registered_digest", "work.pictures[].digest", registered_digest, style=Style.MONO)


def _describe_timestamps(facts: CaseFacts, wording: Wording) -> list[str]:
    """Return a line for each complete timestamp, earliest first, or a line that there is none."""
    complete_timestamps = [
        (timestamp.development, timestamp.time, timestamp.name, timestamp.kind)
        for timestamp in facts.timestamps
        if timestamp.state == "complete" and timestamp.time is not None
    ]
    lines = []
    for is_development, time, name, kind in sorted(complete_timestamps):
        kind_name = wording.phrases.get_label("timestamp", f"kind_{kind}")
        line = wording.render("sheet.timestamp", time=wording.format_time(time), name=name, kind=kind_name)
        lines.append(" · ".join((line, *[wording.render("timestamp.development")] * is_development)))
    return lines or [wording.render("timestamp.none")]


def _build_unshown_box(facts: CaseFacts, wording: Wording) -> tuple[Callout, ...]:
    """Build a box on sightings without a visit that showed the picture, with the result of their last visit."""
    unshown_sightings = _list_unshown_sightings(facts)
    if not unshown_sightings:
        return ()
    lines = []
    for sighting in unshown_sightings[:MAX_BOX_LINES]:
        visit_text = wording.render("capture.none")
        if sighting.captures:
            visit = sighting.captures[-1]
            outcome = wording.phrases.get_label("capture", visit.outcome)
            method = wording.phrases.get_label("fetched", visit.method)
            visit_text = wording.render(
                "capture.line", outcome=outcome, time=wording.format_time(visit.finished), method=method
            )
        lines.append(wording.render("summary.box_line", n=sighting.number, met=visit_text))
    if len(unshown_sightings) > MAX_BOX_LINES:
        lines.append(wording.render("summary.box_more", n=len(unshown_sightings) - MAX_BOX_LINES))
    title = (
        "box_some"
        if len(unshown_sightings) < len(facts.sightings)
        else "box"
        if _list_visits(facts)
        else "box_unvisited"
    )
    return (Callout(wording.render(f"summary.{title}"), wording.render("document.sentences").join(lines)),)
