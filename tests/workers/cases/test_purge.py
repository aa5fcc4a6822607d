"""What may not be stored: bytes that are purged are gone everywhere, and blocked ones never come."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from unittest.mock import Mock

import pytest

from evidence.capture.wire import Exchange, write_warc
from evidence.verdict.result import Verdict
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError
from exhibit.files.blobs import FolderBlobStore
from registry.crawls import denylists
from registry.models import (
    BlockedDigest,
    Bundle,
    Capture,
    Case,
    LogSubmission,
    Owner,
    Picture,
    Refusal,
    Report,
    Sighting,
    WithheldFile,
)
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.shop import COPY, OTHER, Shop, run_now, stored, watch
from workers.cases.decisions import confirm
from workers.cases.purge import purge, touched
from workers.cases.reported import goes_along, report_picture, waiting_reports
from workers.evidence.bundles import assemble, purged, sealed_case
from workers.evidence.deposits import make_deposit, record_files
from workers.operations.retention import sweep
from workers.pictures.picture_usage import captured_files
from workers.reports.requests import request_report
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner


def test_a_purge_removes_bytes_everywhere_and_blocks_them(
    services: SyncRunner, crawled: Owner, shop: Shop, tmp_path: Path
) -> None:
    case = Case.objects.get()
    confirm(services.services, case, by="Ann", reason="A copy.")
    report = request_report(crawled, preparer="Ann")
    services.run_until_idle()
    copy = copy_of(photograph(1))
    carrying = [
        path for path in services.services.config.data_dir.rglob("*") if path.is_file() and copy in path.read_bytes()
    ]
    assert len(carrying) == 2  # the blob, and the wire-exact record of the capture

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


def test_a_purge_leaves_no_picture_of_a_registered_work(services: SyncRunner, crawled: Owner, tmp_path: Path) -> None:
    work = crawled.works.get()
    confirm(services.services, Case.objects.get(), by="Ann", reason="A copy.")
    services.run_until_idle()
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


def verified(inline: SyncRunner, bundle: Bundle, folder: Path) -> Verdict:
    out = BytesIO()
    assemble(inline.services, bundle, out)
    path = folder / "bundle.zip"
    path.write_bytes(out.getvalue())
    return Verifier().verify(path)


def test_a_capture_that_finds_blocked_bytes_keeps_none_of_them(services: SyncRunner, shop: Shop) -> None:
    studio = owner("studio")
    register(services.services, studio, photograph(1))
    watch(studio, shop.url())
    services.run_until(Capture.objects.exists)
    bad = photograph(66)
    BlockedDigest.objects.create(digest=Digest.of(bad), reason="Unlawful.")
    shop.image(COPY, bad)
    services.run_until_idle()
    capture = Capture.objects.get()
    assert capture.outcome == "image-changed"
    assert capture.sentence.endswith(
        "The operator's blocklist names bytes of this page; what carries or shows it wasn't kept."
    )
    assert [file["role"] for file in capture.files] == ["network"]
    assert not any(bad in path.read_bytes() for path in services.services.config.data_dir.rglob("*") if path.is_file())


def test_a_capture_keeps_nothing_of_a_page_with_another_picture_that_is_blocked(
    services: SyncRunner, shop: Shop
) -> None:
    page_with_another_inside(shop)
    BlockedDigest.objects.create(digest=Digest.of(ANOTHER), reason="Unlawful.")
    studio = owner("studio")
    register(services.services, studio, photograph(1))
    watch(studio, shop.url())
    services.run_until_idle()
    assert [file["role"] for file in Capture.objects.get().files] == ["network"]
    assert not holding(services, ANOTHER)


def test_a_purge_finds_captures_of_pages_that_show_the_picture_beside_another(services: SyncRunner, shop: Shop) -> None:
    page_with_another_inside(shop)
    studio = owner("studio")
    register(services.services, studio, photograph(1))
    watch(studio, shop.url())
    services.run_until_idle()
    roles = {Digest.from_hex(file["digest"]): file["role"] for file in Capture.objects.get().files}
    assert holding(services, ANOTHER)
    purge(services.services, Digest.of(ANOTHER), by="Ann", reason="An order of a court.")
    assert not holding(services, ANOTHER)
    assert {role for digest, role in roles.items() if digest in services.services.blobs} == {
        "network",
        "captured-image",
    }


ANOTHER = photograph(60)


def page_with_another_inside(shop: Shop) -> None:
    code = b64encode(ANOTHER).decode()
    shop.serve("/", f'<img src="{COPY}"><img src="data:image/jpeg;base64,{code}">'.encode(), "text/html")


def holding(services: SyncRunner, data: bytes) -> list[Path]:
    """The files that hold the bytes, as they are or as they stand in a page."""
    forms = (data, b64encode(data))
    every = (path for path in services.services.config.data_dir.rglob("*") if path.is_file())
    return [path for path in every if any(form in path.read_bytes() for form in forms)]


def test_blocked_bytes_are_neither_crawled_nor_registered(services: SyncRunner, shop: Shop) -> None:
    studio = owner("studio")
    for data in (photograph(50), photograph(2)):
        BlockedDigest.objects.create(digest=Digest.of(data), reason="Unlawful.")
    with pytest.raises(RefusedError, match="blocklist"):
        register(services.services, studio, photograph(2))
    watch(studio, shop.url())
    services.run_until_idle()
    assert [one.image_url for one in Sighting.objects.all()] == [shop.url(COPY)]
    assert [(one.url, one.reason) for one in Refusal.objects.all()] == [(shop.url(OTHER), "blocked")]
    assert not stored(services, photograph(50))
    assert not Picture.objects.filter(digest=Digest.of(photograph(50))).exists()


def test_purging_an_ordinary_picture_of_a_page_takes_no_evidence_of_anybody_else_but_its_bytes(
    services: SyncRunner, shop: Shop, tmp_path: Path
) -> None:
    page_with_another_inside(shop)
    studio = owner("studio")
    register(services.services, studio, photograph(1))
    watch(studio, shop.url())
    services.run_until_idle()
    confirm(services.services, Case.objects.get(), by="Ann", reason="A copy.")
    services.run_until_idle()
    found = Digest.of(copy_of(photograph(1)))
    before = {one: services.services.blobs.get(one) for one in services.services.blobs}
    along = {one.digest: one for one in touched(services.services, Digest.of(ANOTHER))}
    assert {(one.owner, one.what) for one in along.values()} == {("studio", "case 1")}
    roles = {Digest.from_hex(file["digest"]): file["role"] for file in Capture.objects.get().files}
    assert {roles[one] for one in along if one in roles} == {"page", "exchange"}

    purge(services.services, Digest.of(ANOTHER), by="Olga", reason="An order of a court.")

    assert set(BlockedDigest.objects.values_list("digest", flat=True)) == {Digest.of(ANOTHER)}
    assert found in services.services.blobs
    gone = {one for one in before if one not in services.services.blobs}
    assert gone - {Digest.of(ANOTHER)} <= set(along)
    aside = FolderBlobStore(services.services.config.data_dir / "withheld")
    assert {one for one in along if one in aside} == {one for one, said in along.items() if said.kept}
    assert not holding(services, ANOTHER)
    verdict = verified(services, Bundle.objects.get(), tmp_path)
    withheld = {one.name for one in verdict.checks if one.sentence.startswith("Withheld from this copy")}
    assert "file:data/sightings/01/image.jpg" not in withheld
    assert not verdict.failures
    assert Case.objects.get().decision == "confirmed"


def test_purging_what_a_page_loaded_beside_leaves_the_record_in_which_it_does_not_stand(
    services: SyncRunner, crawled: Owner
) -> None:
    confirm(services.services, Case.objects.get(), by="Ann", reason="A copy.")
    services.run_until_idle()
    beside = services.services.blobs.put(photograph(50))
    visit = Capture.objects.get()
    visit.digests = [*visit.digests, beside.hex]  # as a visit with a browser has everything that the page loaded
    visit.save()
    purge(services.services, beside, by="Olga", reason="An order of a court.")
    assert beside not in services.services.blobs
    assert all(Digest.from_hex(file["digest"]) in services.services.blobs for file in visit.files)


@pytest.mark.parametrize("coding", ["br", "gzip, zstd"])
def test_a_record_whose_answers_nobody_here_can_unpack_goes_along(services: SyncRunner, coding: str) -> None:
    answer = bytearray(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\npacked".encode())
    record = services.services.blobs.put(write_warc([Exchange(url="https://a.example/", response=answer)], {}))
    visit = Mock(files=[{"role": "exchange", "digest": record.hex}])
    assert list(captured_files(services.services, Digest.of(photograph(50)), [visit])) == [record]


def test_what_shows_a_purged_picture_of_another_owners_case_is_set_aside_and_not_destroyed(
    services: SyncRunner, crawled: Owner, tmp_path: Path
) -> None:
    confirm(services.services, Case.objects.get(), by="Ann", reason="A copy.")
    services.run_until_idle()
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
    assert withheld.reason == (
        "Removed by the operator: An order of a court. Withheld from view by the operator: An order of a court."
    )


def test_damaged_bytes_are_purged_and_so_is_what_lies_aside(
    services: SyncRunner, crawled: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    confirm(services.services, Case.objects.get(), by="Ann", reason="A copy.")
    make_deposit(services.services, crawled.works.get(), by="Ann")
    services.run_until_idle()
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
    blobs.path(manifest).unlink()  # what it showed can't be told any more; the picture goes all the same
    assert purge(services.services, blocked, by="Olga", reason="It shows it.")
    assert blocked not in aside
    assert purge(services.services, work, by="Olga", reason="Another order.")
    assert "case 1" in caplog.text
    sweep(services.services)
    assert blocked not in aside


def test_what_lies_aside_and_holds_bytes_that_are_purged_later_is_removed(services: SyncRunner, crawled: Owner) -> None:
    confirm(services.services, Case.objects.get(), by="Ann", reason="A copy.")
    services.run_until_idle()
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


def test_a_member_cannot_purge_by_a_report_what_another_owners_visit_met(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    for one, seed in ((studio, 1), (agency, 2)):
        register(inline.services, one, photograph(seed))
        planned, epoch = claimed_slice(one, f"watch of {one.slug}")
        match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(seed))]))
    found = studio.cases.get().shown
    assert found is not None
    agency.cases.get().captures.update(digests=[found.match.found.digest.hex])
    report_picture(inline.services, studio.cases.get(), by="Ann", reason="It may not be kept.")
    assert found.match.found.digest in inline.services.blobs
    assert waiting_reports() == [found.match.found.digest.hex]
