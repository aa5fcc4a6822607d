"""The tools that others use, at the thresholds that they recommend."""

import importlib
import importlib.util

import imagehash
import numpy as np
import pdqhash
from numpy.typing import NDArray

from bench.matching.look import Look
from bench.matching.retrievers import HashRetriever, Retriever

PHASH_64 = 10
"""Bits; what imagededup takes unless told otherwise, and what is commonly advised for imagehash."""
PHASH_256 = 40
"""Bits; the same share. There is no usual one."""
PDQ = 31
"""Bits; what ThreatExchange takes for a match."""
PDQ_QUALITY = 50
"""ThreatExchange throws away hashes below this quality, on either side."""
DEDUP = "imagededup"


def peers() -> list[Retriever]:
    """Every peer that is installed here."""
    every: list[Retriever] = [
        HashRetriever("pHash 64", PHASH_64, _phash_64, _phash_64),
        HashRetriever("pHash 256", PHASH_256, _phash_256, _phash_256),
        HashRetriever("PDQ", PDQ, pdq, pdq),
    ]
    if importlib.util.find_spec(DEDUP):
        every.append(_imagededup())
    return every


def missing() -> list[str]:
    """The peers that aren't installed."""
    return [] if importlib.util.find_spec(DEDUP) else [DEDUP]


def _phash_64(look: Look) -> NDArray[np.uint8]:
    return _packed(imagehash.phash(look.image))


def _phash_256(look: Look) -> NDArray[np.uint8]:
    return _packed(imagehash.phash(look.image, hash_size=16))


def _packed(value: imagehash.ImageHash) -> NDArray[np.uint8]:
    return np.packbits(value.hash.ravel())[None]


def pdq(look: Look) -> NDArray[np.uint8]:
    """PDQ's hash, uint8, shape (1, 32); none where its quality is too low."""
    bits, quality = pdqhash.compute(look.pixels)
    return np.packbits(bits)[None] if quality >= PDQ_QUALITY else np.zeros((0, 32), np.uint8)


def _imagededup() -> Retriever:
    method = importlib.import_module(f"{DEDUP}.methods").PHash(verbose=False)

    def hashed(look: Look) -> NDArray[np.uint8]:
        text = method.encode_image(image_array=look.pixels)
        return np.frombuffer(bytes.fromhex(text), np.uint8)[None]

    return HashRetriever("imagededup PHash", PHASH_64, hashed, hashed)
