"""Test extracting a page's text, language and consent banner, and comparing two records of a visit."""

import json
from dataclasses import replace

import pytest

from evidence.facts.cocapture import (
    COMPARED_PROPERTIES,
    Cocapture,
    PartnerResponse,
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
NETWORK = from_plain(NetworkRecord, json.loads(captured_page_files(now(), IMAGE)[CAPTURED[1]]), location="")


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
def test_page_text_is_extracted(page: bytes, text: bytes) -> None:
    assert extract_text(page) == text


def test_endless_markup_is_parsed_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for piece in (b"<", b"<script", b"<!--", b"<html ", b"</script"):
        assert extract_text(piece * 200_000) == b""
        assert get_page_language(piece * 200_000) == ""


def test_language_and_consent_banner_are_detected() -> None:
    assert get_page_language(b'<!doctype html><HTML class="x" lang="zh-Hans">') == "zh-hans"
    assert get_page_language(b'<html><p lang="de">') == ""
    assert get_page_language(b" " * 5000 + b'<html lang="de">') == ""
    assert mentions_consent(b"We use Cookies")
    assert not mentions_consent(PAGE)


def test_identical_visits_agree_in_every_field() -> None:
    seen_by_other = statement(now())
    agrees, differs = compare_statement(seen_by_other, NETWORK, PAGE, Digest.from_bytes(IMAGE))
    assert (agrees, differs) == (tuple(name for name in COMPARED_PROPERTIES if name != "language"), ())


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("text", {"text": Digest.from_bytes(b"x")}),
        ("consent", {"consent": True}),
        ("page", {"page": {"sha256": Digest.from_bytes(b"x")}}),
        ("status", {"page": {"status": 203}}),
        ("server", {"page": {"server": "198.51.100.1"}}),
        ("certificate", {"page": {"certificate": Digest.from_bytes(b"x")}}),
        ("location", {"page": {"final_url": "https://copies.example/elsewhere"}}),
        ("picture", {"picture": {"sha256": Digest.from_bytes(b"x")}}),
    ],
)
def test_each_difference_is_reported(name: str, other: dict[str, dict[str, object]]) -> None:
    seen_by_other = statement(now())
    changed = {
        field: replace(getattr(seen_by_other, field), **value) if isinstance(value, dict) else value
        for field, value in other.items()
    }
    agrees, differs = compare_statement(replace(seen_by_other, **changed), NETWORK, PAGE, Digest.from_bytes(IMAGE))
    assert differs == (name,)
    assert name not in agrees


def test_different_language_is_reported_but_missing_language_is_not() -> None:
    page = b'<html lang="en">A'
    seen_by_other = replace(statement(now()), language="de", text=Digest.from_bytes(extract_text(page)))
    assert "language" in compare_statement(seen_by_other, NETWORK, page, None)[1]
    assert "language" not in sum(compare_statement(seen_by_other, NETWORK, PAGE, None), ())


def test_missing_values_are_not_compared() -> None:
    full = statement(now())
    assert full.picture is not None
    partial = replace(full, picture=replace(full.picture, sha256=None), text=None, page=replace(full.page, sha256=None))
    differences = sum(compare_statement(partial, NETWORK, PAGE, Digest.from_bytes(IMAGE)), ())
    assert not {"picture", "page", "text", "consent"} & set(differences)
    differences = sum(compare_statement(full, NETWORK, None, None), ())
    assert not {"picture", "page", "text", "consent"} & set(differences)


def test_inline_picture_agrees_with_page() -> None:
    inside = replace(statement(now()), picture=None)
    assert "picture" in compare_statement(inside, NETWORK, PAGE, Digest.from_bytes(IMAGE))[0]
    assert "picture" not in sum(compare_statement(inside, NETWORK, PAGE + b" ", Digest.from_bytes(IMAGE)), ())


def test_cocapture_round_trips() -> None:
    record = Cocapture(CHALLENGE, (PartnerResponse("b", "b+1+x", "refused", (), (), None),))
    assert from_plain(Cocapture, parse_json(record.to_json(), label="it"), location="it") == record
