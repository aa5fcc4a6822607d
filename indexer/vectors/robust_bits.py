"""Inverted lists of hashes by the bits that edits flip least often.

Two hashes of the same picture differ in few of these bits. A search therefore reads the list of the query's key first,
then those whose keys differ in the bits that flip most often: query-directed probing (Lv et al., "Multi-Probe LSH",
VLDB 2007) with rates measured once for all pictures. FAISS stores the lists (``IndexBinaryIVF``).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

ROWS_PER_LIST = 4_000
"""Number of rows per list: small enough for the L2 cache, and large enough that the call for each list costs little."""
ROBUST_BITS = (
    ((1, 0), 0.067),
    ((0, 1), 0.086),
    ((1, 1), 0.142),
    ((2, 2), 0.146),
    ((2, 4), 0.146),
    ((0, 3), 0.149),
    ((1, 2), 0.150),
    ((0, 2), 0.152),
    ((2, 3), 0.155),
    ((3, 2), 0.156),
    ((2, 1), 0.162),
    ((2, 0), 0.162),
)
"""Row and column of a coefficient, and the probability that its bit differs between a photograph and an edited copy.

Segments on disk depend on it: raise ``manifest.INDEX_FORMAT`` when you change it.

Measured on 3,329 edited copies of 420 photographs whose hashes are 41 to 90 bits from their original: crops, rotations
by some degrees, captions, stickers, frames, pictures placed on them, warps, and chains of these."""
MAX_BITS = len(ROBUST_BITS)
_BYTES = np.array([2 * row + column // 8 for (row, column), _ in ROBUST_BITS])
_SHIFTS = np.array([7 - column % 8 for (_, column), _ in ROBUST_BITS], np.uint8)


def count_key_bits(rows: int) -> int:
    """Compute the number of key bits for a segment with this many rows."""
    return int(np.clip(round(np.log2(rows / ROWS_PER_LIST)), 1, MAX_BITS))


def compute_keys(hashes: NDArray[np.uint8], bits: int) -> NDArray[np.int64]:
    """Compute the keys of packed hashes, uint8 (n, 32), from the first ``bits`` of :data:`ROBUST_BITS`.

    Returns:
        int64 (n,), from 0 to 2**bits - 1.
    """
    values = np.zeros(len(hashes), np.int64)
    for index in range(bits):
        values |= ((hashes[:, _BYTES[index]] >> _SHIFTS[index]) & 1).astype(np.int64) << index
    return values


def choose_lists(hashes: NDArray[np.uint8], bits: int, fraction: float) -> NDArray[np.int64]:
    """Choose the given fraction of the lists: those most likely to contain copies of hashes, uint8 (n, 32).

    Returns:
        int64 (n, lists), the likeliest list first.
    """
    return compute_keys(hashes, bits)[:, None] ^ find_likeliest_flips(bits, max(1, round(fraction * (1 << bits))))


@cache
def find_likeliest_flips(bits: int, count: int) -> NDArray[np.int64]:
    """Find the ``count`` likeliest changes of a key, to be combined by exclusive or; no change comes first."""
    rates = np.array([rate for _, rate in ROBUST_BITS[:bits]])
    flips = np.arange(1 << bits)
    flipped = (flips[:, None] >> np.arange(bits)) & 1
    return np.argsort(flipped @ np.log((1 - rates) / rates), kind="stable")[:count]
