"""Test the progress of the search in past sightings, and the relations between works."""

from desk.texts.past import RELATIONS, relation_in_words, search_in_words
from exhibit.types import Relation
from registry.models import Work
from registry.works.relations import WHOLE, Related
from tests.assets.pages import numbers_in


def test_how_far_a_search_of_the_past_is() -> None:
    searches: list[tuple[dict[str, object], list[str]]] = [
        ({"state": "todo"}, []),
        ({"state": "failed"}, []),
        ({"state": "done", "alike": 0}, []),
        ({"state": "todo", "alike": 1200, "compared": 7}, ["1200", "7"]),
        ({"state": "todo", "alike": 1200, "compared": 7, "at_once": 7}, ["1200", "7"]),
        ({"state": "doing", "alike": 1200, "compared": 57, "at_once": 7}, ["1200", "57"]),
        ({"state": "failed", "alike": 2}, ["2", "0"]),
        ({"state": "done", "alike": 3, "compared": 2, "expired": 1, "asked_again": 1}, ["3", "2", "1", "1"]),
    ]
    said = [search_in_words(search) for search, _ in searches]
    assert [numbers_in(one) for one in said] == [numbers for _, numbers in searches]
    assert len(set(said)) == len(said)


def test_what_another_work_is_to_a_work_is_a_sentence_for_each_kind() -> None:
    assert set(RELATIONS) == {*Relation, WHOLE}
    assert relation_in_words(Related(Work(), WHOLE, 1.0)) == str(RELATIONS[WHOLE])
