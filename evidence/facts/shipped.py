"""Calibrations and weights that have come along with this software, by their digests: what is on no list is a word.

Whoever seals can write a calibration of his own, of any number of photographs. That the figures and it give a
probability shows nothing of what it states of itself.
"""

from exhibit.digests import Digest

CALIBRATIONS = frozenset({"fa1b1c0770c4bbbef97090dfed1c066b51f9c3fe0cbb07b5c4effc2ea69cd4c9"})  # of match-1
WEIGHINGS = frozenset({"d903e885ca91fbf34fc74cceaee240106795e43e7e150f59523aa98d2fb8d099"})  # of match-1


def ships(digest: Digest, among: frozenset[str]) -> bool:
    """Whether a calibration or weighing is one that came along."""
    return digest.hex in among
