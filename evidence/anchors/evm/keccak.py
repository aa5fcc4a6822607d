"""Keccak-256 as Ethereum uses it: with the padding from before SHA-3 was standardised, unlike SHA3-256."""

from Cryptodome.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """The hash, 32 bytes."""
    return keccak.new(digest_bits=256, data=data).digest()
