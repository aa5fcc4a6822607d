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
    ask_again,
    expire_packages,
    package_chunks,
    package_name,
    package_size,
    reading_copies,
    reading_copy,
    request_package,
)
from registry.models import Bundle, Case, Package, Work
from registry.retention.purge import purge
from registry.services.services import Services
from registry.works.declarations import attach
from tests.assets.rows import owner
from tests.assets.sealed import sealed_bundle
from tests.assets.stage import inline, stage
from tests.assets.tampering import files_of
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """Two sealed bundles of one owner."""
    stage.services.config = replace(stage.services.config, anchors=(), languages=("en",))
    studio = owner("studio")
    for seed in (1, 2):
        sealed_bundle(stage, studio, seed)


@pytest.fixture
def sealed(inline: SyncRunner) -> list[Bundle]:
    return list(Bundle.objects.order_by("pk"))


def asked(sealed: list[Bundle], recipient: str = "court") -> Package:
    numbers = [one.case.number for one in sealed]
    return request_package(sealed[0].case.owner, numbers, recipient, by="Ann", reason="The originals stay here.")


def made(inline: SyncRunner, package: Package) -> Package:
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    return package


def unpacked(inline: SyncRunner, package: Package, folder: Path) -> list[Path]:
    """Return the files of the ZIP as a recipient gets them."""
    whole = folder / package_name(package)
    with whole.open("wb") as out:
        out.writelines(package_chunks(inline.services, package))
    assert whole.stat().st_size == package_size(inline.services, package)
    with zipfile.ZipFile(whole) as opened:
        assert opened.testzip() is None
        opened.extractall(folder / "in")
    return sorted((folder / "in").iterdir())


def digests_of(package: Package) -> list[Digest]:
    return [Digest.from_hex(one["digest"]) for one in package.files]


@pytest.mark.long
def test_each_bundle_in_the_zip_can_be_checked_by_itself(
    inline: SyncRunner, sealed: list[Bundle], tmp_path: Path
) -> None:
    package = made(inline, asked(sealed))
    assert (package.state, package.error) == ("done", "")
    assert package_name(package) == f"studio-shop.invalid-court-2-cases-{now().date().isoformat()}.zip"
    contents, *bundles = unpacked(inline, package, tmp_path)
    assert [one.name for one in bundles] == ["studio-case-1-bundle-1.zip", "studio-case-2-bundle-1.zip"]
    for path, bundle in zip(bundles, sealed, strict=True):
        checks = Verifier(load_trust()).verify(path).checks
        assert not [one for one in checks if one.state is State.FAILED]
        assert "data/work/01.jpg" in files_of(path)
        assert bundle.seal_digest is not None
        assert bundle.seal_digest.hex in contents.read_text()
        assert Digest.of_file(path).hex in contents.read_text()


@pytest.mark.long
def test_the_other_side_gets_no_original(inline: SyncRunner, sealed: list[Bundle], tmp_path: Path) -> None:
    package = made(inline, asked(sealed, "other-side"))
    contents, *bundles = unpacked(inline, package, tmp_path)
    assert "The originals stay here." in contents.read_text()
    for path in bundles:
        files = files_of(path)
        assert "data/work/01.jpg" not in files
        assert "data/work/01-reduced.jpg" in files
        assert b"The originals stay here." in files["proofs/withheld.json"]


@pytest.mark.long
def test_what_was_made_before_a_process_died_isnt_made_again(
    inline: SyncRunner, sealed: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def dying(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        if written == [1]:
            written.append(0)
            raise KeyboardInterrupt
        assemble(services, bundle, out)
        written.append(bundle.case.number)

    monkeypatch.setattr(step, "assemble", dying)
    package = asked(sealed)
    with pytest.raises(KeyboardInterrupt):
        make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    assert [one["name"] for one in package.files] == ["studio-case-1-bundle-1.zip"]
    Package.objects.update(claimed_at=now() - inline.services.stale_after - timedelta(seconds=1))
    assert made(inline, package).state == "done"
    assert written == [1, 0, 2]


@pytest.mark.long
def test_it_waits_for_what_is_being_sealed(inline: SyncRunner, sealed: list[Bundle]) -> None:
    late = sealed[1]
    Bundle.objects.filter(pk=late.pk).update(seal_digest=None, state="todo")
    package = made(inline, asked(sealed))
    assert (package.state, len(package.files), package.error) == ("todo", 1, "")
    Bundle.objects.filter(pk=late.pk).update(seal_digest=late.seal_digest, state="done")
    Package.objects.update(not_before=None)
    assert len(made(inline, package).files) == 4


@pytest.mark.long
def test_one_that_cant_be_had_says_why_and_is_made_when_asked_again(inline: SyncRunner, sealed: list[Bundle]) -> None:
    late = sealed[1]
    Bundle.objects.filter(pk=late.pk).update(seal_digest=None, state="todo")
    package = asked(sealed)
    Bundle.objects.filter(pk=late.pk).update(state="failed", error="The key is gone.")
    made(inline, package)
    assert package.state == "failed"
    assert "The key is gone." in package.error
    Bundle.objects.filter(pk=late.pk).update(seal_digest=late.seal_digest, state="done", error="")
    assert made(inline, ask_again(package, by="Ann")).state == "done"
    assert ask_again(package, by="Bob").number == package.number + 1


def test_only_what_a_person_confirmed_and_what_is_the_owners_own_is_put_together(sealed: list[Bundle]) -> None:
    with pytest.raises(WrongUseError):
        request_package(sealed[0].case.owner, [], "court", by="Ann")
    with pytest.raises(WrongUseError, match="7"):
        request_package(sealed[0].case.owner, [1, 7], "court", by="Ann")
    with pytest.raises(WrongUseError, match="1"):
        request_package(owner("agency"), [1], "court", by="Charlie")
    Case.objects.filter(number=2).update(decision="cleared")
    with pytest.raises(WrongUseError, match="2"):
        asked(sealed)
    assert not Package.objects.exists()


@pytest.mark.long
def test_a_package_is_removed_with_its_bytes_when_its_time_is_over(inline: SyncRunner, sealed: list[Bundle]) -> None:
    first, second = made(inline, asked(sealed)), made(inline, asked(sealed[:1]))
    shared = digests_of(first)[0]
    assert shared == digests_of(second)[0]
    assert expire_packages(inline.services) == 0
    Package.objects.filter(pk=first.pk).update(expires_at=now())
    before = digests_of(first)
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
    assert all(bundle.seal_digest in inline.services.blobs for bundle in sealed)


@pytest.mark.long
def test_what_somebody_put_beside_a_work_outlives_the_package_it_came_from(
    inline: SyncRunner, sealed: list[Bundle]
) -> None:
    package = made(inline, asked(sealed))
    contents = digests_of(package)[-1]
    attach(
        inline.services, Work.objects.all()[0], "contents.txt", inline.services.blobs.get(contents), about="", by="Ann"
    )
    remove_row(inline.services, package, by="Ann")
    assert [digest in inline.services.blobs for digest in digests_of(package)] == [False, False, False, True]


@pytest.mark.long
def test_a_purge_takes_the_bundles_with_the_picture_along(
    inline: SyncRunner, sealed: list[Bundle], tmp_path: Path
) -> None:
    package = made(inline, asked(sealed))
    one, two, pdf, _ = digests_of(package)
    purge(inline.services, sealed[0].case.work.pictures.get().digest, by="operator", reason="An order.")
    assert [digest in inline.services.blobs for digest in (one, two, pdf)] == [False, True, False]
    with pytest.raises(NotFoundError):
        package_chunks(inline.services, package)
    again = made(inline, ask_again(package, by="Ann"))
    _, first, _ = unpacked(inline, again, tmp_path)
    assert "data/work/01.jpg" not in files_of(first)
    with pytest.raises(NotFoundError):
        reading_copy(inline.services, package, reading_copies(package)[0]["name"])


@pytest.mark.long
def test_a_purge_while_a_package_is_made_has_those_bundles_made_again(
    inline: SyncRunner, sealed: list[Bundle], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[int] = []

    def purged_meanwhile(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        assemble(services, bundle, out)
        written.append(bundle.case.number)
        if written == [1, 2]:
            purge(services, sealed[0].case.work.pictures.get().digest, by="operator", reason="An order.")

    monkeypatch.setattr(step, "assemble", purged_meanwhile)
    package = made(inline, asked(sealed))
    assert package.state == "todo"
    assert made(inline, package).state == "done"
    assert written == [1, 2, 1, 2]
    _, first, _ = unpacked(inline, package, tmp_path)
    assert "data/work/01.jpg" not in files_of(first)


def test_a_package_that_is_removed_while_it_is_made_leaves_nothing(
    inline: SyncRunner, sealed: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    package, kept = asked(sealed), set(inline.services.blobs)

    def removed_meanwhile(services: Services, bundle: Bundle, out: BinaryIO, **_: object) -> None:
        assemble(services, bundle, out)
        if bundle.case.number == 2:
            remove_row(services, package, by="Ann")

    monkeypatch.setattr(step, "assemble", removed_meanwhile)
    make_packages(inline.services, [package.pk])
    assert set(inline.services.blobs) == kept


def test_a_zip_is_made_while_it_is_sent_in_little_memory(inline: SyncRunner, tmp_path: Path) -> None:
    size = 64 << 20
    path = tmp_path / "large"
    with path.open("wb") as out:
        out.truncate(size)
    kept = step._kept(inline.services, path, "large.zip")
    package = Package(owner=owner("agency"), number=1, files=[kept], made_at=now())
    tracemalloc.start()
    try:
        sent = sum(len(piece) for piece in package_chunks(inline.services, package))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent == package_size(inline.services, package) > size
    assert peak < size // 8


@pytest.mark.long
def test_more_than_a_zip_can_hold_is_refused_with_what_to_do(inline: SyncRunner, sealed: list[Bundle]) -> None:
    package = asked(sealed)
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    file = package.files[0]
    with pytest.raises(WrongUseError):
        step._add(inline.services, package, file | {"name": "another.zip", "size": MAX_ZIP_BYTES})


def test_it_is_put_off_while_the_disk_is_full(inline: SyncRunner, sealed: list[Bundle]) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=1 << 60)
    package = made(inline, asked(sealed))
    assert package.state == "todo"
    assert package.error
    assert CONTENTS not in str(package.files)
