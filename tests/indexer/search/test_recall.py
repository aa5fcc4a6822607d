"""Test that no copy is lost: neither since the last version, nor among other works."""

import pytest

from tests.assets.recall_copies import RecordedCopy, is_found, load_records, measure_copies

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
