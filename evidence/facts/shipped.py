"""Digests of the calibrations and odds models that were released with this software.

Any other calibration is only a statement by the installation: it can claim any number of photographs. If it reproduces
the sealed probability, that does not support its claims.
"""

from exhibit.digests import Digest

CALIBRATIONS = frozenset({"4a8972107fb1aed2ff0b2bc32f954e5f2af8ca69ee1303d1bf873ef1a33090eb"})  # of match-1
WEIGHINGS = frozenset({"e4225c9c75886123434577363d66311e14f07501d41e174998a31556e809669a"})  # of match-1


def is_shipped(digest: Digest, shipped_digests: frozenset[str]) -> bool:
    """Return True if a calibration or odds model was released with this software."""
    return digest.hex in shipped_digests
