"""Test that purged bytes are deleted everywhere, and that blocked ones are never stored."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.files.blobs import FolderBlobStore
from registry.bundles.bundles import find_purged_files, load_sealed_case
from registry.bundles.deposits import load_record_files, make_deposit
from registry.cases.decisions import confirm_case
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
from registry.retention.picture_reports import list_affected_objects
from registry.retention.purge import find_affected_files, purge_picture
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.sealed_bundles import verify
from tests.assets.shop import (
    COPY,
    LOOPBACK,
    OTHER,
    Shop,
    change_settings,
    create_watch,
    find_files_with,
    is_stored,
    run_now,
)
from tests.assets.site import Site
from workers.operations.cleanup import remove_leftovers, remove_local_leftovers
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(host="127.0.0.7") as running:
        yield running


@pytest.fixture(scope="module")
def shop(site: Site) -> Shop:
    """A page with a copy of the first work and an unrelated image."""
    new_shop = Shop(site)
    new_shop.image(COPY, recompress(photograph(1)))
    new_shop.image(OTHER, photograph(50))
    new_shop.page("/", COPY, OTHER)
    return new_shop


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner, shop: Shop) -> None:
    """An owner whose work was found in the shop, and whose confirmed case is sealed."""
    change_settings(stage, allowed_networks=(LOOPBACK,))
    studio = owner("studio")
    register(stage.services, studio, photograph(1))
    create_watch(studio, shop.url())
    stage.run_until_idle()
    confirm_case(stage.services, Case.objects.get(), by="Ann", reason="A copy.")
    stage.run_until_idle()


@pytest.fixture
def services(inline: SyncRunner) -> SyncRunner:
    return inline


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


@pytest.mark.long
def test_purge_deletes_bytes_everywhere_and_blocks_them(
    services: SyncRunner, studio: Owner, shop: Shop, tmp_path: Path
) -> None:
    report = request_report(studio, preparer="Ann")
    services.run_until_idle()
    copy = recompress(photograph(1))
    paths_with_copy = [
        path for path in services.services.config.data_dir.rglob("*") if path.is_file() and copy in path.read_bytes()
    ]
    assert len(paths_with_copy) == 2  # the blob, and the capture's exact record

    assert purge_picture(services.services, Digest.from_bytes(copy), by="Ann", reason="An order of a court.")

    remaining = [
        path for path in services.services.config.data_dir.rglob("*") if path.is_file() and copy in path.read_bytes()
    ]
    assert remaining == []
    assert LogSubmission.objects.get(type="purge").opening.content["digest"] == Digest.from_bytes(copy).hex
    verdict = verify(services, Bundle.objects.get(), tmp_path)
    withheld = {check.name for check in verdict.checks if check.sentence.startswith("Withheld from this copy")}
    assert {"file:data/sightings/01/image.jpg", "file:data/exhibit.pdf"} <= withheld
    assert not verdict.failures
    assert not purge_picture(services.services, Digest.from_bytes(copy), by="Ann", reason="Again.")

    second_report = request_report(studio, preparer="Ann")
    run_now(studio.watches.get())
    services.run_until_idle()
    second_report.refresh_from_db()
    assert (second_report.state, second_report.error) == ("done", "")
    assert not is_stored(services, copy)
    assert not Sighting.objects.filter(crawl__number=2, image_url=shop.url(COPY)).exists()
    assert Refusal.objects.get(crawl__number=2, reason="blocked").url == shop.url(COPY)
    pdf = next(file for file in Report.objects.get(pk=report.pk).files if file["media_type"] == "application/pdf")
    assert Digest.from_hex(pdf["digest"]) not in services.services.blobs


@pytest.mark.long
def test_purge_deletes_all_copies_of_a_registered_picture(services: SyncRunner, studio: Owner, tmp_path: Path) -> None:
    work = studio.works.get()
    deposit = make_deposit(services.services, work, by="Ann")
    report = request_report(studio, preparer="Ann")
    report.progress = {"cases": [1], "volumes": 1, "begun": 1}
    report.save()
    folder = services.services.config.data_dir / "reports" / str(report.pk)
    folder.mkdir(parents=True)
    (folder / "volume-1.en.pdf").write_bytes(b"shows it")

    purge_picture(services.services, work.pictures.get().digest, by="Ann", reason="An order of a court.")

    verdict = verify(services, Bundle.objects.get(), tmp_path)
    withheld = {check.name for check in verdict.checks if check.sentence.startswith("Withheld from this copy")}
    assert {"file:data/work/01.jpg", "file:data/work/01-reduced.jpg", "file:data/exhibit.pdf"} <= withheld
    assert not verdict.failures
    with pytest.raises(NotFoundError):
        load_record_files(services.services, deposit)
    assert not folder.exists()
    services.run_until_idle()
    report.refresh_from_db()
    assert (report.state, report.progress["cases"]) == ("done", [1])


def test_killed_purge_is_completed_by_the_next_sweep(
    services: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, only_blocked = recompress(photograph(1)), studio.works.get().pictures.get().digest
    with monkeypatch.context() as patch:
        patch.setattr(FolderBlobStore, "remove", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            purge_picture(services.services, Digest.from_bytes(copy), by="Ann", reason="An order of a court.")
    assert is_stored(services, copy)
    denylists.block_digest(only_blocked, by="Ann", reason="asked")
    remove_leftovers(services.services)
    assert not any(
        copy in path.read_bytes() for path in (services.services.config.data_dir / "blobs").rglob("*") if path.is_file()
    )
    assert only_blocked in services.services.blobs


def test_sweep_deletes_local_files_of_pictures_purged_on_other_machines(services: SyncRunner, studio: Owner) -> None:
    digest, folder = Digest.from_bytes(recompress(photograph(1))), services.services.config.data_dir
    purge_picture(services.services, digest, by="Ann", reason="An order of a court.")
    previews = [folder / "previews" / digest.hex[:2] / f"{digest.hex}-256.jpg"]
    previews += [folder / "features" / "1" / digest.hex[:2] / f"{digest.hex}.npz"]
    previews += [folder / "drawings" / digest.hex[:2] / f"{digest.hex}-{'0' * 64}-overlay.jpg"]
    other_previews = [path.with_name(path.name.replace(digest.hex, "f" * 64)) for path in previews]
    for path in (*previews, *other_previews):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"of another machine")
    remove_local_leftovers(services.services)
    assert not any(path.exists() for path in previews)
    assert all(path.exists() for path in other_previews)


def test_purging_a_page_resource_keeps_records_without_that_resource(services: SyncRunner, studio: Owner) -> None:
    page_resource = services.services.blobs.put(photograph(50))
    visit = Capture.objects.get()
    # Like a browser visit, which stores everything that the page loaded
    visit.digests = [
        *visit.digests,
        page_resource.hex,
    ]
    visit.save()
    purge_picture(services.services, page_resource, by="Olga", reason="An order of a court.")
    assert page_resource not in services.services.blobs
    assert all(Digest.from_hex(file["digest"]) in services.services.blobs for file in visit.files)


def test_files_of_other_owners_with_a_purged_picture_are_withheld(
    services: SyncRunner, studio: Owner, tmp_path: Path
) -> None:
    found_digest = Digest.from_bytes(recompress(photograph(1)))
    kept_digests = {item.digest for item in find_affected_files(services.services, found_digest) if item.kept}
    assert kept_digests
    listed = list_affected_objects(services.services, Case.objects.get())
    assert {what for what, _is_kept, _files in listed} == {"case 1"}
    assert [files for _what, retained, files in listed if retained] == [len(kept_digests)]
    retained = {item: services.services.blobs.get(item) for item in kept_digests}
    purge_picture(services.services, found_digest, by="Olga", reason="An order of a court.")
    withheld_store = FolderBlobStore(services.services.config.data_dir / "withheld")
    assert {item: withheld_store.get(item) for item in kept_digests} == retained
    assert not any(item in services.services.blobs for item in kept_digests)
    verdict = verify(services, Bundle.objects.get(), tmp_path)
    assert not verdict.failures
    contents = load_sealed_case(services.services, Bundle.objects.get())
    withheld = find_purged_files(services.services, contents)
    assert withheld is not None
    assert withheld.reason.count("An order of a court.") == 2


@pytest.mark.long
def test_damaged_and_withheld_bytes_are_purged(
    services: SyncRunner, studio: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    make_deposit(services.services, studio.works.get(), by="Ann")
    found_digest, work = Digest.from_bytes(recompress(photograph(1))), studio.works.get().pictures.get().digest
    usages = {item.digest: item for item in find_affected_files(services.services, found_digest)}
    damaged, *other_digests = (item for item, usage in usages.items() if usage.kept)
    blocked = next(item for item in other_digests if item.hex[:2] not in {damaged.hex[:2], found_digest.hex[:2]})
    blobs, withheld_store = (
        FolderBlobStore(services.services.config.data_dir / name) for name in ("blobs", "withheld")
    )
    for item in (found_digest, damaged):
        blobs.get_path(item).chmod(0o600)
        blobs.get_path(item).write_bytes(b"changed")
    blocking_file = withheld_store.root / blocked.hex[:2]
    blocking_file.write_text("")  # no file can be withheld in this folder, as on a full disk

    assert {item.digest for item in find_affected_files(services.services, found_digest)} == set(usages)
    assert purge_picture(services.services, found_digest, by="Olga", reason="An order of a court.")

    remaining = {item for item in usages if item in blobs}
    assert found_digest not in blobs
    assert remaining == {item for item, usage in usages.items() if usage.kept and item.hex[:2] == blocked.hex[:2]}
    assert withheld_store.get_path(damaged).read_bytes() == b"changed"
    assert str(blocked) in caplog.text
    blocking_file.unlink()
    remove_leftovers(services.services)
    assert not any(item in blobs for item in usages)
    assert {item for item in usages if item in withheld_store} == {item for item, usage in usages.items() if usage.kept}

    manifest = Bundle.objects.get().manifest
    assert manifest is not None
    blobs.get_path(manifest).unlink()  # its contents are unknown now; the image is deleted regardless
    assert purge_picture(services.services, blocked, by="Olga", reason="It shows it.")
    assert blocked not in withheld_store
    assert purge_picture(services.services, work, by="Olga", reason="Another order.")
    assert "case 1" in caplog.text
    remove_leftovers(services.services)
    assert blocked not in withheld_store


def test_withheld_file_with_later_purged_bytes_is_removed(services: SyncRunner, studio: Owner) -> None:
    found_digest = Digest.from_bytes(recompress(photograph(1)))
    page_resource = services.services.blobs.put(photograph(50))
    visit = Capture.objects.get()
    picture_of_page = services.services.blobs.put(b"a screenshot with " + photograph(50))
    visit.files = [*visit.files, {"role": "screenshot", "name": "", "digest": picture_of_page.hex, "size": 1}]
    visit.digests = [*visit.digests, page_resource.hex]
    visit.save()
    purge_picture(services.services, found_digest, by="Olga", reason="An order of a court.")
    assert find_files_with(services, photograph(50)) != []
    purge_picture(services.services, page_resource, by="Olga", reason="Another order.")
    assert find_files_with(services, photograph(50)) == []
    withheld = WithheldFile.objects.get(digest=picture_of_page)
    assert (withheld.kept, withheld.reason) == (False, "Another order.")
    assert WithheldFile.objects.filter(because=found_digest, kept=True).exists()
