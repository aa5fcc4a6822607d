"""Bands of a perceptual hash: samples of its bits, of which near hashes share some (locality-sensitive hashing).

P. Indyk and R. Motwani, "Approximate nearest neighbors", 1998: bit sampling for the Hamming distance.
"""

import hashlib

BANDS, BITS = 16, 24
"""So many parts of a hash are compared, of so many of its 256 bits each."""


def _sampled(band: int) -> list[int]:
    order = sorted(range(256), key=lambda bit: hashlib.sha256(b"exhibit-blind/1 band %d bit %d" % (band, bit)).digest())
    return order[:BITS]


SAMPLED = [_sampled(band) for band in range(BANDS)]
"""The bits of each band, from the most significant of the hash's first byte on."""


def elements(digest: bytes, phash: bytes | None) -> list[bytes]:
    """What stands for a picture: its SHA-256, and the bands of its perceptual hash where it has one."""
    found = [b"digest " + digest]
    if phash is not None:
        bits = f"{int.from_bytes(phash, 'big'):0256b}"
        found += [f"band {band} {''.join(bits[bit] for bit in chosen)}".encode() for band, chosen in enumerate(SAMPLED)]
    return found
