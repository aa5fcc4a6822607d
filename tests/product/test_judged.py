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
from registry.bundles.remaking import MAKERS
from tests.assets.bundles import Scene, encoded, textured
from tests.assets.changes import Files
from tests.assets.corpus.deceit import Invention, forged
from tests.assets.judged import BY_COMMAND, FORGED
from tests.assets.resealing import Facts, sealed_lie
from tests.assets.tampering import files_of, packed


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if number % 6 else ()) for number, name in enumerate(FORGED)]
)
def test_what_is_forged_is_named_and_nothing_else(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    lie, expected = FORGED[name]
    path = packed(tmp_path / "forged.zip", sealed_lie(files_of(bundle), lie))
    checks = {check.name: check for check in Verifier(scene.trust, MAKERS).verify(path).checks}
    states = {one: str(check.state) for one, check in checks.items()}
    assert {one: states[one] for one in expected} == expected, [checks[one].sentence for one in expected]
    assert {states[one] for one in ("signature", "manifest", "files", "bag", "facts")} == {"passed"}
    plain = {check.name: str(check.state) for check in Verifier(scene.trust).verify(path).checks}
    assert {one for one in states if states[one] != plain[one]} <= BY_COMMAND
    assert {plain[one] for one in BY_COMMAND & set(plain)} == {"not checked"}


@pytest.mark.long
def test_a_sheet_that_others_are_said_to_have_made_is_no_sheet_for_a_list_that_asks_for_one(
    scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    invention = Invention(facts=_as_invented("a sheet of other tools"))
    files, trust = forged(scene, files_of(bundle), invention)
    path = packed(tmp_path / "forged.zip", files)
    verdict = Verifier(trust, MAKERS).verify(path)
    assert verdict.outcome is ExitCode.DONE
    assert "not asked for: sheet" in verdict.sentence
    asking = replace(trust, requires=Requirements(1, ("sheet",)))
    assert Verifier(asking, MAKERS).verify(path).outcome is ExitCode.INCOMPLETE
    assert (
        Verifier(replace(scene.trust, requires=Requirements(1, ("sheet",))), MAKERS).verify(bundle).outcome
        is ExitCode.DONE
    )


@pytest.mark.parametrize("lie", ["a record that wasn't kept", "no capture"])
def test_a_sighting_without_a_capture_that_agrees_is_not_shown(
    scene: Scene, bundle: Path, tmp_path: Path, lie: str
) -> None:
    dropped = {"no capture": lambda facts, *_: facts["sightings"][0].update(captures=[])}
    files, trust = forged(scene, files_of(bundle), Invention(facts=dropped.get(lie) or _as_invented(lie)))
    verdict = Verifier(trust, MAKERS).verify(packed(tmp_path / "forged.zip", files))
    assert {one.name for one in verdict.grades if one.state is State.NOT_CHECKED} >= {"capture"}
    assert verdict.outcome is not ExitCode.DONE


def test_a_stand_in_that_shows_another_picture_is_named_where_both_are_there(
    scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        files["data/work/01-reduced.jpg"] = encoded(textured(9, (640, 480)), "JPEG")

    files, trust = forged(scene, files_of(bundle), Invention(facts=lie, manifest=_stands_in))
    failures = [check.name for check in Verifier(trust, MAKERS).verify(packed(tmp_path / "forged.zip", files)).failures]
    assert failures == ["pictures"]


@pytest.mark.parametrize("junk", [False, True])
def test_a_reduced_picture_that_is_broken_hides_no_other_size(
    scene: Scene, bundle: Path, tmp_path: Path, *, junk: bool
) -> None:
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        files["data/work/01-reduced.jpg"] = b"junk" if junk else encoded(textured(1), "JPEG")[:300]
        facts["work"]["pictures"][0].update(width=161)

    files, trust = forged(scene, files_of(bundle), Invention(facts=lie, manifest=_stands_in))
    failures = {check.name: check for check in Verifier(trust).verify(packed(tmp_path / "forged.zip", files)).failures}
    assert "differs from the facts" in failures["pictures"].sentence


def test_of_reduced_pictures_a_bounded_number_is_decoded(
    scene: Scene, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        files["data/work/01-reduced.jpg"] = encoded(textured(9, (640, 480)), "JPEG")

    monkeypatch.setattr(contents, "MAX_REDUCED", 0)
    files, trust = forged(scene, files_of(bundle), Invention(facts=lie, manifest=_stands_in))
    checks = {check.name: check for check in Verifier(trust).verify(packed(tmp_path / "forged.zip", files)).checks}
    assert checks["pictures"].state is State.NOT_CHECKED
    assert "Only the first 0" in checks["pictures"].sentence


def _as_invented(name: str) -> Callable[[Facts, Files, Scene], None]:
    return lambda facts, files, _: FORGED[name][0](facts, files)


def _stands_in(manifest: dict[str, Any]) -> None:
    reduced = "data/work/01-reduced.jpg"
    for one in manifest["files"]:
        if one["path"] == reduced:
            one.update(role="stand-in", stand_in=None)
        elif one["path"] == "data/work/01.jpg":
            one["stand_in"] = reduced
