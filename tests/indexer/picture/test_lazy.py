import pytest

from indexer.picture.features import Lazy


def test_a_value_is_computed_on_first_use_and_once() -> None:
    calls: list[int] = []

    def make() -> list[int]:
        calls.append(len(calls))
        return calls

    lazy = Lazy(make)
    assert calls == []
    assert lazy.value is lazy.value
    assert calls == [0]


def test_what_could_not_be_made_is_tried_again() -> None:
    tries = iter([0, 1])
    lazy = Lazy(lambda: 1 / next(tries))
    with pytest.raises(ZeroDivisionError):
        _ = lazy.value
    assert lazy.value == 1
