"""Test queries of image searches and marketplaces, with local servers of their formats."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.searches.client import SearchHit, SearchRefusedError, SearchRequest, SearchResults, request_results
from crawler.searches.mapping import (
    SearchService,
    read_service,
)
from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.network.guard import Guard
from exhibit.types import SourceStatement, SourceStatementKind
from tests import CHECKOUT
from tests.assets.searches import (
    KEY,
    MARKET,
    copy_tineye_mapping,
    json_response,
    query_parameters,
    tineye_answer,
    tineye_error,
)
from tests.assets.site import Answer, Site

GUARD = Guard(("127.0.0.0/8",))
SEARCH = "/rest/search/"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def tineye(site: Site, tmp_path: Path) -> SearchService:
    copy_tineye_mapping(tmp_path, site)
    return read_service((tmp_path / "searches" / "tineye.toml").read_text(encoding="utf-8"))


@pytest.fixture
def market(site: Site) -> SearchService:
    return read_service(MARKET.format(url=site.url("")))


def query_tineye(service: SearchService, **more: int) -> SearchResults:
    return request_results(service, KEY, SearchRequest(picture=b"\xff\xd8picture", **more), GUARD)  # type: ignore[arg-type]


def test_tineye_request_has_picture_and_key_and_backlinks_are_read(tineye: SearchService, site: Site) -> None:
    links = [("https://a.example/1.jpg", "https://a.example/"), ("https://b.example/2.jpg", "https://b.example/shop")]
    site.routes[SEARCH] = tineye_answer(links)
    result = query_tineye(tineye)
    where = site.url("").rstrip("/")
    statement = SourceStatement(kind=SourceStatementKind.SEARCH_SAW, by="TinEye", stated="2026-03-01", where=where)
    assert result.hits == tuple(SearchHit(image, page, "", (statement,)) for image, page in links)
    assert not result.has_more
    [request] = site.requests
    assert request.headers["x-api-key"] == KEY
    assert b'name="image_upload"; filename="picture.jpg"\r\nContent-Type: image/jpeg\r\n' in request.body
    assert b"\xff\xd8picture" in request.body
    assert KEY not in request.path
    assert KEY.encode() not in request.body


def test_tineye_results_are_paginated(tineye: SearchService, site: Site) -> None:
    site.routes[SEARCH] = tineye_answer([("https://a.example/1.jpg", "https://a.example/")], total=150)
    assert query_tineye(tineye).has_more
    assert not query_tineye(tineye, offset=100).has_more
    assert b'name="offset"\r\n\r\n100' in site.requests[-1].body


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (400, "The image is too small or too simple.", "unsearchable"),
        (401, "Please provide a valid API key.", "key"),
        (402, "You have no more searches available.", "quota"),
        (429, "Too many requests.", "busy"),
        (500, "Internal error.", "failed"),
    ],
)
def test_tineye_errors_are_distinguished_and_never_expose_the_key(
    tineye: SearchService, site: Site, code: int, message: str, reason: str
) -> None:
    site.routes[SEARCH] = tineye_error(code, message)
    with pytest.raises(SearchRefusedError) as refused:
        query_tineye(tineye)
    assert refused.value.reason == reason
    assert KEY not in str(refused.value)
    assert refused.value.__cause__ is None


def test_error_code_in_body_overrides_status(tineye: SearchService, site: Site) -> None:
    site.routes[SEARCH] = json_response({"code": 402, "messages": []}, 200)
    with pytest.raises(SearchRefusedError) as refused:
        query_tineye(tineye)
    assert refused.value.reason == "quota"


def test_retry_delay_is_parsed(tineye: SearchService, site: Site) -> None:
    site.routes[SEARCH] = tineye_error(429, "Too many requests.", Retry_After="90")
    with pytest.raises(SearchRefusedError) as refused:
        query_tineye(tineye)
    assert refused.value.wait == 90


def test_mapping_for_a_marketplace_searches_by_words_with_pagination(market: SearchService, site: Site) -> None:
    item = {"name": "Poster\u0000 A", "link": "/offer/1", "pictures": [{"href": "//img.example/1.jpg"}]}
    site.routes["/offers"] = json_response({"data": {"items": [item, {"name": "no picture"}, 7], "next": "abc"}})
    result = request_results(market, KEY, SearchRequest(words="red & {key} bicycle"), GUARD)
    assert result == SearchResults(
        (SearchHit("http://img.example/1.jpg", site.url("/offer/1"), "Poster A"),), 3, "abc", has_more=True
    )
    assert query_parameters(site.requests[-1]) == {"q": "red & {key} bicycle", "key": KEY, "limit": "2"}
    request_results(market, KEY, SearchRequest(words="x", page="abc"), GUARD)
    assert query_parameters(site.requests[-1])["cursor"] == "abc"


def test_picture_is_sent_as_base64_in_a_json_body(site: Site) -> None:
    text = MARKET.format(url=site.url("")).replace(
        "[request]\n", '[request]\nmethod = "POST"\nbody = "json"\npicture = "image"\n'
    )
    site.routes["/offers"] = json_response({"data": {"items": []}})
    request_results(read_service(text), KEY, SearchRequest(picture=b"bytes"), GUARD)
    assert base64.b64decode(json.loads(site.requests[-1].body)["image"]) == b"bytes"


@pytest.mark.parametrize(
    "strange",
    [
        Answer(b"<html>"),
        Answer(b"[" * 100_000),
        Answer(b"", status=204),
        Answer(b"x" * 9_000_000),
        Answer(status=302, headers=(("Location", "/elsewhere"),)),
    ],
)
def test_invalid_response_fails_and_redirect_does_not_leak_the_key(
    market: SearchService, site: Site, strange: Answer
) -> None:
    site.routes["/offers"] = strange
    with pytest.raises(RefusedError) as refused:
        request_results(market, KEY, SearchRequest(words="x"), GUARD)
    assert refused.value.reason in ("failed", "too-many-bytes")
    assert KEY not in str(refused.value)
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "value", [None, [], "text", {"data": 5}, {"data": {"items": "text"}}, {"data": {"items": [None]}}]
)
def test_response_of_unexpected_structure_yields_no_results(market: SearchService, site: Site, value: object) -> None:
    site.routes["/offers"] = json_response(value if isinstance(value, dict | list) else {"data": value})
    assert request_results(market, KEY, SearchRequest(words="x"), GUARD).hits == ()


def test_url_of_the_search_service_is_checked_by_the_guard(market: SearchService) -> None:
    with pytest.raises(RefusedError) as refused:
        request_results(market, KEY, SearchRequest(words="x"), Guard())
    assert refused.value.reason in ("private-address", "port")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('results = "data.items[]"', "", "answer.results"),
        ('name = "The market"', 'nam = "The market"', "nam"),
        ('url = "', 'url = "ftp:', "request.url"),
        ("size = 2", "size = 0", "pace.size"),
        ("seconds = 0.0", "seconds = 900.0", "pace.seconds"),
        ("[pace]", "[pace", "TOML"),
        ("[request]\n", '[request]\nmethod = "DELETE"\n', "request.method"),
    ],
)
def test_invalid_mapping_error_names_its_field(old: str, new: str, field: str) -> None:
    text = MARKET.format(url="https://market.example").replace(old, new, 1)
    with pytest.raises(InvalidRequestError, match=field.replace(".", r"\.")):
        read_service(text)


def test_documentation_examples_are_valid_mappings() -> None:
    text = (CHECKOUT / "docs" / "reference" / "search-mappings.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```\n(# searches/market.toml\n.*?)```", text, re.DOTALL)
    assert read_service(example).name == "The market"
    (shop,) = re.findall(r"```\n# searches/poster-shop.toml\n(.*?)```", text, re.DOTALL)
    assert read_service(re.sub("^# ?", "", shop, flags=re.MULTILINE)).query_kind == "nothing"
