from dataclasses import replace
from pathlib import Path

import pytest

from evidence.bundle.bag import compute_checkpoint_digest
from evidence.bundle.manifest import MANIFEST_PATH
from evidence.bundle.sealing import (
    ContentFile,
    get_media_type,
    seal,
    sighting_picture_path,
    work_picture_path,
)
from evidence.facts.case import CaseFacts
from evidence.formats.codec import FormatError
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ExhibitError, IntegrityError
from tests.assets.bundles import Scene, make_scene, reseal


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"))


def test_the_seal_digest_is_that_of_the_manifests_bytes(scene: Scene) -> None:
    assert scene.sealed_case.seal == Digest.of(scene.sealed_case.manifest.to_json())
    assert scene.blobs.get(scene.sealed_case.seal) == scene.sealed_case.manifest.to_json()


def test_the_manifest_lists_every_file_but_itself(scene: Scene) -> None:
    paths = [file.path for file in scene.sealed_case.manifest.files]
    assert MANIFEST_PATH not in paths
    assert {"data/facts.json", "data/work/01.jpg", "data/matches/01/alignment.json", "data/exhibit.pdf"} <= set(paths)
    for file in scene.sealed_case.manifest.files:
        data = scene.blobs.get(file.sha256)
        assert (len(data), Digest.of(data)) == (file.size, file.sha256)


def test_facts_read_back_as_they_were_sealed(scene: Scene) -> None:
    assert CaseFacts.from_json(scene.facts.to_json()) == scene.facts


def test_facts_of_another_format_are_refused(scene: Scene) -> None:
    raw = scene.facts.to_json().replace(b"exhibit-facts/1", b"exhibit-facts/9")
    with pytest.raises(FormatError, match="exhibit-facts/9"):
        CaseFacts.from_json(raw)


def test_a_file_that_the_facts_name_has_to_be_given(scene: Scene) -> None:
    [match] = scene.facts.matches
    with pytest.raises(IntegrityError, match=r"other\.png"):
        reseal(scene, replace(scene.facts, matches=(replace(match, overlay="data/matches/01/other.png"),)))


def test_bytes_that_the_store_lacks_cannot_be_sealed(scene: Scene) -> None:
    missing = ContentFile("data/exhibit.pdf", "exhibit", "application/pdf", Digest.of(b"never stored"))
    with pytest.raises(ExhibitError):
        seal(scene.facts, [missing], scene.owner_key, holder="owner", sealed_at=now(), blobs=scene.blobs)


def test_what_changes_in_the_facts_changes_the_seal(scene: Scene) -> None:
    other = reseal(scene, replace(scene.facts, language="zh-Hans"))
    assert other.sealed_case.seal != scene.sealed_case.seal


def test_timestamp_services_of_a_checkpoint_get_the_digest_that_sha256sum_prints(scene: Scene, tmp_path: Path) -> None:
    assert scene.proofs.entry is not None
    (tmp_path / "checkpoint").write_bytes(scene.proofs.entry.checkpoint.encode())
    assert compute_checkpoint_digest(scene.proofs.entry.checkpoint) == Digest.of_file(tmp_path / "checkpoint")


@pytest.mark.parametrize(
    ("picture_format", "suffix", "media_type"),
    [("JPEG", ".jpg", "image/jpeg"), ("WEBP", ".webp", "image/webp"), ("../x", ".bin", "application/octet-stream")],
)
def test_paths_and_media_types_follow_the_format(picture_format: str, suffix: str, media_type: str) -> None:
    assert work_picture_path(3, picture_format) == f"data/work/03{suffix}"
    assert get_media_type(sighting_picture_path(12, picture_format)) == media_type
