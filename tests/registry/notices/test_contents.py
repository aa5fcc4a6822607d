"""Test a notice's statements about its cases, and what a draft lacks before it can be signed."""

from functools import partial

import pytest
from django.utils import timezone

from exhibit.clock import now
from exhibit.types import SourceStatement, SourceStatementKind
from registry.crawls.external_statements import statements_to_json
from registry.db.rows import copy_columns
from registry.models import ArchiveLookup, Owner, Work
from registry.notices import notices
from registry.notices.checker import find_gaps, list_gap_sentences, list_unregistered_in_us
from registry.notices.contents import build_items, build_letter, split_letter
from registry.notices.wording import FOLDER, load_shipped_wording
from registry.services.mail import is_email_address
from tests.assets.chinese import find_english, find_half_width
from tests.assets.notice_drafts import create_draft
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]

PERMITTED_ENGLISH_WORDS = {
    "Agent", "Ann", "Copyright", "Example", "Harbour", "Kiel", "Road", "Studio", "Two", "harbour", "owner",
    "parrots",
}  # fmt: skip
"""English words in the test data, which a Chinese notice may contain."""


def test_notice_lists_each_case_with_its_pages_and_is_complete(studio: Owner) -> None:
    row = create_draft(studio)
    items = build_items(row)
    assert [(item.row.case.number, len(item.current_places), item.shown is not None) for item in items] == [
        (1, 1, True),
        (2, 1, True),
    ]
    assert list_gap_sentences(row, items) == []
    document = build_letter(row, items)
    for phrase in ("Two parrots", "A harbour", "http://shop.example/page-0", "Ann Example", "agent@shop.example"):
        assert phrase in document.text
    assert document.text != document.signed_text
    assert list_unregistered_in_us(items) == [1, 2]


def test_notice_is_dated_in_the_installation_time_zone(studio: Owner) -> None:
    row, moment = create_draft(studio), now()
    with timezone.override("Etc/GMT+12" if moment.hour < 12 else "Pacific/Kiritimati"):
        assert build_letter(row).day == timezone.localdate(moment) != moment.date()


@pytest.mark.parametrize(
    ("kind", "language"), sorted(tuple(path.stem.split(".")) for path in FOLDER.glob("*.toml")), ids=str
)
def test_notice_omits_undeclared_facts(studio: Owner, kind: str, language: str) -> None:
    Work.objects.update(author="", first_publication="", registrations=[])
    row = create_draft(studio, kind, language)
    text, placeholder = (
        build_letter(row, build_items(row)).text,
        load_shipped_wording(kind, language).phrases["not_stated"],
    )
    for line in (line for line in text.splitlines() if placeholder in line):
        assert line.endswith((f": {placeholder}", f"：{placeholder}")), line
    assert "None" not in text
    Work.objects.update(author="Ann Example")
    assert "Ann Example" in build_letter(row, build_items(row)).text.partition("Two parrots")[2][:120]


@pytest.mark.parametrize(
    ("kind", "language", "phrase"),
    [
        ("dmca", "en", "The Internet Archive states that it has a capture of this image URL, dated March 3, 2019: "),
        ("dsa", "de", "Das Internet Archive nennt eine Aufnahme dieser Bildadresse vom 03.03.2019: "),
        ("dsa", "fr", "Internet Archive indique une capture de l'adresse de cette image du 03/03/2019 : "),
        ("prc", "zh-Hans", "互联网档案馆（Internet Archive）称其存有该图片网址于2019年3月3日的存档："),
    ],
)
def test_notice_names_the_archive_capture_and_its_source(studio: Owner, kind: str, language: str, phrase: str) -> None:
    row = create_draft(studio, kind, language)
    assert "Internet Archive" not in build_letter(row).text
    case = studio.cases.get(number=1)
    sighting = case.case_sightings.get().sighting
    make_statement = partial(
        SourceStatement, kind=SourceStatementKind.ARCHIVE_CAPTURED, by="Internet Archive", where="https://a.example/1"
    )
    statements = [
        make_statement(of="page", stated="2018-01-01T00:00:00Z"),
        make_statement(stated="2019-03-03T23:59:59Z"),
        make_statement(stated=""),
    ]
    ArchiveLookup.objects.create(
        case=case, sighting=sighting, **copy_columns(sighting, "page_key", "image_key"), requested_by="Ann",
        requested_at=now(), answered_at=now(), state="done", elsewhere=statements_to_json(statements),
    )  # fmt: skip
    [line] = [text_line for text_line in build_letter(row).text.splitlines() if "Internet Archive" in text_line]
    assert line.startswith(f"{phrase}https://a.example/1")


def test_unsigned_notice_ends_with_a_signature_line(studio: Owner) -> None:
    row = create_draft(studio)
    assert build_letter(row).text.rstrip().endswith("(not signed)\nAnn Example, owner")
    for unknown, ending in (("sender_capacity", "\nAnn Example"), ("sender_name", "")):
        notices.save_fields(row, {unknown: ""}, [unknown])
        row = notices.get_notice(studio, row.number)
        assert build_letter(row).text.rstrip().endswith(f"(not signed){ending}")


def test_chinese_notice_contains_no_untranslated_text_of_exhibit(studio: Owner) -> None:
    for kind in ("prc", "offer"):
        row = create_draft(studio, kind, "zh-Hans")
        document = build_letter(row, build_items(row))
        assert find_english(f"{document.subject} {document.full_text}", PERMITTED_ENGLISH_WORDS) == []
        assert find_half_width(document.full_text) == []


def test_missing_fields_of_a_draft_are_listed_by_case(studio: Owner) -> None:
    row = create_draft(studio)
    notices.save_fields(row, {"sender_telephone": "", "sender_email": "nowhere"}, ["sender_telephone", "sender_email"])
    notices.save_considerations(
        row, 2, {"purpose": "comment", "nature": "creative", "amount": "whole", "market": "unclear"}
    )
    row = notices.get_notice(studio, row.number)
    problems = find_gaps(row, build_items(row))
    assert {"sender_telephone", "case-2"} <= {gap.field_name for gap in problems}
    assert [gap.field_name for gap in problems if "nowhere" in gap.sentence] == ["sender_email"]


def test_long_notice_is_split_at_paragraphs_without_loss() -> None:
    text = "\n\n".join(f"{number} {'x' * 9_000}" for number in range(10))
    parts = split_letter(text)
    assert len(parts) > 1
    assert "".join(parts) == text
    assert all(part.rstrip().endswith("x") for part in parts)
    assert [is_email_address(address) for address in ("a@b.example", "a@b", "nobody", "")] == [
        True,
        False,
        False,
        False,
    ]
