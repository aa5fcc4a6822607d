"""Test packages of several cases' bundles as one ZIP, including interruptions while they are generated."""

import tracemalloc
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from evidence.formats.container import MAX_ZIP_BYTES
from evidence.verdict.result import State
from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.bundles import make_package as step
from registry.bundles.bundles import write_bundle_zip
from registry.bundles.file_removal import remove_row
from registry.bundles.make_package import CONTENTS_NAME, make_packages
from registry.bundles.packages import (
    compute_package_size,
    expire_packages,
    get_package_file_name,
    list_printable_copies,
    open_printable_copy,
    request_package,
    request_package_again,
    stream_package,
)
from registry.models import Bundle, Case, Package, Work
from registry.retention.purge import purge_picture
from registry.services.services import Services
from registry.works.declarations import attach_document
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.tampering import read_files
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """Two sealed bundles of one owner."""
    stage.services.config = replace(stage.services.config, anchors=(), languages=("en",))
    studio = owner("studio")
    for seed in (1, 2):
        create_sealed_bundle(stage, studio, seed)


@pytest.fixture
def sealed_bundles(inline: SyncRunner) -> list[Bundle]:
    return list(Bundle.objects.order_by("pk"))


def add_package(bundles: list[Bundle], recipient: str = "court") -> Package:
    numbers = [bundle.case.number for bundle in bundles]
    return request_package(bundles[0].case.owner, numbers, recipient, by="Ann", reason="The originals stay here.")


def generate_package(inline: SyncRunner, package: Package) -> Package:
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    return package


def unpack_package(inline: SyncRunner, package: Package, folder: Path) -> list[Path]:
    """Return the files of the ZIP as a recipient unpacks them."""
    package_path = folder / get_package_file_name(package)
    with package_path.open("wb") as out:
        out.writelines(stream_package(inline.services, package))
    assert package_path.stat().st_size == compute_package_size(inline.services, package)
    with zipfile.ZipFile(package_path) as archive:
        assert archive.testzip() is None
        archive.extractall(folder / "in")
    return sorted((folder / "in").iterdir())


def list_digests(package: Package) -> list[Digest]:
    return [Digest.from_hex(file["digest"]) for file in package.files]


@pytest.mark.long
def test_bundles_in_zip_verify_individually(inline: SyncRunner, sealed_bundles: list[Bundle], tmp_path: Path) -> None:
    package = generate_package(inline, add_package(sealed_bundles))
    assert (package.state, package.error) == ("done", "")
    assert get_package_file_name(package) == f"studio-shop.invalid-court-2-cases-{now().date().isoformat()}.zip"
    contents, *bundles = unpack_package(inline, package, tmp_path)
    assert [item.name for item in bundles] == ["studio-case-1-bundle-1.zip", "studio-case-2-bundle-1.zip"]
    for path, bundle in zip(bundles, sealed_bundles, strict=True):
        checks = Verifier(load_trust()).verify(path).checks
        assert not [item for item in checks if item.state is State.FAILED]
        assert "data/work/01.jpg" in read_files(path)
        assert bundle.seal_digest is not None
        assert bundle.seal_digest.hex in contents.read_text()
        assert Digest.from_file(path).hex in contents.read_text()


@pytest.mark.long
def test_package_for_opposing_party_contains_no_originals(
    inline: SyncRunner, sealed_bundles: list[Bundle], tmp_path: Path
) -> None:
    package = generate_package(inline, add_package(sealed_bundles, "other-side"))
    contents, *bundles = unpack_package(inline, package, tmp_path)
    assert "The originals stay here." in contents.read_text()
    for path in bundles:
        files = read_files(path)
        assert "data/work/01.jpg" not in files
        assert "data/work/01-reduced.jpg" in files
        assert b"The originals stay here." in files["proofs/withheld.json"]


@pytest.mark.long
def test_finished_bundles_are_not_regenerated_after_crash(
    inline: SyncRunner, sealed_bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers: list[int] = []

    def die_while_assembling(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        if numbers == [1]:
            numbers.append(0)
            raise KeyboardInterrupt
        write_bundle_zip(services, bundle, out)
        numbers.append(bundle.case.number)

    monkeypatch.setattr(step, "write_bundle_zip", die_while_assembling)
    package = add_package(sealed_bundles)
    with pytest.raises(KeyboardInterrupt):
        make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    assert [file["name"] for file in package.files] == ["studio-case-1-bundle-1.zip"]
    Package.objects.update(claimed_at=now() - inline.services.stale_after - timedelta(seconds=1))
    assert generate_package(inline, package).state == "done"
    assert numbers == [1, 0, 2]


@pytest.mark.long
def test_package_waits_for_bundle_being_sealed(inline: SyncRunner, sealed_bundles: list[Bundle]) -> None:
    late_bundle = sealed_bundles[1]
    Bundle.objects.filter(pk=late_bundle.pk).update(seal_digest=None, state="queued")
    package = generate_package(inline, add_package(sealed_bundles))
    assert (package.state, len(package.files), package.error) == ("queued", 1, "")
    Bundle.objects.filter(pk=late_bundle.pk).update(seal_digest=late_bundle.seal_digest, state="done")
    Package.objects.update(not_before=None)
    assert len(generate_package(inline, package).files) == 4


@pytest.mark.long
def test_failed_package_reports_reason_and_can_be_requested_again(
    inline: SyncRunner, sealed_bundles: list[Bundle]
) -> None:
    late_bundle = sealed_bundles[1]
    Bundle.objects.filter(pk=late_bundle.pk).update(seal_digest=None, state="queued")
    package = add_package(sealed_bundles)
    Bundle.objects.filter(pk=late_bundle.pk).update(state="failed", error="The key is gone.")
    generate_package(inline, package)
    assert package.state == "failed"
    assert "The key is gone." in package.error
    Bundle.objects.filter(pk=late_bundle.pk).update(seal_digest=late_bundle.seal_digest, state="done", error="")
    assert generate_package(inline, request_package_again(package, by="Ann")).state == "done"
    assert request_package_again(package, by="Bob").number == package.number + 1


def test_package_accepts_only_confirmed_cases_of_owner(sealed_bundles: list[Bundle]) -> None:
    with pytest.raises(InvalidRequestError):
        request_package(sealed_bundles[0].case.owner, [], "court", by="Ann")
    with pytest.raises(InvalidRequestError, match="7"):
        request_package(sealed_bundles[0].case.owner, [1, 7], "court", by="Ann")
    with pytest.raises(InvalidRequestError, match="1"):
        request_package(owner("agency"), [1], "court", by="Charlie")
    Case.objects.filter(number=2).update(decision="dismissed")
    with pytest.raises(InvalidRequestError, match="2"):
        add_package(sealed_bundles)
    assert not Package.objects.exists()


@pytest.mark.long
def test_expired_package_is_removed_with_its_bytes(inline: SyncRunner, sealed_bundles: list[Bundle]) -> None:
    first, second = (
        generate_package(inline, add_package(sealed_bundles)),
        generate_package(inline, add_package(sealed_bundles[:1])),
    )
    shared = list_digests(first)[0]
    assert shared == list_digests(second)[0]
    assert expire_packages(inline.services) == 0
    Package.objects.filter(pk=first.pk).update(expires_at=now())
    before = list_digests(first)
    assert expire_packages(inline.services) == 1
    first.refresh_from_db()
    assert first.files == []
    # The first file also belongs to the other package
    assert [digest in inline.services.blobs for digest in before] == [
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(NotFoundError):
        stream_package(inline.services, first)
    remove_row(inline.services, second, by="Ann")
    assert shared not in inline.services.blobs
    assert all(bundle.seal_digest in inline.services.blobs for bundle in sealed_bundles)


@pytest.mark.long
def test_attached_document_survives_package_removal(inline: SyncRunner, sealed_bundles: list[Bundle]) -> None:
    package = generate_package(inline, add_package(sealed_bundles))
    contents = list_digests(package)[-1]
    attach_document(
        inline.services,
        Work.objects.all()[0],
        "contents.txt",
        inline.services.blobs.get(contents),
        description="",
        by="Ann",
    )
    remove_row(inline.services, package, by="Ann")
    assert [digest in inline.services.blobs for digest in list_digests(package)] == [False, False, False, True]


@pytest.mark.long
def test_purge_removes_packaged_bundles_with_picture(
    inline: SyncRunner, sealed_bundles: list[Bundle], tmp_path: Path
) -> None:
    package = generate_package(inline, add_package(sealed_bundles))
    first_zip, two, pdf, _ = list_digests(package)
    purge_picture(inline.services, sealed_bundles[0].case.work.pictures.get().digest, by="operator", reason="An order.")
    assert [digest in inline.services.blobs for digest in (first_zip, two, pdf)] == [False, True, False]
    with pytest.raises(NotFoundError):
        stream_package(inline.services, package)
    second_package = generate_package(inline, request_package_again(package, by="Ann"))
    _, first, _ = unpack_package(inline, second_package, tmp_path)
    assert "data/work/01.jpg" not in read_files(first)
    with pytest.raises(NotFoundError):
        open_printable_copy(inline.services, package, list_printable_copies(package)[0]["name"])


@pytest.mark.long
def test_purge_during_generation_regenerates_bundles(
    inline: SyncRunner, sealed_bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers: list[int] = []

    def purge_meanwhile(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        write_bundle_zip(services, bundle, out)
        numbers.append(bundle.case.number)
        if numbers == [1, 2]:
            purge_picture(
                services, sealed_bundles[0].case.work.pictures.get().digest, by="operator", reason="An order."
            )

    monkeypatch.setattr(step, "write_bundle_zip", purge_meanwhile)
    package = generate_package(inline, add_package(sealed_bundles))
    assert package.state == "queued"
    assert generate_package(inline, package).state == "done"
    assert numbers == [1, 2, 1, 2]
    _, first, _ = unpack_package(inline, package, tmp_path)
    assert "data/work/01.jpg" not in read_files(first)


def test_package_removed_during_generation_leaves_no_files(
    inline: SyncRunner, sealed_bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    package, digests_before = add_package(sealed_bundles), set(inline.services.blobs)

    def remove_meanwhile(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        write_bundle_zip(services, bundle, out)
        if bundle.case.number == 2:
            remove_row(services, package, by="Ann")

    monkeypatch.setattr(step, "write_bundle_zip", remove_meanwhile)
    make_packages(inline.services, [package.pk])
    assert set(inline.services.blobs) == digests_before


def test_zip_is_streamed_with_little_memory(inline: SyncRunner, tmp_path: Path) -> None:
    size = 64 << 20
    path = tmp_path / "large"
    with path.open("wb") as out:
        out.truncate(size)
    result = step._store_file(inline.services, path, "large.zip")
    package = Package(owner=owner("agency"), number=1, files=[result], made_at=now())
    tracemalloc.start()
    try:
        sent = sum(len(piece) for piece in stream_package(inline.services, package))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent == compute_package_size(inline.services, package) > size
    assert peak < size // 8


@pytest.mark.long
def test_package_exceeding_zip_limit_is_rejected(inline: SyncRunner, sealed_bundles: list[Bundle]) -> None:
    package = add_package(sealed_bundles)
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    file = package.files[0]
    with pytest.raises(InvalidRequestError):
        step._add_file(inline.services, package, file | {"name": "another.zip", "size": MAX_ZIP_BYTES})


def test_full_disk_postpones_package(inline: SyncRunner, sealed_bundles: list[Bundle]) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=1 << 60)
    package = generate_package(inline, add_package(sealed_bundles))
    assert package.state == "queued"
    assert package.error
    assert CONTENTS_NAME not in str(package.files)
