"""Test that a page's text, language and banner are read alike everywhere, and how records are compared."""

import json
from dataclasses import replace

import pytest

from evidence.facts.cocapture import (
    WORDS,
    Cocapture,
    PartnerAnswer,
    asks_consent,
    compare,
    page_language,
    page_text,
)
from evidence.facts.network import NetworkRecord
from evidence.formats.codec import from_plain, parse_json
from exhibit.clock import now
from exhibit.digests import Digest
from tests.assets.bundles import CAPTURED, PAGE, captured_page, found_bytes
from tests.assets.cocaptures import CHALLENGE, statement

IMAGE = found_bytes(1)
NETWORK = from_plain(NetworkRecord, json.loads(captured_page(now(), IMAGE)[CAPTURED[1]]), where="")


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
    assert page_text(page) == text


def test_markup_without_end_takes_no_longer_than_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for piece in (b"<", b"<script", b"<!--", b"<html ", b"</script"):
        assert page_text(piece * 200_000) == b""
        assert page_language(piece * 200_000) == ""


def test_language_and_banner() -> None:
    assert page_language(b'<!doctype html><HTML class="x" lang="zh-Hans">') == "zh-hans"
    assert page_language(b'<html><p lang="de">') == ""
    assert page_language(b" " * 5000 + b'<html lang="de">') == ""
    assert asks_consent(b"We use Cookies")
    assert not asks_consent(PAGE)


def test_everything_agrees_with_the_same_visit() -> None:
    said = statement(now())
    agrees, differs = compare(said, NETWORK, PAGE, Digest.of(IMAGE))
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
    said = statement(now())
    changed = {
        field: replace(getattr(said, field), **value) if isinstance(value, dict) else value
        for field, value in other.items()
    }
    agrees, differs = compare(replace(said, **changed), NETWORK, PAGE, Digest.of(IMAGE))
    assert differs == (name,)
    assert name not in agrees


def test_another_language_is_named_and_none_is_not() -> None:
    page = b'<html lang="en">A'
    said = replace(statement(now()), language="de", text=Digest.of(page_text(page)))
    assert "language" in compare(said, NETWORK, page, None)[1]
    assert "language" not in sum(compare(said, NETWORK, PAGE, None), ())


def test_what_one_side_lacks_neither_agrees_nor_differs() -> None:
    said = statement(now())
    assert said.picture is not None
    lacking = replace(said, picture=replace(said.picture, sha256=None), text=None, page=replace(said.page, sha256=None))
    told = sum(compare(lacking, NETWORK, PAGE, Digest.of(IMAGE)), ())
    assert not {"picture", "page", "text", "consent"} & set(told)
    told = sum(compare(said, NETWORK, None, None), ())
    assert not {"picture", "page", "text", "consent"} & set(told)


def test_a_picture_inside_the_page_agrees_with_the_page() -> None:
    inside = replace(statement(now()), picture=None)
    assert "picture" in compare(inside, NETWORK, PAGE, Digest.of(IMAGE))[0]
    assert "picture" not in sum(compare(inside, NETWORK, PAGE + b" ", Digest.of(IMAGE)), ())


def test_the_file_reads_back() -> None:
    record = Cocapture(CHALLENGE, (PartnerAnswer("b", "b+1+x", "refused", (), (), None),))
    assert from_plain(Cocapture, parse_json(record.to_json(), what="it"), where="it") == record
