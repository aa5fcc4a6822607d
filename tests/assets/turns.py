"""Selection of the next failures, so that all kinds occur equally often."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from tests.assets.mishaps import MISHAPS
from tests.assets.rounds import Trouble
from tests.assets.stack import Stack


class Turns:
    """A selector of failures, those first that have occurred least often.

    Args:
        random: Source of randomness for the order among equals and the times.
        counts: Number of past occurrences by name.
        only: Names of the permitted failures; empty for all.

    Attributes:
        missing: Reason why a failure could not occur, by name.
    """

    def __init__(self, random: Random, counts: "Counter[str]", only: Sequence[str] = ()) -> None:
        self.random = random
        self.counts = counts
        self.only = set(only)
        self.missing: dict[str, str] = {}

    def next(self, stack: Stack, most: int, seconds: float) -> Trouble:
        """Return up to ``most`` failures that can occur in a stack, at random times of a run of ``seconds`` seconds."""
        kinds = [one for one in MISHAPS if not self.only or one.name in self.only]
        reasons = {one.name: one.missing(stack) for one in kinds}
        self.missing |= {name: why for name, why in reasons.items() if why}
        able = [one for one in kinds if not reasons[one.name]]
        self.random.shuffle(able)
        able.sort(key=lambda one: self.counts[one.name])
        return Trouble(self.random, [(self.random.uniform(0.0, seconds), one) for one in able[:most]])

    def count(self, trouble: Trouble) -> None:
        """Count the failures that occurred."""
        self.counts.update(name for _, name in trouble.done)
