"""First page of a sheet: a summary, both pictures, the main facts, and a box if later visits did not show the picture.

The sentences are in ``sheet.toml`` of each language (``evidence/documents/phrases``). Each sentence of the summary ends
with its source, by the table of :mod:`evidence.facts.field_origins`.
"""

from collections.abc import Iterator, Sequence

from evidence.documents.case.comparison import Gallery, both_pictures
from evidence.documents.case.sections import decision_words, letters, seen_words
from evidence.documents.phrases.wording import Wording, percent
from evidence.documents.typeset.blocks import Block, Callout, Lead, Row, Rows, Style
from evidence.facts.case import CaptureFacts, CaseFacts, MatchFacts, SightingFacts
from exhibit.periods import earliest
from exhibit.types import CaseDecision, Decision

CAPTURED, BROWSER = "captured", "browser"  # an outcome of visits, and a method
MAX_TITLE, MAX_NAME, MAX_ADDRESS = 120, 80, 240  # characters, so that everything fits on one page
MAX_TOLD = 4  # visits in the box
HEIGHT = 68  # limit in millimetres of the pictures


def summary(facts: CaseFacts, gallery: Gallery) -> tuple[Block, ...]:
    """Return the summary, the pictures of the best match, the main facts, and the box if needed."""
    wording, match = gallery.wording, best_match(facts)
    text = Lead(wording.say("document.sentences").join(_paragraph(facts, wording)))
    pictures = () if match is None else (gallery.row(_pictures(facts, match), HEIGHT),)
    return (text, *_box(facts, wording), *pictures, Rows(_main_rows(facts, wording), together=False))


def best_match(facts: CaseFacts) -> MatchFacts | None:
    """Return the match whose pictures are on the first page: the one that shows most of a registered picture."""
    return max(facts.matches, key=_extent, default=None)


def labels_on_first_page(facts: CaseFacts) -> frozenset[str]:
    """Return the labels of rows that the first page states in full, so that no section repeats them."""
    labels: set[str] = set()
    if len(facts.work.title) <= MAX_TITLE and 0 < len(facts.work.author) <= MAX_NAME:
        labels |= {"title", "author", "work_number"}
    if len(facts.sightings) == 1 and len(facts.work.pictures) == 1:
        labels.add("digest")
    urls = [url for sighting in facts.sightings for url in (sighting.page_url, sighting.image_url, sighting.final_url)]
    if len(facts.sightings) == 1 and all(len(url) <= MAX_ADDRESS for url in urls):
        labels |= {"page_url", "image_url", "first_seen"}
    return frozenset(labels)


def _pictures(facts: CaseFacts, match: MatchFacts) -> dict[str, str]:
    side_by_side = match.drawings.get("side-by-side")
    return {"side-by-side": side_by_side} if side_by_side else both_pictures(facts, match)


def _paragraph(facts: CaseFacts, wording: Wording) -> Iterator[str]:
    """Yield sentences on the claim, the find, the similarity of the pictures, the decision, and what is missing."""
    names = {"owner": facts.owner.name, "holder": facts.work.holder, "party": facts.party.name}
    names = {name: wording.clipped(text, MAX_NAME) for name, text in names.items()}
    title = wording.clipped(facts.work.title or wording.say("document.unknown"), MAX_TITLE)
    decided = facts.decision.decision == CaseDecision.CONFIRMED and not facts.decision.demonstration
    claim = "claim" if decided else "about"
    claim += "_for" if facts.work.holder else ""
    yield _write_sentence(f"summary.{claim}", "owner.name", wording, title=title, **names)
    if not decided and facts.party.name:
        yield _write_sentence("summary.concerns", "party.name", wording, party=names["party"])
    if facts.sightings:
        key = "summary.found_first" if len(facts.sightings) > 1 else "summary.found"
        values = {"time": _since(facts, wording), "n": len(facts.sightings), "owner": names["owner"]}
        yield _write_sentence(key, "sightings[].first_seen", wording, **values)
    if visit := _last_shown(facts):
        texts = {"time": wording.time(visit.finished), "method": wording.phrases.word("fetched", visit.method)}
        yield _write_sentence("summary.again", "sightings[].captures[].outcome", wording, **texts)
    yield from _similarity(facts, wording)
    yield _decided(facts, wording)
    yield wording.say("summary.missing", what=wording.say("report.between").join(_missing(facts, wording)))


def _write_sentence(sentence: str, source: str, wording: Wording, **values: object) -> str:
    """Return a sentence with its source."""
    word = wording.speaker(source).replace(":\n", ": ").replace("\n", "")
    return wording.say("summary.said", sentence=wording.say(sentence, **values), word=word)


def _similarity(facts: CaseFacts, wording: Wording) -> Iterator[str]:
    match = best_match(facts)
    if match is None:
        return
    verification, field = match.verification, "matches[].verification."
    shares = {"dense": percent(verification.dense), "share": percent(verification.overlap_work)}
    if match.picture == match.work_picture:
        yield _write_sentence("summary.same", "matches[].picture", wording)
    elif verification.transform is None:
        yield _write_sentence("summary.unlaid", f"{field}decision", wording)
    else:
        yield _write_sentence("summary.alike", f"{field}dense", wording, **shares)
    if verification.decision in {Decision.REVIEW, Decision.RESEMBLES}:
        yield _write_sentence(f"summary.{verification.decision}", f"{field}decision", wording)


def _extent(match: MatchFacts) -> tuple[bool, bool, float]:
    """Return a sort key by which the match that shows most of a registered picture comes first."""
    verification = match.verification
    return match.picture == match.work_picture, verification.transform is not None, verification.overlap_work


def _decided(facts: CaseFacts, wording: Wording) -> str:
    decision = facts.decision
    if decision.at is None:
        return _write_sentence("summary.undecided", "decision.demonstration", wording)
    time = wording.time(decision.at)
    if decision.demonstration:
        return _write_sentence("summary.switch", "decision.demonstration", wording, time=time)
    by, words = wording.clipped(decision.by, MAX_NAME), decision_words(facts, wording)
    owner = wording.clipped(facts.owner.name, MAX_NAME)
    return _write_sentence("summary.decided", "decision.by", wording, owner=owner, by=by, time=time, decision=words)


def _missing(facts: CaseFacts, wording: Wording) -> Iterator[str]:
    """Yield what a reader might expect but does not get, most severe first; the last is what nobody ever checks."""
    say = wording.say
    if facts.sightings:
        without = _without(facts)
        if len(without) == len(facts.sightings):
            visited = any(sighting.captures for sighting in facts.sightings)
            yield say("summary.unshown" if visited else "summary.unvisited")
        elif without:
            yield say("summary.unshown_some", n=wording.numbers(sighting.number for sighting in without))
        if len(without) < len(facts.sightings) and not _is_drawn(facts):
            yield say("summary.undrawn")
        if any(sighting.slice is None for sighting in facts.sightings):
            yield say("summary.unlogged")
    if facts.licence_check.outcome == "unsearched":
        yield say("summary.unsearched")
    if not any(witness.state == "complete" and not witness.development for witness in facts.witnesses):
        yield say("summary.unwitnessed")
    yield say("summary.never")


def _without(facts: CaseFacts) -> list[SightingFacts]:
    """Return the sightings for which no visit showed the picture."""
    return [sighting for sighting in facts.sightings if not any(map(_is_shown, sighting.captures))]


def _is_shown(visit: CaptureFacts) -> bool:
    return visit.outcome == CAPTURED


def _visits(facts: CaseFacts) -> Sequence[CaptureFacts]:
    return [visit for sighting in facts.sightings for visit in sighting.captures]


def _is_drawn(facts: CaseFacts) -> bool:
    """Return True if a browser rendered a page that showed the picture."""
    return any(_is_shown(visit) and visit.method == BROWSER for visit in _visits(facts))


def _last_shown(facts: CaseFacts) -> CaptureFacts | None:
    """Return the last visit that showed the picture, preferring browser visits."""
    visits = filter(_is_shown, _visits(facts))
    return max(visits, key=lambda visit: (visit.method == BROWSER, visit.finished), default=None)


def _since(facts: CaseFacts, wording: Wording) -> str:
    moment = earliest(sighting.first_seen for sighting in facts.sightings)
    return seen_words(facts.sightings[0], wording) if moment is None else wording.time(moment)


def _main_rows(facts: CaseFacts, wording: Wording) -> tuple[Row, ...]:
    """Return rows with the claimant, the work, the alleged use, its time, the digests and the timestamps."""
    author = wording.clipped(facts.work.author, MAX_NAME)
    work = " · ".join(filter(None, (wording.clipped(facts.work.title, MAX_TITLE), author, facts.work.number)))
    return (
        wording.row("owner", "owner.name", wording.clipped(facts.owner.name, MAX_NAME)),
        wording.row("identity", "owner.identity", facts.owner.identity),
        wording.row("work", "work.title", work),
        wording.row("party", "party.name", facts.party.name, *letters(facts.party.name, wording)),
        *_use_rows(facts, wording),
        wording.row("witnessed", "witnesses[].time", *_timestamps(facts, wording)),
    )


def _use_rows(facts: CaseFacts, wording: Wording) -> Iterator[Row]:
    """Yield rows on the first sighting and the compared pictures."""
    match = best_match(facts)
    if facts.sightings:
        first, more = facts.sightings[0], len(facts.sightings) - 1
        further = wording.say("summary.more", n=more) if more else ""
        page, *images = (
            wording.clipped(url, MAX_ADDRESS)
            for url in dict.fromkeys((first.page_url, first.image_url, first.final_url))
            if url
        )
        yield wording.row("page_url", "sightings[].page_url", page, further, style=Style.MONO)
        yield wording.row("image_url", "sightings[].image_url", *images, style=Style.MONO)
        yield wording.row("since", "sightings[].first_seen", _since(facts, wording))
        found = first.picture.digest if match is None else match.picture
        yield wording.row("found_digest", "sightings[].picture.digest", found.hex, style=Style.MONO)
    if match is not None:
        registered = match.work_picture.hex
        yield wording.row("registered_digest", "work.pictures[].digest", registered, style=Style.MONO)


def _timestamps(facts: CaseFacts, wording: Wording) -> list[str]:
    """Return a line for each complete timestamp, earliest first, or why there is none."""
    complete = [
        (one.development, one.time, one.name, one.kind)
        for one in facts.witnesses
        if one.state == "complete" and one.time is not None
    ]
    lines = []
    for is_development, moment, name, kind in sorted(complete):
        kind_in_words = wording.phrases.word("witness", f"kind_{kind}")
        line = wording.say("sheet.timestamp", time=wording.time(moment), name=name, kind=kind_in_words)
        lines.append(" · ".join((line, *[wording.say("witness.development")] * is_development)))
    return lines or [wording.say("witness.none")]


def _box(facts: CaseFacts, wording: Wording) -> tuple[Callout, ...]:
    """Return a box on visits that did not show the picture, with the result of the last visit to each place."""
    without = _without(facts)
    if not without:
        return ()
    lines = []
    for sighting in without[:MAX_TOLD]:
        met = wording.say("capture.none")
        if sighting.captures:
            visit = sighting.captures[-1]
            outcome = wording.phrases.word("capture", visit.outcome)
            method = wording.phrases.word("fetched", visit.method)
            met = wording.say("capture.line", outcome=outcome, time=wording.time(visit.finished), method=method)
        lines.append(wording.say("summary.box_line", n=sighting.number, met=met))
    if len(without) > MAX_TOLD:
        lines.append(wording.say("summary.box_more", n=len(without) - MAX_TOLD))
    title = "box_some" if len(without) < len(facts.sightings) else "box" if _visits(facts) else "box_unvisited"
    return (Callout(wording.say(f"summary.{title}"), wording.say("document.sentences").join(lines)),)
