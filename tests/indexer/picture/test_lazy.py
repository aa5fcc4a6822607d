import pytest

from indexer.picture.features import Lazy


def test_a_value_is_made_when_it_is_asked_for_and_once() -> None:
    made: list[int] = []

    def make() -> list[int]:
        made.append(len(made))
        return made

    lazy = Lazy(make)
    assert made == []
    assert lazy.value is lazy.value
    assert made == [0]


def test_what_could_not_be_made_is_tried_again() -> None:
    tries = iter([0, 1])
    lazy = Lazy(lambda: 1 / next(tries))
    with pytest.raises(ZeroDivisionError):
        _ = lazy.value
    assert lazy.value == 1
