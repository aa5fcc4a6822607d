"""Test that purged bytes are deleted everywhere, and that blocked ones are never stored."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.files.blobs import FolderBlobStore
from registry.bundles.bundles import purged, sealed_case
from registry.bundles.deposits import make_deposit, record_files
from registry.cases.decisions import confirm
from registry.crawls import denylists
from registry.models import (
    Bundle,
    Capture,
    Case,
    LogSubmission,
    Owner,
    Refusal,
    Report,
    Sighting,
    WithheldFile,
)
from registry.reports.requests import request_report
from registry.retention.purge import purge, touched
from registry.retention.reported import goes_along
from tests.assets.rows import copy_of, owner, photograph, register
from tests.assets.sealed import verified
from tests.assets.shop import COPY, LOOPBACK, OTHER, Shop, holding, run_now, settle, stored, watch
from tests.assets.site import Site
from tests.assets.stage import inline, stage
from workers.operations.cleanup import sweep, sweep_here
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(host="127.0.0.7") as running:
        yield running


@pytest.fixture(scope="module")
def shop(site: Site) -> Shop:
    """A page with a copy of the first work and an unrelated image."""
    made = Shop(site)
    made.image(COPY, copy_of(photograph(1)))
    made.image(OTHER, photograph(50))
    made.page("/", COPY, OTHER)
    return made


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner, shop: Shop) -> None:
    """An owner whose work was found in the shop, and whose confirmed case is sealed."""
    settle(stage, allowed_networks=(LOOPBACK,))
    studio = owner("studio")
    register(stage.services, studio, photograph(1))
    watch(studio, shop.url())
    stage.run_until_idle()
    confirm(stage.services, Case.objects.get(), by="Ann", reason="A copy.")
    stage.run_until_idle()


@pytest.fixture
def services(inline: SyncRunner) -> SyncRunner:
    return inline


@pytest.fixture
def crawled(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


@pytest.mark.long
def test_a_purge_removes_bytes_everywhere_and_blocks_them(
    services: SyncRunner, crawled: Owner, shop: Shop, tmp_path: Path
) -> None:
    report = request_report(crawled, preparer="Ann")
    services.run_until_idle()
    copy = copy_of(photograph(1))
    carrying = [
        path for path in services.services.config.data_dir.rglob("*") if path.is_file() and copy in path.read_bytes()
    ]
    assert len(carrying) == 2  # the blob, and the capture's exact record

    assert purge(services.services, Digest.of(copy), by="Ann", reason="An order of a court.")

    left = [
        path for path in services.services.config.data_dir.rglob("*") if path.is_file() and copy in path.read_bytes()
    ]
    assert left == []
    assert LogSubmission.objects.get(type="purge").opening.content["digest"] == Digest.of(copy).hex
    verdict = verified(services, Bundle.objects.get(), tmp_path)
    withheld = {check.name for check in verdict.checks if check.sentence.startswith("Withheld from this copy")}
    assert {"file:data/sightings/01/image.jpg", "file:data/exhibit.pdf"} <= withheld
    assert not verdict.failures
    assert not purge(services.services, Digest.of(copy), by="Ann", reason="Again.")

    again = request_report(crawled, preparer="Ann")
    run_now(crawled.watches.get())
    services.run_until_idle()
    again.refresh_from_db()
    assert (again.state, again.error) == ("done", "")
    assert not stored(services, copy)
    assert not Sighting.objects.filter(crawl__number=2, image_url=shop.url(COPY)).exists()
    assert Refusal.objects.get(crawl__number=2, reason="blocked").url == shop.url(COPY)
    pdf = next(one for one in Report.objects.get(pk=report.pk).files if one["media_type"] == "application/pdf")
    assert Digest.from_hex(pdf["digest"]) not in services.services.blobs


@pytest.mark.long
def test_a_purge_leaves_no_picture_of_a_registered_work(services: SyncRunner, crawled: Owner, tmp_path: Path) -> None:
    work = crawled.works.get()
    deposit = make_deposit(services.services, work, by="Ann")
    begun = request_report(crawled, preparer="Ann")
    begun.progress = {"cases": [1], "volumes": 1, "begun": 1}
    begun.save()
    folder = services.services.config.data_dir / "reports" / str(begun.pk)
    folder.mkdir(parents=True)
    (folder / "volume-1.en.pdf").write_bytes(b"shows it")

    purge(services.services, work.pictures.get().digest, by="Ann", reason="An order of a court.")

    verdict = verified(services, Bundle.objects.get(), tmp_path)
    withheld = {one.name for one in verdict.checks if one.sentence.startswith("Withheld from this copy")}
    assert {"file:data/work/01.jpg", "file:data/work/01-reduced.jpg", "file:data/exhibit.pdf"} <= withheld
    assert not verdict.failures
    with pytest.raises(NotFoundError):
        record_files(services.services, deposit)
    assert not folder.exists()
    services.run_until_idle()
    begun.refresh_from_db()
    assert (begun.state, begun.progress["cases"]) == ("done", [1])


def test_a_purge_that_was_killed_before_it_removed_the_bytes_is_ended_by_the_next_sweep(
    services: SyncRunner, crawled: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, only_blocked = copy_of(photograph(1)), crawled.works.get().pictures.get().digest
    with monkeypatch.context() as patched:
        patched.setattr(FolderBlobStore, "remove", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            purge(services.services, Digest.of(copy), by="Ann", reason="An order of a court.")
    assert stored(services, copy)
    denylists.block(only_blocked, by="Ann", reason="asked")
    sweep(services.services)
    assert not any(
        copy in path.read_bytes() for path in (services.services.config.data_dir / "blobs").rglob("*") if path.is_file()
    )
    assert only_blocked in services.services.blobs


def test_a_machine_on_which_no_purge_ran_forgets_the_picture_by_itself(services: SyncRunner, crawled: Owner) -> None:
    digest, folder = Digest.of(copy_of(photograph(1))), services.services.config.data_dir
    purge(services.services, digest, by="Ann", reason="An order of a court.")
    kept = [folder / "previews" / digest.hex[:2] / f"{digest.hex}-256.jpg"]
    kept += [folder / "features" / "1" / digest.hex[:2] / f"{digest.hex}.npz"]
    kept += [folder / "drawings" / digest.hex[:2] / f"{digest.hex}-{'0' * 64}-overlay.jpg"]
    others = [path.with_name(path.name.replace(digest.hex, "f" * 64)) for path in kept]
    for path in (*kept, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"of another machine")
    sweep_here(services.services)
    assert not any(path.exists() for path in kept)
    assert all(path.exists() for path in others)


def test_purging_what_a_page_loaded_beside_leaves_the_record_in_which_it_does_not_stand(
    services: SyncRunner, crawled: Owner
) -> None:
    beside = services.services.blobs.put(photograph(50))
    visit = Capture.objects.get()
    visit.digests = [*visit.digests, beside.hex]  # like a browser visit, which stores everything that the page loaded
    visit.save()
    purge(services.services, beside, by="Olga", reason="An order of a court.")
    assert beside not in services.services.blobs
    assert all(Digest.from_hex(file["digest"]) in services.services.blobs for file in visit.files)


def test_what_shows_a_purged_picture_of_another_owners_case_is_set_aside_and_not_destroyed(
    services: SyncRunner, crawled: Owner, tmp_path: Path
) -> None:
    found = Digest.of(copy_of(photograph(1)))
    shown = {one.digest for one in touched(services.services, found) if one.kept}
    assert shown
    listed = goes_along(services.services, Case.objects.get())
    assert {what for what, _kept, _files in listed} == {"case 1"}
    assert [files for _what, kept, files in listed if kept] == [len(shown)]
    kept = {one: services.services.blobs.get(one) for one in shown}
    purge(services.services, found, by="Olga", reason="An order of a court.")
    aside = FolderBlobStore(services.services.config.data_dir / "withheld")
    assert {one: aside.get(one) for one in shown} == kept
    assert not any(one in services.services.blobs for one in shown)
    verdict = verified(services, Bundle.objects.get(), tmp_path)
    assert not verdict.failures
    sealed = sealed_case(services.services, Bundle.objects.get())
    withheld = purged(services.services, sealed)
    assert withheld is not None
    assert withheld.reason.count("An order of a court.") == 2


@pytest.mark.long
def test_damaged_bytes_are_purged_and_so_is_what_lies_aside(
    services: SyncRunner, crawled: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    make_deposit(services.services, crawled.works.get(), by="Ann")
    found, work = Digest.of(copy_of(photograph(1))), crawled.works.get().pictures.get().digest
    along = {one.digest: one for one in touched(services.services, found)}
    damaged, *others = (one for one, said in along.items() if said.kept)
    blocked = next(one for one in others if one.hex[:2] not in {damaged.hex[:2], found.hex[:2]})
    blobs, aside = (FolderBlobStore(services.services.config.data_dir / name) for name in ("blobs", "withheld"))
    for one in (found, damaged):
        blobs.path(one).chmod(0o600)
        blobs.path(one).write_bytes(b"changed")
    in_the_way = aside.root / blocked.hex[:2]
    in_the_way.write_text("")  # nothing can be set aside in this folder, as on a full disk

    assert {one.digest for one in touched(services.services, found)} == set(along)
    assert purge(services.services, found, by="Olga", reason="An order of a court.")

    left = {one for one in along if one in blobs}
    assert found not in blobs
    assert left == {one for one, said in along.items() if said.kept and one.hex[:2] == blocked.hex[:2]}
    assert aside.path(damaged).read_bytes() == b"changed"
    assert str(blocked) in caplog.text
    in_the_way.unlink()
    sweep(services.services)
    assert not any(one in blobs for one in along)
    assert {one for one in along if one in aside} == {one for one, said in along.items() if said.kept}

    manifest = Bundle.objects.get().manifest
    assert manifest is not None
    blobs.path(manifest).unlink()  # its contents are unknown now; the image is deleted regardless
    assert purge(services.services, blocked, by="Olga", reason="It shows it.")
    assert blocked not in aside
    assert purge(services.services, work, by="Olga", reason="Another order.")
    assert "case 1" in caplog.text
    sweep(services.services)
    assert blocked not in aside


def test_what_lies_aside_and_holds_bytes_that_are_purged_later_is_removed(services: SyncRunner, crawled: Owner) -> None:
    found = Digest.of(copy_of(photograph(1)))
    beside = services.services.blobs.put(photograph(50))
    visit = Capture.objects.get()
    picture_of_page = services.services.blobs.put(b"a screenshot with " + photograph(50))
    visit.files = [*visit.files, {"role": "screenshot", "name": "", "digest": picture_of_page.hex, "size": 1}]
    visit.digests = [*visit.digests, beside.hex]
    visit.save()
    purge(services.services, found, by="Olga", reason="An order of a court.")
    assert holding(services, photograph(50)) != []
    purge(services.services, beside, by="Olga", reason="Another order.")
    assert holding(services, photograph(50)) == []
    withheld = WithheldFile.objects.get(digest=picture_of_page)
    assert (withheld.kept, withheld.reason) == (False, "Another order.")
    assert WithheldFile.objects.filter(because=found, kept=True).exists()
