"""Random ways to copy a picture: about a hundred primitive operations by family, and seeded random chains of them.

A list of edits measures only how well a matcher knows that list. Here an operation is drawn from thirteen families,
with a strength, and up to four are chained. A third of each family is held out, and never used for training or tuning.
Every pixel records which position of the work it shows (:class:`bench.primitives.canvas.Canvas`), so it is known how
much of the work a copy still shows, and where.
"""

from bench.primitives.catalogue import FAMILIES, PRIMITIVES, Primitive
from bench.primitives.chains import Composition, composed

__all__ = ["FAMILIES", "PRIMITIVES", "Composition", "Primitive", "composed"]
