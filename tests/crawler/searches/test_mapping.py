"""Test the errors of broken mappings, and the bundled mappings with a local server of each documented format.

None of them was tested with the vendor's own server.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crawler.searches.client import SearchRefusedError, SearchRequest, SearchResults, request_results
from crawler.searches.mapping import SearchService, read_service
from exhibit.errors import InvalidRequestError
from exhibit.network.guard import Guard
from registry.crawls.search_services import BUILT_IN_FOLDER
from tests.assets.searches import (
    DOCUMENTED,
    EBAY_TOKEN,
    MARKET,
    PATHS,
    basic_credentials,
    copy_shipped_mapping,
    ebay_answer,
    ebay_token,
    json_response,
    mastodon_status,
    query_parameters,
    tineye_error,
)
from tests.assets.site import Answer, Site

GUARD = Guard(("127.0.0.0/8",))
PAIR = "the-id:the-secret,+of/it"
JPEG = b"\xff\xd8picture"
NAMES = sorted(path.stem for path in BUILT_IN_FOLDER.glob("*.toml"))
GARBAGE = (
    Answer(b"<html>", "application/json"),
    Answer(b"\xff{", "application/json"),
    Answer(b"7", "application/json"),
)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        running.routes[EBAY_TOKEN] = ebay_token()
        yield running


def load_shipped_mapping(name: str, site: Site, folder: Path) -> SearchService:
    return read_service(copy_shipped_mapping(folder, name, site).read_text(encoding="utf-8"))


def query_service(service: SearchService, key: str = PAIR, offset: int = 0) -> SearchResults:
    what = (
        SearchRequest(picture=JPEG, offset=offset)
        if service.takes_pictures
        else SearchRequest(words="red wave", offset=offset)
    )
    return request_results(service, key, what, GUARD)


def query_refused(service: SearchService, key: str = PAIR) -> SearchRefusedError:
    with pytest.raises(SearchRefusedError) as raised:
        query_service(service, key)
    assert "secret" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("name", NAMES)
def test_bundled_mapping_parses_documented_response(name: str, site: Site, tmp_path: Path) -> None:
    site.routes[PATHS[name]], places = DOCUMENTED[name]
    result = query_service(load_shipped_mapping(name, site, tmp_path))
    assert tuple((place.image, place.page) for place in result.hits) == places
    assert not result.has_more


@pytest.mark.parametrize("name", NAMES)
def test_bundled_mapping_is_described_in_every_language(name: str) -> None:
    service = read_service((BUILT_IN_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    for conditions in (service.conditions, service.conditions_in["zh-hans"]):
        assert conditions.costs
        assert conditions.sends
        assert conditions.terms.startswith("https://")
    assert service.about
    assert service.about_in["zh-hans"]
    assert service.keys.startswith("https://" if service.key_form else "")
    assert bool(service.keys) == bool(service.key_form)
    assert ("1,024 pixels" in service.conditions.sends) == service.takes_pictures


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("garbage", GARBAGE)
def test_malformed_response_fails_without_retry(name: str, garbage: Answer, site: Site, tmp_path: Path) -> None:
    site.routes[PATHS[name]] = garbage
    assert query_refused(load_shipped_mapping(name, site, tmp_path)).reason == "failed"
    assert site.count_requests(PATHS[name]) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_rate_limit_response_reports_retry_time(name: str, site: Site, tmp_path: Path) -> None:
    headers = (("Retry-After", "77"),)
    site.routes[PATHS[name]] = Answer(b"{}", "application/json", 429, headers)
    error = query_refused(load_shipped_mapping(name, site, tmp_path))
    assert (error.reason, error.wait) == ("busy", 77)


INVALID_KEY = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}
WRONG_KEY = {
    "tineye": tineye_error(401, "Please provide a valid API key."),
    "google-vision": json_response(INVALID_KEY, 400),
    "yandex-images": json_response({"code": 16, "message": "Unknown api key"}, 401),
    "ebay": json_response({"errors": [{"errorId": 1001, "message": "Invalid access token"}]}, 401),
    "ebay-images": json_response({"errors": [{"errorId": 1100, "message": "Access denied"}]}, 403),
    "etsy": json_response({"error": "Shared secret is required in x-api-key header."}, 403),
    "europeana": json_response({"apikey": "wrong", "success": False, "error": "Invalid API key"}, 401),
}
WRONG_PICTURE = {
    "tineye": tineye_error(400, "The image is too small or too simple."),
    "google-vision": json_response({"responses": [{"error": {"code": 3, "message": "Bad image data."}}]}),
    "yandex-images": json_response({"code": 3, "message": "Invalid image"}, 400),
    "ebay-images": json_response({"errors": [{"errorId": 12003, "message": "Invalid image"}]}, 400),
}


@pytest.mark.parametrize("name", WRONG_KEY)
def test_invalid_key_is_distinguished_from_refused_picture(name: str, site: Site, tmp_path: Path) -> None:
    service = load_shipped_mapping(name, site, tmp_path)
    site.routes[PATHS[name]] = WRONG_KEY[name]
    assert query_refused(service).reason == "key"
    assert service.takes_pictures == (name in WRONG_PICTURE)
    if name in WRONG_PICTURE:
        site.routes[PATHS[name]] = WRONG_PICTURE[name]
        assert query_refused(service).reason == "unsearchable"


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(WRONG_KEY)))
def test_refusal_by_a_search_without_key_is_not_reported_as_invalid_key(name: str, site: Site, tmp_path: Path) -> None:
    site.routes[PATHS[name]] = json_response({"error": "This method requires an authenticated user"}, 401)
    error = query_refused(load_shipped_mapping(name, site, tmp_path))
    assert error.reason == "failed"
    assert "401" in str(error)


def test_commons_and_openverse_results_are_paginated_by_the_rules_of_each_api(site: Site, tmp_path: Path) -> None:
    more = {"continue": {"gsroffset": 50, "continue": "gsroffset||"}, "query": {"pages": []}}
    site.routes[PATHS["wikimedia-commons"]] = json_response(more)
    commons = load_shipped_mapping("wikimedia-commons", site, tmp_path)
    assert query_service(commons).next_page == "50"
    request_results(commons, "", SearchRequest(words="red wave", page="50"), GUARD)
    assert [query_parameters(request).get("gsroffset") for request in site.requests] == [None, "50"]
    assert query_parameters(site.requests[0])["gsrsearch"] == "red wave"
    site.routes[PATHS["openverse"]] = json_response({"result_count": 30, "results": [{}] * 20})
    openverse = load_shipped_mapping("openverse", site, tmp_path)
    assert query_service(openverse, offset=0).has_more
    assert not query_service(openverse, offset=20).has_more
    assert [query_parameters(request)["page"] for request in site.requests[2:]] == ["1", "2"]


def test_mastodon_link_header_to_other_host_is_not_followed(site: Site, tmp_path: Path) -> None:
    tag = PATHS["mastodon"]
    mastodon = load_shipped_mapping("mastodon", site, tmp_path)
    following = site.url(f"{tag}?max_id=7&only_media=true")
    site.routes[tag] = json_response(
        [mastodon_status(7)], Link=f'<{following}>; rel="next", <{site.url(tag)}>; rel="prev"'
    )
    result = query_service(mastodon)
    assert (result.next_page, result.has_more) == (following, True)
    request_results(mastodon, "", SearchRequest(words="red wave", page=result.next_page), GUARD)
    assert [query_parameters(request) for request in site.requests] == [
        {"only_media": "true", "limit": "40"},
        {"max_id": "7", "only_media": "true"},
    ]
    site.routes[tag] = json_response([mastodon_status(7)], Link='<https://other.example/next>; rel="next"')
    assert not query_service(mastodon).has_more


def test_search_words_become_one_mastodon_tag_or_flickr_tags(site: Site, tmp_path: Path) -> None:
    flickr, tag = load_shipped_mapping("flickr-feed", site, tmp_path), "/api/v1/timelines/tag/redwavex"
    site.routes = {PATHS["flickr-feed"]: json_response({"items": []}), tag: json_response([])}
    for words, tags in (("red wave", "red,wave"), ("red wave, fuji ,", "red wave,fuji"), ("海浪", "海浪")):
        request_results(flickr, "", SearchRequest(words=words), GUARD)
        assert query_parameters(site.requests[-1])["tags"] == tags
    request_results(load_shipped_mapping("mastodon", site, tmp_path), "", SearchRequest(words="#red wave/../x?"), GUARD)
    assert site.requests[-1].path.partition("?")[0] == tag


def test_words_are_inserted_into_url_path_but_never_host() -> None:
    text = (BUILT_IN_FOLDER / "mastodon.toml").read_text(encoding="utf-8")
    for url in ("https://{words}/api", "https://{words}.example/", "https://a.example/?q={words}", "https://{key}.e/"):
        with pytest.raises(InvalidRequestError, match=r"request\.url"):
            read_service(text.replace("https://mastodon.social/api/v1/timelines/tag/{tag}", url))


def test_vision_request_has_nested_picture_and_header_key(site: Site, tmp_path: Path) -> None:
    site.routes[PATHS["google-vision"]] = json_response({"responses": [{}]})
    assert query_service(load_shipped_mapping("google-vision", site, tmp_path), "the-key").hits == ()
    [received] = site.requests
    assert received.headers["x-goog-api-key"] == "the-key"
    (request,) = json.loads(received.body)["requests"]
    assert base64.b64decode(request["image"]["content"]) == JPEG
    assert request["features"] == [{"type": "WEB_DETECTION", "maxResults": 100}]


def test_yandex_request_has_both_key_parts_and_page_number(site: Site, tmp_path: Path) -> None:
    site.routes[PATHS["yandex-images"]] = json_response({})
    query_service(load_shipped_mapping("yandex-images", site, tmp_path))
    query_service(load_shipped_mapping("yandex-images", site, tmp_path), offset=100)
    first, third = (json.loads(request.body) for request in site.requests)
    assert (first["folderId"], first["page"], third["page"]) == ("the-id", 0, 2)
    assert base64.b64decode(first["data"]) == JPEG
    assert site.requests[0].headers["authorization"] == "Api-Key the-secret,+of/it"


def test_etsy_request_has_keystring_and_shared_secret(site: Site, tmp_path: Path) -> None:
    site.routes[PATHS["etsy"]], _places = DOCUMENTED["etsy"]
    query_service(load_shipped_mapping("etsy", site, tmp_path))
    assert query_parameters(site.requests[0]) == {
        "keywords": "red wave",
        "sort_on": "score",
        "limit": "25",
        "offset": "0",
    }
    assert site.requests[0].headers["x-api-key"] == PAIR


def test_internet_archive_returns_titles_and_publication_dates(site: Site, tmp_path: Path) -> None:
    items = [
        {"identifier": "wave_1905", "title": "Red wave", "publicdate": "2015-03-18T10:12:13Z"},
        {"identifier": "wave_1906", "title": ["Blue wave", "Vague bleue"]},
        {"identifier": "wave_1907"},
    ]
    site.routes[PATHS["internet-archive"]] = json_response({"response": {"numFound": 3, "start": 0, "docs": items}})
    places = query_service(load_shipped_mapping("internet-archive", site, tmp_path)).hits
    assert [place.title for place in places] == ["Red wave", "Blue wave", ""]
    assert [[statement.stated for statement in place.elsewhere] for place in places] == [
        ["2015-03-18T10:12:13Z"],
        [],
        [],
    ]
    fields = query_parameters(site.requests[0])
    assert [fields[f"fl[{place}]"] for place in range(3)] == ["identifier", "title", "publicdate"]


@pytest.mark.parametrize("name", ["ebay", "ebay-images"])
def test_ebay_search_paginates_by_offset_with_a_single_access_token(name: str, site: Site, tmp_path: Path) -> None:
    service = load_shipped_mapping(name, site, tmp_path)
    service = replace(service, pace=replace(service.pace, size=2))
    site.routes[PATHS[name]] = lambda request: ebay_answer(3, int(query_parameters(request)["offset"]))
    site.routes[EBAY_TOKEN] = ebay_token(f"for {name}")
    first, second = query_service(service), query_service(service, offset=2)
    assert (first.has_more, second.has_more) == (True, False)
    assert not set(first.hits) & set(second.hits)
    assert site.count_requests(EBAY_TOKEN) == 1
    token, *searches = site.requests
    assert basic_credentials(token) == "the-id:the-secret%2C%2Bof%2Fit"
    assert token.body == b"grant_type=client_credentials&scope=https%3A%2F%2Fapi.ebay.com%2Foauth%2Fapi_scope"
    for request in searches:
        assert request.headers["authorization"] == f"Bearer for {name}"
        assert request.headers["x-ebay-c-marketplace-id"] == "EBAY_US"
    assert query_parameters(searches[0]).get("q", "red wave") == "red wave"
    assert not searches[0].body or base64.b64decode(json.loads(searches[0].body)["image"]) == JPEG


def test_rejected_access_token_is_renewed_once(site: Site, tmp_path: Path) -> None:
    tokens = iter(["first", "second", "third"])
    site.routes[EBAY_TOKEN] = lambda _request: ebay_token(next(tokens))
    good, expired = {"first"}, json_response({"errors": [{"errorId": 1001}]}, 401)
    site.routes[PATHS["ebay"]] = lambda request: (
        ebay_answer() if request.headers["authorization"].removeprefix("Bearer ") in good else expired
    )
    service = load_shipped_mapping("ebay", site, tmp_path)
    assert query_service(service).hits
    good.clear()
    good.add("second")
    request_counts: list[int] = []
    assert request_results(
        service, PAIR, SearchRequest(words="red wave"), GUARD, lambda: request_counts.append(len(site.requests))
    ).hits
    assert request_counts == [2, 4]  # counted before sending; token requests are not counted
    assert (site.count_requests(EBAY_TOKEN), len(site.requests)) == (2, 5)
    good.clear()
    assert query_refused(service).reason == "key"
    assert site.count_requests(EBAY_TOKEN) == 3


def test_access_token_is_cached_per_key_until_it_expires(site: Site, tmp_path: Path) -> None:
    site.routes[PATHS["ebay"]] = ebay_answer()
    service = load_shipped_mapping("ebay", site, tmp_path)
    site.routes[EBAY_TOKEN] = ebay_token(expires_in=1)
    query_service(service)
    query_service(service)
    assert site.count_requests(EBAY_TOKEN) == 2
    site.routes[EBAY_TOKEN] = ebay_token()
    query_service(service)
    query_service(service)
    query_service(service, "other:secret")
    assert site.count_requests(EBAY_TOKEN) == 4


@pytest.mark.parametrize(
    ("token_response", "reason", "wait"),
    [
        (json_response({"error": "invalid_client"}, 401), "key", None),
        (json_response({"error": "invalid_scope"}, 400), "key", None),
        (Answer(b"", "text/html", 429, (("Retry-After", "9"),)), "busy", 9),
        (Answer(b"<html>"), "failed", None),
        (json_response({"access_token": "two\nlines"}), "failed", None),
        (json_response({"access_token": 7}), "failed", None),
        (json_response({}, 500), "failed", None),
        (Answer(status=302, headers=(("Location", "/elsewhere"),)), "failed", None),
    ],
)
def test_search_is_skipped_without_an_access_token(
    token_response: Answer, reason: str, wait: float | None, site: Site, tmp_path: Path
) -> None:
    site.routes[EBAY_TOKEN] = token_response
    error = query_refused(load_shipped_mapping("ebay", site, tmp_path))
    assert (error.reason, error.wait, site.requested_paths()) == (reason, wait, [EBAY_TOKEN])


JSON_BODY = (
    '[request]\nmethod = "POST"\njson = { a = [{ b = "{words}", n = "{offset}", next = "{page}", t = true }] }\n'
)


def test_nested_body_is_filled_and_parameters_go_to_the_url(site: Site) -> None:
    site.routes["/offers"] = json_response({"data": {"items": []}})
    service = read_service(MARKET.format(url=site.url("")).replace("[request]\n", JSON_BODY))
    for page in ("", "{words}"):
        request_results(service, "k", SearchRequest(words="{key}", page=page, offset=4), GUARD)
    first, second = (json.loads(request.body)["a"] for request in site.requests)
    assert first == [{"b": "{key}", "n": 4, "t": True}]
    assert second[0]["next"] == "{words}"
    assert query_parameters(site.requests[0]) == {"q": "{key}", "key": "k", "limit": "2"}


def test_pagination_ends_at_first_partial_page(site: Site) -> None:
    text = MARKET.format(url=site.url("")).replace("[request]\n", "[request]\nfirst_page = 1\n")
    service = read_service(text.replace('next = "data.next"', ""))
    items = [{"pictures": [{"href": f"https://img.example/{number}.jpg"}]} for number in range(3)]
    site.routes["/offers"] = lambda request: json_response(
        {"data": {"items": items[:2] if query_parameters(request)["cursor"] == "1" else items[2:]}}
    )
    assert request_results(service, "k", SearchRequest(words="x"), GUARD).has_more
    assert not request_results(service, "k", SearchRequest(words="x", offset=2), GUARD).has_more
    assert [query_parameters(request)["cursor"] for request in site.requests] == ["1", "2"]


@pytest.mark.parametrize(
    ("link", "asked_next"),
    [
        ("/offers?after=2", "/offers?after=2"),
        ("https://elsewhere.example/offers?after=2", ""),
        ("//127.0.0.2/offers", ""),
        ("/offers?after=2&key=the%2Fkey", ""),
        ("", ""),
    ],
)
def test_next_link_is_followed_unchanged_without_leaking_the_key(link: str, asked_next: str, site: Site) -> None:
    text = MARKET.format(url=site.url("")).replace('next = "data.next"', 'link = "data.next"')
    service = read_service(text.replace("[request]\n", '[request]\nheaders = { x-key = "{key}" }\n'))
    site.routes["/offers"] = json_response({"data": {"items": [], "next": link}})
    result = request_results(service, "the/key", SearchRequest(words="x"), GUARD)
    assert (result.has_more, result.next_page) == (bool(asked_next), asked_next and site.url(asked_next))
    if asked_next:
        request_results(service, "the/key", SearchRequest(words="x", page=result.next_page, offset=2), GUARD)
        assert site.requests[-1].path == asked_next
        assert site.requests[-1].headers["x-key"] == "the/key"


SHOP = """
name = "A shop"

[request]
url = "{url}/products.json"
first_page = 1
parameters = {{ limit = "{{size}}", page = "{{page}}" }}

[answer]
results = "products[]"
image = "images[].src"
page = "/products/{{handle}}"
title = "title"
"""


def test_full_catalogue_listing_needs_no_key_or_words(site: Site) -> None:
    products = [
        {"title": "Mug", "handle": "mug & co", "images": [{"src": "https://cdn.example/1.jpg"}, {"src": None}]},
        {"title": "No picture", "handle": "none", "images": []},
        {"title": "No handle", "images": [{"src": "https://cdn.example/2.jpg"}]},
    ]
    site.routes["/products.json"] = json_response({"products": products})
    service = read_service(SHOP.format(url=site.url("")))
    assert (service.query_kind, service.key_form) == ("nothing", "")
    places = request_results(service, "", SearchRequest(words="A shop"), GUARD).hits
    assert [(place.image, place.page) for place in places] == [
        ("https://cdn.example/1.jpg", site.url("/products/mug%20%26%20co")),
        ("https://cdn.example/2.jpg", "https://cdn.example/2.jpg"),
    ]
    assert query_parameters(site.requests[0]) == {"limit": "50", "page": "1"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"{{words}}"', '"{{word}}"', r"request\.parameters\.q .*\{word\}.*Use one of .*\{words\}"),
        ("[request]\n", '[request]\nheaders = {{ a = "{{picture}}" }}\n', r"request\.headers\.a .*\{picture\}"),
        ("[request]\n", '[request]\njson = {{ a = "b" }}\n', r"request\.json requires request\.method = POST"),
        ("[request]\n", '[request]\nmethod = "POST"\njson = {{ a = [2026-11-23] }}\n', r"request\.json\.a\[0\] must"),
        ("[request]\n", "[request]\nfirst_page = 1\n", r"request\.first_page, .*answer\.link_header: set"),
        ('next = "data.next"', 'next = "a"\nlink = "b"', r"answer\.next, answer\.link, answer\.link_header: set"),
        ('image = "pictures.0.href"\npage = "link"', "", r"answer\.image or answer\.page must"),
        ("[pace]", '[[answer.also]]\nimage = "x"\n[pace]', r"answer\.also\[0\]\.results is missing"),
        ("[pace]", '[token]\nurl = "ftp://x"\n[pace]', r"token\.url must be an http or https URL"),
        ("[pace]", "[token]\n[pace]", r"token\.url is missing"),
        ("[pace]", '[price]\namount = "3.50"\n[pace]', "is not an amount of money"),
        ("[pace]", '[price]\namount = "1 USD"\nrequests = 0\n[pace]', "at least one request"),
        ("[pace]", "[conditions]\ncost = 1\n[pace]", r"conditions\.cost .*Did you mean costs"),
    ],
)
def test_invalid_mapping_error_names_field_and_expected_value(old: str, new: str, message: str) -> None:
    assert old in MARKET
    with pytest.raises(InvalidRequestError, match=message):
        read_service(MARKET.replace(old, new, 1).format(url="https://market.example"))
