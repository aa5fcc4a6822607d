"""Test the whole pipeline in one process: a real site, crawler and timestamp services, and a bundle that verifies."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from demo.pictures import generate_textured
from evidence.verdict.result import State, Verdict
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.errors import ExitCode
from registry.bundles.bundles import write_bundle_zip
from registry.cases.decisions import confirm_case
from registry.crawls import crawling
from registry.crawls.run_slice import build_log_data
from registry.fingerprints import fingerprints
from registry.matches.match import match_pictures
from registry.models import (
    AnchorReceipt,
    Bundle,
    Capture,
    Case,
    Crawl,
    LogEntry,
    LogOpening,
    Owner,
    Picture,
    Refusal,
    Sighting,
)
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from tests.assets.shop import LOOPBACK, Shop, add_own_keys, create_watch, run_now, running_timestamp_services
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

COPIES = 3


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Three copies of works, an unrelated image, a broken one, a forbidden folder, a link into a private network."""
    with Site(host="127.0.0.5") as site:
        new_shop = Shop(site)
        for number in range(COPIES):
            new_shop.image(f"/copy-{number}.jpg", recompress(photograph(number)))
        new_shop.image("/other.jpg", photograph(50))
        new_shop.image("/broken.jpg", photograph(51)[:600] + b"\0" * 500)
        new_shop.image("/members/copy.jpg", recompress(photograph(0)))
        site.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /members/\n", "text/plain")
        site.routes["/away.jpg"] = Answer(b"", status=302, headers=(("Location", "http://10.0.0.1/x.jpg"),))
        new_shop.page("/", "/copy-0.jpg", "/other.jpg")
        new_shop.page("/second", "/copy-1.jpg", "/broken.jpg", "/away.jpg")
        new_shop.page("/third", "/copy-2.jpg", "/copy-0.jpg", "/members/copy.jpg")
        new_shop.page("/members/list", "/copy-2.jpg")
        yield new_shop


@pytest.fixture
def world(db: None, config: Config, tmp_path: Path) -> Iterator[tuple[SyncRunner, Trust]]:
    """An installation that may crawl loopback and has timestamp services, and a matching trust list."""
    fingerprints.clear_cached_spaces()
    own = replace(config, data_dir=tmp_path, allowed_networks=(LOOPBACK,), checkpoint_seconds=1)
    with running_timestamp_services(own, tmp_path / "timestamps") as (complete, trust):
        yield SyncRunner(complete), trust
    fingerprints.clear_cached_spaces()


def register_works(inline: SyncRunner, count: int = COPIES) -> Owner:
    studio = owner("studio")
    for number in range(count):
        register(inline.services, studio, photograph(number), f"Work {number}")
    return studio


def confirm_all(inline: SyncRunner) -> None:
    for case in Case.objects.filter(decision="open"):
        confirm_case(inline.services, case, by="Ann", reason="A copy without a licence.")


def is_sealed_and_timestamped() -> bool:
    """Return True if every bundle is sealed and every receipt for it complete."""
    is_pending = Bundle.objects.exclude(state="done").exists() or AnchorReceipt.objects.exclude(state="done").exists()
    return not is_pending and {"rfc3161", "opentimestamps"} <= set(AnchorReceipt.objects.values_list("kind", flat=True))


def verify_bundle(inline: SyncRunner, bundle: Bundle, trust: Trust, folder: Path) -> Verdict:
    out = BytesIO()
    write_bundle_zip(inline.services, bundle, out)
    path = folder / f"bundle-{bundle.pk}.zip"
    path.write_bytes(out.getvalue())
    return Verifier(add_own_keys(inline.services, trust)).verify(path)


def test_pictures_on_a_site_lead_to_cases_and_verified_bundles(
    world: tuple[SyncRunner, Trust], shop: Shop, tmp_path: Path
) -> None:
    inline, trust = world
    studio = register_works(inline)
    create_watch(studio, shop.url())
    inline.run_until_idle()

    assert Crawl.objects.get().reason == "finished"
    addresses = {(sighting.page_url, sighting.image_url) for sighting in Sighting.objects.all()}
    assert (shop.url("/third"), shop.url("/copy-0.jpg")) in addresses
    assert len(addresses) == 6
    refused = {row.url: row.reason for row in Refusal.objects.all()}
    assert refused == {
        shop.url("/away.jpg"): "private-address",
        shop.url("/members/copy.jpg"): "robots",
        shop.url("/members/list"): "robots",
    }
    assert not [path for path in shop.site.requested_paths() if path.startswith("/members/")]
    assert Picture.objects.exclude(refusal="").count() <= 1  # the broken one may be partly readable

    cases = Case.objects.order_by("work__number")
    assert [(case.work.title, case.party, case.decision) for case in cases] == [
        (f"Work {number}", "127.0.0.5", "open") for number in range(COPIES)
    ]
    assert [case.case_sightings.count() for case in cases] == [2, 1, 1]
    assert set(Capture.objects.values_list("outcome", flat=True)) == {"captured"}

    confirm_all(inline)
    inline.run_until(is_sealed_and_timestamped)
    inline.run_until_idle()
    assert Bundle.objects.count() == COPIES
    for bundle in Bundle.objects.all():
        verdict = verify_bundle(inline, bundle, trust, tmp_path)
        assert [check for check in verdict.checks if check.state is State.FAILED] == []
        assert verdict.outcome is ExitCode.DONE, verdict.sentence
        assert "no legal weight" in verdict.sentence
    types = list(LogEntry.objects.order_by("sequence").values_list("type", flat=True))
    events = [sighting.content["what"] for sighting in LogOpening.objects.filter(submission__type="case")]
    assert (events.count("opened"), events.count("captured")) == (COPIES, Capture.objects.count())
    assert {kind: types.count(kind) for kind in types} == {
        "registration": COPIES,
        "slice": 2,
        "setting": 1,  # the configuration
        "case": len(events),  # including the sightings that each case gained, in one or several entries
        "decision": COPIES,
        "key": 1,
        "seal": COPIES,
    }


def test_loopback_is_not_fetched_by_default(inline: SyncRunner, shop: Shop) -> None:
    create_watch(register_works(inline, 1), shop.url())
    inline.run_until_idle()
    assert shop.site.requests == []
    refusal = Refusal.objects.get()
    assert (refusal.url, refusal.reason) == (shop.url(), "private-address")
    assert "127.0.0.5" in refusal.sentence
    assert Crawl.objects.get().reason == "finished"


@pytest.mark.long
def test_second_crawl_of_unchanged_site_adds_no_bytes_or_cases(
    world: tuple[SyncRunner, Trust], shop: Shop, tmp_path: Path
) -> None:
    inline, _ = world
    studio = register_works(inline)
    new_watch = create_watch(studio, shop.url())
    inline.run_until_idle()
    confirm_all(inline)
    inline.run_until_idle()
    first = {(row.page_url, row.image_url): row.first_seen for row in Sighting.objects.all()}
    captures, bundles = Capture.objects.count(), Bundle.objects.count()
    fetched = len(shop.site.requests)

    run_now(new_watch)
    inline.run_until_idle()

    assert [crawl.reason for crawl in new_watch.crawls.all()] == ["finished", "finished"]
    images = [
        request
        for request in shop.site.requests[fetched:]
        if request.path.endswith(".jpg") and request.path != "/away.jpg"
    ]
    assert images
    assert all("if-none-match" in request.headers for request in images)
    again = Sighting.objects.filter(crawl__number=2)
    assert {(row.page_url, row.image_url): row.first_seen for row in again} == first
    assert {(row.status, row.received_bytes) for row in again} == {(304, False)}
    assert (Case.objects.count(), Capture.objects.count(), Bundle.objects.count()) == (COPIES, captures, bundles)
    assert Case.objects.get(work__title="Work 1").case_sightings.count() == 2


@pytest.mark.long
def test_missing_page_is_reported_and_bundle_is_sealed_as_incomplete(
    world: tuple[SyncRunner, Trust], shop: Shop, tmp_path: Path
) -> None:
    inline, trust = world
    shop.page("/alone", "/copy-2.jpg")
    shop.site.routes = {path: shop.site.routes[path] for path in ("/alone", "/copy-2.jpg")}
    create_watch(register_works(inline), shop.url("/alone"))
    inline.run_until(Case.objects.exists)
    shop.site.routes = {}
    confirm_all(inline)
    inline.run_until(is_sealed_and_timestamped)
    capture = Capture.objects.get()
    assert capture.outcome == "page-gone"
    assert " 404: " in capture.sentence
    bundle = Bundle.objects.get()
    verdict = verify_bundle(inline, bundle, trust, tmp_path)
    assert verdict.outcome is ExitCode.INCOMPLETE  # no visit found the image again
    assert "not proven: capture" in verdict.sentence
    assert any(entry["path"].endswith("exchange.warc") for entry in bundle.contents)


@pytest.mark.long
def test_lookalike_picture_opens_no_case(inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Site(host="127.0.0.6") as site:
        new_shop = Shop(site)
        new_shop.image(
            "/a.jpg", encode_jpeg(generate_textured(50, (320, 240)).point(lambda value: min(255, value + 20)))
        )
        new_shop.page("/", "/a.jpg")
        create_watch(register_works(inline), new_shop.url())
        inline.run_until_idle()
    assert Sighting.objects.count() == 1
    assert not Case.objects.exists()


@pytest.mark.long
def test_bundle_waits_for_the_end_of_the_first_crawl_slice_with_its_sighting(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    planned, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, planned, epoch, [recompress(photograph(1))]))
    confirm_case(inline.services, Case.objects.get(), by="Ann", reason="A copy.")
    Capture.objects.update(state="done", outcome="unreachable", started_at=now(), finished_at=now())
    inline.run_until_idle()
    bundle = Bundle.objects.get()
    assert bundle.state == "queued"

    assert crawling.finish_slice(planned.pk, epoch, counts={}, suspect=False, build_log_data=build_log_data)
    Bundle.objects.update(not_before=None)
    inline.run_until_idle()
    bundle.refresh_from_db()
    assert (bundle.state, bundle.error) == ("done", "")
    assert "data/sightings/01/slice.json" in {file["path"] for file in bundle.contents}
