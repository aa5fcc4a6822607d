"""Test hosts that refuse crawlers, and the known matches on them."""

import pytest

from exhibit.clock import now
from exhibit.network.addresses import compute_url_key
from registry.cases import decisions, opt_outs
from registry.cases.opt_outs import OptOut
from registry.crawls.opt_outs import store_opt_out_counts
from registry.models import Crawl, Refusal
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


def add_refusal(crawl: Crawl, url: str, reason: str) -> None:
    Refusal.objects.create(crawl=crawl, key=compute_url_key(url), url=url, reason=reason, at=now())


@pytest.mark.long
def test_opt_out_hosts_are_listed_with_their_signals_and_cases(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    crawl_slice, epoch = claim_new_slice(studio, "shop")
    record_sightings(inline.services, crawl_slice, epoch, [photograph(1)])
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
        add_refusal(crawl_slice.crawl, url, reason)
    watch = crawl_slice.crawl.watch
    other = OptOut("other.example", {"tdm-reserved": 1}, [])
    expected = [OptOut(host, {"noai": 1, "robots": 2}, [case.number]), other]
    assert opt_outs.find_opt_outs(watch) == expected
    store_opt_out_counts(crawl_slice.crawl_id)
    Refusal.objects.all().delete()
    assert opt_outs.find_opt_outs(watch) == expected, "what has ended is counted once"
    decisions.dismiss_case(case, by="Ann", reason="Not ours.")
    assert {opt_out.host: opt_out.cases for opt_out in opt_outs.find_opt_outs(watch)} == {host: [], "other.example": []}
    for number in range(2, 5):
        Crawl.objects.create(watch=watch, number=number, started_at=now())
    assert opt_outs.find_opt_outs(watch) == [], "what newer runs no longer receive is not passed on"
