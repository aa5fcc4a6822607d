"""Test a contributor from the invitation to a case, including failures."""

from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.clock import now
from exhibit.errors import NotFoundError, RefusedError, ServiceMissingError
from registry.crawls import denylists
from registry.crawls.planning import plan_crawls
from registry.edge import leases
from registry.edge.client import contribute_to_installation
from registry.models import Case, Contributor, Crawl, CrawlSlice, EdgeResult, FrontierUrl, HostLease, Picture, Sighting
from tests.assets.contributors import ContributorInstallation, helped
from tests.assets.rows import photograph, recompress, register
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

__all__ = ["helped"]


@pytest.mark.long
def test_contributor_result_becomes_case_after_verification(helped: ContributorInstallation) -> None:
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
    assert sum(helped.shop.site.count_requests(f"/{number}.jpg") for number in range(4)) <= 5  # one picture was checked
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
def test_contributor_match_is_fetched_after_crawl_has_ended(
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
def test_contributor_with_false_results_is_removed_and_its_pictures_are_fetched_again(
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
    register(helped.inline.services, helped.studio, photograph(50))  # falsified results are not matched
    helped.inline.run_until_idle()
    assert Sighting.objects.count() == 6
    with pytest.raises(RefusedError):
        next(machine)


@pytest.mark.long
def test_false_results_for_stored_bytes_are_detected_immediately(helped: ContributorInstallation) -> None:
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
def test_changed_picture_is_counted_but_does_not_remove_the_contributor(
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


def test_picture_that_is_now_missing_does_not_count_as_a_check_of_the_contributor(
    helped: ContributorInstallation,
) -> None:
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
def test_picture_missing_for_contributor_is_fetched_locally(helped: ContributorInstallation) -> None:
    helped.start_list_crawl(["/late.jpg", "/0.jpg"])
    helped.shop.image("/0.jpg", photograph(50))
    _, machine = helped.invite()
    assert next(machine) == 1
    helped.shop.image("/late.jpg", photograph(51))
    helped.inline.run_until_idle()
    assert Sighting.objects.get().image_url == helped.shop.url("/late.jpg")


def test_killed_contributor_gets_its_lease_again_without_duplicates(
    helped: ContributorInstallation,
) -> None:
    helped.shop.image("/0.jpg", photograph(50))
    helped.start_list_crawl(["/0.jpg"])
    row, machine = helped.invite()
    assert helped.hand_out(row) is not None  # then the contributor is killed
    Contributor.objects.update(public_key=None)  # this test does not have the contributor's private key
    assert next(machine) == 1
    assert EdgeResult.objects.count() == 1


def test_expired_lease_is_taken_by_worker_and_late_results_are_rejected(
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
        leases.store_delivery(row, lease[0].pk, lease[0].epoch, [], 2)
    assert helped.hand_out(row) is None
    assert CrawlSlice.objects.count() == 1


def test_host_is_leased_to_one_contributor_and_lease_is_repeated(
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
def test_only_public_image_urls_are_leased(helped: ContributorInstallation, kind: str) -> None:
    crawl = helped.start_list_crawl(["/0.jpg"])
    if kind == "private":
        crawl.watch.private = True
        crawl.watch.save()
    elif kind == "denied":
        denylists.deny_host("127.0.0.11", by="operator", reason="asked")
    elif kind == "page":
        FrontierUrl.objects.update(kind="page")
    else:
        crawl.sources = [{"kind": kind, "url": "x"}]
        crawl.save()
    assert helped.hand_out(helped.invite()[0]) is None


def test_contributor_does_not_fetch_from_its_own_network(helped: ContributorInstallation) -> None:
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
            next(contribute_to_installation(config, site.url(""), "token"))
