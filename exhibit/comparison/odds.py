"""Constants for the terms of the odds (docs/reference/match-figures.md has the formulae).

The code that computes the odds of a pair and the code that verifies the sums are independent. Both use these constants.
"""

UNMEASURED_DRIFT, UNMEASURED_EXCESS, UNMEASURED_ROUGHNESS = 5.0, 9.0, 10.0
"""Values used if drift (pixels), excess (ratio) or roughness (pixels) was not measured."""
UNRELATED_HASH_DISTANCE = 110
"""Hash distance in bits from which it is not informative: unrelated images differ by as many bits."""
NEAR_HASH_RANGE = (24, 44)
"""Hash distances in bits: up to the first, the hash counts fully as that of the same image; from the second, not at
all. Other photographs of a scene differ by 52 bits or more in 1,183 pairs of look-alikes; only line patterns and logos
are nearer.
"""
UNCOMPARED_DISTANCE = 256
"""Value of the distance in bits if the hashes were not compared."""
EXCESS_RANGE, PIECES_EXCESS_RANGE = (2.0, 5.0), (1.25, 2.25)
"""Ratios of the median patch's displacement to its expected noise: up to the first, the patch counts fully as in place;
from the second, not at all. One pair is for the whole image, one for pieces.
"""
FULL_WEIGHT_PATCHES = 40
"""Number of patches from which their positions count fully. A dozen can be in place on a different smooth shape."""
OTHER_PICTURE_FRACTION, PIECES_OTHER_PICTURE_FRACTION = 0.15, 0.5
"""Fractions of the overlap from which a part that shows another image counts fully: if the other patches are in place
as a whole, and if they are in place piece by piece. A bar over a fifth of a copy leaves the rest in place.
"""
VISIBLE_RANGE, VISIBLE_EXCESS_RANGE = (0.2, 0.4), (1.5, 3.0)
"""Fractions of the patches in the visible part: up to the first, the part does not count, because unrelated images may
share a bar or a frame; from the second, it counts fully. Excess in that part: up to the first, it counts fully; from
the second, not at all, because other photographs of a scene start at 2.3.
"""
MAX_COPIES = 8
"""Maximum number of copies of one image that are searched for in another."""
