"""Selection of the next failures, so that all kinds occur equally often."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from tests.assets.failure_rounds import FailureSchedule
from tests.assets.failures import FAILURES
from tests.assets.stack import Stack


class FailureSelector:
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

    def next(self, stack: Stack, max_count: int, seconds: float) -> FailureSchedule:
        """Return up to ``max_count`` failures that can occur in a stack.

        At random times of a run of ``seconds`` seconds.
        """
        kinds = [failure for failure in FAILURES if not self.only or failure.name in self.only]
        reasons = {failure.name: failure.missing(stack) for failure in kinds}
        self.missing |= {name: why for name, why in reasons.items() if why}
        able = [failure for failure in kinds if not reasons[failure.name]]
        self.random.shuffle(able)
        able.sort(key=lambda failure: self.counts[failure.name])
        return FailureSchedule(
            self.random, [(self.random.uniform(0.0, seconds), failure) for failure in able[:max_count]]
        )

    def count(self, trouble: FailureSchedule) -> None:
        """Count the failures that occurred."""
        self.counts.update(name for _, name in trouble.occurred)
