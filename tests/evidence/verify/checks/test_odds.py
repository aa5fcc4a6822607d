"""Test that sealed odds are the weighted sum of the sealed measurements, and support the decision."""

import math
import random
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from evidence.bundle.bag import Proofs, Withheld
from evidence.bundle.sealing import get_odds_model_path
from evidence.facts.case import CaseFacts, OddsModelFacts
from evidence.facts.shipped import WEIGHINGS
from evidence.formats.codec import from_plain, parse_canonical
from evidence.verdict.grades import State
from evidence.verdict.result import Check
from evidence.verify.checks.odds import (
    TERMS,
    ExposureWeights,
    OddsModelFile,
    RelatedWeights,
    build_odds_model_facts,
)
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.compare import odds_model as weighed
from indexer.compare.figures import Figures
from registry.bundles.facts import build_odds_model_file
from registry.services.services import Services
from tests.assets.bundles import Scene, reseal

NAME, FILE = "odds:01", get_odds_model_path(1)
WEIGHING = OddsModelFile(
    "tests",
    RelatedWeights(0.5, {"hash": 6.0, "inliers": 0.5, "dense": 3.0, "agreeing_share": 0.5}, 1.5, 1000, 0.5),
    ExposureWeights(-2.0, {"firm": 3.0, "firm_alone": 2.5}, review=0.0, certain=2.4, review_weights={"visible": 3.0}),
)
SAMPLE_FIGURES = Figures(
    12, inliers=48, dense=0.9, matches=60, agreeing=45, patches=80, in_place=0.92, drift=0.1, excess=1.1, another=0.0
)
RELATED = 0.5 + 6 * (110 - 12) / 110 + 0.5 * math.log(49) + 3 * 0.9 + 0.5 * 45 / 60
EXPOSURE = -2 + 3 * 0.92 + 2.5 * 0.92
CERTAIN_VALUES: dict[str, Any] = {
    "decision": Decision.CERTAIN,
    "related": round(RELATED, 4),
    "exposure": round(EXPOSURE, 4),
    "in_place": 0.92,
}
WEAK_VALUES: dict[str, Any] = {"figures": asdict(replace(SAMPLE_FIGURES, excess=8.0)), "exposure": -2.0}
"""An uncertain alignment: the sum of the second question is its intercept."""
VISIBLE_VALUES: dict[str, Any] = {
    **WEAK_VALUES,
    "figures": asdict(replace(SAMPLE_FIGURES, excess=8.0, visible=0.5, visible_in_place=0.9, visible_excess=1.0)),
}
"""The same, but the visible part of the work agrees precisely: with it, the sum is 0.7."""


@pytest.fixture(autouse=True)
def ship_test_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat the weights of these tests as shipped with the software."""
    monkeypatch.setattr("evidence.verify.checks.odds.WEIGHINGS", {Digest.from_bytes(WEIGHING.to_json()).hex})


def create_facts(scene: Scene, weighing: OddsModelFile | None = WEIGHING, **changes: object) -> CaseFacts:
    """Return the scene's facts with odds; the weights are in the blob store."""
    match = scene.facts.matches[0]
    values: dict[str, Any] = {**CERTAIN_VALUES, "figures": asdict(SAMPLE_FIGURES), **changes}
    verification = replace(match.verification, **values)
    facts = replace(scene.facts, matches=(replace(match, verification=verification),))
    if weighing is None:
        return facts
    scene.blobs.put(weighing.to_json())
    return replace(facts, weighings=(build_odds_model_facts(weighing, FILE),))


def find_odds_check(scene: Scene, facts: CaseFacts, path: Path, proofs: Proofs | None = None) -> Check | None:
    """Return the check of the odds in a bundle with these facts."""
    verdict = Verifier(scene.trust).verify(reseal(scene, facts).write(path, proofs))
    assert next(check.state for check in verdict.checks if check.name == "facts") is State.PASSED
    return next((check for check in verdict.checks if check.name == NAME), None)


def test_odds_equal_to_the_sum_of_terms_pass_and_identify_the_weights(scene: Scene, tmp_path: Path) -> None:
    check = find_odds_check(scene, create_facts(scene), tmp_path / "bundle.zip")
    assert check is not None
    assert (check.state, Digest.from_bytes(WEIGHING.to_json()).hex[:12] in check.sentence) == (State.PASSED, True)
    with zipfile.ZipFile(tmp_path / "bundle.zip") as packed:
        plain = parse_canonical(packed.read(FILE), label=FILE)
    assert from_plain(OddsModelFile, plain, location=FILE) == WEIGHING


@pytest.mark.parametrize(
    "changes",
    [
        {"related": CERTAIN_VALUES["related"] + 0.002},
        {"exposure": 9.0},
        {"exposure": None},
        {"figures": asdict(replace(SAMPLE_FIGURES, dense=0.8))},
        {"figures": asdict(replace(SAMPLE_FIGURES, excess=2.6))},
        {"figures": asdict(replace(SAMPLE_FIGURES, another=0.1))},
        {"figures": asdict(replace(SAMPLE_FIGURES, inliers=-1))},
        {"figures": {**asdict(SAMPLE_FIGURES), "hamming": None}},
        {"figures": {name: value for name, value in asdict(SAMPLE_FIGURES).items() if name != "another"}},
        {"figures": {}},
        {"inliers": 49},
        {"hamming": 11},
        {"in_place": 0.93},
        {"in_place": None},
    ],
)
def test_changed_measurements_or_odds_fail(scene: Scene, tmp_path: Path, changes: dict[str, Any]) -> None:
    check = find_odds_check(scene, create_facts(scene, **changes), tmp_path / "bundle.zip")
    assert check is not None
    assert check.state is State.FAILED


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"decision": Decision.REVIEW}, State.FAILED),
        ({"decision": Decision.REVIEW, "reasons": ("pieces",)}, State.FAILED),
        ({"decision": Decision.REVIEW, "reasons": ("series",)}, State.PASSED),
        ({"decision": Decision.RELATED}, State.FAILED),
        ({"decision": Decision.NONE}, State.FAILED),
        ({**WEAK_VALUES}, State.FAILED),
        ({**WEAK_VALUES, "decision": Decision.REVIEW}, State.FAILED),
        ({**WEAK_VALUES, "decision": Decision.RELATED}, State.PASSED),
        ({**WEAK_VALUES, "decision": Decision.NONE}, State.FAILED),
        ({**VISIBLE_VALUES}, State.FAILED),
        ({**VISIBLE_VALUES, "decision": Decision.REVIEW}, State.PASSED),
        ({**VISIBLE_VALUES, "decision": Decision.RELATED}, State.FAILED),
    ],
)
def test_decision_unsupported_by_odds_fails(
    scene: Scene, tmp_path: Path, changes: dict[str, Any], state: State
) -> None:
    check = find_odds_check(scene, create_facts(scene, **changes), tmp_path / "bundle.zip")
    assert check is not None
    assert check.state is state


def test_unknown_weights_are_attributed_to_installation(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evidence.verify.checks.odds.WEIGHINGS", WEIGHINGS)
    check = find_odds_check(scene, create_facts(scene), tmp_path / "bundle.zip")
    assert check is not None
    assert (check.state, check.sentence.partition(":")[0]) == (State.NOT_CHECKED, "unknown weights")


def test_shipped_weights_are_known() -> None:
    names = {file.stem for file in weighed.WEIGHTS_FOLDER.glob("*.json")}
    services = cast("Services", SimpleNamespace(weights_folder=weighed.WEIGHTS_FOLDER))
    files = [build_odds_model_file(services, pipeline) for pipeline in sorted(names)]
    assert {Digest.from_bytes(weighing.to_json()).hex for weighing in files} == WEIGHINGS


def test_related_picture_requires_decision_by_a_person(scene: Scene, tmp_path: Path) -> None:
    facts = create_facts(scene, **WEAK_VALUES, decision=Decision.RELATED)
    facts = replace(facts, decision=replace(facts.decision, demonstration=True))
    check = find_odds_check(scene, facts, tmp_path / "bundle.zip")
    assert check is not None
    assert (check.state, "the demonstration setting" in check.sentence) == (State.NOT_CHECKED, True)


def test_odds_below_the_limit_for_related_pictures_fail(scene: Scene, tmp_path: Path) -> None:
    strict = replace(WEIGHING, related=replace(WEIGHING.related, limit=20.0))
    check = find_odds_check(scene, create_facts(scene, strict), tmp_path / "bundle.zip")
    assert check is not None
    assert check.state is State.FAILED


def test_odds_of_earlier_version_are_not_checked(scene: Scene, tmp_path: Path) -> None:
    for facts in (create_facts(scene, None), create_facts(scene, replace(WEIGHING, pipeline="match-1"))):
        check = find_odds_check(scene, facts, tmp_path / "bundle.zip")
        assert check is not None
        assert (check.state, "lacks the weights" in check.sentence) == (State.NOT_CHECKED, True)


def test_match_without_odds_has_no_odds_check(scene: Scene, tmp_path: Path) -> None:
    assert find_odds_check(scene, scene.facts, tmp_path / "bundle.zip") is None


def test_withheld_odds_model_is_not_checked(scene: Scene, tmp_path: Path) -> None:
    again = reseal(scene, create_facts(scene))
    proofs = replace(again.proofs, withheld=Withheld((FILE,), "too long"))
    verdict = Verifier(scene.trust).verify(again.write(tmp_path / "bundle.zip", proofs))
    assert [check.state for check in verdict.checks if check.name == NAME] == [State.NOT_CHECKED]


def test_mismatched_or_malformed_weights_fail(scene: Scene, tmp_path: Path) -> None:
    for data in (b'{"format":"exhibit-weighing/1"}', WEIGHING.to_json() + b" ", b"[]"):
        facts = replace(create_facts(scene), weighings=(OddsModelFacts("tests", scene.blobs.put(data), FILE),))
        check = find_odds_check(scene, facts, tmp_path / "bundle.zip")
        assert check is not None
        assert check.state is State.FAILED


def test_unknown_term_is_not_checked(scene: Scene, tmp_path: Path) -> None:
    later = replace(WEIGHING, exposure=replace(WEIGHING.exposure, weights={"colour": 1.0}))
    check = find_odds_check(scene, create_facts(scene, later), tmp_path / "bundle.zip")
    assert check is not None
    assert (check.state, "'colour'" in check.sentence) == (State.NOT_CHECKED, True)


def test_duplicate_odds_model_for_a_version_fails(scene: Scene, tmp_path: Path) -> None:
    facts = create_facts(scene)
    again = reseal(
        scene, replace(facts, weighings=(*facts.weighings, build_odds_model_facts(WEIGHING, get_odds_model_path(2))))
    )
    verdict = Verifier(scene.trust).verify(again.write(tmp_path / "bundle.zip"))
    assert next(check.state for check in verdict.checks if check.name == "facts") is State.FAILED


def test_verifier_terms_equal_comparison_terms() -> None:
    draw = random.Random(7)

    def share() -> float | None:
        return draw.choice([None, 0.0, 1.0, draw.random()])

    def excess() -> float | None:
        return draw.choice([None, 1.2, 1.5, 2.5, draw.uniform(0, 12)])

    assert TERMS.keys() == weighed.TERMS.keys()
    for _ in range(300):
        figures = Figures(
            draw.randrange(257), draw.randrange(400), draw.random(), draw.randrange(400), draw.randrange(300),
            draw.choice([None, 0, 300]), share(), excess(), excess(), share(), excess(), share(), excess(), share(),
            share(), share(), share(),
        )  # fmt: skip
        for name, term in weighed.TERMS.items():
            assert TERMS[name](asdict(figures)) == pytest.approx(term(figures), abs=1e-9), name
