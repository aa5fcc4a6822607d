"""Test that a valid passkey signature of a decision passes, and each invalid one fails."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.facts.passkey import ASSERTION_PATH
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from tests.assets.bundles import Scene, make_scene
from tests.assets.passkeys import LIES, RSA_KEY, sign_scene
from tests.assets.tampering import read_files, update_bag, write_zip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("signed"))


def checks_of(path: Path, trust: Trust) -> dict[str, tuple[str, str]]:
    return {check.name: (str(check.state), check.sentence) for check in Verifier(trust).verify(path).checks}


def test_a_decision_signed_with_a_passkey_is_shown_with_what_it_proves(scene: Scene, tmp_path: Path) -> None:
    for kind in ({}, {"key": RSA_KEY}, {"origin": "https://www.exhibit.example:8443"}):
        checks = checks_of(sign_scene(scene, **kind).write(tmp_path / "b.zip"), scene.trust)
        assert {name for name, (state, _) in checks.items() if state == "failed"} == set()
        state, sentence = checks["decision"]
        assert state == "passed"
        for words in (
            "on exhibit.example",
            "under the name Ann",
            "stated by the installation only",
            "Counter 7",
            "1 of 1 found pictures",
        ):
            assert words in sentence
    assert "decision" not in checks_of(scene.write(tmp_path / "without.zip"), scene.trust)


@pytest.mark.parametrize("name", LIES)
def test_an_answer_that_does_not_fit_fails(scene: Scene, tmp_path: Path, name: str) -> None:
    path = sign_scene(scene, **LIES[name]).write(tmp_path / "lie.zip")
    assert checks_of(path, scene.trust)["decision"][0] == "failed"


def test_an_answer_that_is_left_out_fails(scene: Scene, tmp_path: Path) -> None:
    whole = read_files(sign_scene(scene).write(tmp_path / "b.zip"))
    without = update_bag({name: data for name, data in whole.items() if name != ASSERTION_PATH})
    assert checks_of(write_zip(tmp_path / "without.zip", without), scene.trust)["decision"][0] == "failed"


def test_a_log_that_nobody_pins_leaves_it_open(scene: Scene, tmp_path: Path) -> None:
    path = sign_scene(scene).write(tmp_path / "b.zip")
    state, sentence = checks_of(path, replace(scene.trust, logs=()))["decision"]
    assert (state, sentence[:15]) == ("not checked", "unknown witness")
    assert json.loads(read_files(path)[ASSERTION_PATH])["format"] == "exhibit-assertion/1"
