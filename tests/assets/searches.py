"""Image search services for tests: a server with the documented formats of all bundled mappings, and a marketplace.

Each response follows the documentation that its mapping names; no vendor's server was queried.
"""

import base64
import json
import os
import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from registry.crawls.search_services import BUILT_IN_FOLDER
from tests.assets.site import Answer, ReceivedRequest, Site

KEY = "6mm60lsCNIB,FwOWjJqA80QZHh9BMwc-ber4u=t^"
"""A key in TinEye's form, with characters that must be escaped in a URL."""

_changes = count()
EBAY_TOKEN = "/identity/v1/oauth2/token"
MARKET = """
name = "The market"
about = "Offers on a market."

[request]
url = "{url}/offers"
parameters = {{ q = "{{words}}", cursor = "{{page}}", key = "{{key}}", limit = "{{size}}" }}

[answer]
results = "data.items[]"
image = "pictures.0.href"
page = "link"
title = "name"
next = "data.next"

[pace]
size = 2
pages = 3
seconds = 0.0
searches = 10
"""


def json_response(value: object, status: int = 200, **headers: str) -> Answer:
    """Return a JSON response."""
    header_pairs = tuple((name.replace("_", "-"), value_text) for name, value_text in headers.items())
    return Answer(json.dumps(value).encode(), "application/json", status, header_pairs)


def tineye_error(code: int, message: str, **headers: str) -> Answer:
    """Return a TinEye error, which repeats the code in the body."""
    return json_response({"code": code, "messages": [message], "results": [], "stats": {}}, code, **headers)


def tineye_answer(backlinks: Sequence[tuple[str, str]], total: int | None = None) -> Answer:
    """Return the response of a search: one match for each backlink, with its image and its page."""
    matches = [
        {
            "image_url": f"https://img.tineye.com/result/{place}",
            "domain": urlsplit(page).hostname,
            "score": 92.5,
            "width": 320,
            "height": 240,
            "size": 76_800,
            "format": "JPEG",
            "filesize": 20_000,
            "overlay": "overlay/1",
            "tags": [],
            "backlinks": [{"url": image, "backlink": page, "crawl_date": "2026-03-01"}],
        }
        for place, (image, page) in enumerate(backlinks)
    ]
    stats = {
        "timestamp": "1790000000.00",
        "query_time": "0.5",
        "total_results": len(matches) if total is None else total,
    }
    return json_response({"stats": stats, "code": 200, "messages": [], "results": {"matches": matches}})


def copy_shipped_mapping(folder: Path, name: str, site: Site) -> Path:
    """Copy a bundled mapping into a data folder, with a loopback server as its host and without pauses."""
    text = (BUILT_IN_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    moved = re.sub(r'^url = "https://[^/"]+', f'url = "{site.url("")}', text, flags=re.MULTILINE)
    moved = re.sub(r"^seconds = .*$", "seconds = 0.0", moved, flags=re.MULTILINE)
    moved = moved.replace(EBAY_TOKEN, f"{EBAY_TOKEN}#{uuid4().hex}")  # not an earlier server's token
    assert moved.count(site.url("")) == text.count("\nurl = "), "Each url begins a line, with https."
    assert moved.count("seconds = 0.0") == 1, "The table [pace] says seconds."
    (folder / "searches").mkdir(parents=True, exist_ok=True)
    (folder / "searches" / f"{name}.toml").write_text(moved, encoding="utf-8")
    return folder / "searches" / f"{name}.toml"


def copy_tineye_mapping(folder: Path, site: Site) -> None:
    """Copy TinEye's mapping in the same way."""
    copy_shipped_mapping(folder, "tineye", site)


def add_market_mapping(folder: Path, site: Site) -> None:
    """Add the marketplace's mapping to a data folder."""
    (folder / "searches").mkdir(parents=True, exist_ok=True)
    (folder / "searches" / "market.toml").write_text(MARKET.format(url=site.url("")), encoding="utf-8")


def write_price(file: Path, amount: str, requests: int = 1, free: int = 0) -> None:
    """Set the price of requests in a mapping of a data folder."""
    text = file.read_text(encoding="utf-8").partition("\n[price]")[0]
    price = f'\n[price]\namount = "{amount}"\nrequests = {requests}\nfree = {free}\n' if amount else ""
    file.write_text(text + price, encoding="utf-8")
    os.utime(file, ns=(0, file.stat().st_size * 1_000 + next(_changes)))  # always a new modification time


def query_parameters(request: ReceivedRequest) -> dict[str, str]:
    """Return the query parameters of a request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}


PATHS: Mapping[str, str] = {
    "tineye": "/rest/search/",
    "google-vision": "/v1/images:annotate",
    "yandex-images": "/v2/image/search_by_image",
    "ebay": "/buy/browse/v1/item_summary/search",
    "ebay-images": "/buy/browse/v1/item_summary/search_by_image",
    "etsy": "/v3/application/listings/active",
    "europeana": "/record/v2/search.json",
    "wikimedia-commons": "/w/api.php",
    "openverse": "/v1/images/",
    "mastodon": "/api/v1/timelines/tag/redwave",
    "flickr-feed": "/services/feeds/photos_public.gne",
    "internet-archive": "/advancedsearch.php",
}
"""URL of each bundled search service."""


def ebay_answer(total: int = 2, first: int = 0) -> Answer:
    """Return a page of eBay's ``SearchPagedCollection``."""
    items = [
        {
            "itemId": f"v1|{number}|0",
            "title": f"Poster {number}",
            "image": {"imageUrl": f"https://i.ebayimg.com/images/g/{number}/s-l225.jpg"},
            "itemWebUrl": f"https://www.ebay.com/itm/{number}",
            "price": {"value": "9.99", "currency": "USD"},
        }
        for number in range(first, min(first + 2, total))
    ]
    return json_response({"href": "", "total": total, "limit": 2, "offset": first, "itemSummaries": items})


def ebay_token(text: str = "v^1.1#i^1", expires_in: int = 7200) -> Answer:
    """Return an application access token of eBay."""
    value = {"access_token": text, "expires_in": expires_in, "token_type": "Application Access Token"}
    return json_response(value)


def mastodon_status(number: int) -> dict[str, object]:
    """Return a Mastodon status with one image."""
    media = [{"id": "1", "type": "image", "url": f"https://files.mastodon.social/{number}.jpg", "preview_url": ""}]
    return {"id": str(number), "url": f"https://mastodon.social/@ann/{number}", "media_attachments": media}


VISION_PAGE = {
    "url": "https://shop.example/42",
    "pageTitle": "A <b>wave</b>",
    "fullMatchingImages": [{"url": "https://shop.example/a.jpg"}, {"url": "https://shop.example/b.jpg"}],
    "partialMatchingImages": [{"url": "https://shop.example/c.jpg"}],
}
DOCUMENTED: Mapping[str, tuple[Answer, tuple[tuple[str, str], ...]]] = {
    "tineye": (
        tineye_answer([("https://a.example/1.jpg", "https://a.example/")]),
        (("https://a.example/1.jpg", "https://a.example/"),),
    ),
    "google-vision": (
        json_response(
            {
                "responses": [
                    {
                        "webDetection": {
                            "webEntities": [{"entityId": "/m/1", "score": 0.9, "description": "wave"}],
                            "fullMatchingImages": [{"url": "https://cdn.example/d.jpg"}],
                            "visuallySimilarImages": [{"url": "https://other.example/like.jpg"}],
                            "pagesWithMatchingImages": [VISION_PAGE],
                        }
                    }
                ]
            }
        ),
        (
            ("https://shop.example/a.jpg", "https://shop.example/42"),
            ("https://shop.example/b.jpg", "https://shop.example/42"),
            ("https://shop.example/c.jpg", "https://shop.example/42"),
            ("https://cdn.example/d.jpg", "https://cdn.example/d.jpg"),
        ),
    ),
    "yandex-images": (
        json_response(
            {
                "images": [
                    {
                        "url": "https://a.example/1.jpg",
                        "format": "IMAGE_FORMAT_JPEG",
                        "width": "800",
                        "height": "600",
                        "passage": "A wave",
                        "host": "a.example",
                        "pageTitle": "A wave",
                        "pageUrl": "https://a.example/wave",
                    }
                ],
                "page": "0",
                "id": "cbir",
            }
        ),
        (("https://a.example/1.jpg", "https://a.example/wave"),),
    ),
    "ebay": (
        ebay_answer(),
        (
            ("https://i.ebayimg.com/images/g/0/s-l225.jpg", "https://www.ebay.com/itm/0"),
            ("https://i.ebayimg.com/images/g/1/s-l225.jpg", "https://www.ebay.com/itm/1"),
        ),
    ),
    "ebay-images": (
        ebay_answer(1),
        (("https://i.ebayimg.com/images/g/0/s-l225.jpg", "https://www.ebay.com/itm/0"),),
    ),
    "etsy": (
        json_response(
            {
                "count": 1,
                "results": [
                    {"listing_id": 7, "title": "Wave", "url": "https://www.etsy.com/listing/7/wave", "tags": []}
                ],
            }
        ),
        (("", "https://www.etsy.com/listing/7/wave"),),
    ),
    "europeana": (
        json_response(
            {
                "apikey": "the-key",
                "success": True,
                "requestNumber": 999,
                "itemsCount": 1,
                "totalResults": 1,
                "items": [
                    {
                        "id": "/90402/SK_A_3262",
                        "type": "IMAGE",
                        "title": ["Wave"],
                        "edmIsShownAt": ["https://museum.example/objects/3262"],
                        "edmIsShownBy": ["https://museum.example/images/3262.jpg"],
                        "guid": "https://www.europeana.eu/item/90402/SK_A_3262?utm_source=api&utm_campaign=the-key",
                    }
                ],
            }
        ),
        (("https://museum.example/images/3262.jpg", "https://museum.example/objects/3262"),),
    ),
    "wikimedia-commons": (
        json_response(
            {
                "batchcomplete": True,
                "query": {
                    "pages": [
                        {
                            "pageid": 7,
                            "ns": 6,
                            "title": "File:Wave.jpg",
                            "index": 1,
                            "imagerepository": "local",
                            "imageinfo": [
                                {
                                    "thumburl": "https://upload.wikimedia.org/wikipedia/commons/thumb/a/a5/Wave.jpg/960px-Wave.jpg",
                                    "thumbwidth": 960,
                                    "thumbheight": 640,
                                    "url": "https://upload.wikimedia.org/wikipedia/commons/a/a5/Wave.jpg",
                                    "descriptionurl": "https://commons.wikimedia.org/wiki/File:Wave.jpg",
                                }
                            ],
                        }
                    ]
                },
            }
        ),
        (
            (
                "https://upload.wikimedia.org/wikipedia/commons/thumb/a/a5/Wave.jpg/960px-Wave.jpg",
                "https://commons.wikimedia.org/wiki/File:Wave.jpg",
            ),
        ),
    ),
    "openverse": (
        json_response(
            {
                "result_count": 1,
                "page_count": 1,
                "page_size": 20,
                "page": 1,
                "results": [
                    {
                        "id": "36537842-b067-4ca0-ad67-e00ff2e06b2d",
                        "title": "Wave",
                        "foreign_landing_url": "https://www.flickr.com/photos/1/2",
                        "url": "https://live.staticflickr.com/1/2_b.jpg",
                        "license": "by",
                    }
                ],
            }
        ),
        (("https://live.staticflickr.com/1/2_b.jpg", "https://www.flickr.com/photos/1/2"),),
    ),
    "mastodon": (
        json_response([mastodon_status(7)]),
        (("https://files.mastodon.social/7.jpg", "https://mastodon.social/@ann/7"),),
    ),
    "flickr-feed": (
        json_response(
            {
                "title": "Recent Uploads tagged red and wave",
                "items": [
                    {
                        "title": "Wave",
                        "link": "https://www.flickr.com/photos/ann/7/",
                        "media": {"m": "https://live.staticflickr.com/65535/7_m.jpg"},
                        "date_taken": "2026-11-20T10:00:00-08:00",
                        "published": "2026-11-21T10:00:00Z",
                    }
                ],
            }
        ),
        (("https://live.staticflickr.com/65535/7_m.jpg", "https://www.flickr.com/photos/ann/7/"),),
    ),
    "internet-archive": (
        json_response(
            {
                "response": {
                    "numFound": 1,
                    "start": 0,
                    "docs": [{"identifier": "wave_1905", "title": "Red wave", "publicdate": "2015-03-18T10:12:13Z"}],
                }
            }
        ),
        (("https://archive.org/services/img/wave_1905", "https://archive.org/details/wave_1905"),),
    ),
}
"""A response as each service documents it, and the images and pages that it contains."""


def basic_credentials(request: ReceivedRequest) -> str:
    """Return the credentials of a request with HTTP Basic authentication."""
    return base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
