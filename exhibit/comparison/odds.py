"""Constants for the terms of the odds (docs/reference/match-figures.md has the formulae).

The code that weighs a pair and the code that verifies the sums compute the terms independently, with these constants.
"""

FAR_DRIFT, FAR_EXCESS, FAR_ROUGHNESS = 5.0, 9.0, 10.0
"""Values used if a drift (pixels), an excess (times) or a roughness (pixels) was not measured."""
NEAR_HASH = 110
"""Bits from which the distance of two hashes is meaningless: unrelated images differ by as many."""
NOT_COMPARED = 256
"""Bits that represent the distance of hashes that were not compared."""
EXCESS, PIECES_EXCESS = (2.0, 5.0), (1.25, 2.25)
"""Ratios of the median patch's displacement to its expected noise: up to the first, it lies fully in place; from the
second, not at all. One pair for the whole image, one for pieces.
"""
ENOUGH_PATCHES = 40
"""Patches from which their position counts fully. A dozen can also lie in place on a different smooth shape."""
ANOTHER_PICTURE, HALF_ANOTHER = 0.15, 0.5
"""Shares of the overlap from which a part that shows another image counts fully: beside patches in place as a whole and
beside patches in place piece by piece. A bar over a fifth of a copy leaves the rest in place.
"""
MAX_COPIES = 8
"""Maximum number of copies of one image that are searched for in another."""
