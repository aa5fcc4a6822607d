"""Calibrations and weights that shipped with this software, by digest; any other one is only the installation's word.

A sealer can write their own calibration, claiming any number of photographs. That it gives the sealed probability shows
nothing about its claims.
"""

from exhibit.digests import Digest

CALIBRATIONS = frozenset({"fa1b1c0770c4bbbef97090dfed1c066b51f9c3fe0cbb07b5c4effc2ea69cd4c9"})  # of match-1
WEIGHINGS = frozenset({"d903e885ca91fbf34fc74cceaee240106795e43e7e150f59523aa98d2fb8d099"})  # of match-1


def is_shipped(digest: Digest, among: frozenset[str]) -> bool:
    """Return True if a calibration or weighing shipped with this software."""
    return digest.hex in among
