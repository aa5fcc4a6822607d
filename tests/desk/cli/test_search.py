"""Test watches that query image searches with an owner's keys, which are never shown, permission and prices."""

import json
from pathlib import Path
from typing import Any

import pytest

from registry.crawls.search_services import SHIPPED
from tests.assets.command_line import Terminal

UNASKED = {"search": "tineye", "asked": 0, "found": 0, "outcome": "no-consent", "spent": [], "remaining": None}


def kept(cli: Terminal, name: str, key: str, code: int = 0) -> str:
    """Store a key and return the output."""
    ran = cli.run("api", "PUT", f"searches/{name}/key", "--json", "-", told=json.dumps({"key": key}), code=code)
    return ran.out + ran.err


def search(cli: Terminal, name: str) -> dict[str, Any]:
    """Return the reported state of a search."""
    return next(one for one in cli.run("api", "GET", "searches").answer["items"] if one["search"] == name)


@pytest.mark.long
def test_a_key_for_a_search_is_read_and_never_shown(cli: Terminal, studio: str, folder: Path) -> None:
    own, key = ("--owner", studio), "secret-of-the-studio"
    assert search(cli, "tineye")["key_added_at"] is None
    shown = kept(cli, "tineye", key)
    assert "key" in kept(cli, "tineye", "", code=2)
    kept(cli, "nothing", key, code=2)
    tineye = search(cli, "tineye")
    assert (tineye["search"], tineye["takes"], tineye["key_added_at"] is None) == ("tineye", "pictures", False)
    shown += cli.run("api", "GET", "searches").out + cli.run("api", "GET", "/operator/log/entries").out
    assert key not in shown
    assert not any(key.encode() in path.read_bytes() for path in cli.data.rglob("*") if path.is_file())
    unsent, missing = "exhibit api PUT searches/tineye/consent", "exhibit api PUT searches/tineye/key"
    assert unsent in cli.run("watch", "add", "unsent", "--search", "tineye", *own).err
    ran = cli.run("watch", "run", "unsent", "--wait", *own, code=4)
    assert unsent in ran.out
    asked = cli.ask("watch", "run", "unsent", "--wait", *own, code=4)["searches"]
    assert asked == [UNASKED]
    allowed = cli.run("api", "PUT", "searches/tineye/consent").answer
    assert ("1,024" in allowed["sends"], allowed["lacks"]) == (True, "")
    cli.run("api", "PUT", "searches/ebay/consent", code=2)
    assert search(cli, "ebay")["lacks"] == "no-key"
    few = cli.run("watch", "add", "more", "--search", "tineye", *own)
    assert unsent not in few.err
    copies = cli.ask("watch", "add", "copies", "--search", "tineye", "--searches", "20", *own)
    assert (copies["sources"], copies["budget"]["searches"]) == ([{"kind": "search", "url": "tineye"}], 20)
    assert copies["private"]
    cli.run("api", "DELETE", "searches/tineye/consent")
    cli.run("api", "DELETE", "searches/tineye/key")
    assert missing in cli.run("watch", "add", "keyless", "--search", "tineye", *own).err
    assert missing in cli.run("watch", "run", "keyless", *own).err
    for one in cli.api("GET", "watches")["items"]:
        if one["name"] in {"more", "keyless", "unsent"}:
            cli.api("DELETE", f"watches/{one['number']}")
    ran = cli.run("watch", "run", "copies", "--wait", *own, code=4)
    assert missing in ran.out
    kept(cli, "tineye", key)
    mapping = cli.data / "searches" / "few.toml"
    mapping.parent.mkdir()
    mapping.write_text((SHIPPED / "tineye.toml").read_text("utf-8").replace("[pace]", "[pace]\nsearches = 7"), "utf-8")
    assert cli.ask("watch", "add", "few", "--search", "few", *own)["budget"]["searches"] == 7
    (folder / "words.txt").write_text("wave\n", "utf-8")
    cli.run("watch", "add", "w", "--search", "tineye", "--queries", folder / "words.txt", *own, code=2)
    cli.run("api", "DELETE", "searches/tineye/key")
    assert search(cli, "tineye")["key_added_at"] is None


def test_a_watch_over_an_archive_names_a_domain_and_a_time(cli: Terminal, studio: str) -> None:
    then = ("watch", "add", "then", "--archive", "wayback", "--owner", studio)
    assert "--domain" in cli.run(*then, code=2).err
    cli.run(*then, "--domain", "co.uk", code=2)
    cli.run(*then, "--domain", "a.example", "--from", "2020", "--to", "2019", code=2)
    made = cli.ask(*then, "--domain", "a.example", "--domain", "b.example", "--from", "2019-03", "--pages", "9")
    source = {"kind": "archive", "url": "wayback", "domains": ["a.example", "b.example"], "since": "2019-03"}
    assert (made["sources"], made["budget"]["pages"], made["private"]) == ([source], 9, True)


def test_what_searches_cost_is_said_limited_and_told_before(cli: Terminal, studio: str) -> None:
    own, copies = ("--owner", studio), ("watch", "add", "copies", "--search", "google-vision")
    tineye = ("--search", "tineye")
    price_of = search(cli, "google-vision")["price"]
    assert (price_of["amount"], price_of["requests"], price_of["free_requests"]) == ("3.50 USD", 1000, 1000)
    assert "Google Vision" in cli.run(*copies, "--max-cost-month", "5USD", "--dry-run", *own).out
    assert cli.api("GET", "watches")["items"] == []
    cli.run(*copies, "--max-cost", "5", *own, code=2)
    assert "TinEye" in cli.run(*copies, *tineye, "--max-cost", "5USD", *own, code=2).err
    cli.run(*copies, "--works", "99", *own, code=2)
    assert "--dry-run" in cli.run(*copies[:3], "--site", "http://a.example", "--dry-run", code=2).err
    price = ("api", "PUT", "searches/tineye/price", "--json", '{"amount": "200USD", "requests": 5000}')
    cli.run(*price, code=2)
    kept(cli, "tineye", "secret")
    assert cli.run(*price).answer["price"]["requests"] == 5000
    made = cli.ask(*copies, *tineye, "--newest-first", "--max-cost", "5USD", *own)
    assert (made["budget"]["max_cost"], [source["url"] for source in made["sources"]]) == (
        "5.00 USD", ["google-vision", "tineye"],
    )  # fmt: skip
    changed = cli.api("PATCH", "watches/1", "--json", '{"max_cost": "", "newest_first": false}')
    assert ("max_cost" in changed["budget"], changed["sources"][0]) == (
        False,
        {"kind": "search", "url": "google-vision"},
    )
    cli.run("api", "DELETE", "searches/tineye/price")
    assert search(cli, "tineye")["price"] is None
