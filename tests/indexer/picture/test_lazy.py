import pytest

from indexer.picture.features import Lazy


def test_lazy_value_is_computed_once_on_first_use() -> None:
    calls: list[int] = []

    def make() -> list[int]:
        calls.append(len(calls))
        return calls

    lazy = Lazy(make)
    assert calls == []
    assert lazy.value is lazy.value
    assert calls == [0]


def test_failed_computation_is_retried() -> None:
    tries = iter([0, 1])
    lazy = Lazy(lambda: 1 / next(tries))
    with pytest.raises(ZeroDivisionError):
        _ = lazy.value
    assert lazy.value == 1
