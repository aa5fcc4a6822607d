"""Test the sentences about a case."""

from datetime import UTC, datetime

import pytest
from django.utils import translation

from desk.texts import cases
from desk.texts.cases import describe_further_occurrences, describe_remarks
from exhibit.sentences import Sentence
from exhibit.types import Decision
from indexer.calibration.shipped import shipped_calibration
from registry.cases.licence_check import Obstacle, ObstacleReason
from registry.cases.recaptures import PlaceState, VisitSummary
from registry.cases.record_decision import LEDGER_ACTOR
from registry.models import Capture, Case, CaseEvent, Match
from tests.assets.pages import numbers_in

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


def build_match(**fields: object) -> Match:
    figures = {"decision": "certain", "overlap_work": 0.996, "transform": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
    return Match(**{**figures, **fields})


def test_host_with_look_alike_letters_is_marked() -> None:
    assert cases.describe_decoded_host("shop.example") == ""
    assert "bücher.example" in cases.describe_decoded_host("xn--bcher-kva.example")
    assert "xn--bcher-kva.example" not in cases.describe_decoded_host("xn--bcher-kva.example")
    # Its letters look like Latin ones
    assert "xn--pypal-4ve.example" in cases.describe_decoded_host("xn--pypal-4ve.example")


def test_displayed_url_contains_no_user_name() -> None:
    assert cases.shorten_url("https://saint.example@copies.example/a/?b=1#c") == "copies.example/a?b=1"


def test_history_is_translated_and_personal_notes_are_not() -> None:
    disputed = CaseEvent(kind="disputed", said=[["disputed", {}]], sentence="Licensed.")
    repeated_event = CaseEvent(
        kind="captured", said=[["again-removed", {}]], sentence=Sentence("The page is available.")
    )
    note = CaseEvent(kind="note", sentence="Decision undone.")
    with translation.override("zh-hans"):
        assert cases.format_history_event(disputed) == "已提出争议。Licensed."
        assert cases.format_history_event(repeated_event) == "已再次访问网页，图片已移除：页面存在。"
        assert cases.format_history_event(note) == "Decision undone."
    with translation.override("en"):
        assert cases.format_history_event(disputed) == "Disputed. Licensed."


def test_page_and_first_sighting_are_summarised() -> None:
    assert cases.shorten_url("https://shop.example/") == "shop.example"
    assert cases.shorten_url("https://shop.example/a?b=1") == "shop.example/a?b=1"
    assert cases.shorten_url("https://shop.example/" + "x" * 100).endswith("x…")
    assert cases.describe_sightings(Case(places=1), MAY).endswith("1 May 2026")
    assert numbers_in(cases.describe_sightings(Case(places=1200), MAY)) == ["1200", "1", "2026"]


def test_shown_fraction_of_a_work_never_exceeds_100_percent() -> None:
    lies = [
        build_match(),
        build_match(mirrored=True),
        build_match(rotation=90),
        build_match(mirrored=True, rotation=90),
    ]
    phrases = [cases.describe_overlap(item) for item in lies]
    assert len(set(phrases)) == len(lies)
    assert all(numbers_in(item) == ["99"] for item in phrases)
    assert numbers_in(cases.describe_overlap(build_match(transform=None))) == []
    assert [cases.describe_certainty(build_match(decision=item)) for item in ("certain", "review")] == [
        str(cases.CERTAINTY_LABELS[Decision.CERTAIN]),
        str(cases.CERTAINTY_LABELS[Decision.REVIEW]),
    ]
    assert numbers_in(cases.describe_false_alarms(build_match())) == []  # not measured


@pytest.mark.parametrize("decision", [Decision.CERTAIN, Decision.REVIEW])
def test_false_alarms_are_stated_as_counts_of_a_test(decision: Decision, monkeypatch: pytest.MonkeyPatch) -> None:
    calibration = shipped_calibration()
    assert calibration is not None
    monkeypatch.setattr("desk.texts.cases.calibrations.load_calibration", lambda _digest: calibration)
    match = build_match(probability=0.99, calibration=calibration.digest, decision=decision)
    bound = calibration.get_bound(decision)
    expected_counts = [bound.false_alarms] if bound.false_alarms else []
    sentence = cases.describe_false_alarms(match).replace(",", "")
    assert numbers_in(sentence) == [str(count) for count in (*expected_counts, bound.photographs)]


def test_decision_author_and_licence_obstacle_are_shown() -> None:
    decided_case = Case(number=3, decision="confirmed", decided_by="Ann")
    assert all(word in cases.describe_prior_decision(decided_case) for word in ("3", "Ann"))
    assert cases.decider_in_words(LEDGER_ACTOR) == str(cases.DECIDER_LABELS[LEDGER_ACTOR])
    assert cases.describe_obstacle(None) == ""
    assert "other.example" in cases.describe_obstacle(Obstacle(ObstacleReason.DOMAIN, "other.example"))
    assert all(cases.describe_obstacle(Obstacle(gap, "x")) for gap in ObstacleReason)


def test_visits_are_summarised_by_page_status() -> None:
    once = cases.describe_visits(VisitSummary({PlaceState.ONLINE: 1}, MAY))
    assert "1 May 2026" in once
    assert once.endswith(str(cases.STATUS_LABELS[PlaceState.ONLINE]))
    summary = cases.describe_visits(VisitSummary({PlaceState.REMOVED: 2, PlaceState.ONLINE: 1}, MAY))
    online, removed = (
        summary.index(str(cases.STATUS_LABELS[standing])) for standing in (PlaceState.ONLINE, PlaceState.REMOVED)
    )
    assert online < removed
    assert numbers_in(summary[online:]) == ["1", "2"]


def test_sealed_bundles_are_counted() -> None:
    pairs = [build_match(registered_id=1, found_id=2), build_match(registered_id=1, found_id=3)]
    lines = cases.list_sealed_items(2, pairs, [Capture(state="done"), Capture(state="queued")])
    assert [numbers_in(line) for line in lines[:3]] == [["3"], ["2"], ["2"]]
    assert [numbers_in(line) for line in lines[4:]] == [["1"], []]  # one of the visits is still in progress


def test_reasons_are_sentences_and_unknown_reasons_are_unchanged() -> None:
    [known_remark, unknown] = describe_remarks(["few-inliers", "newer-reason"])
    assert (known_remark == "few-inliers", unknown) == (False, "newer-reason")
    with translation.override("zh-hans"):
        assert describe_remarks(["few-inliers"]) != [known_remark]


def test_further_copies_are_counted() -> None:
    assert describe_further_occurrences(0) == ""
    assert describe_further_occurrences(1)
    assert numbers_in(describe_further_occurrences(2)) == ["2"]
