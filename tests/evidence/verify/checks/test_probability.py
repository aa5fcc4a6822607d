"""Test that a sealed probability follows only from the sealed measurements and the sealed calibration."""

import json
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.bundle.bag import Proofs, Withheld
from evidence.bundle.sealing import get_calibration_path
from evidence.facts.case import CaseFacts
from evidence.facts.shipped import CALIBRATIONS
from evidence.formats.codec import to_plain
from evidence.standalone import verify as standalone
from evidence.verdict.result import State, Verdict
from evidence.verify.checks.probability import build_calibration_facts
from evidence.verify.verifier import Verifier
from exhibit.comparison.calibration import MEASUREMENT_FUNCTIONS, Calibration
from exhibit.errors import IntegrityError
from exhibit.types import Decision, Verification
from tests import CHECKOUT
from tests.assets import verifier_in_process
from tests.assets.bundles import CALIBRATION, Scene, reseal

NAME = "probability:01"
SHIPPED = CHECKOUT / "indexer" / "models" / "calibration.json"


def verify_facts(scene: Scene, facts: CaseFacts, path: Path, proofs: Proofs | None = None) -> Verdict:
    """Return the verdict on a bundle with these facts."""
    again = reseal(scene, facts)
    return Verifier(scene.trust).verify(again.write(path, proofs))


def find_state(verdict: Verdict, name: str = NAME) -> State | None:
    return next((check.state for check in verdict.checks if check.name == name), None)


def change_verification(facts: CaseFacts, **changes: object) -> CaseFacts:
    match = facts.matches[0]
    changed = replace(match.verification, **changes)  # type: ignore[arg-type]
    return replace(facts, matches=(replace(match, verification=changed),))


def test_calibration_is_bundled_with_its_digest(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evidence.verify.checks.probability.CALIBRATIONS", {CALIBRATION.digest.hex})
    with zipfile.ZipFile(scene.write(tmp_path / "bundle.zip")) as packed:
        assert Calibration.from_json(packed.read("data/calibrations/01.json")) == CALIBRATION
    verdict = Verifier(scene.trust).verify(tmp_path / "bundle.zip")
    assert find_state(verdict) is State.PASSED
    assert verdict.outcome == 0


def test_unknown_calibration_is_attributed_to_installation(scene: Scene, tmp_path: Path) -> None:
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "bundle.zip"))
    [check] = [check for check in verdict.checks if check.name == NAME]
    assert (check.state, check.sentence.partition(":")[0]) == (State.NOT_CHECKED, "unknown calibration")
    [line] = [line for line in verdict.lines if line.of == "calibration"]
    assert "this software" in line.by


def test_shipped_calibration_is_known() -> None:
    assert Calibration.from_json(SHIPPED.read_bytes()).digest.hex in CALIBRATIONS


@pytest.mark.parametrize("changes", [{"probability": 0.9999}, {"inliers": 3}, {"hamming": 250}, {"pipeline": "other"}])
def test_changed_probability_or_measurements_fail(scene: Scene, tmp_path: Path, changes: dict[str, object]) -> None:
    verdict = verify_facts(scene, change_verification(scene.facts, **changes), tmp_path / "bundle.zip")
    assert find_state(verdict) is State.FAILED


@pytest.mark.parametrize(
    "calibration",
    [
        replace(CALIBRATION, intercept=2.0),
        replace(CALIBRATION, knots=((-4.0, 0.01), (0.5, 0.4), (8.0, 0.9999))),
        replace(CALIBRATION, pipeline="other"),
    ],
)
def test_changed_calibration_fails_even_when_resealed(scene: Scene, tmp_path: Path, calibration: Calibration) -> None:
    scene.blobs.put(calibration.to_json())
    facts = change_verification(scene.facts, calibration=calibration.digest)
    facts = replace(facts, calibrations=(build_calibration_facts(calibration, get_calibration_path(1)),))
    assert find_state(verify_facts(scene, facts, tmp_path / "bundle.zip")) is State.FAILED


def test_understated_false_alarm_bound_fails(scene: Scene, tmp_path: Path) -> None:
    calibration = scene.facts.calibrations[0]
    smaller = replace(calibration, certain=replace(calibration.certain, at_most_in_a_million=1))
    facts = replace(scene.facts, calibrations=(smaller,))
    assert find_state(verify_facts(scene, facts, tmp_path / "bundle.zip")) is State.FAILED


def test_malformed_calibration_fails(scene: Scene, tmp_path: Path) -> None:
    digest = scene.blobs.put(b'{"format":"exhibit-calibration/1"}')
    facts = change_verification(scene.facts, calibration=digest)
    facts = replace(facts, calibrations=(replace(scene.facts.calibrations[0], digest=digest),))
    assert find_state(verify_facts(scene, facts, tmp_path / "bundle.zip")) is State.FAILED


@pytest.mark.parametrize("lacks", ["calibration", "probability"])
def test_probability_and_calibration_require_each_other(scene: Scene, tmp_path: Path, lacks: str) -> None:
    facts = replace(scene.facts, calibrations=()) if lacks == "calibration" else scene.facts
    facts = change_verification(facts, probability=None) if lacks == "probability" else facts
    assert find_state(verify_facts(scene, facts, tmp_path / "bundle.zip"), "facts") is State.FAILED


def test_match_without_probability_has_no_check(scene: Scene, tmp_path: Path) -> None:
    facts = change_verification(replace(scene.facts, calibrations=()), probability=None, calibration=None)
    verdict = verify_facts(scene, facts, tmp_path / "bundle.zip")
    assert find_state(verdict) is None
    assert find_state(verdict, "facts") is State.PASSED


def test_withheld_calibration_is_not_checked(scene: Scene, tmp_path: Path) -> None:
    proofs = replace(scene.proofs, withheld=Withheld(("data/calibrations/01.json",), "too long"))
    assert find_state(Verifier(scene.trust).verify(scene.write(tmp_path / "bundle.zip", proofs))) is State.NOT_CHECKED


def test_included_verifier_detects_changed_probability(scene: Scene, tmp_path: Path) -> None:
    again = reseal(scene, change_verification(scene.facts, probability=0.9999))
    code, output = verifier_in_process.run_verifier(again.write(tmp_path / "bundle.zip"))
    assert code == 1
    assert "FAILED       probability: match 1" in output
    assert "passed       manifest" in output


def test_included_verifier_detects_missing_calibration(scene: Scene, tmp_path: Path) -> None:
    again = reseal(scene, replace(scene.facts, calibrations=()))
    code, output = verifier_in_process.run_verifier(again.write(tmp_path / "bundle.zip"))
    assert (code, "FAILED       probability: match 1 " in output) == (1, True)


def test_included_verifier_compares_stated_bounds(scene: Scene, tmp_path: Path) -> None:
    calibration = scene.facts.calibrations[0]
    smaller = replace(calibration, certain=replace(calibration.certain, at_most_in_a_million=1))
    again = reseal(scene, replace(scene.facts, calibrations=(smaller,)))
    code, output = verifier_in_process.run_verifier(again.write(tmp_path / "bundle.zip"))
    assert (code, "FAILED       probability: the " in output) == (1, True)


def test_included_verifier_detects_uncalibrated_measurements(scene: Scene, tmp_path: Path) -> None:
    again = reseal(scene, change_verification(scene.facts, reasons=("page",)))
    code, output = verifier_in_process.run_verifier(again.write(tmp_path / "bundle.zip"))
    assert (code, "FAILED       probability: a calibration" in output) == (1, True)


def test_included_verifier_does_not_check_withheld_calibration(scene: Scene, tmp_path: Path) -> None:
    proofs = replace(scene.proofs, withheld=Withheld(("data/calibrations/01.json",), "too long"))
    code, output = verifier_in_process.run_verifier(scene.write(tmp_path / "bundle.zip", proofs))
    assert (code, "calibration is withheld" in output) == (0, True)


def test_included_verifier_computes_same_probabilities() -> None:
    draw = random.Random(4)
    weights = tuple(round(draw.uniform(-2, 3), 6) for _ in MEASUREMENT_FUNCTIONS)
    calibration = replace(CALIBRATION, figures=tuple(MEASUREMENT_FUNCTIONS), weights=weights)
    for _ in range(200):
        reasons = tuple(word for word in ("imprecise", "shared-overlay", "few-inliers") if draw.random() < 0.5)
        verification = Verification(
            Decision.REVIEW, draw.randrange(257), draw.choice([0, 1, 9, 400]), draw.random(), None, False, 0,  # noqa: FBT003 - a field
            draw.random(), draw.random(), None, "tests", reasons,
            in_place=draw.choice([None, draw.random()]), drift=draw.choice([None, 3.5, draw.random()]),
        )  # fmt: skip
        expected = calibration.compute_probability(verification)
        actual = standalone.compute_probability(to_plain(verification), json.loads(calibration.to_json()))
        assert actual == pytest.approx(expected, abs=0.0001)


def test_sample_calibration_is_valid() -> None:
    assert Calibration.from_json(CALIBRATION.to_json()) == CALIBRATION
    with pytest.raises(IntegrityError):
        Calibration.from_json(CALIBRATION.to_json() + b" ")
