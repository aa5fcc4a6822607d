"""Test that the facts of a case are read as written, with licence coverage and visit outcomes."""

import json
from dataclasses import replace

import pytest

from evidence.facts.case import CalibrationFacts, CaseFacts, FalseAlarmFacts
from evidence.formats.codec import FormatError
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.types import Decision
from tests.assets.documents_sample import sample_case

BOUND = FalseAlarmFacts(1000, 0, 2991)
CALIBRATION = CalibrationFacts(
    "test", "2026-11-20", "", Digest.from_bytes(b""), "data/calibration.json", BOUND, BOUND, prior=0.2, photographs=1000
)


def test_facts_round_trip() -> None:
    case = sample_case()
    assert CaseFacts.from_json(case.to_json()) == case
    assert case.to_json() == encode_canonical(json.loads(case.to_json()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "exhibit-facts/2"}, "exhibit-facts/2"),
        ({"colour": "red"}, "colour"),
        ({"number": 12}, "number"),
        ({"opened_at": "yesterday"}, "opened_at"),
        ({"sightings": [{}]}, r"sightings"),
    ],
)
def test_malformed_facts_are_rejected_with_location(change: dict[str, object], words: str) -> None:
    plain = {**json.loads(sample_case().to_json()), **change}
    with pytest.raises(FormatError, match=words):
        CaseFacts.from_json(encode_canonical(plain))


def test_every_field_is_required() -> None:
    plain = json.loads(sample_case().to_json())
    for name in ("made_with", "weighings", "left_out"):
        with pytest.raises(FormatError, match=name):
            CaseFacts.from_json(encode_canonical({key: value for key, value in plain.items() if key != name}))
    for name in ("holder", "public_page"):
        work = {key: value for key, value in plain["work"].items() if key != name}
        with pytest.raises(FormatError, match=name):
            CaseFacts.from_json(encode_canonical({**plain, "work": work}))


def test_odds_and_measurements_round_trip() -> None:
    case = sample_case()
    [match] = case.matches
    figures = {"cosine": 0.25, "drift": None}
    verification = replace(match.verification, decision=Decision.RELATED, related=8.99, exposure=-0.5, figures=figures)
    changed = replace(case, matches=(replace(match, verification=verification),))
    assert json.loads(changed.to_json())["matches"][0]["verification"]["figures"] == figures
    assert CaseFacts.from_json(changed.to_json()) == changed
    hash(verification)


@pytest.mark.parametrize("figures", [{"cosine": "much"}, [0.25], {"cosine": True}])
def test_malformed_measurements_are_rejected(figures: object) -> None:
    plain = json.loads(sample_case().to_json())
    plain["matches"][0]["verification"]["figures"] = figures
    with pytest.raises(FormatError, match="figures"):
        CaseFacts.from_json(encode_canonical(plain))


def test_licence_check_outcome_depends_on_licence_coverage() -> None:
    check = sample_case().licence_check
    assert replace(check, covered=True).outcome == "all"
    assert replace(check, covered=False, partly=True).outcome == "some"
    none = replace(check, covered=False)
    assert (none.outcome, replace(none, searched=0).outcome) == ("none", "unsearched")


def test_role_is_assigned_only_to_drawings_that_exist() -> None:
    [match] = sample_case().matches
    assert list(match.drawings) == ["side-by-side", "overlay", "difference", "points"]
    assert set(replace(match, overlay=None, points=None).drawings) == {"side-by-side", "difference"}


def test_likelihood_ratio_excludes_the_prior() -> None:
    ratio = CALIBRATION.compute_ratio(0.5)
    assert ratio is not None
    assert ratio.value == pytest.approx(4)
    assert CALIBRATION.compute_ratio(None) is None
    most = CALIBRATION.compute_ratio(1.0)
    fewer = replace(CALIBRATION, photographs=10).compute_ratio(1.0)
    assert most is not None
    assert fewer is not None
    assert fewer.value < most.value
