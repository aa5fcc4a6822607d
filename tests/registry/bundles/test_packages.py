"""Test packages of several cases' bundles as one ZIP, whatever happens while they are made."""

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
from exhibit.errors import NotFoundError, WrongUseError
from registry.bundles import make_package as step
from registry.bundles.bundles import assemble
from registry.bundles.file_removal import remove_row
from registry.bundles.make_package import CONTENTS, make_packages
from registry.bundles.packages import (
    expire_packages,
    package_chunks,
    package_name,
    package_size,
    reading_copies,
    reading_copy,
    request_again,
    request_package,
)
from registry.models import Bundle, Case, Package, Work
from registry.retention.purge import purge
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
    """Return the files of the ZIP as a recipient gets them."""
    package_path = folder / package_name(package)
    with package_path.open("wb") as out:
        out.writelines(package_chunks(inline.services, package))
    assert package_path.stat().st_size == package_size(inline.services, package)
    with zipfile.ZipFile(package_path) as archive:
        assert archive.testzip() is None
        archive.extractall(folder / "in")
    return sorted((folder / "in").iterdir())


def list_digests(package: Package) -> list[Digest]:
    return [Digest.from_hex(file["digest"]) for file in package.files]


@pytest.mark.long
def test_each_bundle_in_the_zip_can_be_checked_by_itself(
    inline: SyncRunner, sealed_bundles: list[Bundle], tmp_path: Path
) -> None:
    package = generate_package(inline, add_package(sealed_bundles))
    assert (package.state, package.error) == ("done", "")
    assert package_name(package) == f"studio-shop.invalid-court-2-cases-{now().date().isoformat()}.zip"
    contents, *bundles = unpack_package(inline, package, tmp_path)
    assert [item.name for item in bundles] == ["studio-case-1-bundle-1.zip", "studio-case-2-bundle-1.zip"]
    for path, bundle in zip(bundles, sealed_bundles, strict=True):
        checks = Verifier(load_trust()).verify(path).checks
        assert not [item for item in checks if item.state is State.FAILED]
        assert "data/work/01.jpg" in read_files(path)
        assert bundle.seal_digest is not None
        assert bundle.seal_digest.hex in contents.read_text()
        assert Digest.of_file(path).hex in contents.read_text()


@pytest.mark.long
def test_the_other_side_gets_no_original(inline: SyncRunner, sealed_bundles: list[Bundle], tmp_path: Path) -> None:
    package = generate_package(inline, add_package(sealed_bundles, "other-side"))
    contents, *bundles = unpack_package(inline, package, tmp_path)
    assert "The originals stay here." in contents.read_text()
    for path in bundles:
        files = read_files(path)
        assert "data/work/01.jpg" not in files
        assert "data/work/01-reduced.jpg" in files
        assert b"The originals stay here." in files["proofs/withheld.json"]


@pytest.mark.long
def test_what_was_made_before_a_process_died_isnt_made_again(
    inline: SyncRunner, sealed_bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers: list[int] = []

    def die_while_assembling(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        if numbers == [1]:
            numbers.append(0)
            raise KeyboardInterrupt
        assemble(services, bundle, out)
        numbers.append(bundle.case.number)

    monkeypatch.setattr(step, "assemble", die_while_assembling)
    package = add_package(sealed_bundles)
    with pytest.raises(KeyboardInterrupt):
        make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    assert [file["name"] for file in package.files] == ["studio-case-1-bundle-1.zip"]
    Package.objects.update(claimed_at=now() - inline.services.stale_after - timedelta(seconds=1))
    assert generate_package(inline, package).state == "done"
    assert numbers == [1, 0, 2]


@pytest.mark.long
def test_it_waits_for_what_is_being_sealed(inline: SyncRunner, sealed_bundles: list[Bundle]) -> None:
    late_bundle = sealed_bundles[1]
    Bundle.objects.filter(pk=late_bundle.pk).update(seal_digest=None, state="todo")
    package = generate_package(inline, add_package(sealed_bundles))
    assert (package.state, len(package.files), package.error) == ("todo", 1, "")
    Bundle.objects.filter(pk=late_bundle.pk).update(seal_digest=late_bundle.seal_digest, state="done")
    Package.objects.update(not_before=None)
    assert len(generate_package(inline, package).files) == 4


@pytest.mark.long
def test_failed_package_states_the_reason_and_can_be_requested_again(
    inline: SyncRunner, sealed_bundles: list[Bundle]
) -> None:
    late_bundle = sealed_bundles[1]
    Bundle.objects.filter(pk=late_bundle.pk).update(seal_digest=None, state="todo")
    package = add_package(sealed_bundles)
    Bundle.objects.filter(pk=late_bundle.pk).update(state="failed", error="The key is gone.")
    generate_package(inline, package)
    assert package.state == "failed"
    assert "The key is gone." in package.error
    Bundle.objects.filter(pk=late_bundle.pk).update(seal_digest=late_bundle.seal_digest, state="done", error="")
    assert generate_package(inline, request_again(package, by="Ann")).state == "done"
    assert request_again(package, by="Bob").number == package.number + 1


def test_only_what_a_person_confirmed_and_what_is_the_owners_own_is_put_together(sealed_bundles: list[Bundle]) -> None:
    with pytest.raises(WrongUseError):
        request_package(sealed_bundles[0].case.owner, [], "court", by="Ann")
    with pytest.raises(WrongUseError, match="7"):
        request_package(sealed_bundles[0].case.owner, [1, 7], "court", by="Ann")
    with pytest.raises(WrongUseError, match="1"):
        request_package(owner("agency"), [1], "court", by="Charlie")
    Case.objects.filter(number=2).update(decision="cleared")
    with pytest.raises(WrongUseError, match="2"):
        add_package(sealed_bundles)
    assert not Package.objects.exists()


@pytest.mark.long
def test_a_package_is_removed_with_its_bytes_when_its_time_is_over(
    inline: SyncRunner, sealed_bundles: list[Bundle]
) -> None:
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
    assert [digest in inline.services.blobs for digest in before] == [
        True,
        False,
        False,
        False,
    ]  # one belongs to the other as well
    with pytest.raises(NotFoundError):
        package_chunks(inline.services, first)
    remove_row(inline.services, second, by="Ann")
    assert shared not in inline.services.blobs
    assert all(bundle.seal_digest in inline.services.blobs for bundle in sealed_bundles)


@pytest.mark.long
def test_what_somebody_put_beside_a_work_outlives_the_package_it_came_from(
    inline: SyncRunner, sealed_bundles: list[Bundle]
) -> None:
    package = generate_package(inline, add_package(sealed_bundles))
    contents = list_digests(package)[-1]
    attach_document(
        inline.services, Work.objects.all()[0], "contents.txt", inline.services.blobs.get(contents), about="", by="Ann"
    )
    remove_row(inline.services, package, by="Ann")
    assert [digest in inline.services.blobs for digest in list_digests(package)] == [False, False, False, True]


@pytest.mark.long
def test_a_purge_takes_the_bundles_with_the_picture_along(
    inline: SyncRunner, sealed_bundles: list[Bundle], tmp_path: Path
) -> None:
    package = generate_package(inline, add_package(sealed_bundles))
    first_zip, two, pdf, _ = list_digests(package)
    purge(inline.services, sealed_bundles[0].case.work.pictures.get().digest, by="operator", reason="An order.")
    assert [digest in inline.services.blobs for digest in (first_zip, two, pdf)] == [False, True, False]
    with pytest.raises(NotFoundError):
        package_chunks(inline.services, package)
    second_package = generate_package(inline, request_again(package, by="Ann"))
    _, first, _ = unpack_package(inline, second_package, tmp_path)
    assert "data/work/01.jpg" not in read_files(first)
    with pytest.raises(NotFoundError):
        reading_copy(inline.services, package, reading_copies(package)[0]["name"])


@pytest.mark.long
def test_a_purge_while_a_package_is_made_has_those_bundles_made_again(
    inline: SyncRunner, sealed_bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers: list[int] = []

    def purge_meanwhile(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        assemble(services, bundle, out)
        numbers.append(bundle.case.number)
        if numbers == [1, 2]:
            purge(services, sealed_bundles[0].case.work.pictures.get().digest, by="operator", reason="An order.")

    monkeypatch.setattr(step, "assemble", purge_meanwhile)
    package = generate_package(inline, add_package(sealed_bundles))
    assert package.state == "todo"
    assert generate_package(inline, package).state == "done"
    assert numbers == [1, 2, 1, 2]
    _, first, _ = unpack_package(inline, package, tmp_path)
    assert "data/work/01.jpg" not in read_files(first)


def test_a_package_that_is_removed_while_it_is_made_leaves_nothing(
    inline: SyncRunner, sealed_bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    package, digests_before = add_package(sealed_bundles), set(inline.services.blobs)

    def remove_meanwhile(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        assemble(services, bundle, out)
        if bundle.case.number == 2:
            remove_row(services, package, by="Ann")

    monkeypatch.setattr(step, "assemble", remove_meanwhile)
    make_packages(inline.services, [package.pk])
    assert set(inline.services.blobs) == digests_before


def test_a_zip_is_made_while_it_is_sent_in_little_memory(inline: SyncRunner, tmp_path: Path) -> None:
    size = 64 << 20
    path = tmp_path / "large"
    with path.open("wb") as out:
        out.truncate(size)
    result = step._store_file(inline.services, path, "large.zip")
    package = Package(owner=owner("agency"), number=1, files=[result], made_at=now())
    tracemalloc.start()
    try:
        sent = sum(len(piece) for piece in package_chunks(inline.services, package))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent == package_size(inline.services, package) > size
    assert peak < size // 8


@pytest.mark.long
def test_more_than_a_zip_can_hold_is_refused_with_what_to_do(inline: SyncRunner, sealed_bundles: list[Bundle]) -> None:
    package = add_package(sealed_bundles)
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    file = package.files[0]
    with pytest.raises(WrongUseError):
        step._add(inline.services, package, file | {"name": "another.zip", "size": MAX_ZIP_BYTES})


def test_it_is_put_off_while_the_disk_is_full(inline: SyncRunner, sealed_bundles: list[Bundle]) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=1 << 60)
    package = generate_package(inline, add_package(sealed_bundles))
    assert package.state == "todo"
    assert package.error
    assert CONTENTS not in str(package.files)
