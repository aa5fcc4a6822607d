"""Image searches for tests: a server that speaks TinEye's documented format, and a marketplace with one of its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.assets.site import Answer, Seen, Site
from workers.crawls.search_services import SHIPPED

KEY = "6mm60lsCNIB,FwOWjJqA80QZHh9BMwc-ber4u=t^"
"""A key as TinEye gives them: with signs that an address would have to escape."""

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


def answer(value: object, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    named = tuple((name.replace("_", "-"), one) for name, one in headers.items())
    return Answer(json.dumps(value).encode(), "application/json", status, named)


def tineye_error(code: int, message: str, **headers: str) -> Answer:
    """An error as TinEye tells it: the code stands in the answer, too."""
    return answer({"code": code, "messages": [message], "results": [], "stats": {}}, code, **headers)


def tineye_answer(backlinks: Sequence[tuple[str, str]], total: int | None = None) -> Answer:
    """A search's answer: one match for each backlink, with its picture and its page."""
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
    return answer({"stats": stats, "code": 200, "messages": [], "results": {"matches": matches}})


def put_tineye(folder: Path, site: Site) -> None:
    """Let the shipped mapping of TinEye, in a data folder's own copy, ask a server on loopback instead."""
    text = (SHIPPED / "tineye.toml").read_text(encoding="utf-8")
    moved = text.replace("https://api.tineye.com", site.url("")).replace("seconds = 2.0", "seconds = 0.0")
    assert moved.count(site.url("")) == moved.count("seconds = 0.0") == 1
    (folder / "searches").mkdir(parents=True, exist_ok=True)
    (folder / "searches" / "tineye.toml").write_text(moved, encoding="utf-8")


def put_market(folder: Path, site: Site) -> None:
    """Add the market's mapping to a data folder."""
    (folder / "searches").mkdir(parents=True, exist_ok=True)
    (folder / "searches" / "market.toml").write_text(MARKET.format(url=site.url("")), encoding="utf-8")


def query(seen: Seen) -> dict[str, str]:
    """The parameters of a request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(seen.path).query).items()}
