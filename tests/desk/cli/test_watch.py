"""Test `exhibit watch`: watches are added and run."""

import json
from pathlib import Path

import pytest

from desk.cli.watch import _is_incomplete
from exhibit.clock import now
from registry.crawls.budgets import RENDERING
from registry.crawls.watch_settings import DEFAULT_BUDGET
from registry.models import Crawl, Inquiry, Owner, Picture, Refusal
from tests.assets.command_line import Terminal
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings
from tests.assets.shop import Shop, change_settings
from workers.tasks.sync_runner import SyncRunner


def test_urls_are_checked_before_a_watch_is_saved(cli: Terminal, inline: SyncRunner, studio: str) -> None:
    own = ("--owner", studio)
    cli.run("watch", "add", "inside", "--site", "http://10.1.2.3/", *own, code=2)
    cli.run("watch", "add", "w", "--site", "notaurl", *own, code=2)
    assert "--site" in cli.run("watch", "add", "none", *own, code=2).err
    cli.run("watch", "add", "x", "--site", "http://a.example/", "--every", "soon", code=2)
    del inline.services.guard
    change_settings(inline, allowed_networks=())
    cli.run("watch", "add", "own", "--site", "http://127.0.0.1/", *own, code=2)
    assert cli.api("GET", "watches")["items"] == []


@pytest.mark.long
def test_run_waits_for_the_crawl_and_prints_statistics(cli: Terminal, studio: str, shop: Shop, folder: Path) -> None:
    (folder / "one.jpg").write_bytes(photograph(1))
    cli.run("work", "add", folder)
    shop.page("/second", "/gone.jpg")
    data = cli.run_json("watch", "add", "shop", "--site", shop.url(), "--delay", "0", "--pages", "20")
    assert (data["paused"], data["private"], data["budget"]) == (
        False,
        False,
        {**DEFAULT_BUDGET, **RENDERING, "pages": 20},
    )
    crawl = cli.run_json("watch", "run", "shop")
    assert (crawl["number"], crawl["state"] in {"queued", "running"}) == (1, True)
    result = cli.run("watch", "run", "shop", "--wait")
    assert (result.err.startswith("Crawl 1 of shop "), "exhibit case list" in result.out) == (True, True)
    second_result = cli.run_json("watch", "run", "shop", "--wait")
    assert (second_result["number"], second_result["state"], second_result["pages"],
    second_result["pictures"], second_result["pictures_waiting"], second_result["cases"]) == (
        2, "done", 2, 2, 0, 1,
    )  # fmt: skip
    assert second_result["refused"] == {}, "the page with the missing picture has not changed"


@pytest.mark.long
def test_paused_watch_runs_again_only_when_resumed(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "copy.jpg").write_bytes(recompress(photograph(1)))
    cli.run("watch", "add", "import", "--folder", folder)
    cli.api("POST", "watches/1/pause")
    assert "exhibit api POST watches/1/resume" in cli.run("watch", "run", "import", code=2).err
    cli.api("POST", "watches/1/resume")
    data = cli.run_json("watch", "run", "import", "--wait")
    assert (data["state"], data["pictures"]) == ("done", 1)
    (item,) = cli.api("GET", "watches")["items"]
    assert (item["private"], item["own_site"], item["last_crawl"]["number"]) == (True, False, 1)
    whole = photograph(2)
    (folder / "half.jpg").write_bytes(whole[: len(whole) * 9 // 10])  # truncated, as while it is written
    (folder / "link.jpg").symlink_to("/etc/hostname")
    cli.api("PATCH", "watches/1", own_site="true")
    assert "exhibit api GET proposals" in cli.run("watch", "run", "import", "--wait").out
    (folder / "half.jpg").write_bytes(whole)
    cli.run("watch", "run", "import", "--wait")
    proposed = cli.run("api", "GET", "proposals").json["items"]
    assert [item["image_url"].rpartition("/")[2] for item in proposed] == ["copy.jpg", "half.jpg"]
    for item, action, expected in zip(
        proposed, ("register", "dismiss"), ({"expected": 1}, {"pictures": 1}), strict=True
    ):
        body = json.dumps({"pictures": [item["picture"]]})
        assert expected.items() <= cli.run("api", "POST", f"proposals/{action}", "--json", body).json.items()
    cli.run("watch", "run", "import", "--wait")
    assert cli.run("api", "GET", "proposals").json["items"] == []
    assert sorted(path.name for path in folder.iterdir()) == ["copy.jpg", "half.jpg", "link.jpg"]


def test_watch_runs_at_the_chosen_time_of_day(cli: Terminal, studio: str, folder: Path) -> None:
    weekly = ("--every", "7d", "--at", "02:30", "--weekday", "Sunday", "--zone", "Europe/Berlin")
    data = cli.run_json("watch", "add", "pictures", "--folder", folder, *weekly)
    assert (data["at"], data["weekday"], data["time_zone"]) == ("02:30", "sunday", "Europe/Berlin")
    more = ("watch", "add", "more", "--folder", folder)
    for value in (
        ("--at", "4"),
        ("--every", "24h", "--at", "02:30", "--weekday", "monday"),
        ("--weekday", "monday"),
        ("--at", "02:30", "--every", "36h"),
    ):
        cli.run(*more, *value, code=2)
    cli.run(*more, "--at", "02:30", "--every", "6h")


def test_command_in_a_hint_is_quoted_for_the_shell(cli: Terminal, studio: str, folder: Path) -> None:
    name = "My shop & Co"
    output = cli.run("watch", "add", name, "--folder", folder).out
    assert "exhibit watch run 'My shop & Co' --wait" in output


def test_run_is_incomplete_when_a_search_or_picture_failed(
    inline: SyncRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    crawl_slice, epoch = claim_new_slice(owner("studio"))
    record_sightings(inline.services, crawl_slice, epoch, [photograph(1)])
    crawl = crawl_slice.crawl
    assert not _is_incomplete(crawl)
    inquiry = Inquiry.objects.create(crawl=crawl, service="tineye", left=1, state="done", outcome="quota")
    assert _is_incomplete(crawl)
    Inquiry.objects.filter(pk=inquiry.pk).update(state="failed", outcome="")
    assert _is_incomplete(crawl)
    inquiry.delete()
    Picture.objects.update(state="failed", error="The step broke off.")
    assert _is_incomplete(crawl)
    assert "exhibit api POST /operator/failures/match/retry" in capsys.readouterr().err
    Picture.objects.update(state="done")
    crawl.state = "failed"
    assert _is_incomplete(crawl)
    number = f"watches/{crawl.watch.number}/crawls/{crawl.number}"
    assert f"exhibit api GET {number}/refusals" in capsys.readouterr().err


def test_crawl_lists_refusals_with_hints(cli: Terminal, studio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crawl_slice, epoch = claim_new_slice(Owner.objects.get(), "shop")
    record_sightings(cli.desk.services, crawl_slice, epoch, [photograph(1), b"no picture"])
    monkeypatch.setattr("desk.cli.watch._wait_for", lambda *_: None)

    def show_crawl() -> str:
        return cli.run("watch", "run", "shop", "--wait", code=None).out

    refusals = "exhibit api GET watches/1/crawls/1/refusals"
    assert refusals in show_crawl()
    for index in range(22):
        Refusal.objects.create(
            crawl=crawl_slice.crawl, key=bytes([index]), url=f"http://a.example/{index}", reason="robots", at=now()
        )
    Picture.objects.filter(size=10).update(refusal="not-a-picture", state="done")
    for kind, reason in (("refusals", "robots"), ("unreadable-pictures", "not-a-picture")):
        items = cli.api("GET", f"watches/1/crawls/1/{kind}")["items"]
        assert {item["reason"] for item in items} == {reason}
    for counts, hint in (
        ({"pages": 30, "scripts_not_run": 12}, "exhibit api PATCH watches/1 --field render=always"),
        ({"pages": 30, "scripts_not_run": 1, "unrendered": {"no-browser": 1}}, "exhibit doctor"),
        ({"unrendered": {"budget": 12}}, "exhibit api PATCH watches/1 --field render_pages=N"),
    ):
        crawl_slice.crawl.slices.update(counts=counts)
        assert hint in show_crawl()
    Crawl.objects.update(skipped_pages={"unchanged": 412})
    assert "exhibit watch run shop --all-pages" in show_crawl()
