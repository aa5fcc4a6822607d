"""`exhibit watch`: arranged, run, changed, stopped, deleted."""

import json
from pathlib import Path

import pytest

from desk.cli.watch import _falls_short
from exhibit.clock import now
from registry.crawls.budgets import RENDERING
from registry.crawls.watching import BUDGET
from registry.models import Crawl, Inquiry, Owner, Picture, Refusal
from tests.assets.command_line import Terminal
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph
from tests.assets.shop import Shop, settle
from workers.tasks.sync_runner import SyncRunner


def test_the_guard_is_asked_before_a_watch_is_kept(cli: Terminal, inline: SyncRunner, studio: str) -> None:
    own = ("--owner", studio)
    ran = cli.run("watch", "add", "inside", "--site", "http://10.1.2.3/", *own, code=2)
    assert "isn't on the public internet" in ran.err
    assert "begins neither with http:// nor" in cli.run("watch", "add", "w", "--site", "notaurl", *own, code=2).err
    assert "needs a source" in cli.run("watch", "add", "none", *own, code=2).err
    soon = ("watch", "add", "x", "--site", "http://a.example/", "--every", "soon")
    assert "isn't a period" in cli.run(*soon, code=2).err
    del inline.services.guard
    settle(inline, allowed_networks=())
    cli.run("watch", "add", "own", "--site", "http://127.0.0.1/", *own, code=2)
    assert cli.ask("watch", "list", *own) == {"watches": []}
    assert cli.run("watch", "list").out == "There is no watch yet. Add one: exhibit watch add NAME --site URL\n"


@pytest.mark.long
def test_a_run_is_waited_for_and_told_in_figures(cli: Terminal, studio: str, shop: Shop, folder: Path) -> None:
    (folder / "one.jpg").write_bytes(photograph(1))
    cli.run("work", "add", folder)
    shop.page("/second", "/gone.jpg")
    added = cli.ask("watch", "add", "shop", "--site", shop.url(), "--delay", "0", "--pages", "20")
    assert (added["paused"], added["private"], added["budget"]) == (False, False, {**BUDGET, **RENDERING, "pages": 20})
    assert "Crawl 1 of shop has begun." in cli.run("watch", "run", "shop").out
    again = cli.run("watch", "run", "shop", "--wait")
    assert "Crawl 1 of shop is under way already; no other one is begun." in again.err
    assert "Crawl 1 of shop: 2 pages, 2 pictures, 1 case." in again.out
    ran = cli.ask("watch", "run", "shop", "--wait")
    assert (ran["number"], ran["state"], ran["pages"], ran["pictures"], ran["waiting"], ran["cases"]) == (
        2, "done", 2, 2, 0, 1,
    )  # fmt: skip
    assert ran["refused"] == {"http-404": 1}
    assert "1 more" not in cli.run("watch", "list").out
    looked = cli.run("watch", "look", shop.url(), "--wait").out
    assert "Crawl 1 of Looked at by hand: 1 page, 2 pictures, 1 case." in looked
    assert "pages named by hand" in cli.run("watch", "list").out


@pytest.mark.long
def test_a_paused_watch_runs_again_only_when_resumed(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "copy.jpg").write_bytes(copy_of(photograph(1)))
    cli.run("watch", "add", "import", "--folder", folder)
    cli.run("watch", "pause", "import")
    assert "exhibit watch resume import" in cli.run("watch", "run", "import", code=2).err
    cli.run("watch", "resume", "import")
    ran = cli.ask("watch", "run", "import", "--wait")
    assert (ran["state"], ran["pictures"]) == ("done", 1)
    (one,) = cli.ask("watch", "list")["watches"]
    assert (one["private"], one["own"], one["last_crawl"]["number"]) == (True, False, 1)
    whole = photograph(2)
    (folder / "half.jpg").write_bytes(whole[: len(whole) * 9 // 10])  # it is still being written
    (folder / "link.jpg").symlink_to("/etc/hostname")
    cli.run("watch", "edit", "import", "--own")
    assert "1 picture proposed as works: exhibit api GET proposals" in cli.run("watch", "run", "import", "--wait").out
    (folder / "half.jpg").write_bytes(whole)
    cli.run("watch", "run", "import", "--wait")
    proposed = cli.run("api", "GET", "proposals").answer["items"]
    assert [one["image_url"].rpartition("/")[2] for one in proposed] == ["copy.jpg", "half.jpg"]
    for one, deed, told in zip(proposed, ("register", "dismiss"), ({"announced": 1}, {"pictures": 1}), strict=True):
        given = json.dumps({"pictures": [one["picture"]]})
        assert told.items() <= cli.run("api", "POST", f"proposals/{deed}", "--json", given).answer.items()
    cli.run("watch", "run", "import", "--wait")
    assert cli.run("api", "GET", "proposals").answer["items"] == []
    assert sorted(path.name for path in folder.iterdir()) == ["copy.jpg", "half.jpg", "link.jpg"]


def test_a_watch_runs_at_the_time_of_day_that_is_said(cli: Terminal, studio: str, folder: Path) -> None:
    weekly = ("--every", "7d", "--at", "02:30", "--weekday", "Sunday", "--zone", "Europe/Berlin")
    made = cli.ask("watch", "add", "pictures", "--folder", folder, *weekly)
    assert (made["at"], made["weekday"], made["time_zone"]) == ("02:30", "sunday", "Europe/Berlin")
    assert "1w sunday at 02:30 Europe/Berlin" in cli.run("watch", "list").out
    later = cli.ask("watch", "edit", "pictures", "--at", "04:15")
    assert (later["at"], later["weekday"], later["time_zone"]) == ("04:15", "sunday", "Europe/Berlin")
    assert "is no time of day" in cli.run("watch", "edit", "pictures", "--at", "4", code=2).err
    assert cli.ask("watch", "edit", "pictures", "--weekday", "monday", "--zone", "UTC")["weekday"] == "monday"
    daily = ("watch", "add", "more", "--folder", folder, "--every", "24h", "--at", "02:30", "--weekday", "monday")
    assert "Only a watch that runs each week has a monday." in cli.run(*daily, code=2).err
    alone = ("watch", "add", "more", "--folder", folder, "--weekday", "monday")
    assert "Say the time of day, too." in cli.run(*alone, code=2).err
    odd = ("watch", "add", "more", "--folder", folder, "--at", "02:30", "--every")
    assert "A time of day is for runs that lie whole days apart" in cli.run(*odd, "36h", code=2).err
    cli.run(*odd, "6h")


def test_a_hint_that_is_a_command_can_be_copied_into_a_shell(cli: Terminal, studio: str, folder: Path) -> None:
    name = "My shop & Co"
    added = cli.run("watch", "add", name, "--folder", folder).out
    assert "Sooner: exhibit watch run 'My shop & Co' --wait" in added
    assert "exhibit watch run 'My shop & Co' --wait" in cli.run("watch", "show", name, code=2).err
    assert "Go on: exhibit watch resume 'My shop & Co'" in cli.run("watch", "pause", name).out
    assert "Resume it first: exhibit watch resume 'My shop & Co'" in cli.run("watch", "run", name, code=2).err


def test_a_watch_is_changed_stopped_and_deleted(cli: Terminal, studio: str, folder: Path) -> None:
    own = ("--owner", studio)
    (folder / "words.txt").write_text("wave\n# not this\nfuji\n", "utf-8")
    cli.run("watch", "add", "old", "--site", "http://127.0.0.1/", *own)
    assert "Nothing to change is named." in cli.run("watch", "edit", "old", *own, code=2).err
    cli.run("watch", "edit", "old", "--depth", "0", *own)
    feed = ("--feed", "http://127.0.0.1/feed.xml")
    changed = cli.ask("watch", "edit", "old", "--name", "new", "--every", "7d", "--pages", "9", *feed, *own)
    assert (changed["name"], changed["every_seconds"], changed["budget"]["pages"]) == ("new", 604_800, 9)
    assert changed["budget"]["depth"] == 0
    assert [one["kind"] for one in changed["sources"]] == ["site", "feed"]
    assert "site http://127.0.0.1/ and 1 more" in cli.run("watch", "list", *own).out
    assert "isn't running" in cli.run("watch", "stop", "new", *own).out
    cli.run("watch", "run", "new", *own)
    assert "Run 1 of new ends" in cli.run("watch", "stop", "new", *own).out
    assert "is ending already" in cli.run("watch", "stop", "new", *own).out
    assert cli.ask("watch", "show", "new", *own)["reason"] == "stopped"
    less = cli.ask("watch", "edit", "new", "--remove", "http://127.0.0.1/", *own)
    assert [one["kind"] for one in less["sources"]] == ["feed"]
    assert "doesn't look at" in cli.run("watch", "edit", "new", "--remove", "http://a.example/", *own, code=2).err
    assert "at least one place" in cli.run("watch", "edit", "new", "--remove", feed[1], *own, code=2).err
    cli.run("watch", "edit", "new", "--site", "http://10.0.0.1/", *own, code=2)
    words = ("--words", folder / "words.txt")
    assert "not for words" in cli.run("watch", "add", "w", "--search", "tineye", *words, *own, code=2).err
    assert "Only a watch that asks a search has words" in cli.run("watch", "edit", "new", *words, *own, code=2).err
    assert "Add --yes" in cli.run("watch", "delete", "new", *own, code=2).err
    cli.run("watch", "delete", "new", "--yes", *own)
    assert cli.ask("watch", "list", *own) == {"watches": []}


def test_a_run_falls_short_where_a_search_or_a_picture_was_given_up(
    inline: SyncRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    planned, epoch = claimed_slice(owner("studio"))
    bring(inline.services, planned, epoch, [photograph(1)])
    crawl = planned.crawl
    assert not _falls_short(crawl)
    asked = Inquiry.objects.create(crawl=crawl, service="tineye", left=1, state="done", outcome="quota")
    assert _falls_short(crawl)
    Inquiry.objects.filter(pk=asked.pk).update(state="failed", outcome="")
    assert _falls_short(crawl)
    asked.delete()
    Picture.objects.update(state="failed", error="The step broke off.")
    assert _falls_short(crawl)
    assert capsys.readouterr().err == "Given up: 1 picture not compared. Try again: exhibit retry match\n"
    Picture.objects.update(state="done")
    crawl.state = "failed"
    crawl.watch.name = "My shop"
    assert _falls_short(crawl)
    assert "The run was given up. What it refused: exhibit watch show 'My shop'\n" in capsys.readouterr().err


def test_a_crawl_is_told_with_all_that_it_refused(cli: Terminal, studio: str) -> None:
    planned, epoch = claimed_slice(Owner.objects.get(), "shop")
    bring(cli.desk.services, planned, epoch, [photograph(1), b"no picture"])
    crawl = planned.crawl
    assert cli.run("watch", "show", "shop").out.rstrip().endswith("Nothing was refused.")
    for place in range(22):
        Refusal.objects.create(
            crawl=crawl, key=bytes([place]), url=f"http://a.example/{place}", reason="robots", at=now()
        )
    Picture.objects.filter(size=10).update(refusal="not-a-picture", state="done")
    shown = cli.ask("watch", "show", "shop")
    assert {one["reason"] for one in shown["refusals"]} == {"robots", "not-a-picture"}
    told = cli.run("watch", "show", "shop", "1").out
    assert "robots 22" in " ".join(told.split())
    assert "a.example: 22 addresses, by its robots.txt\nYou may open such a page yourself" in told
    assert told.rstrip().endswith("… and 3 more; --json lists them all with sentences.")
    assert [one["number"] for one in cli.run("api", "GET", "watches/1/crawls").answer["items"]] == [1]
    planned.crawl.slices.update(counts={"pages": 30, "scripts_not_run": 12})
    assert cli.ask("watch", "show", "shop")["scripts_not_run"] == 12
    hint = "12 pages run scripts that may add pictures. Render them: exhibit watch edit shop --render always"
    assert hint in cli.run("watch", "show", "shop").out
    planned.crawl.slices.update(counts={"pages": 30, "scripts_not_run": 1, "unrendered": {"no-browser": 1}})
    assert "1 page runs scripts that may add pictures: there is no browser" in cli.run("watch", "show", "shop").out
    planned.crawl.slices.update(counts={"unrendered": {"budget": 12}})
    over = "12 pages weren't rendered: what the run may spend on that was used up."
    assert f"{over} Allow more: exhibit watch edit shop --render-pages N" in cli.run("watch", "show", "shop").out
    Crawl.objects.update(not_asked={"unchanged": 412})
    told = cli.run("watch", "show", "shop").out
    assert "412 known pages were left for a later run: the last visits saw no change there." in told
    assert "Ask for every page: exhibit watch run shop --everything" in told
    planned.crawl.slices.update(counts={"pages": 30})
    assert cli.ask("watch", "show", "shop")["scripts_not_run"] is None
    for words in (("other",), ("shop", "2")):
        assert cli.run("watch", "show", *words, code=2).err
    cli.run("watch", "add", "new", "--site", "http://127.0.0.1/")
    assert "new hasn't run yet.\nexhibit watch run new --wait" in cli.run("watch", "show", "new", code=2).err
