"""Test that all verifiers agree on the inventions of a forger with pinned keys: they report each, or none does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from registry.bundles.verifier_drawings import CONTENT_GENERATORS
from tests.assets.bundles import Scene
from tests.assets.corpus import kinds
from tests.assets.corpus.deceit import Invention, forge_bundle
from tests.assets.corpus.inventions import FAMILIES
from tests.assets.tampering import read_files, write_zip
from tests.assets.verify_page import Outcome, verify_in_python
from tests.product.test_corpus import EACH, EITHER, LIGHT, LIGHT_CHECKS

pytestmark = pytest.mark.timeout(600)
KINDS: dict[str, tuple[Invention, str]] = {name: kind for family in FAMILIES.values() for name, kind in family.items()}
BEYOND_IT = {
    "a checkpoint that isn't signed", "a checkpoint with a byte behind", "a renewal that isn't a list",
    "a renewal listed twice", "material twice", "a key of another holder",
}  # fmt: skip
"""Inventions that verify.py accepts: it reads no log signature, no renewal, and not the claimed holder of the key."""
InventionResults = dict[str, tuple[Path, Trust, Outcome]]


def expected_checks(name: str) -> set[str]:
    """Return the checks that fail for a kind of forgery. Those marked ``?`` are omitted: only the command runs them."""
    return {check for check in KINDS[name][1].split() if not check.endswith("?")}


def failed_checks(outcome: Outcome) -> set[str]:
    return {check for check, state in outcome[1].items() if state == "failed"}


@pytest.fixture(scope="module")
def inventions(scene: Scene, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> InventionResults:
    """The path of each kind, the trust list with the forger's keys, and the Python verifier's result."""
    folder, whole, results = tmp_path_factory.mktemp("inventions"), read_files(bundle), {}
    for number, (name, (invention, _)) in enumerate(KINDS.items()):
        files, trust = forge_bundle(scene, whole, invention)
        path = write_zip(folder / f"{number}.zip", files)
        results[name] = (path, trust, verify_in_python(path, trust))
    return results


def test_forgeries_are_numerous_and_uniquely_identified() -> None:
    assert len(KINDS) == sum(map(len, FAMILIES.values())) >= 350


def test_each_failing_check_belongs_to_one_kind_of_forgery() -> None:
    assert {name: kinds.kinds_of(name) for name in kinds.failing_checks() if len(kinds.kinds_of(name)) != 1} == {}
    assert len(kinds.NEW) >= 50


def test_bundle_before_forging_verifies_as_complete(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    files, trust = forge_bundle(scene, read_files(bundle), Invention())
    assert verify_in_python(write_zip(tmp_path / "b.zip", files), trust)[0] == "complete"


def test_python_verifier_fails_expected_checks(inventions: InventionResults) -> None:
    assert {
        name: failed_checks(outcome)
        for name, (_, _, outcome) in inventions.items()
        if failed_checks(outcome) != expected_checks(name)
    } == {}


def test_verify_command_reports_failed_checks_that_regenerate_documents(inventions: InventionResults) -> None:
    wrong = {}
    for name in (name for name in inventions if "?" in KINDS[name][1]):
        path, trust, _ = inventions[name]
        states = {
            failed_check.name
            for failed_check in Verifier(trust, CONTENT_GENERATORS).verify(path).checks
            if failed_check.state == "failed"
        }
        if not {check.rstrip("?") for check in KINDS[name][1].split()} <= states:
            wrong[name] = states
    assert wrong == {}


def test_verify_py_alone_returns_same_results(inventions: InventionResults) -> None:
    paths = {str(path): name for name, (path, _, _) in inventions.items()}
    line = [sys.executable, "-I", "-c", EACH, str(LIGHT)]
    done = subprocess.run(line, input="\n".join(paths), capture_output=True, text=True, check=True)
    wrong = {}
    for path, code, output in map(json.loads, done.stdout.splitlines()):
        fails = expected_checks(paths[path])
        light = {check for check in fails if check.startswith(LIGHT_CHECKS) and paths[path] not in BEYOND_IT}
        answers = {(1, True)} if light else EITHER if fails else {(0, False)}
        if (code, "FAILED" in output) not in answers:
            wrong[paths[path]] = (code, fails, [line for line in output.splitlines() if "FAILED" in line])
    assert wrong == {}
