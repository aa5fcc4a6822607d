"""Packages as the step makes them: bundle by bundle, and not by two."""

from dataclasses import replace

import pytest

from exhibit.digests import Digest
from registry.models import Bundle, Package
from tests.assets.sealed import sealed_bundle
from workers.evidence.packages import request_package
from workers.services.disk import NEARLY_FULL
from workers.steps.cases.package import make_packages
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def package(inline: SyncRunner) -> Package:
    """One that was asked for, of one sealed bundle."""
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    bundle = sealed_bundle(inline)
    return request_package(bundle.case.owner, [bundle.case.number], "court", by="Ann", reason="")


def made(inline: SyncRunner, package: Package) -> Package:
    Package.objects.update(not_before=None)
    make_packages(inline.services, [package.pk])
    package.refresh_from_db()
    return package


def test_a_package_waits_for_room_and_for_seals_and_is_made_once(inline: SyncRunner, package: Package) -> None:
    floor = inline.services.config.disk_floor_bytes
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    assert (made(inline, package).state, package.error) == ("todo", NEARLY_FULL)
    inline.services.config = replace(inline.services.config, disk_floor_bytes=floor)
    seal = Bundle.objects.get().seal_digest
    Bundle.objects.update(seal_digest=None)
    assert (made(inline, package).state, package.files) == ("todo", [])
    Bundle.objects.update(seal_digest=seal)
    assert made(inline, package).state == "done"
    assert package.made_at is not None
    assert package.expires_at is not None
    assert all(Digest.from_hex(one["digest"]) in inline.services.blobs for one in package.files)
    assert [one.get("bundle") for one in package.files if "bundle" in one] == [Bundle.objects.get().pk]
    files = list(package.files)
    assert made(inline, package).files == files


def test_a_bundle_that_will_never_be_sealed_ends_it_with_a_sentence(inline: SyncRunner, package: Package) -> None:
    Bundle.objects.update(seal_digest=None, state="failed", error="Opened again.")
    assert made(inline, package).state == "failed"
    assert package.error.startswith("Case 1 wasn't sealed. Opened again.")


def test_what_another_process_took_over_is_left_to_it(
    inline: SyncRunner, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.steps.cases.package.WORK_SECONDS", -1.0)  # its time is over at once
    hints: list[str] = []
    inline.services.enqueue = lambda step, _ids: hints.append(step)
    assert (made(inline, package).state, package.files, hints) == ("todo", [], ["package"])
