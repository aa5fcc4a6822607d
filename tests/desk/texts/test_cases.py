"""Test the sentences about a case."""

from datetime import UTC, datetime

from django.utils import translation

from desk.texts import cases
from desk.texts.cases import further_in_words, remarks_of
from exhibit.sentences import Sentence
from exhibit.types import Decision
from registry.cases.licence_check import Gap, Obstacle
from registry.cases.recaptures import Standing, Visited
from registry.cases.record_decision import LEDGER
from registry.models import Capture, Case, CaseEvent, Match
from tests.assets.pages import numbers_in

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


def match(**told: object) -> Match:
    figures = {"decision": "certain", "overlap_work": 0.996, "transform": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
    return Match(**{**figures, **told})


def test_a_host_whose_letters_look_like_others_is_marked() -> None:
    assert cases.letters("shop.example") == ""
    assert "bücher.example" in cases.letters("xn--bcher-kva.example")
    assert "xn--bcher-kva.example" not in cases.letters("xn--bcher-kva.example")
    assert "xn--pypal-4ve.example" in cases.letters("xn--pypal-4ve.example")  # its letters resemble others


def test_what_people_read_of_a_page_holds_no_user_name() -> None:
    assert cases.where("https://saint.example@copies.example/a/?b=1#c") == "copies.example/a?b=1"


def test_lines_of_a_history_are_said_in_the_readers_language_and_a_persons_words_stay() -> None:
    disputed = CaseEvent(kind="disputed", said=[["disputed", {}]], sentence="Licensed.")
    again = CaseEvent(kind="captured", said=[["again-removed", {}]], sentence=Sentence("The page is available."))
    note = CaseEvent(kind="note", sentence="Undone.")
    with translation.override("zh-hans"):
        assert cases.line(disputed) == "已提出争议。Licensed."
        assert cases.line(again) == "再次访问，已移除：页面存在。"
        assert cases.line(note) == "Undone."
    with translation.override("en"):
        assert cases.line(disputed) == "Disputed. Licensed."


def test_where_and_since_when_is_said_shortly() -> None:
    assert cases.where("https://shop.example/") == "shop.example"
    assert cases.where("https://shop.example/a?b=1") == "shop.example/a?b=1"
    assert cases.where("https://shop.example/" + "x" * 100).endswith("x…")
    assert cases.seen(Case(places=1), MAY).endswith("1 May 2026")
    assert numbers_in(cases.seen(Case(places=1200), MAY)) == ["1200", "1", "2026"]


def test_how_much_of_a_work_is_shown_is_never_more_than_there_is() -> None:
    lies = [match(), match(mirrored=True), match(rotation=90), match(mirrored=True, rotation=90)]
    said = [cases.how_much(one) for one in lies]
    assert len(set(said)) == len(lies)
    assert all(numbers_in(one) == ["99"] for one in said)
    assert numbers_in(cases.how_much(match(transform=None))) == []
    assert [cases.how_sure(match(decision=one)) for one in ("certain", "review")] == [
        str(cases.SURE[Decision.CERTAIN]),
        str(cases.SURE[Decision.REVIEW]),
    ]
    assert numbers_in(cases.false_alarms(match())) == []  # not measured


def test_who_decided_what_and_what_keeps_a_licence_from_covering_it() -> None:
    decided = Case(number=3, decision="confirmed", decided_by="Ann")
    assert all(one in cases.taken(decided) for one in ("3", "Ann"))
    assert cases.who_in_words(LEDGER) == str(cases.DECIDERS[LEDGER])
    assert cases.why_not(None) == ""
    assert "other.example" in cases.why_not(Obstacle(Gap.DOMAIN, "other.example"))
    assert all(cases.why_not(Obstacle(gap, "x")) for gap in Gap)


def test_visits_are_summed_up_by_how_places_stand() -> None:
    once = cases.visited(Visited({Standing.ONLINE: 1}, MAY))
    assert "1 May 2026" in once
    assert once.endswith(str(cases.STANDINGS[Standing.ONLINE]))
    several = cases.visited(Visited({Standing.REMOVED: 2, Standing.ONLINE: 1}, MAY))
    online, removed = (several.index(str(cases.STANDINGS[one])) for one in (Standing.ONLINE, Standing.REMOVED))
    assert online < removed
    assert numbers_in(several[online:]) == ["1", "2"]


def test_what_is_sealed_is_counted() -> None:
    pairs = [match(registered_id=1, found_id=2), match(registered_id=1, found_id=3)]
    lines = cases.what_is_sealed(2, pairs, [Capture(state="done"), Capture(state="todo")])
    assert [numbers_in(line) for line in lines[:3]] == [["3"], ["2"], ["2"]]
    assert [numbers_in(line) for line in lines[4:]] == [["1"], []]  # one of the visits is still in progress


def test_reasons_are_sentences_and_an_unknown_one_stays() -> None:
    [known, unknown] = remarks_of(["few-inliers", "newer-reason"])
    assert (known == "few-inliers", unknown) == (False, "newer-reason")
    with translation.override("zh-hans"):
        assert remarks_of(["few-inliers"]) != [known]


def test_further_copies_are_counted() -> None:
    assert further_in_words(0) == ""
    assert further_in_words(1)
    assert numbers_in(further_in_words(2)) == ["2"]
