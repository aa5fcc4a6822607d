"""Test hosts that refuse crawlers, and the known finds on them."""

import pytest

from exhibit.clock import now
from exhibit.network.addresses import url_key
from registry.cases import decisions, opt_outs
from registry.cases.opt_outs import OptOut
from registry.crawls.opt_outs import keep_counts
from registry.models import Crawl, Refusal
from tests.assets.rows import bring, claimed_slice, owner, photograph, register
from workers.tasks.sync_runner import SyncRunner


def refuse(crawl: Crawl, url: str, reason: str) -> None:
    Refusal.objects.create(crawl=crawl, key=url_key(url), url=url, reason=reason, at=now())


@pytest.mark.long
def test_hosts_are_told_with_how_they_say_so_and_with_the_owners_finds_there(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    planned, epoch = claimed_slice(studio, "shop")
    bring(inline.services, planned, epoch, [photograph(1)])
    inline.run_until_idle()
    [case] = studio.cases.all()
    host = case.case_sightings.get().sighting.host
    for url, reason in {
        f"http://{host}/a": "robots",
        f"http://{host}:8080/b": "robots",
        f"http://{host}/c.jpg": "noai",
        "http://other.example/": "tdm-reserved",
        "http://gone.example/": "http-404",
    }.items():
        refuse(planned.crawl, url, reason)
    watch = planned.crawl.watch
    other = OptOut("other.example", {"tdm-reserved": 1}, [])
    told = [OptOut(host, {"noai": 1, "robots": 2}, [case.number]), other]
    assert opt_outs.of_watch(watch) == told
    keep_counts(planned.crawl_id)
    Refusal.objects.all().delete()
    assert opt_outs.of_watch(watch) == told, "what has ended is counted once"
    decisions.clear(case, by="Ann", reason="Not ours.")
    assert {one.host: one.cases for one in opt_outs.of_watch(watch)} == {host: [], "other.example": []}
    for number in range(2, 5):
        Crawl.objects.create(watch=watch, number=number, started_at=now())
    assert opt_outs.of_watch(watch) == [], "what newer runs weren't told any more isn't told on"
