"""Work shared by processes: in its order, and in words when one of them dies."""

import os

import pytest

from exhibit.errors import ServiceMissingError
from indexer.search.processes import in_processes

_setting: list[int] = []


def _take(setting: int) -> None:
    _setting[:] = [setting]


def _plus_setting(number: int) -> int:
    return number + _setting[0]


def test_results_come_in_the_order_of_the_calls() -> None:
    assert list(in_processes(2, (_take, 100), _plus_setting, range(7), 2)) == [100, 101, 102, 103, 104, 105, 106]


def test_the_death_of_a_process_is_told_in_words() -> None:
    with pytest.raises(ServiceMissingError, match="A process died"):
        list(in_processes(1, (_take, 1), os._exit, [1]))
