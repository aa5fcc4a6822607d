"""Calibrations and weights that have come along with this software, by their digests: what is on no list is a word.

Whoever seals can write a calibration of his own, of any number of photographs. That the figures and it give a
probability shows nothing of what it states of itself.
"""

from exhibit.digests import Digest

CALIBRATIONS = frozenset({"f9151e841857e1439c7f6caa0f228670b711be86c0012288fd6d25dba9014396"})  # of match-9
WEIGHINGS = frozenset({"3fbe9bee257c8582d607b5235ab32e7dd9ae65ea2686ec561d41e3c6849e8c2e"})  # of match-9


def ships(digest: Digest, among: frozenset[str]) -> bool:
    """Whether a calibration or weighing is one that came along."""
    return digest.hex in among
