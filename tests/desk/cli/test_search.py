"""Watches that ask image searches: with an owner's keys, which are never shown, leave and prices."""

import json
from pathlib import Path
from typing import Any

import pytest

from registry.crawls.search_services import SHIPPED
from tests.assets.command_line import Terminal

UNASKED = {"search": "tineye", "asked": 0, "found": 0, "outcome": "no-consent", "spent": [], "remaining": None}


def kept(cli: Terminal, name: str, key: str, code: int = 0) -> str:
    """What is said when a key is kept."""
    ran = cli.run("api", "PUT", f"searches/{name}/key", "--json", "-", told=json.dumps({"key": key}), code=code)
    return ran.out + ran.err


def search(cli: Terminal, name: str) -> dict[str, Any]:
    """What is told of one."""
    return next(one for one in cli.run("api", "GET", "searches").answer["items"] if one["search"] == name)


@pytest.mark.long
def test_a_key_for_a_search_is_read_and_never_shown(cli: Terminal, studio: str, folder: Path) -> None:
    own, key = ("--owner", studio), "secret-of-the-studio"
    assert search(cli, "tineye")["key_added_at"] is None
    shown = kept(cli, "tineye", key)
    assert "key" in kept(cli, "tineye", "", code=2)
    assert "There is no search" in kept(cli, "nothing", key, code=2)
    tineye = search(cli, "tineye")
    assert (tineye["search"], tineye["takes"], tineye["key_added_at"] is None) == ("tineye", "pictures", False)
    shown += cli.run("api", "GET", "searches").out + cli.run("log", "list").out
    assert key not in shown
    assert not any(key.encode() in path.read_bytes() for path in cli.data.rglob("*") if path.is_file())
    unsent = "tineye may not be sent copies of your works, so it isn't asked: exhibit api PUT searches/tineye/consent"
    assert unsent in cli.run("watch", "add", "unsent", "--search", "tineye", *own).err
    ran = cli.run("watch", "run", "unsent", "--wait", *own, code=4)
    assert "tineye: wasn't asked. You haven't allowed it to be sent copies of your works. exhibit api PUT" in ran.out
    asked = cli.ask("watch", "run", "unsent", "--wait", *own, code=4)["searches"]
    assert asked == [UNASKED]
    allowed = cli.run("api", "PUT", "searches/tineye/consent").answer
    assert ("at most 1,024 pixels" in allowed["sends"], allowed["lacks"]) == (True, "")
    assert "is sent no pictures" in cli.run("api", "PUT", "searches/ebay/consent", code=2).err
    assert search(cli, "ebay")["lacks"] == "no-key"
    few = cli.run("watch", "add", "more", "--search", "tineye", *own)
    assert "so it isn't asked" not in few.err
    copies = cli.ask("watch", "add", "copies", "--search", "tineye", "--searches", "20", *own)
    assert (copies["sources"], copies["budget"]["searches"]) == ([{"kind": "search", "url": "tineye"}], 20)
    assert copies["private"]
    cli.run("api", "DELETE", "searches/tineye/consent")
    cli.run("api", "DELETE", "searches/tineye/key")
    missing = "There is no key for tineye, so it isn't asked: exhibit api PUT searches/tineye/key"
    assert missing in cli.run("watch", "add", "keyless", "--search", "tineye", *own).err
    assert missing in cli.run("watch", "run", "keyless", *own).err
    for name in ("more", "keyless", "unsent"):
        cli.run("watch", "delete", name, "--yes", *own)
    ran = cli.run("watch", "run", "copies", "--wait", *own, code=4)
    assert "tineye: wasn't asked. There is no key for it. exhibit api PUT searches/tineye/key" in ran.out
    assert "There is no key for it." in cli.run("watch", "show", "copies", *own).out
    kept(cli, "tineye", key)
    mapping = cli.data / "searches" / "few.toml"
    mapping.parent.mkdir()
    mapping.write_text((SHIPPED / "tineye.toml").read_text("utf-8").replace("[pace]", "[pace]\nsearches = 7"), "utf-8")
    assert cli.ask("watch", "add", "few", "--search", "few", *own)["budget"]["searches"] == 7
    (folder / "words.txt").write_text("wave\n", "utf-8")
    words = ("--words", folder / "words.txt")
    assert "not for words" in cli.run("watch", "edit", "copies", *words, *own, code=2).err
    cli.run("api", "DELETE", "searches/tineye/key")
    assert search(cli, "tineye")["key_added_at"] is None


def test_a_watch_over_an_archive_names_a_domain_and_a_time(cli: Terminal, studio: str) -> None:
    then = ("watch", "add", "then", "--archive", "wayback", "--owner", studio)
    assert "--domain example.com" in cli.run(*then, code=2).err
    assert "Write it like this: example.com" in cli.run(*then, "--domain", "co.uk", code=2).err
    assert (
        "ends before it begins" in cli.run(*then, "--domain", "a.example", "--from", "2020", "--to", "2019", code=2).err
    )
    made = cli.ask(*then, "--domain", "a.example", "--domain", "b.example", "--from", "2019-03", "--pages", "9")
    source = {"kind": "archive", "url": "wayback", "domains": ["a.example", "b.example"], "since": "2019-03"}
    assert (made["sources"], made["budget"]["pages"], made["private"]) == ([source], 9, True)
    assert "archive wayback a.example b.example" in cli.run("watch", "list", "--owner", studio).out


def test_what_searches_cost_is_said_limited_and_told_before(cli: Terminal, studio: str) -> None:
    own, copies = ("--owner", studio), ("watch", "add", "copies", "--search", "google-vision")
    tineye = ("--search", "tineye")
    price_of = search(cli, "google-vision")["price"]
    assert (price_of["amount"], price_of["requests"], price_of["free"]) == ("3.50 USD", 1000, 1000)
    told = cli.run(*copies, "--money-month", "5USD", "--dry-run", *own).out
    assert "Google Vision, requests of a run at most: " in told
    assert cli.ask("watch", "list", *own)["watches"] == []
    assert "isn't an amount of money" in cli.run(*copies, "--money", "5", *own, code=2).err
    assert "Nothing says what TinEye costs" in cli.run(*copies, *tineye, "--money", "5USD", *own, code=2).err
    assert "There is no work 99" in cli.run(*copies, "--works", "99", *own, code=2).err
    assert (
        "is known when it has been visited"
        in cli.run(*copies[:3], "--site", "http://a.example", "--dry-run", code=2).err
    )
    price = ("api", "PUT", "searches/tineye/price", "--json", '{"amount": "200USD", "requests": 5000}')
    assert "no key" in cli.run(*price, code=2).err
    kept(cli, "tineye", "secret")
    assert cli.run(*price).answer["price"]["requests"] == 5000
    made = cli.ask(*copies, *tineye, "--newest", "--money", "5USD", *own)
    assert (made["budget"]["money"], [source["url"] for source in made["sources"]]) == (
        "5.00 USD", ["google-vision", "tineye"],
    )  # fmt: skip
    changed = cli.ask("watch", "edit", "copies", "--money", "none", "--in-turn", *own)
    assert ("money" in changed["budget"], changed["sources"][0]) == (False, {"kind": "search", "url": "google-vision"})
    cli.run("api", "DELETE", "searches/tineye/price")
    assert search(cli, "tineye")["price"] is None
