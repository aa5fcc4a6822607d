"""Test copies for the other side: sealed reduced images replace the originals, and matches still compute."""

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.bundle.bag import Proofs, Withheld
from evidence.bundle.sealing import REDUCED_SIDE, ContentFile, reduced_path, seal, seal_opening, stand_in
from evidence.verdict.result import Check, State
from evidence.verify.checks.inspection import STOOD_IN
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import ExitCode
from exhibit.pictures.decode import decode
from tests.assets.browser import CHROMIUM, running_tab
from tests.assets.bundles import FROM_FACTS, Scene, continued, encoded, logged, make_scene, registered_bytes, textured
from tests.assets.corpus.deceit import forged
from tests.assets.corpus.inventing import kept
from tests.assets.tampering import files_of, packed, rebagged
from tests.assets.verify_page import Page, by_python

ORIGINAL = "data/work/01.jpg"
WITHHELD = Withheld((ORIGINAL,), "The original is for the court.")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A case sealed with a reduced image."""
    made = make_scene(tmp_path_factory.mktemp("scene"))
    files = [
        ContentFile(file.path, file.role, file.media_type, file.sha256)
        for file in made.sealed.manifest.files
        if file.role not in FROM_FACTS
    ]
    files.append(stand_in(ORIGINAL, registered_bytes(1), made.blobs))
    sealed = seal(made.facts, files, made.owner_key, holder="operator", sealed_at=now(), blobs=made.blobs)
    entry = logged(made.log, EntryType.SEAL, seal_opening(sealed))
    return replace(made, sealed=sealed, proofs=Proofs(entry, continued(made.log, made.facts, entry.size)))


def copy_for_the_other_side(scene: Scene, path: Path) -> Path:
    return scene.write(path, replace(scene.proofs, withheld=WITHHELD))


def check(scene: Scene, path: Path, name: str) -> Check:
    return next(one for one in Verifier(scene.trust).verify(path).checks if one.name == name)


def test_the_manifest_says_which_picture_stands_in_for_which(scene: Scene) -> None:
    file = scene.sealed.manifest.file(ORIGINAL)
    assert file is not None
    assert file.stand_in == reduced_path(ORIGINAL) == "data/work/01-reduced.jpg"
    assert scene.sealed.manifest.file(file.stand_in) is not None


def test_the_comparison_is_computed_on_the_reduced_picture_and_says_so(scene: Scene, tmp_path: Path) -> None:
    path = copy_for_the_other_side(scene, tmp_path / "copy.zip")
    assert ORIGINAL not in files_of(path)
    found = check(scene, path, "match:01")
    assert found.state is State.PASSED
    assert STOOD_IN in found.sentence
    assert "replaced by" in check(scene, path, f"file:{ORIGINAL}").sentence
    assert Verifier(scene.trust).verify(path).outcome is not ExitCode.CHECK_FAILED


def test_a_reduced_picture_of_something_else_is_found_out(scene: Scene, tmp_path: Path) -> None:
    files = files_of(copy_for_the_other_side(scene, tmp_path / "copy.zip"))
    files[reduced_path(ORIGINAL)] = encoded(textured(9), "JPEG")
    path = packed(tmp_path / "lie.zip", rebagged(files))
    failed = {one.name for one in Verifier(scene.trust).verify(path).failures}
    assert f"file:{reduced_path(ORIGINAL)}" in failed


@pytest.mark.long
def test_a_large_picture_is_reduced_and_compares_as_before(scene: Scene, tmp_path: Path) -> None:
    file = stand_in("data/work/02.png", encoded(textured(3, (1600, 1200)), "PNG"), scene.blobs)
    info = decode(scene.blobs.get(file.digest)).info
    assert max(info.width, info.height) == REDUCED_SIDE
    assert file.path == "data/work/02-reduced.jpg"


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed")
def test_the_page_shows_the_reduced_picture_and_says_so(scene: Scene, tmp_path: Path) -> None:
    path = copy_for_the_other_side(scene, tmp_path / "copy.zip")
    with running_tab(tmp_path / "profile") as tab:
        page = Page(tab, scene.trust, tmp_path)
        outcome, states = page.check(path)
        assert (outcome, states[f"file:{ORIGINAL}"]) == ("holds", "not checked")
        assert "(reduced" in page.text


BROKEN = {
    "junk": (b"junk", "failed"),
    "a picture that breaks off": (encoded(textured(1, (160, 120)), "JPEG")[:300], "not checked"),
    "another picture": (encoded(textured(9, (160, 120)), "JPEG"), "failed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_reduced_picture_that_is_broken_or_another_does_not_pass(scene: Scene, tmp_path: Path, name: str) -> None:
    data, state = BROKEN[name]
    whole = files_of(scene.write(tmp_path / "whole.zip"))
    files, trust = forged(scene, whole, kept(reduced_path(ORIGINAL), data))
    assert by_python(packed(tmp_path / "b.zip", files), trust)[1]["pictures"] == state
