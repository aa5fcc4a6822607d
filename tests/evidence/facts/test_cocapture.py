"""Test that a page's text, language and banner are read alike everywhere, and how records are compared."""

import json
from dataclasses import replace

import pytest

from evidence.facts.cocapture import (
    WORDS,
    Cocapture,
    PartnerAnswer,
    compare_statement,
    extract_text,
    get_page_language,
    mentions_consent,
)
from evidence.facts.network import NetworkRecord
from evidence.formats.codec import from_plain, parse_json
from exhibit.clock import now
from exhibit.digests import Digest
from tests.assets.bundles import CAPTURED, PAGE, captured_page_files, found_bytes
from tests.assets.confirmed_captures import CHALLENGE, statement

IMAGE = found_bytes(1)
NETWORK = from_plain(NetworkRecord, json.loads(captured_page_files(now(), IMAGE)[CAPTURED[1]]), where="")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (b"", b""),
        (b"<p>A\n  b</p>c", b"A b c"),
        (b"a<script>if (1 < 2) x()</script>b<STYLE >p{}</StyLe >c", b"a b c"),
        (b"a<!-- <p>b --> c --> d", b"a c --> d"),
        (b"a<script>b", b"a"),
        (b"a<b", b"a"),
        (b"a<scripts>b</scripts>c", b"a b c"),
        (b"\xff\xa0\x85 \x0b x", b"\xff\xa0\x85 x"),
        (b"a &amp; b", b"a &amp; b"),
    ],
)
def test_the_text_of_a_page(page: bytes, text: bytes) -> None:
    assert extract_text(page) == text


def test_markup_without_end_takes_no_longer_than_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for piece in (b"<", b"<script", b"<!--", b"<html ", b"</script"):
        assert extract_text(piece * 200_000) == b""
        assert get_page_language(piece * 200_000) == ""


def test_language_and_banner() -> None:
    assert get_page_language(b'<!doctype html><HTML class="x" lang="zh-Hans">') == "zh-hans"
    assert get_page_language(b'<html><p lang="de">') == ""
    assert get_page_language(b" " * 5000 + b'<html lang="de">') == ""
    assert mentions_consent(b"We use Cookies")
    assert not mentions_consent(PAGE)


def test_everything_agrees_with_the_same_visit() -> None:
    seen_by_other = statement(now())
    agrees, differs = compare_statement(seen_by_other, NETWORK, PAGE, Digest.of(IMAGE))
    assert (agrees, differs) == (tuple(name for name in WORDS if name != "language"), ())


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("text", {"text": Digest.of(b"x")}),
        ("consent", {"consent": True}),
        ("page", {"page": {"sha256": Digest.of(b"x")}}),
        ("status", {"page": {"status": 203}}),
        ("server", {"page": {"server": "198.51.100.1"}}),
        ("certificate", {"page": {"certificate": Digest.of(b"x")}}),
        ("location", {"page": {"final_url": "https://copies.example/elsewhere"}}),
        ("picture", {"picture": {"sha256": Digest.of(b"x")}}),
    ],
)
def test_each_difference_has_its_name(name: str, other: dict[str, dict[str, object]]) -> None:
    seen_by_other = statement(now())
    changed = {
        field: replace(getattr(seen_by_other, field), **value) if isinstance(value, dict) else value
        for field, value in other.items()
    }
    agrees, differs = compare_statement(replace(seen_by_other, **changed), NETWORK, PAGE, Digest.of(IMAGE))
    assert differs == (name,)
    assert name not in agrees


def test_another_language_is_named_and_none_is_not() -> None:
    page = b'<html lang="en">A'
    seen_by_other = replace(statement(now()), language="de", text=Digest.of(extract_text(page)))
    assert "language" in compare_statement(seen_by_other, NETWORK, page, None)[1]
    assert "language" not in sum(compare_statement(seen_by_other, NETWORK, PAGE, None), ())


def test_what_one_side_lacks_neither_agrees_nor_differs() -> None:
    full = statement(now())
    assert full.picture is not None
    partial = replace(full, picture=replace(full.picture, sha256=None), text=None, page=replace(full.page, sha256=None))
    differences = sum(compare_statement(partial, NETWORK, PAGE, Digest.of(IMAGE)), ())
    assert not {"picture", "page", "text", "consent"} & set(differences)
    differences = sum(compare_statement(full, NETWORK, None, None), ())
    assert not {"picture", "page", "text", "consent"} & set(differences)


def test_a_picture_inside_the_page_agrees_with_the_page() -> None:
    inside = replace(statement(now()), picture=None)
    assert "picture" in compare_statement(inside, NETWORK, PAGE, Digest.of(IMAGE))[0]
    assert "picture" not in sum(compare_statement(inside, NETWORK, PAGE + b" ", Digest.of(IMAGE)), ())


def test_the_file_reads_back() -> None:
    record = Cocapture(CHALLENGE, (PartnerAnswer("b", "b+1+x", "refused", (), (), None),))
    assert from_plain(Cocapture, parse_json(record.to_json(), what="it"), where="it") == record
