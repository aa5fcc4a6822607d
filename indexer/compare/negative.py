"""A picture with all its tones inverted: its features follow from those of the picture itself.

The hash of a negative has each bit the other way round. SIFT finds the same keypoints in it; all gradients point the
other way, and so does the direction that a descriptor is turned by, so its cells change places as in a half turn.
"""

from dataclasses import replace

import numpy as np

from indexer.picture.features import Features
from indexer.picture.lazy import Lazy
from indexer.picture.local_features import HALF_TURN, LocalFeatures


def negative(features: Features) -> Features:
    """The features of the negative of a picture."""
    return replace(
        features,
        hash_variants=~features.hash_variants,
        later_grey=Lazy(lambda: 255 - features.grey),
        later_local=Lazy(lambda: _inverted(features.local)),
        later_quick=Lazy(lambda: _inverted(features.quick)),
    )


def _inverted(local: LocalFeatures) -> LocalFeatures:
    return LocalFeatures(local.points, np.ascontiguousarray(local.descriptors[:, HALF_TURN]), local.strong)
