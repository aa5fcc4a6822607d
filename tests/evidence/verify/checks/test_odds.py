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
from evidence.bundle.sealing import weighing_path
from evidence.facts.case import CaseFacts, WeighingFacts
from evidence.facts.shipped import WEIGHINGS
from evidence.formats.codec import from_plain, parse_canonical
from evidence.verdict.grades import State
from evidence.verdict.result import Check
from evidence.verify.checks.odds import (
    TERMS,
    ExposureWeights,
    RelatedWeights,
    WeighingFile,
    weighing_facts,
)
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.compare import weighing as weighed
from indexer.compare.figures import Figures
from registry.bundles.facts import weighing_file
from registry.services.services import Services
from tests.assets.bundles import Scene, reseal

NAME, FILE = "odds:01", weighing_path(1)
WEIGHING = WeighingFile(
    "tests",
    RelatedWeights(0.5, {"hash": 6.0, "inliers": 0.5, "dense": 3.0, "agreeing_share": 0.5}, 1.5, 1000, 0.5),
    ExposureWeights(-2.0, {"firm": 3.0, "firm_alone": 2.5}, review=0.0, certain=2.4),
)
SAMPLE_FIGURES = Figures(
    12, inliers=48, dense=0.9, matches=60, agreeing=45, patches=80, in_place=0.92, drift=0.1, excess=1.1, another=0.0
)
RELATED = 0.5 + 6 * (110 - 12) / 110 + 0.5 * math.log(49) + 3 * 0.9 + 0.5 * 45 / 60
EXPOSURE = -2 + 3 * 0.92 + 2.5 * 0.92
SURE: dict[str, Any] = {
    "decision": Decision.CERTAIN,
    "related": round(RELATED, 4),
    "exposure": round(EXPOSURE, 4),
    "in_place": 0.92,
}
FAINT: dict[str, Any] = {"figures": asdict(replace(SAMPLE_FIGURES, excess=8.0)), "exposure": -2.0}
"""An uncertain alignment: the sum of the second question is its intercept."""


@pytest.fixture(autouse=True)
def these_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat the weights of these tests as ones that ship with the software."""
    monkeypatch.setattr("evidence.verify.checks.odds.WEIGHINGS", {Digest.of(WEIGHING.to_json()).hex})


def facts_with(scene: Scene, weighing: WeighingFile | None = WEIGHING, **changes: object) -> CaseFacts:
    """Return the scene's facts with odds; the weights are in the blob store."""
    match = scene.facts.matches[0]
    values: dict[str, Any] = {**SURE, "figures": asdict(SAMPLE_FIGURES), **changes}
    verification = replace(match.verification, **values)
    facts = replace(scene.facts, matches=(replace(match, verification=verification),))
    if weighing is None:
        return facts
    scene.blobs.put(weighing.to_json())
    return replace(facts, weighings=(weighing_facts(weighing, FILE),))


def odds_check(scene: Scene, facts: CaseFacts, path: Path, proofs: Proofs | None = None) -> Check | None:
    """Return the check of the odds in a bundle with these facts."""
    verdict = Verifier(scene.trust).verify(reseal(scene, facts).write(path, proofs))
    assert next(check.state for check in verdict.checks if check.name == "facts") is State.PASSED
    return next((check for check in verdict.checks if check.name == NAME), None)


def test_odds_that_are_the_sum_of_the_figures_pass_and_say_which_weights_gave_them(
    scene: Scene, tmp_path: Path
) -> None:
    check = odds_check(scene, facts_with(scene), tmp_path / "bundle.zip")
    assert check is not None
    assert (check.state, Digest.of(WEIGHING.to_json()).hex[:12] in check.sentence) == (State.PASSED, True)
    with zipfile.ZipFile(tmp_path / "bundle.zip") as packed:
        plain = parse_canonical(packed.read(FILE), what=FILE)
    assert from_plain(WeighingFile, plain, where=FILE) == WEIGHING


@pytest.mark.parametrize(
    "changes",
    [
        {"related": SURE["related"] + 0.002},
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
def test_other_figures_or_other_odds_fail(scene: Scene, tmp_path: Path, changes: dict[str, Any]) -> None:
    check = odds_check(scene, facts_with(scene, **changes), tmp_path / "bundle.zip")
    assert check is not None
    assert check.state is State.FAILED


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"decision": Decision.REVIEW}, State.FAILED),
        ({"decision": Decision.REVIEW, "reasons": ("pieces",)}, State.FAILED),
        ({"decision": Decision.REVIEW, "reasons": ("series",)}, State.PASSED),
        ({"decision": Decision.RESEMBLES}, State.FAILED),
        ({"decision": Decision.NONE}, State.FAILED),
        ({**FAINT}, State.FAILED),
        ({**FAINT, "decision": Decision.REVIEW}, State.FAILED),
        ({**FAINT, "decision": Decision.RESEMBLES}, State.PASSED),
        ({**FAINT, "decision": Decision.NONE}, State.FAILED),
    ],
)
def test_a_decision_that_the_odds_do_not_bear_fails(
    scene: Scene, tmp_path: Path, changes: dict[str, Any], state: State
) -> None:
    check = odds_check(scene, facts_with(scene, **changes), tmp_path / "bundle.zip")
    assert check is not None
    assert check.state is state


def test_weights_that_no_release_contains_are_attributed_to_the_installation(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evidence.verify.checks.odds.WEIGHINGS", WEIGHINGS)
    check = odds_check(scene, facts_with(scene), tmp_path / "bundle.zip")
    assert check is not None
    assert (check.state, check.sentence.partition(":")[0]) == (State.NOT_CHECKED, "unknown weights")


def test_those_that_come_with_the_software_are_known() -> None:
    names = {file.stem for file in weighed.WEIGHTS_FOLDER.glob("*.json")}
    services = cast("Services", SimpleNamespace(weighings=weighed.WEIGHTS_FOLDER))
    files = [weighing_file(services, pipeline) for pipeline in sorted(names)]
    assert {Digest.of(weighing.to_json()).hex for weighing in files} == WEIGHINGS


def test_a_related_picture_alone_is_no_case_without_a_persons_decision(scene: Scene, tmp_path: Path) -> None:
    facts = facts_with(scene, **FAINT, decision=Decision.RESEMBLES)
    facts = replace(facts, decision=replace(facts.decision, demonstration=True))
    check = odds_check(scene, facts, tmp_path / "bundle.zip")
    assert check is not None
    assert (check.state, "the demonstration setting" in check.sentence) == (State.NOT_CHECKED, True)


def test_odds_below_the_limit_of_having_to_do_with_the_work_fail(scene: Scene, tmp_path: Path) -> None:
    strict = replace(WEIGHING, related=replace(WEIGHING.related, limit=20.0))
    check = odds_check(scene, facts_with(scene, strict), tmp_path / "bundle.zip")
    assert check is not None
    assert check.state is State.FAILED


def test_odds_of_an_earlier_version_are_said_not_to_be_checked(scene: Scene, tmp_path: Path) -> None:
    for facts in (facts_with(scene, None), facts_with(scene, replace(WEIGHING, pipeline="match-1"))):
        check = odds_check(scene, facts, tmp_path / "bundle.zip")
        assert check is not None
        assert (check.state, "does not contain the weights" in check.sentence) == (State.NOT_CHECKED, True)


def test_a_match_without_odds_has_no_such_check(scene: Scene, tmp_path: Path) -> None:
    assert odds_check(scene, scene.facts, tmp_path / "bundle.zip") is None


def test_a_withheld_weighing_is_said_not_to_be_checked(scene: Scene, tmp_path: Path) -> None:
    again = reseal(scene, facts_with(scene))
    proofs = replace(again.proofs, withheld=Withheld((FILE,), "too long"))
    verdict = Verifier(scene.trust).verify(again.write(tmp_path / "bundle.zip", proofs))
    assert [check.state for check in verdict.checks if check.name == NAME] == [State.NOT_CHECKED]


def test_weights_that_are_others_than_the_facts_state_or_none_fail(scene: Scene, tmp_path: Path) -> None:
    for data in (b'{"format":"exhibit-weighing/1"}', WEIGHING.to_json() + b" ", b"[]"):
        facts = replace(facts_with(scene), weighings=(WeighingFacts("tests", scene.blobs.put(data), FILE),))
        check = odds_check(scene, facts, tmp_path / "bundle.zip")
        assert check is not None
        assert check.state is State.FAILED


def test_a_term_of_a_later_version_is_said_not_to_be_known(scene: Scene, tmp_path: Path) -> None:
    later = replace(WEIGHING, exposure=replace(WEIGHING.exposure, weights={"colour": 1.0}))
    check = odds_check(scene, facts_with(scene, later), tmp_path / "bundle.zip")
    assert check is not None
    assert (check.state, "'colour'" in check.sentence) == (State.NOT_CHECKED, True)


def test_one_version_has_one_weighing(scene: Scene, tmp_path: Path) -> None:
    facts = facts_with(scene)
    again = reseal(scene, replace(facts, weighings=(*facts.weighings, weighing_facts(WEIGHING, weighing_path(2)))))
    verdict = Verifier(scene.trust).verify(again.write(tmp_path / "bundle.zip"))
    assert next(check.state for check in verdict.checks if check.name == "facts") is State.FAILED


def test_the_verifier_sums_the_terms_of_the_comparison() -> None:
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
