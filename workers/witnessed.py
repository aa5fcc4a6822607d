"""Whether a bundle counts as witnessed here."""

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.facts import WitnessFacts


@dataclass(frozen=True, slots=True)
class Witnessed:
    """How many witnesses have spoken about a bundle.

    Attributes:
        complete: different witnesses that have answered in full.
        asked: different witnesses that were asked.
        needed: how many the operator wants.
    """

    complete: int
    asked: int
    needed: int

    @property
    def enough(self) -> bool:
        """Whether it counts as witnessed."""
        return self.complete >= self.needed


def witnessed(witnesses: Sequence[WitnessFacts], needed: int) -> Witnessed:
    """Count the witnesses of a bundle, each once whatever it was asked."""
    asked = {(one.kind, one.name) for one in witnesses}
    complete = {(one.kind, one.name) for one in witnesses if one.state == "complete"}
    return Witnessed(len(complete), len(asked), needed)
