"""Test that a valid passkey signature of a decision passes, and each invalid one fails."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.facts.passkey import ASSERTION_PATH
from evidence.verdict.result import UNLISTED
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from tests.assets.bundles import Scene, make_scene
from tests.assets.passkeys import LIES, RSA_KEY, sign_scene
from tests.assets.tampering import read_files, update_bag, write_zip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("signed"))


def run_checks(path: Path, trust: Trust) -> dict[str, tuple[str, str]]:
    return {check.name: (str(check.state), check.sentence) for check in Verifier(trust).verify(path).checks}


def test_passkey_signed_decision_states_proven_facts(scene: Scene, tmp_path: Path) -> None:
    for kind in ({}, {"key": RSA_KEY}, {"origin": "https://www.exhibit.example:8443"}):
        checks = run_checks(sign_scene(scene, **kind).write(tmp_path / "b.zip"), scene.trust)
        assert {name for name, (state, _) in checks.items() if state == "failed"} == set()
        state, sentence = checks["decision"]
        assert state == "passed"
        for words in (
            "on exhibit.example",
            "under the name Ann",
            "Only the installation states that the passkey belongs to this person",
            "counter of the passkey: 7",
            "1 of 1 found pictures",
        ):
            assert words in sentence
    assert "decision" not in run_checks(scene.write(tmp_path / "without.zip"), scene.trust)


@pytest.mark.parametrize("name", LIES)
def test_mismatched_assertion_fails(scene: Scene, tmp_path: Path, name: str) -> None:
    path = sign_scene(scene, **LIES[name]).write(tmp_path / "lie.zip")
    assert run_checks(path, scene.trust)["decision"][0] == "failed"


def test_missing_assertion_fails(scene: Scene, tmp_path: Path) -> None:
    whole = read_files(sign_scene(scene).write(tmp_path / "b.zip"))
    without = update_bag({name: data for name, data in whole.items() if name != ASSERTION_PATH})
    assert run_checks(write_zip(tmp_path / "without.zip", without), scene.trust)["decision"][0] == "failed"


def test_unpinned_log_leaves_decision_unchecked(scene: Scene, tmp_path: Path) -> None:
    path = sign_scene(scene).write(tmp_path / "b.zip")
    state, sentence = run_checks(path, replace(scene.trust, logs=()))["decision"]
    assert (state, sentence.startswith(UNLISTED)) == ("not checked", True)
    assert json.loads(read_files(path)[ASSERTION_PATH])["format"] == "exhibit-assertion/1"
