"""Test page 1 of a sheet: a paragraph for a judge, lines for a clerk, and a box if no visit found the image."""

import io
from dataclasses import replace

import pypdf
import pytest

from evidence.documents.phrases import load_phrases
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import CaseFacts
from tests.assets.documents_sample import NOON, sample_case, sample_pictures, sample_sighting, sample_witnesses, say
from tests.evidence.documents.phrases.test_wording import shown_languages


def first_page(case: CaseFacts, language: str = "en") -> str:
    pdf = pypdf.PdfReader(io.BytesIO(render_exhibit_sheet(case, sample_pictures(), language)))
    return " ".join(pdf.pages[0].extract_text().replace("’", "'").split())


def beginning(case: CaseFacts) -> str:
    return first_page(case).partition(" Page https:")[0]


def met(case: CaseFacts, *outcomes: str, method: str = "browser") -> CaseFacts:
    """Return the case with a sighting for each outcome of its only visit."""
    first = sample_sighting(case.sightings[0].picture)
    [visit] = first.captures
    sightings = (
        replace(first, number=n, captures=(replace(visit, outcome=outcome, method=method),) if outcome else ())
        for n, outcome in enumerate(outcomes, 1)
    )
    return replace(case, sightings=tuple(sightings))


@pytest.mark.long
def test_a_judge_reads_who_claims_what_how_it_was_found_how_alike_who_decided_and_what_is_missing() -> None:
    told = beginning(sample_case()).replace(" ", "")
    parts = (
        "Lindqvist Pictures AB claims the work “Herbsthügel · 秋山” as its own, and believes that",
        "prints-and-more.example uses a picture of it without permission (declared).",
        "found the picture on 2026-11-18 11:46:55 UTC (recorded).",
        "was served the page, and the same picture file as had been found (recorded).",
        "the found one covers 94% of it, and there 93% of the parts with visible detail agree; that is no probability",
        "For Lindqvist Pictures AB, Jonas Ek decided on 2026-11-20 12:00:00 UTC: Not licensed: believed to be used",
        "Missing: no browser drew the page, so how it looked is not recorded; no outside service that witnesses",
    )
    places = [told.find(part.replace(" ", "")) for part in parts]
    assert -1 not in places, told
    assert places == sorted(places)


@pytest.mark.long
def test_a_clerk_reads_five_lines_each_with_whose_word_it_is() -> None:
    text = first_page(sample_case())
    page, _, rest = text.partition(" Page https://www.prints-and-more.example/")
    assert page
    lines = rest.partition("About this document")[0]
    for words in ("Image https://cdn.", "Work Herbsthügel · 秋山 · Mara Lindqvist · 2026-014", "Party prints-and-more"):
        assert words in lines
    assert lines.endswith("First seen 2026-11-18 11:46:55 UTC recorded ")
    assert (lines.count("recorded"), lines.count("declared")) == (4, 1)


@pytest.mark.parametrize(
    ("outcomes", "box", "missing"),
    [
        (("captured",), "", ""),
        (
            ("not-shown",),
            "The picture was not shown when the page was visited again",
            "no later visit showed the picture;",
        ),
        (("",), "No visit after the find looked for the picture", "nobody visited the page again after the find"),
        (
            ("captured", "page-gone"),
            "Not every picture was seen at a later visit",
            "of these sightings: 2",
        ),
    ],
)
def test_a_box_says_where_visits_did_not_show_the_picture(outcomes: tuple[str, ...], box: str, missing: str) -> None:
    text = first_page(met(sample_case(), *outcomes))
    boxes = ("when the page was visited again", "Not every picture", "No visit after the find")
    assert [words in text for words in boxes] == [bool(box) and words in box for words in boxes]
    assert box in text
    assert missing in text
    assert ("was served the page" in text) == ("captured" in outcomes)
    if "page-gone" in outcomes:
        assert "Sighting 2: the page had gone" in text


def test_nothing_is_missing_that_is_there() -> None:
    case = replace(met(sample_case(), "captured"), witnesses=sample_witnesses())
    told = beginning(case)
    assert "no browser drew" not in told
    assert "no outside service" not in told
    assert say("summary.unsearched") not in told
    unlicensed = replace(case, licence_check=replace(case.licence_check, searched=0))
    assert say("summary.unsearched") in beginning(unlicensed)
    trials = replace(case, witnesses=sample_witnesses()[1:])
    assert say("summary.unwitnessed") in beginning(trials)


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (
            {"demonstration": True},
            "A switch for demonstrations, and no person, marked the case as not licensed",
        ),
        ({"decision": "open", "at": None}, "No person has decided the case (recorded)."),
        ({"decision": "cleared"}, "Cleared: no objection (declared)."),
    ],
)
def test_who_decided_is_said_as_it_was(decision: dict[str, object], words: str) -> None:
    case = sample_case()
    told = beginning(replace(case, decision=replace(case.decision, **decision)))  # type: ignore[arg-type]
    assert words in told
    assert "believes that" not in told  # the wording for a person who decided


@pytest.mark.parametrize("language", shown_languages())
def test_many_places_and_long_names_leave_it_on_the_first_page(language: str) -> None:
    case = met(sample_case(), *["not-shown"] * 40)
    long = "Sehr langer Titel " * 40
    work, owner = replace(case.work, title=long, holder=long, author=long), replace(case.owner, name=long)
    text = first_page(replace(case, work=work, owner=owner), language)
    say = load_phrases(language).say
    assert say("summary.box_more", n=36).replace(" ", "") in text.replace(" ", "")
    assert f"{NOON:%Y-%m-%d}" in text
