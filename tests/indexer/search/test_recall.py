"""Test that no copy is lost: neither since the last version, nor among other works."""

from functools import partial
from pathlib import Path

import pytest

from bench.matching.registered import RegisteredWorks
from exhibit.types import Decision
from indexer.picture.features import extract
from indexer.search.comparison import compare_pair
from indexer.search.search import find_works
from tests.assets.crowded_works import CrowdedWorks
from tests.assets.recall_copies import (
    RecordedCopy,
    generate_copies,
    is_found,
    list_registered,
    load_records,
    measure_copies,
)

LOST_BESIDE_OTHERS = frozenset({"rephotography.fax goldsmith-in-his-shop"})
"""Copies that are found alone and not among other works. A fax has no grey levels left: neither hash, descriptor nor
votes indicate the work."""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RecordedCopy]:
    return measure_copies(tmp_path_factory.mktemp("recall"))


def test_copies_of_the_last_version_are_still_found(records: dict[str, RecordedCopy]) -> None:
    recorded = load_records()
    assert records.keys() == recorded.keys()
    firm = [name for name, record in recorded.items() if record["firm"]]
    assert len(firm) > len(recorded) / 2
    assert [name for name in firm if not is_found(records[name]["beside"])] == []


def test_search_among_works_gives_the_answer_of_a_direct_comparison(records: dict[str, RecordedCopy]) -> None:
    differences = {name for name, record in records.items() if record["alone"] != record["beside"]}
    assert {name for name in differences if is_found(records[name]["alone"])} <= LOST_BESIDE_OTHERS
    assert len(differences) <= len(records) / 20


@pytest.mark.long
@pytest.mark.parametrize("count", [300, 10_000])
def test_decision_is_the_same_alone_and_among_thousands_of_works(count: int, tmp_path: Path) -> None:
    works = RegisteredWorks(list_registered(), tmp_path / "works", lambda _count: None)
    crowd = CrowdedWorks(works, count, tmp_path / "crowd")
    differences: dict[str, tuple[Decision, Decision]] = {}
    for copy in generate_copies():
        found_picture = extract(copy.data)
        alone = compare_pair(found_picture, partial(bytes, copy.data), works.features(copy.work))
        results = dict(find_works(found_picture, partial(bytes, copy.data), crowd))
        beside = results[copy.work].decision if copy.work in results else Decision.NONE
        if beside is not alone.decision:
            differences[copy.name] = (alone.decision, beside)
    assert differences.keys() <= LOST_BESIDE_OTHERS
