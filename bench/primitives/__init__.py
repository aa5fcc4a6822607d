"""Random copies of pictures: about a hundred primitive operations by family, and seeded random chains of them.

A fixed list of edits measures only how well a matcher handles that list. Here, operations are drawn from thirteen
families with random strengths, and up to four are chained. A third of each family is held out: it is never used for
training or tuning. Every pixel records the position in the work that it shows
(:class:`bench.primitives.canvas.Canvas`), so the visible part of the work in a copy is known.
"""

from bench.primitives.catalogue import FAMILIES, PRIMITIVES, Primitive
from bench.primitives.chains import Composition, compose

__all__ = ["FAMILIES", "PRIMITIVES", "Composition", "Primitive", "compose"]
