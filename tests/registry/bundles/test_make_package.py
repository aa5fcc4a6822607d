"""Test the step that generates packages: one bundle at a time, by a single worker."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles.make_package import make_packages, render_contents_files
from registry.bundles.packages import request_package
from registry.bundles.sealing import seal_bundles
from registry.jobs import get_job_for_model
from registry.models import Bundle, Package, Work
from registry.services.disk import NEARLY_FULL_MESSAGE
from registry.works.declarations import attach_document
from tests.assets.bundles import empty_pdf
from tests.assets.rows import owner
from tests.assets.sealed_bundles import create_sealed_bundle, request_bundle
from tests.evidence.formats.test_pdf_content import create_pdf
from workers.tasks.sync_runner import SyncRunner

SEAL = Digest.from_bytes(b"seal")


@pytest.fixture
def package(inline: SyncRunner) -> Package:
    """A requested package of one sealed bundle."""
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    bundle = create_sealed_bundle(inline)
    return request_package(bundle.case.owner, [bundle.case.number], "court", by="Ann", reason="")


def generate_package(inline: SyncRunner, package: Package) -> Package:
    Package.objects.update(not_before=None)
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    return package


def test_package_waits_for_disk_space_and_seals(inline: SyncRunner, package: Package) -> None:
    floor = inline.services.config.disk_floor_bytes
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    assert (generate_package(inline, package).state, package.error) == ("queued", NEARLY_FULL_MESSAGE)
    inline.services.config = replace(inline.services.config, disk_floor_bytes=floor)
    seal = Bundle.objects.get().seal_digest
    Bundle.objects.update(seal_digest=None)
    assert (generate_package(inline, package).state, package.files) == ("queued", [])
    Bundle.objects.update(seal_digest=seal)
    assert generate_package(inline, package).state == "done"
    assert package.made_at is not None
    assert package.expires_at is not None
    assert all(Digest.from_hex(file["digest"]) in inline.services.blobs for file in package.files)
    assert [file.get("bundle") for file in package.files if "bundle" in file] == [Bundle.objects.get().pk]
    files = list(package.files)
    assert generate_package(inline, package).files == files


def test_failed_bundle_fails_package_with_reason(inline: SyncRunner, package: Package) -> None:
    Bundle.objects.update(seal_digest=None, state="failed", error="Opened again.")
    assert generate_package(inline, package).state == "failed"
    assert "Opened again." in package.error


def test_package_that_reaches_its_time_limit_is_queued_again(
    inline: SyncRunner, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.bundles.make_package.WORK_SECONDS", -1.0)  # the time limit is reached immediately
    hints: list[tuple[str, Sequence[int]]] = []
    inline.services.enqueue = lambda rows, ids, **_: hints.append((get_job_for_model(rows).name, ids))
    assert (generate_package(inline, package).state, package.files, hints) == (
        "queued",
        [],
        [("package", [package.pk])],
    )


def test_contents_list_each_bundle_with_digests_in_each_language(inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, languages=("en", "zh-hans"))
    studio, moment = owner("studio"), now()
    work = Work.objects.create(owner=studio, number=1, title="Two\x1b[31m\nparrots", registered_at=moment)
    case = studio.cases.create(number=7, work=work, party="shop.example", opened_at=moment)
    bundle = Bundle.objects.create(case=case, number=1, state="done", seal_digest=SEAL, sealed_at=moment)
    file = {"name": "seven.zip", "digest": "ab" * 32, "size": 12345, "crc": 0, "bundle": bundle.pk}
    package = Package.objects.create(
        owner=studio, number=1, recipient="other-side", reason="They\nstay.", requested_by="Ann", files=[file]
    )
    package.bundles.add(bundle)
    files = dict(render_contents_files(inline.services, package, moment))
    assert list(files) == ["CONTENTS.txt", "CONTENTS.zh-Hans.txt"]
    for name, data in files.items():
        text = data.decode()
        assert all(
            part in text for part in ("seven.zip", "12,345", "ab" * 32, SEAL.hex, "They stay.", "shop.example")
        ), name
        assert "\x1b" not in text


@pytest.mark.long
def test_document_warnings_are_listed_only_for_court(inline: SyncRunner) -> None:
    row = request_bundle(inline)
    attach_document(inline.services, Work.objects.get(), "deed.pdf", create_pdf("script"), description="Deed", by="Ann")
    attach_document(inline.services, Work.objects.get(), "letter.pdf", empty_pdf(), description="", by="Ann")
    seal_bundles(inline.services, [row.pk])
    studio = row.case.owner
    for recipient, has_documents in (("court", True), ("other-side", False)):
        package = generate_package(inline, request_package(studio, [row.case.number], recipient, by="Ann", reason=""))
        [digest] = [file["digest"] for file in package.files if file["name"] == "CONTENTS.txt"]
        text = inline.services.blobs.get(Digest.from_hex(digest)).decode()
        assert ("JavaScript" in text) == has_documents
        assert "02.pdf" not in text
