"""Test page 1 of a sheet: the summary, the table of facts, and the box for visits that did not find the image."""

import io
from dataclasses import replace

import pypdf
import pytest

from evidence.documents.phrases import load_phrases
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import CaseFacts
from tests.assets.documents_sample import (
    NOON,
    part,
    phrase,
    sample_case,
    sample_pictures,
    sample_sighting,
    sample_timestamps,
)
from tests.evidence.documents.phrases.test_wording import shown_languages

OWNER = "Lindqvist Pictures AB"
TITLE = "Herbsthügel"
"""Without the Chinese characters of the sample's title, for which a machine may have no font."""
QUOTES = str.maketrans({"“": '"', "”": '"', "’": "'", " ": ""})


def extract_first_page(case: CaseFacts, language: str = "en") -> str:
    pdf = pypdf.PdfReader(io.BytesIO(render_exhibit_sheet(case, sample_pictures(), language)))
    return " ".join(pdf.pages[0].extract_text().replace("’", "'").split())


def latin_case() -> CaseFacts:
    case = sample_case()
    return replace(case, work=replace(case.work, title=TITLE))


def extract_summary(case: CaseFacts) -> str:
    return extract_first_page(case).partition(f" {part('picture.side_by_side')}")[0]


def set_outcomes(case: CaseFacts, *outcomes: str, method: str = "browser") -> CaseFacts:
    """Return the case with a sighting for each outcome of its only visit."""
    first = sample_sighting(case.sightings[0].picture)
    [visit] = first.captures
    sightings = (
        replace(first, number=n, captures=(replace(visit, outcome=outcome, method=method),) if outcome else ())
        for n, outcome in enumerate(outcomes, 1)
    )
    return replace(case, sightings=tuple(sightings))


@pytest.mark.long
def test_summary_states_claim_match_decision_and_missing_evidence() -> None:
    text = extract_summary(latin_case()).translate(QUOTES)
    parts = (
        phrase("summary.claim", owner=OWNER, title=TITLE, party="prints-and-more.example") + " (declared).",
        phrase("summary.found", owner=OWNER, time="2026-11-18 11:46:55 UTC") + " (recorded).",
        part("summary.again") + " (recorded).",
        phrase("summary.alike", share="94%", dense="93%"),
        phrase(
            "summary.decided",
            owner=OWNER,
            by="Jonas Ek",
            time=f"{NOON:%Y-%m-%d %H:%M:%S} UTC",
            decision=phrase("decision.confirmed"),
        ),
        phrase("summary.missing", what=f"{phrase('summary.undrawn')}; {phrase('summary.no_timestamp')}")[:-1],
    )
    places = [text.find(words.translate(QUOTES)) for words in parts]
    assert -1 not in places, text
    assert places == sorted(places)


@pytest.mark.long
def test_first_page_states_facts_with_sources() -> None:
    case = replace(latin_case(), timestamps=sample_timestamps()[:1])
    [sighting], [match] = case.sightings, case.matches
    rows = extract_first_page(case).partition(part("picture.side_by_side"))[2].partition(phrase("heading.sightings"))[0]
    stated = {
        "owner": f"{OWNER} declared",
        "work": f"{TITLE} · Mara Lindqvist · 2026-014 declared",
        "party": "prints-and-more.example recorded",
        "page_url": sighting.page_url,
        "image_url": sighting.image_url,
        "since": "2026-11-18 11:46:55 UTC recorded",
        "found_digest": f"{match.picture.hex} sealed",
        "registered_digest": f"{match.work_picture.hex} sealed",
        "timestamp": part("sheet.timestamp"),
    }
    found = rows.replace(" ", "").replace("recorded", "", 0)
    for label, value in stated.items():
        assert phrase(f"label.{label}").replace(" ", "") in found, label
        assert value.replace(" ", "")[:40] in found, value
    assert "Example Time Authority" in rows


@pytest.mark.parametrize(
    ("outcomes", "box", "missing"),
    [
        (("captured",), "", ""),
        (
            ("not-shown",),
            part("summary.box"),
            part("summary.unshown"),
        ),
        (("",), part("summary.box_unvisited"), part("summary.unvisited")),
        (
            ("captured", "page-gone"),
            part("summary.box_some"),
            "for sightings 2",
        ),
    ],
)
def test_summary_box_reports_visits_that_did_not_find_the_picture(
    outcomes: tuple[str, ...], box: str, missing: str
) -> None:
    text = extract_first_page(set_outcomes(sample_case(), *outcomes))
    boxes = (part("summary.box"), part("summary.box_some"), part("summary.box_unvisited"))
    assert [words in text for words in boxes] == [bool(box) and words in box for words in boxes]
    assert box in text
    assert missing in text
    assert (part("summary.again") in text) == ("captured" in outcomes)
    if "page-gone" in outcomes:
        assert f"Sighting 2: {phrase('capture.page-gone')}" in text


def test_summary_does_not_report_available_evidence_as_missing() -> None:
    case = replace(set_outcomes(sample_case(), "captured"), timestamps=sample_timestamps())
    text = extract_summary(case)
    assert part("summary.undrawn") not in text
    assert part("summary.no_timestamp") not in text
    assert phrase("summary.unsearched") not in text
    unlicensed = replace(case, licence_check=replace(case.licence_check, searched=0))
    assert phrase("summary.unsearched") in extract_summary(unlicensed)
    trials = replace(case, timestamps=sample_timestamps()[1:])
    assert phrase("summary.no_timestamp") in extract_summary(trials)


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (
            {"demonstration": True},
            part("summary.switch"),
        ),
        ({"decision": "open", "at": None}, f"{part('summary.undecided')} (recorded)."),
        ({"decision": "dismissed"}, part("decision.dismissed")),
    ],
)
def test_decision_maker_is_stated(decision: dict[str, object], words: str) -> None:
    case = sample_case()
    text = extract_summary(replace(case, decision=replace(case.decision, **decision)))  # type: ignore[arg-type]
    assert words in text
    assert part("summary.claim") not in text  # the wording for a person who decided


@pytest.mark.parametrize("language", shown_languages())
def test_many_urls_and_long_names_fit_first_page(language: str) -> None:
    case = set_outcomes(sample_case(), *["not-shown"] * 40)
    long = "Sehr langer Titel " * 40
    work, owner = replace(case.work, title=long, holder=long, author=long), replace(case.owner, name=long)
    text = extract_first_page(replace(case, work=work, owner=owner), language)
    say = load_phrases(language).render
    assert say("summary.box_more", n=36).replace(" ", "") in text.replace(" ", "")
    assert f"{NOON:%Y-%m-%d}" in text
