"""Random ways to copy a picture: some hundred primitive operations by family, and chains of them drawn by seed.

A list of edits tells how well a matcher knows that list. Here an operation is drawn from thirteen families, with a
strength, and up to four are chained; a third of each family is held back, so that nothing is ever trained or chosen
with it. Every pixel remembers which place of the work it shows (:class:`bench.primitives.canvas.Canvas`), so it is
known how much of the work a copy still shows, and where.
"""

from bench.primitives.catalogue import FAMILIES, PRIMITIVES, Primitive
from bench.primitives.chains import Composition, composed

__all__ = ["FAMILIES", "PRIMITIVES", "Composition", "Primitive", "composed"]
