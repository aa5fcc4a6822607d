"""Test a notice's statements about its cases, and what a draft lacks before it can be signed."""

from functools import partial

import pytest
from django.utils import timezone

from exhibit.clock import now
from exhibit.types import SeenElsewhere, SeenKind
from registry.crawls.elsewhere import kept
from registry.db.rows import columns
from registry.models import ArchiveQuestion, Owner, Work
from registry.notices import notices
from registry.notices.checker import gaps, missing, us_unregistered
from registry.notices.contents import items_of, letter, parts_of
from registry.notices.wording import FOLDER, shipped
from registry.services.mail import is_address
from tests.assets.chinese import english_in, half_width_in
from tests.assets.noticed import begun
from tests.assets.noticed_once import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]

GIVEN = {
    "Agent", "Ann", "Copyright", "Example", "Harbour", "Kiel", "Road", "Studio", "Two", "harbour", "owner",
    "parrots",
}  # fmt: skip
"""Words of people in the scene."""


def test_a_letter_lists_each_case_with_its_places_and_lacks_nothing(studio: Owner) -> None:
    row = begun(studio)
    items = items_of(row)
    assert [(one.row.case.number, len(one.there), one.shown is not None) for one in items] == [
        (1, 1, True),
        (2, 1, True),
    ]
    assert gaps(row, items) == []
    made = letter(row, items)
    for words in ("Two parrots", "A harbour", "http://shop.example/page-0", "Ann Example", "agent@shop.example"):
        assert words in made.text
    assert made.text != made.signed
    assert us_unregistered(items) == [1, 2]


def test_a_letter_bears_the_day_of_the_installation(studio: Owner) -> None:
    row, moment = begun(studio), now()
    with timezone.override("Etc/GMT+12" if moment.hour < 12 else "Pacific/Kiritimati"):
        assert letter(row).day == timezone.localdate(moment) != moment.date()


@pytest.mark.parametrize(
    ("kind", "language"), sorted(tuple(path.stem.split(".")) for path in FOLDER.glob("*.toml")), ids=str
)
def test_what_nobody_declared_stands_in_no_sentence_of_a_letter(studio: Owner, kind: str, language: str) -> None:
    Work.objects.update(author="", first_publication="", registrations=[])
    row = begun(studio, kind, language)
    text, blank = letter(row, items_of(row)).text, shipped(kind, language).words["not_stated"]
    for line in (line for line in text.splitlines() if blank in line):
        assert line.endswith((f": {blank}", f"：{blank}")), line
    assert "None" not in text
    Work.objects.update(author="Ann Example")
    assert "Ann Example" in letter(row, items_of(row)).text.partition("Two parrots")[2][:120]


@pytest.mark.parametrize(
    ("kind", "language", "said"),
    [
        ("dmca", "en", "The Internet Archive states that it has a capture of this image URL, dated March 3, 2019: "),
        ("dsa", "de", "Das Internet Archive nennt eine Aufnahme dieser Bildadresse vom 03.03.2019: "),
        ("dsa", "fr", "Internet Archive indique une capture de l'adresse de cette image du 03/03/2019 : "),
        ("prc", "zh-Hans", "互联网档案馆（Internet Archive）称其存有该图片网址于2019年3月3日的存档："),
    ],
)
def test_a_letter_says_which_capture_an_archive_states_and_whose_word_that_is(
    studio: Owner, kind: str, language: str, said: str
) -> None:
    row = begun(studio, kind, language)
    assert "Internet Archive" not in letter(row).text
    case = studio.cases.get(number=1)
    sighting = case.case_sightings.get().sighting
    made = partial(SeenElsewhere, kind=SeenKind.ARCHIVE_CAPTURED, by="Internet Archive", where="https://a.example/1")
    told = [made(of="page", stated="2018-01-01T00:00:00Z"), made(stated="2019-03-03T23:59:59Z"), made(stated="")]
    ArchiveQuestion.objects.create(
        case=case, sighting=sighting, **columns(sighting, "page_key", "image_key"), asked_by="Ann", asked_at=now(),
        answered_at=now(), state="done", elsewhere=kept(told),
    )  # fmt: skip
    [line] = [one for one in letter(row).text.splitlines() if "Internet Archive" in one]
    assert line.startswith(f"{said}https://a.example/1")


def test_a_letter_without_a_signer_ends_with_the_line_to_sign_on(studio: Owner) -> None:
    row = begun(studio)
    assert letter(row).text.rstrip().endswith("(not signed)\nAnn Example, owner")
    for unknown, left in (("sender_capacity", "\nAnn Example"), ("sender_name", "")):
        notices.fill(row, {unknown: ""}, [unknown])
        row = notices.notice(studio, row.number)
        assert letter(row).text.rstrip().endswith(f"(not signed){left}")


def test_a_chinese_letter_has_no_english_of_the_softwares(studio: Owner) -> None:
    for kind in ("prc", "offer"):
        row = begun(studio, kind, "zh-Hans")
        made = letter(row, items_of(row))
        assert english_in(f"{made.subject} {made.whole}", GIVEN) == []
        assert half_width_in(made.whole) == []


def test_what_a_draft_lacks_is_told_case_by_case(studio: Owner) -> None:
    row = begun(studio)
    notices.fill(row, {"sender_telephone": "", "sender_email": "nowhere"}, ["sender_telephone", "sender_email"])
    notices.consider(row, 2, {"purpose": "comment", "nature": "creative", "amount": "whole", "market": "unclear"})
    row = notices.notice(studio, row.number)
    told = missing(row, items_of(row))
    assert {"sender_telephone", "case-2"} <= {gap.at for gap in told}
    assert [gap.at for gap in told if "nowhere" in gap.sentence] == ["sender_email"]


def test_parts_of_a_long_letter_end_where_paragraphs_do_and_are_the_letter() -> None:
    text = "\n\n".join(f"{number} {'x' * 9_000}" for number in range(10))
    parts = parts_of(text)
    assert len(parts) > 1
    assert "".join(parts) == text
    assert all(part.rstrip().endswith("x") for part in parts)
    assert [is_address(one) for one in ("a@b.example", "a@b", "nobody", "")] == [True, False, False, False]
