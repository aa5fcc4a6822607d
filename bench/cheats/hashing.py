"""Bending the lowest frequencies until the perceptual hash says what is wanted.

The bits of the hash are signs of 256 coefficients against their median. Those that lie nearest to it are moved across,
as few as are needed: the least change in the pixels of 64×64 (Prokos et al., "Squint Hard Enough: Attacking Perceptual
Hashing with Adversarial Machine Learning", 2023; Jain, Crețu and de Montjoye, "Adversarial Detection Avoidance
Attacks", 2022; Struppek et al. on NeuralHash, 2022). No gradient has to be estimated, since the hash is known.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.primitives.canvas import Pixels
from indexer.layout.scaling import at_most
from indexer.layout.single_thread import cv2
from indexer.picture.perceptual_hash import HASHED_SIDE, LOW, shrink

Bits = NDArray[np.bool_]
ROUNDS = 8
BEYOND = 0.15
"""How far beyond the median a coefficient is put, as a share of what coefficients differ from it in the middle."""
ASIDE = 112
"""Bits that a copy is pushed away from its own hash, of 256: farther than any search looks."""


def bits_of(pixels: Pixels) -> Bits:
    """The 256 bits of the whole picture, as it stands, bool, shape (16, 16)."""
    block = _block(pixels)
    return np.asarray(block > np.median(block))


def colliding(pixels: Pixels, with_: Pixels, within: int) -> Pixels:
    """A picture whose hash lies within so many bits of another's."""
    wanted = bits_of(with_)
    return _bent(pixels, wanted, 256 - within)


def evading(pixels: Pixels, aside: int = ASIDE) -> Pixels:
    """A picture whose hash lies so many bits away from what it was."""
    return _bent(pixels, ~bits_of(pixels), aside)


def _bent(pixels: Pixels, wanted: Bits, agreeing: int) -> Pixels:
    """At least so many bits as wanted, those that cost least; a few rounds, since full size answers roughly."""
    made = pixels.astype(np.float32)
    for _ in range(ROUNDS):
        seen = np.clip(np.rint(made), 0, 255).astype(np.uint8)
        block = _block(seen)
        apart = block - np.median(block)
        right = (apart > 0) == wanted
        if right.sum() >= agreeing:
            break
        margin = BEYOND * float(np.median(np.abs(apart)))
        cost = np.where(right, -1.0, np.abs(apart))
        least = np.sort(cost, axis=None)[min(255, agreeing + 4)]
        moved = ~right & (cost <= least)
        target = np.where(wanted, margin, -margin)
        # those that are right by a hair stay right
        kept = right & (np.abs(apart) < margin)
        change = np.where(moved | kept, target - apart, 0.0)
        made = made + _change(change, pixels.shape[:2])[..., None]
    return np.asarray(np.clip(np.rint(made), 0, 255), np.uint8)


def _change(block: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The change of the grey picture in full size that adds this to the coefficients."""
    spectrum = np.zeros((HASHED_SIDE, HASHED_SIDE))
    spectrum[:LOW, :LOW] = block
    spectrum[0] /= np.sqrt(2)
    spectrum[:, 0] /= np.sqrt(2)
    small = cv2.idct(spectrum).astype(np.float32)
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def _block(pixels: Pixels) -> NDArray[np.float64]:
    """The coefficients that the hash looks at, scaled as :mod:`indexer.picture.perceptual_hash` does."""
    grey = at_most(np.asarray(Image.fromarray(pixels).convert("L")), 512)
    block = np.array(cv2.dct(shrink(Image.fromarray(grey)).astype(np.float64))[:LOW, :LOW])
    block[0] *= np.sqrt(2)
    block[:, 0] *= np.sqrt(2)
    return block
