"""Test the sentences about a case."""

from datetime import UTC, datetime

from django.utils import translation

from desk.texts import cases
from desk.texts.cases import further_in_words, remarks_of
from exhibit.sentences import Sentence
from exhibit.types import Decision
from registry.cases.licence_check import Gap, Obstacle
from registry.cases.recaptures import Standing, VisitSummary
from registry.cases.record_decision import LEDGER
from registry.models import Capture, Case, CaseEvent, Match
from tests.assets.pages import numbers_in

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


def match(**fields: object) -> Match:
    figures = {"decision": "certain", "overlap_work": 0.996, "transform": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
    return Match(**{**figures, **fields})


def test_host_with_look_alike_letters_is_marked() -> None:
    assert cases.describe_host_letters("shop.example") == ""
    assert "bücher.example" in cases.describe_host_letters("xn--bcher-kva.example")
    assert "xn--bcher-kva.example" not in cases.describe_host_letters("xn--bcher-kva.example")
    assert "xn--pypal-4ve.example" in cases.describe_host_letters(
        "xn--pypal-4ve.example"
    )  # its letters resemble others


def test_displayed_url_contains_no_user_name() -> None:
    assert cases.shorten_url("https://saint.example@copies.example/a/?b=1#c") == "copies.example/a?b=1"


def test_history_is_translated_and_personal_notes_are_not() -> None:
    disputed = CaseEvent(kind="disputed", said=[["disputed", {}]], sentence="Licensed.")
    repeated_event = CaseEvent(
        kind="captured", said=[["again-removed", {}]], sentence=Sentence("The page is available.")
    )
    note = CaseEvent(kind="note", sentence="Undone.")
    with translation.override("zh-hans"):
        assert cases.history_line(disputed) == "已提出争议。Licensed."
        assert cases.history_line(repeated_event) == "再次访问，已移除：页面存在。"
        assert cases.history_line(note) == "Undone."
    with translation.override("en"):
        assert cases.history_line(disputed) == "Disputed. Licensed."


def test_page_and_first_sighting_are_summarised() -> None:
    assert cases.shorten_url("https://shop.example/") == "shop.example"
    assert cases.shorten_url("https://shop.example/a?b=1") == "shop.example/a?b=1"
    assert cases.shorten_url("https://shop.example/" + "x" * 100).endswith("x…")
    assert cases.describe_sightings(Case(places=1), MAY).endswith("1 May 2026")
    assert numbers_in(cases.describe_sightings(Case(places=1200), MAY)) == ["1200", "1", "2026"]


def test_shown_share_of_a_work_never_exceeds_100_percent() -> None:
    lies = [match(), match(mirrored=True), match(rotation=90), match(mirrored=True, rotation=90)]
    phrases = [cases.describe_share(item) for item in lies]
    assert len(set(phrases)) == len(lies)
    assert all(numbers_in(item) == ["99"] for item in phrases)
    assert numbers_in(cases.describe_share(match(transform=None))) == []
    assert [cases.describe_certainty(match(decision=item)) for item in ("certain", "review")] == [
        str(cases.CERTAINTY_LABELS[Decision.CERTAIN]),
        str(cases.CERTAINTY_LABELS[Decision.REVIEW]),
    ]
    assert numbers_in(cases.describe_false_alarms(match())) == []  # not measured


def test_decision_author_and_licence_obstacle_are_named() -> None:
    decided_case = Case(number=3, decision="confirmed", decided_by="Ann")
    assert all(word in cases.describe_prior_decision(decided_case) for word in ("3", "Ann"))
    assert cases.who_in_words(LEDGER) == str(cases.DECIDERS[LEDGER])
    assert cases.describe_obstacle(None) == ""
    assert "other.example" in cases.describe_obstacle(Obstacle(Gap.DOMAIN, "other.example"))
    assert all(cases.describe_obstacle(Obstacle(gap, "x")) for gap in Gap)


def test_visits_are_summarised_by_page_status() -> None:
    once = cases.describe_visits(VisitSummary({Standing.ONLINE: 1}, MAY))
    assert "1 May 2026" in once
    assert once.endswith(str(cases.STANDINGS[Standing.ONLINE]))
    summary = cases.describe_visits(VisitSummary({Standing.REMOVED: 2, Standing.ONLINE: 1}, MAY))
    online, removed = (
        summary.index(str(cases.STANDINGS[standing])) for standing in (Standing.ONLINE, Standing.REMOVED)
    )
    assert online < removed
    assert numbers_in(summary[online:]) == ["1", "2"]


def test_sealed_bundles_are_counted() -> None:
    pairs = [match(registered_id=1, found_id=2), match(registered_id=1, found_id=3)]
    lines = cases.list_sealed_items(2, pairs, [Capture(state="done"), Capture(state="todo")])
    assert [numbers_in(line) for line in lines[:3]] == [["3"], ["2"], ["2"]]
    assert [numbers_in(line) for line in lines[4:]] == [["1"], []]  # one of the visits is still in progress


def test_reasons_are_sentences_and_unknown_ones_are_unchanged() -> None:
    [known_remark, unknown] = remarks_of(["few-inliers", "newer-reason"])
    assert (known_remark == "few-inliers", unknown) == (False, "newer-reason")
    with translation.override("zh-hans"):
        assert remarks_of(["few-inliers"]) != [known_remark]


def test_further_copies_are_counted() -> None:
    assert further_in_words(0) == ""
    assert further_in_words(1)
    assert numbers_in(further_in_words(2)) == ["2"]
