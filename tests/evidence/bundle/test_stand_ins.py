"""Test copies for the opposing party: sealed reduced images replace the originals, and matches are still verified."""

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.bundle.bag import Proofs, Withheld
from evidence.bundle.sealing import (
    MAX_REDUCED_SIDE,
    ContentFile,
    build_seal_opening,
    create_reduced_picture,
    get_reduced_path,
    seal_case,
)
from evidence.verdict.result import Check, State
from evidence.verify.checks.inspection import REDUCED_PICTURE_SENTENCE
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import ExitCode
from exhibit.pictures.decode import decode
from tests.assets.browser import CHROMIUM, running_tab
from tests.assets.bundles import (
    FROM_FACTS,
    Scene,
    append_entry,
    encode_picture,
    make_scene,
    registered_bytes,
    textured_picture,
    with_consistency_proofs,
)
from tests.assets.corpus.deceit import forge_bundle
from tests.assets.corpus.inventing import replace_file
from tests.assets.tampering import read_files, update_bag, write_zip
from tests.assets.verify_page import Page, verify_in_python

ORIGINAL = "data/work/01.jpg"
WITHHELD = Withheld((ORIGINAL,), "The original is for the court.")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A case sealed with a reduced image."""
    original = make_scene(tmp_path_factory.mktemp("scene"))
    files = [
        ContentFile(file.path, file.role, file.media_type, file.sha256)
        for file in original.sealed_case.manifest.files
        if file.role not in FROM_FACTS
    ]
    files.append(create_reduced_picture(ORIGINAL, registered_bytes(1), original.blobs))
    sealed_case = seal_case(
        original.facts, files, original.owner_key, holder="operator", sealed_at=now(), blobs=original.blobs
    )
    entry = append_entry(original.log, EntryType.SEAL, build_seal_opening(sealed_case))
    return replace(
        original,
        sealed_case=sealed_case,
        proofs=Proofs(entry, with_consistency_proofs(original.log, original.facts, entry.size)),
    )


def write_copy_for_defendant(scene: Scene, path: Path) -> Path:
    return scene.write(path, replace(scene.proofs, withheld=WITHHELD))


def find_check(scene: Scene, path: Path, name: str) -> Check:
    return next(result for result in Verifier(scene.trust).verify(path).checks if result.name == name)


def test_manifest_references_replacement_picture(scene: Scene) -> None:
    file = scene.sealed_case.manifest.get_file(ORIGINAL)
    assert file is not None
    assert file.stand_in == get_reduced_path(ORIGINAL) == "data/work/01-reduced.jpg"
    assert scene.sealed_case.manifest.get_file(file.stand_in) is not None


def test_comparison_uses_and_reports_reduced_picture(scene: Scene, tmp_path: Path) -> None:
    path = write_copy_for_defendant(scene, tmp_path / "copy.zip")
    assert ORIGINAL not in read_files(path)
    result = find_check(scene, path, "match:01")
    assert result.state is State.PASSED
    assert REDUCED_PICTURE_SENTENCE in result.sentence
    assert "replaced by" in find_check(scene, path, f"file:{ORIGINAL}").sentence
    assert Verifier(scene.trust).verify(path).outcome is not ExitCode.CHECK_FAILED


def test_wrong_reduced_picture_fails(scene: Scene, tmp_path: Path) -> None:
    files = read_files(write_copy_for_defendant(scene, tmp_path / "copy.zip"))
    files[get_reduced_path(ORIGINAL)] = encode_picture(textured_picture(9), "JPEG")
    path = write_zip(tmp_path / "lie.zip", update_bag(files))
    failed = {result.name for result in Verifier(scene.trust).verify(path).failures}
    assert f"file:{get_reduced_path(ORIGINAL)}" in failed


@pytest.mark.long
def test_large_picture_is_reduced(scene: Scene, tmp_path: Path) -> None:
    file = create_reduced_picture(
        "data/work/02.png", encode_picture(textured_picture(3, (1600, 1200)), "PNG"), scene.blobs
    )
    info = decode(scene.blobs.get(file.digest)).info
    assert max(info.width, info.height) == MAX_REDUCED_SIDE
    assert file.path == "data/work/02-reduced.jpg"


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed")
def test_verification_page_shows_and_reports_reduced_picture(scene: Scene, tmp_path: Path) -> None:
    path = write_copy_for_defendant(scene, tmp_path / "copy.zip")
    with running_tab(tmp_path / "profile") as tab:
        page = Page(tab, scene.trust, tmp_path)
        outcome, states = page.check(path)
        assert (outcome, states[f"file:{ORIGINAL}"]) == ("holds", "not checked")
        assert "(reduced" in page.text


BROKEN = {
    "junk": (b"junk", "failed"),
    "a picture that breaks off": (encode_picture(textured_picture(1, (160, 120)), "JPEG")[:300], "not checked"),
    "another picture": (encode_picture(textured_picture(9, (160, 120)), "JPEG"), "failed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_or_wrong_reduced_picture_fails(scene: Scene, tmp_path: Path, name: str) -> None:
    data, state = BROKEN[name]
    whole = read_files(scene.write(tmp_path / "whole.zip"))
    files, trust = forge_bundle(scene, whole, replace_file(get_reduced_path(ORIGINAL), data))
    assert verify_in_python(write_zip(tmp_path / "b.zip", files), trust)[1]["pictures"] == state
