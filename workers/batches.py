"""How many rows of a step travel in one message."""

from collections.abc import Iterator, Sequence

_BATCHES = {"match": 32, "register": 8, "search": 4, "capture": 2, "seal": 4, "witness": 50, "deliver": 50, "mail": 10}


def batch_of(step: str) -> int:
    """So many rows of a step; one, where nothing is said."""
    return _BATCHES.get(step, 1)


def batches(step: str, ids: Sequence[int]) -> Iterator[list[int]]:
    """Rows of a step, message by message."""
    size = batch_of(step)
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])
