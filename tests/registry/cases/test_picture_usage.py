"""Test which captures and files contain an image that is embedded in the page of another image."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from evidence.capture.wire import Exchange, encode_warc
from exhibit.digests import Digest
from exhibit.files.blobs import FolderBlobStore
from registry.cases.decisions import confirm_case
from registry.cases.picture_usage import list_files_with_picture
from registry.models import BlockedDigest, Bundle, Capture, Case
from registry.retention.purge import find_affected_files, purge_picture
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.sealed_bundles import verify
from tests.assets.shop import (
    COPY,
    EMBEDDED_PICTURE,
    LOOPBACK,
    Shop,
    change_settings,
    create_watch,
    find_files_with,
    serve_embedded_picture,
)
from tests.assets.site import Site
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """A captured page with a copy and a second, embedded image; the case is sealed."""
    change_settings(stage, allowed_networks=(LOOPBACK,))
    studio = owner("studio")
    register(stage.services, studio, photograph(1))
    with Site(host="127.0.0.7") as site:
        shop = Shop(site)
        shop.image(COPY, recompress(photograph(1)))
        serve_embedded_picture(shop)
        create_watch(studio, shop.url())
        stage.run_until_idle()
    confirm_case(stage.services, Case.objects.get(), by="Ann", reason="A copy.")
    stage.run_until_idle()


def test_purge_includes_captures_of_pages_that_also_show_the_picture(inline: SyncRunner) -> None:
    roles = {Digest.from_hex(file["digest"]): file["role"] for file in Capture.objects.get().files}
    assert find_files_with(inline, EMBEDDED_PICTURE)
    purge_picture(inline.services, Digest.from_bytes(EMBEDDED_PICTURE), by="Ann", reason="An order of a court.")
    assert not find_files_with(inline, EMBEDDED_PICTURE)
    assert {role for digest, role in roles.items() if digest in inline.services.blobs} == {
        "network",
        "captured-image",
    }


def test_purge_of_embedded_picture_keeps_other_evidence(inline: SyncRunner, tmp_path: Path) -> None:
    digest = Digest.from_bytes(recompress(photograph(1)))
    before = {item: inline.services.blobs.get(item) for item in inline.services.blobs}
    usages = {item.digest: item for item in find_affected_files(inline.services, Digest.from_bytes(EMBEDDED_PICTURE))}
    assert {(item.owner, item.what) for item in usages.values()} == {("studio", "case 1")}
    roles = {Digest.from_hex(file["digest"]): file["role"] for file in Capture.objects.get().files}
    assert {roles[item] for item in usages if item in roles} == {"page", "exchange"}

    purge_picture(inline.services, Digest.from_bytes(EMBEDDED_PICTURE), by="Olga", reason="An order of a court.")

    assert set(BlockedDigest.objects.values_list("digest", flat=True)) == {Digest.from_bytes(EMBEDDED_PICTURE)}
    assert digest in inline.services.blobs
    missing = {item for item in before if item not in inline.services.blobs}
    assert missing - {Digest.from_bytes(EMBEDDED_PICTURE)} <= set(usages)
    withheld_store = FolderBlobStore(inline.services.config.data_dir / "withheld")
    assert {item for item in usages if item in withheld_store} == {item for item, usage in usages.items() if usage.kept}
    assert not find_files_with(inline, EMBEDDED_PICTURE)
    verdict = verify(inline, Bundle.objects.get(), tmp_path)
    withheld = {item.name for item in verdict.checks if item.sentence.startswith("Withheld from this copy")}
    assert "file:data/sightings/01/image.jpg" not in withheld
    assert not verdict.failures
    assert Case.objects.get().decision == "confirmed"


@pytest.mark.parametrize("coding", ["br", "gzip, zstd"])
def test_capture_with_undecodable_response_is_included(inline: SyncRunner, coding: str) -> None:
    answer = bytearray(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\npacked".encode())
    record = inline.services.blobs.put(encode_warc([Exchange(url="https://a.example/", response=answer)], {}))
    visit = Mock(files=[{"role": "exchange", "digest": record.hex}])
    assert list(list_files_with_picture(inline.services, Digest.from_bytes(photograph(50)), [visit])) == [record]
