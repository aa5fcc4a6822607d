"""Test a contributor's machine from the invitation to a case, with all failures in between."""

from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.clock import now
from exhibit.errors import NotFoundError, RefusedError, ServiceMissingError
from registry.crawls import denylists
from registry.crawls.planning import plan_crawls
from registry.edge import leases
from registry.edge.client import help_installation
from registry.models import Case, Contributor, Crawl, CrawlSlice, EdgeResult, FrontierUrl, HostLease, Picture, Sighting
from tests.assets.contributors import ContributorInstallation, helped
from tests.assets.rows import photograph, recompress, register
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

__all__ = ["helped"]


@pytest.mark.long
def test_contributor_result_becomes_a_case_after_own_verification(helped: ContributorInstallation) -> None:
    register(helped.inline.services, helped.studio, photograph(1))
    helped.inline.run_until_idle()
    helped.shop.image("/copy.jpg", recompress(photograph(1)))
    for number in range(4):
        helped.shop.image(f"/{number}.jpg", photograph(50 + number))
    crawl = helped.start_list_crawl(["/copy.jpg", *(f"/{number}.jpg" for number in range(4))])
    row, machine = helped.invite()
    assert next(machine) == 5
    assert not Sighting.objects.exists()
    helped.inline.run_until_idle()
    assert Case.objects.count() == 1
    (sighting,) = Sighting.objects.all()
    assert sighting.image_url == helped.shop.url("/copy.jpg")
    assert sighting.slice.contributor is None
    assert sum(helped.shop.site.count_requests(f"/{number}.jpg") for number in range(4)) <= 5  # one of all was checked
    outcomes = dict(EdgeResult.objects.values_list("target__url", "outcome"))
    assert outcomes.pop(helped.shop.url("/copy.jpg")) == "here"
    assert set(outcomes.values()) == {"kept"}
    crawl.refresh_from_db()
    assert crawl.reason == "finished"
    assert set(FrontierUrl.objects.values_list("state", flat=True)) == {"done"}
    row.refresh_from_db()
    assert (row.pictures, row.checked, row.wrong) == (5, 1, 0)
    assert row.seconds > 0


@pytest.mark.long
def test_what_a_machine_found_is_fetched_here_though_its_crawl_has_ended_meanwhile(
    helped: ContributorInstallation,
) -> None:
    register(helped.inline.services, helped.studio, photograph(1))
    helped.inline.run_until_idle()
    helped.shop.image("/copy.jpg", recompress(photograph(1)))
    crawl = helped.start_list_crawl(["/copy.jpg"])
    _, machine = helped.invite()
    assert next(machine) == 1
    Crawl.objects.update(state="done", reason="budget-pages", finished_at=now())
    helped.inline.run_until_idle()
    assert Case.objects.count() == 1
    (sighting,) = Sighting.objects.all()
    assert (sighting.image_url, sighting.crawl_id == crawl.pk) == (helped.shop.url("/copy.jpg"), False)


@pytest.mark.long
def test_later_work_matches_pictures_measured_by_a_contributor(helped: ContributorInstallation) -> None:
    helped.shop.image("/copy.jpg", recompress(photograph(1)))
    helped.shop.image("/other.jpg", photograph(50))
    helped.start_list_crawl(["/copy.jpg", "/other.jpg"])
    _, machine = helped.invite()
    assert next(machine) == 2
    helped.inline.run_until_idle()
    assert not Sighting.objects.exists()
    register(helped.inline.services, helped.studio, photograph(1))
    helped.inline.run_until_idle()
    assert Case.objects.count() == 1
    assert [row.image_url for row in Sighting.objects.all()] == [helped.shop.url("/copy.jpg")]


@pytest.mark.long
def test_a_machine_that_lies_is_thrown_out_and_all_that_it_sent_is_fetched_here(
    helped: ContributorInstallation,
) -> None:
    paths = [f"/{number}.jpg" for number in range(6)]
    for number, path in enumerate(paths):
        helped.shop.image(path, photograph(50 + number))
    helped.start_list_crawl(paths[:2])
    row, machine = helped.invite()
    next(machine)
    helped.inline.run_until_idle()
    assert Picture.objects.filter(bytes_state="expired").count() == 2
    helped.start_list_crawl(paths[2:])
    next(machine)
    helped.falsify_results()
    helped.inline.run_until_idle()
    row.refresh_from_db()
    assert row.reason == leases.FALSE_MEASUREMENTS
    assert (row.pictures, row.seconds) == (0, 0)
    assert set(EdgeResult.objects.values_list("outcome", flat=True)) == {"dropped"}
    assert Sighting.objects.count() == Picture.objects.filter(bytes_state="stored").count() == 6
    assert set(FrontierUrl.objects.values_list("state", flat=True)) == {"done"}
    register(helped.inline.services, helped.studio, photograph(50))  # nothing substituted is found any more
    helped.inline.run_until_idle()
    assert Sighting.objects.count() == 6
    with pytest.raises(RefusedError):
        next(machine)


@pytest.mark.long
def test_bytes_that_lie_here_already_convict_at_once(helped: ContributorInstallation) -> None:
    helped.shop.image("/0.jpg", photograph(50))
    helped.start_list_crawl(["/0.jpg"])
    helped.inline.run_until_idle()
    assert Picture.objects.get().fingerprints.exists()
    helped.shop.image("/again.jpg", photograph(50))
    helped.start_list_crawl(["/again.jpg"])
    row, machine = helped.invite()
    next(machine)
    EdgeResult.objects.update(drawn=False)
    helped.falsify_results()
    helped.inline.run_until_idle()
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert helped.shop.site.count_requests("/again.jpg") == 2


@pytest.mark.long
def test_another_picture_that_is_served_meanwhile_convicts_nobody_and_is_counted(
    helped: ContributorInstallation,
) -> None:
    helped.shop.image("/0.jpg", photograph(50))
    helped.start_list_crawl(["/0.jpg"])
    row, machine = helped.invite()
    next(machine)
    helped.shop.image("/0.jpg", photograph(70))
    helped.inline.run_until_idle()
    row.refresh_from_db()
    assert (row.revoked_at, row.checked, row.wrong, row.suspicion) == (None, 1, 1, 1)


def test_a_picture_that_is_gone_when_it_is_checked_says_nothing(helped: ContributorInstallation) -> None:
    helped.shop.image("/0.jpg", photograph(50))
    helped.start_list_crawl(["/0.jpg"])
    row, machine = helped.invite()
    next(machine)
    del helped.shop.site.routes["/0.jpg"]
    helped.inline.run_until_idle()
    row.refresh_from_db()
    assert (row.revoked_at, row.checked, row.wrong) == (None, 0, 0)
    assert EdgeResult.objects.get().outcome == "kept"


@pytest.mark.long
def test_a_picture_that_does_not_come_there_is_fetched_here(helped: ContributorInstallation) -> None:
    helped.start_list_crawl(["/late.jpg", "/0.jpg"])
    helped.shop.image("/0.jpg", photograph(50))
    _, machine = helped.invite()
    assert next(machine) == 1
    helped.shop.image("/late.jpg", photograph(51))
    helped.inline.run_until_idle()
    assert Sighting.objects.get().image_url == helped.shop.url("/late.jpg")


def test_a_machine_that_is_killed_gets_its_lease_again_and_what_it_brought_is_there_once(
    helped: ContributorInstallation,
) -> None:
    helped.shop.image("/0.jpg", photograph(50))
    helped.start_list_crawl(["/0.jpg"])
    row, machine = helped.invite()
    assert helped.hand_out(row) is not None  # and then it is killed
    Contributor.objects.update(public_key=None)  # its key, which this test does not have
    assert next(machine) == 1
    assert EdgeResult.objects.count() == 1


def test_a_lease_of_a_machine_that_was_killed_is_taken_by_a_worker_and_its_results_are_refused(
    helped: ContributorInstallation,
) -> None:
    helped.shop.image("/0.jpg", photograph(50))
    helped.start_list_crawl(["/0.jpg"])
    row, _ = helped.invite()
    lease = helped.hand_out(row)
    assert lease is not None
    CrawlSlice.objects.update(claimed_at=now() - 2 * helped.inline.services.stale_after)
    helped.inline.run_until_idle()
    assert Sighting.objects.count() == 1
    with pytest.raises(NotFoundError):
        leases.deliver(row, lease[0].pk, lease[0].epoch, [], 2)
    assert helped.hand_out(row) is None
    assert CrawlSlice.objects.count() == 1


def test_a_host_is_leased_to_one_alone_and_a_lease_comes_again_until_it_is_over(
    helped: ContributorInstallation,
) -> None:
    crawl = helped.start_list_crawl([f"/{number}.jpg" for number in range(60)])
    ann, bob = helped.invite("Ann")[0], helped.invite("Bob")[0]
    first = helped.hand_out(ann)
    assert first is not None
    assert len(first[1]) == leases.MAX_TARGETS
    assert helped.hand_out(bob) is None
    second_lease = helped.hand_out(ann)
    assert second_lease is not None
    assert second_lease[1] == first[1]
    plan_crawls(helped.inline.services, [crawl.pk])
    assert CrawlSlice.objects.count() == 1
    assert HostLease.objects.get().slice_id == first[0].pk


@pytest.mark.parametrize("kind", ["private", "past", "search", "denied", "page"])
def test_what_would_tell_more_than_an_address_is_not_handed_out(helped: ContributorInstallation, kind: str) -> None:
    crawl = helped.start_list_crawl(["/0.jpg"])
    if kind == "private":
        crawl.watch.private = True
        crawl.watch.save()
    elif kind == "denied":
        denylists.deny("127.0.0.11", by="operator", reason="asked")
    elif kind == "page":
        FrontierUrl.objects.update(kind="page")
    else:
        crawl.sources = [{"kind": kind, "url": "x"}]
        crawl.save()
    assert helped.hand_out(helped.invite()[0]) is None


def test_an_address_on_the_machines_own_network_is_refused_there(helped: ContributorInstallation) -> None:
    helped.shop.image("/0.jpg", photograph(50))
    helped.start_list_crawl(["/0.jpg"])
    _, machine = helped.invite(networks=("127.0.0.1/32", "::1/128"))  # the installation's own networks
    assert next(machine) == 0
    assert EdgeResult.objects.get().outcome == "nothing"
    assert helped.shop.site.count_requests("/0.jpg") == 0


def test_deeply_nested_response_is_reported(inline: SyncRunner, tmp_path: Path) -> None:
    config = replace(inline.services.config, data_dir=tmp_path, allowed_networks=("127.0.0.0/8",))
    with Site() as site:
        site.routes["/api/v1/edge/leases"] = Answer(b"[" * 100_000, "application/json")
        with pytest.raises(ServiceMissingError, match="FormatError"):
            next(help_installation(config, site.url(""), "token"))
