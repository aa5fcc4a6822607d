"""`exhibit crawl`: what the runs of a watch saw and refused."""

from exhibit.clock import now
from registry.models import Owner, Picture, Refusal
from tests.assets.command_line import Terminal
from tests.assets.rows import bring, claimed_slice, photograph


def test_a_crawl_is_told_with_all_that_it_refused(cli: Terminal, studio: str) -> None:
    assert cli.run("crawl", "list").out.startswith("Nothing has been crawled yet.")
    planned, epoch = claimed_slice(Owner.objects.get(), "shop")
    bring(cli.desk.services, planned, epoch, [photograph(1), b"no picture"])
    crawl = planned.crawl
    assert cli.run("crawl", "show", "shop").out.rstrip().endswith("Nothing was refused.")
    for place in range(22):
        Refusal.objects.create(
            crawl=crawl, key=bytes([place]), url=f"http://a.example/{place}", reason="robots", at=now()
        )
    Picture.objects.filter(size=10).update(refusal="not-a-picture", state="done")
    shown = cli.ask("crawl", "show", "shop")
    assert {one["reason"] for one in shown["refusals"]} == {"robots", "not-a-picture"}
    told = cli.run("crawl", "show", "shop", "1").out
    assert "robots 22" in " ".join(told.split())
    assert told.rstrip().endswith("… and 3 more; --json lists them all with sentences.")
    assert [one["number"] for one in cli.ask("crawl", "list", "shop")["crawls"]] == [1]
    assert "under way" in cli.run("crawl", "list").out
    planned.crawl.slices.update(counts={"pages": 30, "scripts_not_run": 12})
    assert cli.ask("crawl", "show", "shop")["scripts_not_run"] == 12
    hint = "12 pages run scripts that may add pictures. Render them: exhibit watch edit shop --render always"
    assert hint in cli.run("crawl", "show", "shop").out
    planned.crawl.slices.update(counts={"pages": 30, "scripts_not_run": 1, "unrendered": {"no-browser": 1}})
    assert "1 page runs scripts that may add pictures: there is no browser" in cli.run("crawl", "show", "shop").out
    planned.crawl.slices.update(counts={"pages": 30})
    assert cli.ask("crawl", "show", "shop")["scripts_not_run"] is None
    for words in (("list", "other"), ("show", "shop", "2")):
        assert cli.run("crawl", *words, code=2).err
    cli.run("watch", "add", "new", "--site", "http://127.0.0.1/")
    assert "new hasn't run yet.\nexhibit watch run new --wait" in cli.run("crawl", "show", "new", code=2).err
