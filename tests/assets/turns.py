"""Which mishaps come next: each kind as often as the others."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from tests.assets.mishaps import MISHAPS
from tests.assets.rounds import Trouble
from tests.assets.stack import Stack


class Turns:
    """Deals mishaps out, those first that have come least often.

    Args:
        random: what is left to chance: the order among equals, and the moments.
        counts: how often each has come so far, by name.
        only: the names of those that may come; any, if empty.

    Attributes:
        missing: why some couldn't come, by name.
    """

    def __init__(self, random: Random, counts: "Counter[str]", only: Sequence[str] = ()) -> None:
        self.random = random
        self.counts = counts
        self.only = set(only)
        self.missing: dict[str, str] = {}

    def next(self, stack: Stack, most: int, seconds: float) -> Trouble:
        """So many mishaps that can come to a stack, at moments of a run of so many seconds."""
        kinds = [one for one in MISHAPS if not self.only or one.name in self.only]
        reasons = {one.name: one.missing(stack) for one in kinds}
        self.missing |= {name: why for name, why in reasons.items() if why}
        able = [one for one in kinds if not reasons[one.name]]
        self.random.shuffle(able)
        able.sort(key=lambda one: self.counts[one.name])
        return Trouble(self.random, [(self.random.uniform(0.0, seconds), one) for one in able[:most]])

    def count(self, trouble: Trouble) -> None:
        """Count what has come."""
        self.counts.update(name for _, name in trouble.done)
