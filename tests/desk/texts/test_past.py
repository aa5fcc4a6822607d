"""How far the search of what was seen before is, and what other works are to a work."""

from desk.texts.past import RELATIONS, relation_in_words, search_in_words
from exhibit.types import Relation
from registry.models import Work
from registry.works.relations import WHOLE, Related


def test_how_far_a_search_of_the_past_is() -> None:
    for search, said in (
        ({"state": "todo"}, "Waits for the workers."),
        ({"state": "failed"}, "Given up."),
        ({"state": "done", "alike": 0}, "No picture seen before resembles it."),
        ({"state": "todo", "alike": 1200, "compared": 7}, "1,200; 7 compared, under way."),
        (
            {"state": "todo", "alike": 1200, "compared": 7, "at_once": 7},
            "1,200; 7 compared, the less alike follow when every new work has got so far.",
        ),
        ({"state": "doing", "alike": 1200, "compared": 57, "at_once": 7}, "1,200; 57 compared, under way."),
        ({"state": "failed", "alike": 2}, "2; 0 compared, given up."),
        (
            {"state": "done", "alike": 3, "compared": 2, "expired": 1, "asked_again": 1},
            "3; 2 compared, 1 had expired, 1 of them asked for again.",
        ),
    ):
        assert search_in_words(search).removeprefix("Pictures seen before that resemble it: ") == said


def test_what_another_work_is_to_a_work_is_a_sentence_for_each_kind() -> None:
    assert set(RELATIONS) == {*Relation, WHOLE}
    assert relation_in_words(Related(Work(), WHOLE, 1.0)) == "It is a part of this work."
