"""What is known of a case in sentences."""

from datetime import UTC, datetime

from django.utils import translation

from desk.texts import cases
from desk.texts.cases import further_in_words, remarks_of
from exhibit.sentences import Sentence
from registry.cases.licence_check import Gap, Obstacle
from registry.cases.recaptures import Standing, Visited
from registry.models import Capture, Case, CaseEvent, Match

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


def match(**told: object) -> Match:
    figures = {"decision": "certain", "overlap_work": 0.996, "transform": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
    return Match(**{**figures, **told})


def test_a_host_whose_letters_look_like_others_is_marked() -> None:
    assert cases.letters("shop.example") == ""
    assert cases.letters("xn--bcher-kva.example") == "The address reads bücher.example."
    assert "letters that look like others: it is xn--pypal-4ve.example" in cases.letters("xn--pypal-4ve.example")


def test_what_people_read_of_a_page_holds_no_user_name() -> None:
    assert cases.where("https://saint.example@copies.example/a/?b=1#c") == "copies.example/a?b=1"


def test_lines_of_a_history_are_said_in_the_readers_language_and_a_persons_words_stay() -> None:
    disputed = CaseEvent(kind="disputed", said=[["disputed", {}]], sentence="Licensed.")
    again = CaseEvent(kind="captured", said=[["again-removed", {}]], sentence=Sentence("The page is there."))
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
    assert cases.seen(Case(places=1), MAY) == "Seen on one page since 1 May 2026"
    assert cases.seen(Case(places=1200), MAY) == "Seen at 1,200 places since 1 May 2026"


def test_how_much_of_a_work_is_shown_is_never_more_than_there_is() -> None:
    assert cases.how_much(match()) == "It shows 99% of your picture."
    assert cases.how_much(match(mirrored=True, rotation=90)) == "It shows 99% of your picture, mirrored and turned."
    assert cases.how_much(match(transform=None)) == "The pictures can't be laid onto each other."
    assert cases.how_sure(match()) == "Very likely a copy"
    assert cases.how_sure(match(decision="review")) == "Perhaps a copy: look closely"
    assert cases.false_alarms(match()) == "How often this is wrong has not been measured."


def test_who_decided_what_and_what_keeps_a_licence_from_covering_it() -> None:
    decided = Case(number=3, decision="confirmed", decided_by="Ann")
    assert cases.taken(decided) == "Case 3 stays as it is: Ann decided “not licensed” before you."
    assert cases.who_in_words("licence ledger") == "licence ledger"
    assert cases.why_not(None) == ""
    assert cases.why_not(Obstacle(Gap.DOMAIN, "other.example")) == "is for other.example"
    assert all(cases.why_not(Obstacle(gap, "x")) for gap in Gap)


def test_visits_are_summed_up_by_how_places_stand() -> None:
    assert cases.visited(Visited({Standing.ONLINE: 1}, MAY)) == "Visited on 1 May 2026: still online"
    several = Visited({Standing.REMOVED: 2, Standing.ONLINE: 1}, MAY)
    assert cases.visited(several) == "Last visited on 1 May 2026: still online at 1 place, removed at 2 places"


def test_what_is_sealed_is_counted() -> None:
    pairs = [match(registered_id=1, found_id=2), match(registered_id=1, found_id=3)]
    lines = cases.what_is_sealed(2, pairs, [Capture(state="done"), Capture(state="todo")])
    assert lines[:3] == (
        "3 pictures, byte for byte", "2 places with their times", "2 comparisons and their drawings",
    )  # fmt: skip
    assert lines[4:] == ("what servers sent at 1 visit", "Waiting for visits that are under way.")


def test_reasons_are_sentences_and_an_unknown_one_stays() -> None:
    assert remarks_of(["few-inliers", "newer-reason"]) == ["Few details confirm it.", "newer-reason"]
    with translation.override("zh-hans"):
        assert remarks_of(["few-inliers"]) != ["Few details confirm it."]


def test_further_copies_are_counted() -> None:
    assert further_in_words(0) == ""
    assert further_in_words(1) == "The work is in the picture once more."
    assert further_in_words(2) == "The work is in the picture 2 times more."
