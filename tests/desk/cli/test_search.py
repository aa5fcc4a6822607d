"""Test watches that query image searches: an owner's keys (never shown), consent, and costs."""

import json
from pathlib import Path
from typing import Any

import pytest

from registry.crawls.search_services import BUILT_IN_FOLDER
from tests.assets.command_line import Terminal

UNSENT_SEARCH = {
    "search": "tineye",
    "requests": 0,
    "results": 0,
    "outcome": "no-consent",
    "spent": [],
    "searches_left": None,
}


def store_key(cli: Terminal, name: str, key: str, code: int = 0) -> str:
    """Store a key and return the output."""
    result = cli.run("api", "PUT", f"searches/{name}/key", "--json", "-", stdin=json.dumps({"key": key}), code=code)
    return result.out + result.err


def search_state(cli: Terminal, name: str) -> dict[str, Any]:
    """Return the reported state of a search."""
    return next(item for item in cli.run("api", "GET", "searches").json["items"] if item["search"] == name)


@pytest.mark.long
def test_search_key_is_read_and_never_shown(cli: Terminal, studio: str, folder: Path) -> None:
    own, key = ("--owner", studio), "secret-of-the-studio"
    assert search_state(cli, "tineye")["key_added_at"] is None
    output = store_key(cli, "tineye", key)
    assert "key" in store_key(cli, "tineye", "", code=2)
    store_key(cli, "nothing", key, code=2)
    tineye = search_state(cli, "tineye")
    assert (tineye["search"], tineye["input"], tineye["key_added_at"] is None) == ("tineye", "pictures", False)
    output += cli.run("api", "GET", "searches").out + cli.run("api", "GET", "/operator/log/entries").out
    assert key not in output
    assert not any(key.encode() in path.read_bytes() for path in cli.data.rglob("*") if path.is_file())
    unsent, missing = "exhibit api PUT searches/tineye/consent", "exhibit api PUT searches/tineye/key"
    assert unsent in cli.run("watch", "add", "unsent", "--search", "tineye", *own).err
    result = cli.run("watch", "run", "unsent", "--wait", *own, code=4)
    assert unsent in result.out
    searches = cli.run_json("watch", "run", "unsent", "--wait", *own, code=4)["searches"]
    assert searches == [UNSENT_SEARCH]
    allowed = cli.run("api", "PUT", "searches/tineye/consent").json
    assert ("1,024" in allowed["data_sent"], allowed["missing"]) == (True, "")
    cli.run("api", "PUT", "searches/ebay/consent", code=2)
    assert search_state(cli, "ebay")["missing"] == "no-key"
    few = cli.run("watch", "add", "more", "--search", "tineye", *own)
    assert unsent not in few.err
    copies = cli.run_json("watch", "add", "copies", "--search", "tineye", "--searches", "20", *own)
    assert (copies["sources"], copies["budget"]["searches"]) == ([{"kind": "search", "url": "tineye"}], 20)
    assert copies["private"]
    cli.run("api", "DELETE", "searches/tineye/consent")
    cli.run("api", "DELETE", "searches/tineye/key")
    assert missing in cli.run("watch", "add", "keyless", "--search", "tineye", *own).err
    assert missing in cli.run("watch", "run", "keyless", *own).err
    for watch in cli.api("GET", "watches")["items"]:
        if watch["name"] in {"more", "keyless", "unsent"}:
            cli.api("DELETE", f"watches/{watch['number']}")
    result = cli.run("watch", "run", "copies", "--wait", *own, code=4)
    assert missing in result.out
    store_key(cli, "tineye", key)
    mapping = cli.data / "searches" / "few.toml"
    mapping.parent.mkdir()
    mapping.write_text(
        (BUILT_IN_FOLDER / "tineye.toml").read_text("utf-8").replace("[pace]", "[pace]\nsearches = 7"), "utf-8"
    )
    assert cli.run_json("watch", "add", "few", "--search", "few", *own)["budget"]["searches"] == 7
    (folder / "words.txt").write_text("wave\n", "utf-8")
    cli.run("watch", "add", "w", "--search", "tineye", "--queries", folder / "words.txt", *own, code=2)
    cli.run("api", "DELETE", "searches/tineye/key")
    assert search_state(cli, "tineye")["key_added_at"] is None


def test_archive_watch_requires_a_domain_and_a_valid_period(cli: Terminal, studio: str) -> None:
    arguments = ("watch", "add", "then", "--archive", "wayback", "--owner", studio)
    assert "--domain" in cli.run(*arguments, code=2).err
    cli.run(*arguments, "--domain", "co.uk", code=2)
    cli.run(*arguments, "--domain", "a.example", "--from", "2020", "--to", "2019", code=2)
    data = cli.run_json(
        *arguments, "--domain", "a.example", "--domain", "b.example", "--from", "2019-03", "--pages", "9"
    )
    source = {"kind": "archive", "url": "wayback", "domains": ["a.example", "b.example"], "since": "2019-03"}
    assert (data["sources"], data["budget"]["pages"], data["private"]) == ([source], 9, True)


def test_search_costs_are_estimated_limited_and_reported(cli: Terminal, studio: str) -> None:
    own, copies = ("--owner", studio), ("watch", "add", "copies", "--search", "google-vision")
    tineye = ("--search", "tineye")
    price_of = search_state(cli, "google-vision")["price"]
    assert (price_of["amount"], price_of["requests"], price_of["free_requests"]) == ("3.50 USD", 1000, 1000)
    assert "Google Vision" in cli.run(*copies, "--max-cost-month", "5USD", "--dry-run", *own).out
    assert cli.api("GET", "watches")["items"] == []
    cli.run(*copies, "--max-cost", "5", *own, code=2)
    assert "TinEye" in cli.run(*copies, *tineye, "--max-cost", "5USD", *own, code=2).err
    cli.run(*copies, "--works", "99", *own, code=2)
    assert "--dry-run" in cli.run(*copies[:3], "--site", "http://a.example", "--dry-run", code=2).err
    price = ("api", "PUT", "searches/tineye/price", "--json", '{"amount": "200USD", "requests": 5000}')
    cli.run(*price, code=2)
    store_key(cli, "tineye", "secret")
    assert cli.run(*price).json["price"]["requests"] == 5000
    data = cli.run_json(*copies, *tineye, "--newest-first", "--max-cost", "5USD", *own)
    assert (data["budget"]["max_cost"], [source["url"] for source in data["sources"]]) == (
        "5.00 USD", ["google-vision", "tineye"],
    )  # fmt: skip
    second_result = cli.api("PATCH", "watches/1", "--json", '{"max_cost": "", "newest_first": false}')
    assert ("max_cost" in second_result["budget"], second_result["sources"][0]) == (
        False,
        {"kind": "search", "url": "google-vision"},
    )
    cli.run("api", "DELETE", "searches/tineye/price")
    assert search_state(cli, "tineye")["price"] is None
