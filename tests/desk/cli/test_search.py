"""`exhibit search`: an owner's keys for image searches, which are never shown."""

from pathlib import Path

from tests.assets.command_line import Terminal
from workers.crawls.search_services import SHIPPED

UNASKED = {"search": "tineye", "asked": 0, "found": 0, "outcome": "no-consent", "spent": [], "remaining": None}


def test_a_key_for_a_search_is_read_and_never_shown(cli: Terminal, studio: str, folder: Path) -> None:
    own, key = ("--owner", studio), "secret-of-the-studio"
    assert "none" in cli.run("search", "list").out
    ran = cli.run("search", "key", "tineye", *own, told=f" {key}\n")
    assert "kept, encrypted" in ran.out
    assert "can't be a key" in cli.run("search", "key", "tineye", *own, told="", code=2).err
    assert "There is no search" in cli.run("search", "key", "nothing", *own, told=key, code=2).err
    tineye = next(one for one in cli.ask("search", "list", *own)["searches"] if one["search"] == "tineye")
    assert (tineye["search"], tineye["takes"], tineye["key_added_at"] is None) == ("tineye", "pictures", False)
    shown = ran.out + ran.err + cli.run("search", "list", *own).out + cli.run("log", "list").out
    assert key not in shown
    assert not any(key.encode() in path.read_bytes() for path in cli.data.rglob("*") if path.is_file())
    assert "It may not be sent copies of your works yet: exhibit search allow tineye" in ran.out
    unsent = "tineye may not be sent copies of your works, so it isn't asked: exhibit search allow tineye"
    assert unsent in cli.run("watch", "add", "unsent", "--search", "tineye", *own).err
    ran = cli.run("watch", "run", "unsent", "--wait", *own, code=4)
    why = "tineye: wasn't asked. You haven't allowed it to be sent copies of your works. exhibit search allow tineye"
    assert why in ran.out
    asked = cli.ask("watch", "run", "unsent", "--wait", *own, code=4)["searches"]
    assert asked == [UNASKED]
    assert "at most 1,024 pixels" in cli.run("search", "allow", "tineye", *own).out
    assert "is sent no pictures" in cli.run("search", "allow", "ebay", *own, code=2).err
    shown_tineye = cli.run("search", "show", "tineye", *own).out
    for said in ("Costs: Searches are bought in bundles", "Terms: https://tineye.com/terms", "May be asked: yes"):
        assert said in shown_tineye
    assert cli.ask("search", "show", "ebay", *own)["lacks"] == "no-key"
    few = cli.run("watch", "add", "more", "--search", "tineye", *own)
    assert "so it isn't asked" not in few.err
    copies = cli.ask("watch", "add", "copies", "--search", "tineye", "--searches", "20", *own)
    assert (copies["sources"], copies["budget"]["searches"]) == ([{"kind": "search", "url": "tineye"}], 20)
    assert copies["private"]
    assert "sent nothing any more" in cli.run("search", "disallow", "tineye", *own).out
    assert "wasn't allowed" in cli.run("search", "disallow", "tineye", *own).out
    cli.run("search", "forget", "tineye", *own)
    missing = "There is no key for tineye, so it isn't asked: exhibit search key tineye"
    assert missing in cli.run("watch", "add", "keyless", "--search", "tineye", *own).err
    assert missing in cli.run("watch", "run", "keyless", *own).err
    for name in ("more", "keyless", "unsent"):
        cli.run("watch", "delete", name, "--yes", *own)
    ran = cli.run("watch", "run", "copies", "--wait", *own, code=4)
    assert "tineye: wasn't asked. There is no key for it. exhibit search key tineye" in ran.out
    assert "There is no key for it." in cli.run("crawl", "show", "copies", *own).out
    cli.run("search", "key", "tineye", *own, told=key)
    mapping = cli.data / "searches" / "few.toml"
    mapping.parent.mkdir()
    mapping.write_text((SHIPPED / "tineye.toml").read_text("utf-8").replace("[pace]", "[pace]\nsearches = 7"), "utf-8")
    assert cli.ask("watch", "add", "few", "--search", "few", *own)["budget"]["searches"] == 7
    (folder / "words.txt").write_text("wave\n", "utf-8")
    words = ("--words", folder / "words.txt")
    assert "not for words" in cli.run("watch", "edit", "copies", *words, *own, code=2).err
    assert "is removed" in cli.run("search", "forget", "tineye", *own).out
    assert "There is no key" in cli.run("search", "forget", "tineye", *own).out
    assert "There is no search 'nosuch'." in cli.run("search", "forget", "nosuch", *own, code=2).err


def test_what_searches_cost_is_said_limited_and_told_before(cli: Terminal, studio: str) -> None:
    own, copies = ("--owner", studio), ("watch", "add", "copies", "--search", "google-vision")
    tineye = ("--search", "tineye")
    assert "Price: 3.50 USD for 1,000, 1,000 free a month" in cli.run("search", "show", "google-vision", *own).out
    told = cli.run(*copies, "--money-month", "5USD", "--dry-run", *own).out
    assert "Google Vision, requests of a run at most: " in told
    assert cli.ask("watch", "list", *own)["watches"] == []
    assert "isn't an amount of money" in cli.run(*copies, "--money", "5", *own, code=2).err
    assert "Nothing says what TinEye costs" in cli.run(*copies, *tineye, "--money", "5USD", *own, code=2).err
    assert "There is no work 99" in cli.run(*copies, "--works", "99", *own, code=2).err
    assert "Only searches cost money" in cli.run(*copies[:3], "--site", "http://a.example", "--dry-run", code=2).err
    assert "no key" in cli.run("search", "price", "tineye", "200USD", "--requests", "5000", *own, code=2).err
    cli.run("search", "key", "tineye", *own, told="secret")
    said = cli.run("search", "price", "tineye", "200USD", "--requests", "5000", *own).out
    assert "A request to tineye is counted as 0.04 USD." in said
    made = cli.ask(*copies, *tineye, "--newest", "--money", "5USD", *own)
    assert (made["budget"]["money"], [source["url"] for source in made["sources"]]) == (
        "5.00 USD", ["google-vision", "tineye"],
    )  # fmt: skip
    changed = cli.ask("watch", "edit", "copies", "--money", "none", "--in-turn", *own)
    assert ("money" in changed["budget"], changed["sources"][0]) == (False, {"kind": "search", "url": "google-vision"})
    assert "What tineye costs isn't known." in cli.run("search", "price", "tineye", "none", *own).out
