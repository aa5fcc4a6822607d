"""Test the progress of the search in past sightings, and the relations between works."""

from desk.texts.past_searches import RELATION_SENTENCES, describe_relation, describe_search
from exhibit.types import Relation
from registry.models import Work
from registry.works.relations import WHOLE_OF, RelatedWork
from tests.assets.pages import numbers_in


def test_progress_of_a_past_search_is_described() -> None:
    searches: list[tuple[dict[str, object], list[str]]] = [
        ({"state": "queued"}, []),
        ({"state": "failed"}, []),
        ({"state": "done", "alike": 0}, []),
        ({"state": "queued", "alike": 1200, "compared": 7}, ["1200", "7"]),
        ({"state": "queued", "alike": 1200, "compared": 7, "at_once": 7}, ["1200", "7"]),
        ({"state": "running", "alike": 1200, "compared": 57, "at_once": 7}, ["1200", "57"]),
        ({"state": "failed", "alike": 2}, ["2", "0"]),
        ({"state": "done", "alike": 3, "compared": 2, "expired": 1, "requested_again": 1}, ["3", "2", "1", "1"]),
    ]
    messages = [describe_search(search) for search, _ in searches]
    assert [numbers_in(message) for message in messages] == [numbers for _, numbers in searches]
    assert len(set(messages)) == len(messages)


def test_each_kind_of_relation_to_a_work_has_a_sentence() -> None:
    assert set(RELATION_SENTENCES) == {*Relation, WHOLE_OF}
    assert describe_relation(RelatedWork(Work(), WHOLE_OF, 1.0)) == str(RELATION_SENTENCES[WHOLE_OF])
