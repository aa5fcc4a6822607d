"""Random words for the generated pages, captions and file names."""

from typing import Final

import numpy as np

WORDS: Final = (  # noqa: SIM905 - a list would take a line for each
    "harbour morning garden letter window northern paper quiet travel autumn kitchen bright market silver river "
    "evening people colour corner little island summer music narrow yellow between always second open great"
).split()


def words(random: np.random.Generator, count: int) -> list[str]:
    """Draw words, with possible repetitions."""
    return [WORDS[int(place)] for place in random.integers(len(WORDS), size=count)]


def sentence(random: np.random.Generator, count: int = 9) -> str:
    """Draw words formatted like a sentence."""
    return " ".join(words(random, count)).capitalize() + "."
