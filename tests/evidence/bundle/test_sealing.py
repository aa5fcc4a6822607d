from dataclasses import replace
from pathlib import Path

import pytest

from evidence.bundle.bag import compute_checkpoint_digest
from evidence.bundle.manifest import MANIFEST_PATH
from evidence.bundle.sealing import (
    ContentFile,
    get_media_type,
    get_sighting_picture_path,
    get_work_picture_path,
    seal_case,
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


def test_seal_is_digest_of_manifest_bytes(scene: Scene) -> None:
    assert scene.sealed_case.seal_digest == Digest.from_bytes(scene.sealed_case.manifest.to_json())
    assert scene.blobs.get(scene.sealed_case.seal_digest) == scene.sealed_case.manifest.to_json()


def test_manifest_lists_every_other_file(scene: Scene) -> None:
    paths = [file.path for file in scene.sealed_case.manifest.files]
    assert MANIFEST_PATH not in paths
    assert {"data/facts.json", "data/work/01.jpg", "data/matches/01/alignment.json", "data/exhibit.pdf"} <= set(paths)
    for file in scene.sealed_case.manifest.files:
        data = scene.blobs.get(file.sha256)
        assert (len(data), Digest.from_bytes(data)) == (file.size, file.sha256)


def test_facts_round_trip(scene: Scene) -> None:
    assert CaseFacts.from_json(scene.facts.to_json()) == scene.facts


def test_facts_of_unknown_format_are_rejected(scene: Scene) -> None:
    raw = scene.facts.to_json().replace(b"exhibit-facts/1", b"exhibit-facts/9")
    with pytest.raises(FormatError, match="exhibit-facts/9"):
        CaseFacts.from_json(raw)


def test_file_referenced_by_facts_is_required(scene: Scene) -> None:
    [match] = scene.facts.matches
    with pytest.raises(IntegrityError, match=r"other\.png"):
        reseal(scene, replace(scene.facts, matches=(replace(match, overlay="data/matches/01/other.png"),)))


def test_missing_blob_cannot_be_sealed(scene: Scene) -> None:
    missing = ContentFile("data/exhibit.pdf", "exhibit", "application/pdf", Digest.from_bytes(b"never stored"))
    with pytest.raises(ExhibitError):
        seal_case(scene.facts, [missing], scene.owner_key, holder="owner", sealed_at=now(), blobs=scene.blobs)


def test_changed_facts_change_the_seal_digest(scene: Scene) -> None:
    other = reseal(scene, replace(scene.facts, language="zh-Hans"))
    assert other.sealed_case.seal_digest != scene.sealed_case.seal_digest


def test_checkpoint_digest_matches_sha256sum(scene: Scene, tmp_path: Path) -> None:
    assert scene.proofs.entry is not None
    (tmp_path / "checkpoint").write_bytes(scene.proofs.entry.checkpoint.encode())
    assert compute_checkpoint_digest(scene.proofs.entry.checkpoint) == Digest.from_file(tmp_path / "checkpoint")


@pytest.mark.parametrize(
    ("picture_format", "suffix", "media_type"),
    [("JPEG", ".jpg", "image/jpeg"), ("WEBP", ".webp", "image/webp"), ("../x", ".bin", "application/octet-stream")],
)
def test_paths_and_media_types_follow_format(picture_format: str, suffix: str, media_type: str) -> None:
    assert get_work_picture_path(3, picture_format) == f"data/work/03{suffix}"
    assert get_media_type(get_sighting_picture_path(12, picture_format)) == media_type
