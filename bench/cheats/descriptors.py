"""Small changes of each pixel, led by the network's gradient, that move its description of a picture.

Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018): projected steps by the sign of the
gradient; Dong et al., "Boosting Adversarial Attacks with Momentum" (2018): its momentum.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.cheats.gradient import built_in
from bench.primitives.canvas import Pixels
from indexer.layout.scaling import at_most
from indexer.layout.single_thread import cv2
from indexer.picture.descriptor import BUILT_IN, CENTRE_SHARE, centre, prepared

STEPS = 8
MOMENTUM = 0.9
SIDE = 224
Floats = NDArray[np.float32]


def described(pixels: Pixels) -> Floats:
    """The whole picture's descriptor, as the product measures it."""
    return np.asarray(BUILT_IN.vectors([_reduced(pixels)])[0])


def colliding(pixels: Pixels, with_: Pixels, most: float) -> Pixels:
    """A picture that the network describes like another, each value changed by at most so many of 255."""
    wanted = described(with_)
    return _moved(pixels, most, lambda change: _gradient(_reduced(_changed(pixels, change)), wanted))


def evading(pixels: Pixels, most: float) -> Pixels:
    """A picture that the network describes unlike before, the whole of it and its centre."""
    parts = {name: described(part) for name, part in (("whole", pixels), ("centre", centre(pixels)))}

    def gradient(change: Floats) -> Floats:
        made = _reduced(_changed(pixels, change))
        by_whole = _gradient(made, parts["whole"])
        small = round(SIDE * CENTRE_SHARE)
        inside = cv2.resize(_gradient(centre(made), parts["centre"]), (small, small), interpolation=cv2.INTER_AREA)
        by_centre = np.zeros_like(by_whole)
        edge = (SIDE - small) // 2
        by_centre[edge : edge + small, edge : edge + small] = inside
        return -(by_whole / _length(by_whole) + by_centre / _length(by_centre))

    # the first step from where it is has no slope: a vector is nearest to itself
    begin = np.random.default_rng(0).uniform(-most / 2, most / 2, (SIDE, SIDE, 3)).astype(np.float32)
    return _moved(pixels, most, gradient, begin)


def _moved(pixels: Pixels, most: float, gradient: Callable[[Floats], Floats], begin: Floats | None = None) -> Pixels:
    change = np.zeros((SIDE, SIDE, 3), np.float32) if begin is None else begin
    velocity = np.zeros_like(change)
    for _ in range(STEPS):
        slope = gradient(change)
        velocity = MOMENTUM * velocity + slope / _length(slope)
        change = np.clip(change + 2 * most / STEPS * np.sign(velocity), -most, most)
    return _changed(pixels, change)


def _gradient(part: Pixels, towards: Floats) -> Floats:
    """By the input's values, (224, 224, 3): where the cosine to a vector rises."""
    _, back = built_in().described(prepared(part, BUILT_IN.card)[0])
    return np.ascontiguousarray(back(towards).transpose(1, 2, 0))


def _changed(pixels: Pixels, change: Floats) -> Pixels:
    size = pixels.shape[1::-1]
    most = float(np.abs(change).max())
    large = np.clip(cv2.resize(change, size, interpolation=cv2.INTER_CUBIC), -most, most)
    return np.asarray(np.clip(np.rint(pixels + large), 0, 255), np.uint8)


def _reduced(pixels: Pixels) -> Pixels:
    return at_most(pixels, 512, cv2.INTER_LINEAR)


def _length(slope: Floats) -> float:
    return float(np.abs(slope).mean()) + 1e-12
