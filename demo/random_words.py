"""Random words for the generated pages, captions and file names."""

from typing import Final

import numpy as np

WORDS: Final = (  # noqa: SIM905 - a list would take a line for each
    "harbour morning garden letter window northern paper quiet travel autumn kitchen bright market silver river "
    "evening people colour corner little island summer music narrow yellow between always second open great"
).split()


def draw_words(random: np.random.Generator, count: int) -> list[str]:
    """Draw words, with possible repetitions."""
    return [WORDS[int(index)] for index in random.integers(len(WORDS), size=count)]


def draw_sentence(random: np.random.Generator, count: int = 9) -> str:
    """Draw words formatted like a sentence."""
    return " ".join(draw_words(random, count)).capitalize() + "."
