"""Test which visits captured an image embedded in another image's page, and which of their files contain it."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from evidence.capture.wire import Exchange, write_warc
from exhibit.digests import Digest
from exhibit.files.blobs import FolderBlobStore
from registry.cases.decisions import confirm
from registry.cases.picture_usage import captured_files
from registry.models import BlockedDigest, Bundle, Capture, Case
from registry.retention.purge import purge, touched
from tests.assets.rows import copy_of, owner, photograph, register
from tests.assets.sealed import verified
from tests.assets.shop import ANOTHER, COPY, LOOPBACK, Shop, holding, page_with_another_inside, settle, watch
from tests.assets.site import Site
from tests.assets.stage import inline, stage
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """A captured page that shows a copy beside an embedded second image; the case is sealed."""
    settle(stage, allowed_networks=(LOOPBACK,))
    studio = owner("studio")
    register(stage.services, studio, photograph(1))
    with Site(host="127.0.0.7") as site:
        shop = Shop(site)
        shop.image(COPY, copy_of(photograph(1)))
        page_with_another_inside(shop)
        watch(studio, shop.url())
        stage.run_until_idle()
    confirm(stage.services, Case.objects.get(), by="Ann", reason="A copy.")
    stage.run_until_idle()


def test_a_purge_finds_captures_of_pages_that_show_the_picture_beside_another(inline: SyncRunner) -> None:
    roles = {Digest.from_hex(file["digest"]): file["role"] for file in Capture.objects.get().files}
    assert holding(inline, ANOTHER)
    purge(inline.services, Digest.of(ANOTHER), by="Ann", reason="An order of a court.")
    assert not holding(inline, ANOTHER)
    assert {role for digest, role in roles.items() if digest in inline.services.blobs} == {
        "network",
        "captured-image",
    }


def test_purging_an_ordinary_picture_of_a_page_takes_no_evidence_of_anybody_else_but_its_bytes(
    inline: SyncRunner, tmp_path: Path
) -> None:
    found = Digest.of(copy_of(photograph(1)))
    before = {one: inline.services.blobs.get(one) for one in inline.services.blobs}
    along = {one.digest: one for one in touched(inline.services, Digest.of(ANOTHER))}
    assert {(one.owner, one.what) for one in along.values()} == {("studio", "case 1")}
    roles = {Digest.from_hex(file["digest"]): file["role"] for file in Capture.objects.get().files}
    assert {roles[one] for one in along if one in roles} == {"page", "exchange"}

    purge(inline.services, Digest.of(ANOTHER), by="Olga", reason="An order of a court.")

    assert set(BlockedDigest.objects.values_list("digest", flat=True)) == {Digest.of(ANOTHER)}
    assert found in inline.services.blobs
    gone = {one for one in before if one not in inline.services.blobs}
    assert gone - {Digest.of(ANOTHER)} <= set(along)
    aside = FolderBlobStore(inline.services.config.data_dir / "withheld")
    assert {one for one in along if one in aside} == {one for one, said in along.items() if said.kept}
    assert not holding(inline, ANOTHER)
    verdict = verified(inline, Bundle.objects.get(), tmp_path)
    withheld = {one.name for one in verdict.checks if one.sentence.startswith("Withheld from this copy")}
    assert "file:data/sightings/01/image.jpg" not in withheld
    assert not verdict.failures
    assert Case.objects.get().decision == "confirmed"


@pytest.mark.parametrize("coding", ["br", "gzip, zstd"])
def test_a_record_whose_answers_nobody_here_can_unpack_goes_along(inline: SyncRunner, coding: str) -> None:
    answer = bytearray(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\npacked".encode())
    record = inline.services.blobs.put(write_warc([Exchange(url="https://a.example/", response=answer)], {}))
    visit = Mock(files=[{"role": "exchange", "digest": record.hex}])
    assert list(captured_files(inline.services, Digest.of(photograph(50)), [visit])) == [record]
