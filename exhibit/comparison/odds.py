"""The numbers by which the terms of odds are computed (docs/match-figures.md has the formulae).

Whoever weighs a pair and whoever verifies the sums compute the terms apart from each other, by the same numbers.
"""

FAR_DRIFT, FAR_EXCESS, FAR_ROUGHNESS = 5.0, 9.0, 10.0
"""What counts where a drift (pixels), an excess (times) or a roughness (pixels) wasn't measured."""
NEAR_HASH = 110
"""Bits from which the distance of two hashes says nothing: strangers differ by so many."""
NOT_COMPARED = 256
"""Bits that stand for the distance of hashes that weren't compared."""
EXCESS, PIECES_EXCESS = (2.0, 5.0), (1.25, 2.25)
"""Times what its noise explains, up to which the median patch lies in place in full, and from which on not at all: of
the whole, and of pieces."""
ENOUGH_PATCHES = 40
"""Patches from which their lying in place counts in full: a dozen lie in place on another smooth shape, too."""
ANOTHER_PICTURE, HALF_ANOTHER = 0.15, 0.5
"""Shares of the overlap from which a part that shows another picture counts in full: beside what lies in place as a
whole, and beside what lies in place piece by piece. A bar over a fifth of a copy leaves the rest where it was."""
MAX_COPIES = 8
"""So many copies of one picture are looked for in another."""
