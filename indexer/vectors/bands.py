"""Bands of a perceptual hash: samples of its bits. Similar hashes share some bands (locality-sensitive hashing).

P. Indyk and R. Motwani, "Approximate nearest neighbors", 1998: bit sampling for the Hamming distance.
"""

import hashlib

BAND_COUNT, BITS_PER_BAND = 16, 24
"""Number of bands, and number of bits that each band samples from the 256 bits of a hash."""


def _sample_bits(band: int) -> list[int]:
    order = sorted(range(256), key=lambda bit: hashlib.sha256(b"exhibit-blind/1 band %d bit %d" % (band, bit)).digest())
    return order[:BITS_PER_BAND]


SAMPLED_BITS = [_sample_bits(band) for band in range(BAND_COUNT)]
"""The bits of each band, counted from the most significant bit of the hash's first byte."""


def list_elements(digest: bytes, phash: bytes | None) -> list[bytes]:
    """List the elements of a picture: its SHA-256, and the bands of its perceptual hash if it has one."""
    values = [b"digest " + digest]
    if phash is not None:
        bits = f"{int.from_bytes(phash, 'big'):0256b}"
        values += [
            f"band {band} {''.join(bits[bit] for bit in sampled_bits)}".encode()
            for band, sampled_bits in enumerate(SAMPLED_BITS)
        ]
    return values
