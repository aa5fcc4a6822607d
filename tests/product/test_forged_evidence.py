"""Test that what a judge looks at follows from the proofs: forged captures, drawings, sheets and words are reported."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evidence.verdict.result import State
from evidence.verdict.trust import Requirements
from evidence.verify.checks import contents
from evidence.verify.verifier import Verifier
from exhibit.errors import ExitCode
from registry.bundles.verifier_drawings import CONTENT_GENERATORS
from tests.assets.bundle_changes import Files
from tests.assets.bundles import Scene, encode_picture, textured_picture
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.forged_evidence import BY_COMMAND, FORGED
from tests.assets.resealing import Facts, seal_lie
from tests.assets.tampering import read_files, write_zip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if number % 6 else ()) for number, name in enumerate(FORGED)]
)
def test_only_the_forged_item_is_reported(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    lie, expected = FORGED[name]
    path = write_zip(tmp_path / "forged.zip", seal_lie(read_files(bundle), lie))
    checks = {check.name: check for check in Verifier(scene.trust, CONTENT_GENERATORS).verify(path).checks}
    states = {check_name: str(check.state) for check_name, check in checks.items()}
    assert {check_name: states[check_name] for check_name in expected} == expected, [
        checks[check_name].sentence for check_name in expected
    ]
    assert {states[check_name] for check_name in ("signature", "manifest", "files", "bag", "facts")} == {"passed"}
    plain = {check.name: str(check.state) for check in Verifier(scene.trust).verify(path).checks}
    assert {check_name for check_name in states if states[check_name] != plain[check_name]} <= BY_COMMAND
    assert {plain[check_name] for check_name in BY_COMMAND & set(plain)} == {"not checked"}


@pytest.mark.long
def test_sheet_of_other_tools_does_not_satisfy_required_sheet(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    invention = Invention(facts=_expected_states("a sheet of other tools"))
    files, trust = forge_bundle(scene, read_files(bundle), invention)
    path = write_zip(tmp_path / "forged.zip", files)
    verdict = Verifier(trust, CONTENT_GENERATORS).verify(path)
    assert verdict.outcome is ExitCode.DONE
    assert "sheet" in {grade.name for grade in verdict.grades if not grade.required and grade.state is not State.PASSED}
    asking = replace(trust, requires=Requirements(1, ("sheet",)))
    assert Verifier(asking, CONTENT_GENERATORS).verify(path).outcome is ExitCode.INCOMPLETE
    assert (
        Verifier(replace(scene.trust, requires=Requirements(1, ("sheet",))), CONTENT_GENERATORS).verify(bundle).outcome
        is ExitCode.DONE
    )


@pytest.mark.parametrize("lie", ["a record that wasn't kept", "no capture"])
def test_sighting_without_agreeing_capture_is_not_shown(scene: Scene, bundle: Path, tmp_path: Path, lie: str) -> None:
    dropped = {"no capture": lambda facts, *_: facts["sightings"][0].update(captures=[])}
    files, trust = forge_bundle(scene, read_files(bundle), Invention(facts=dropped.get(lie) or _expected_states(lie)))
    verdict = Verifier(trust, CONTENT_GENERATORS).verify(write_zip(tmp_path / "forged.zip", files))
    assert {grade.name for grade in verdict.grades if grade.state is State.NOT_CHECKED} >= {"capture"}
    assert verdict.outcome is not ExitCode.DONE


def test_replacement_file_with_different_picture_is_reported(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        files["data/work/01-reduced.jpg"] = encode_picture(textured_picture(9, (640, 480)), "JPEG")

    files, trust = forge_bundle(scene, read_files(bundle), Invention(facts=lie, manifest=_has_stand_in))
    failures = [
        check.name
        for check in Verifier(trust, CONTENT_GENERATORS).verify(write_zip(tmp_path / "forged.zip", files)).failures
    ]
    assert failures == ["pictures"]


@pytest.mark.parametrize("junk", [False, True])
def test_broken_reduced_picture_does_not_hide_other_sizes(
    scene: Scene, bundle: Path, tmp_path: Path, *, junk: bool
) -> None:
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        files["data/work/01-reduced.jpg"] = b"junk" if junk else encode_picture(textured_picture(1), "JPEG")[:300]
        facts["work"]["pictures"][0].update(width=161)

    files, trust = forge_bundle(scene, read_files(bundle), Invention(facts=lie, manifest=_has_stand_in))
    failures = {
        check.name: check for check in Verifier(trust).verify(write_zip(tmp_path / "forged.zip", files)).failures
    }
    assert "does not match facts.json" in failures["pictures"].sentence


def test_number_of_decoded_reduced_pictures_is_limited(
    scene: Scene, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        files["data/work/01-reduced.jpg"] = encode_picture(textured_picture(9, (640, 480)), "JPEG")

    monkeypatch.setattr(contents, "MAX_REDUCED", 0)
    files, trust = forge_bundle(scene, read_files(bundle), Invention(facts=lie, manifest=_has_stand_in))
    checks = {check.name: check for check in Verifier(trust).verify(write_zip(tmp_path / "forged.zip", files)).checks}
    assert checks["pictures"].state is State.NOT_CHECKED
    assert "Only the first 0" in checks["pictures"].sentence


def _expected_states(name: str) -> Callable[[Facts, Files, Scene], None]:
    return lambda facts, files, _: FORGED[name][0](facts, files)


def _has_stand_in(manifest: dict[str, Any]) -> None:
    reduced = "data/work/01-reduced.jpg"
    for file in manifest["files"]:
        if file["path"] == reduced:
            file.update(role="stand-in", stand_in=None)
        elif file["path"] == "data/work/01.jpg":
            file["stand_in"] = reduced
