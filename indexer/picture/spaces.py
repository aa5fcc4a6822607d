"""Vector spaces in which pictures are compared, and the version of the whole pipeline."""

from exhibit.types import Metric, Space

PIPELINE = "match-1"
"""Version of everything that affects the measurements of a match: raise it when a parameter, a model or a rule
changes."""

PHASH = Space(
    name="phash256",
    version="1",
    metric=Metric.HAMMING,
    width=256,
    parameters=(
        ("decoding", "reduced to a long side of at least 512"),
        ("grey", "ITU-R 601"),
        ("reduced", "grey to a long side of at most 512, means of areas"),
        ("resize", "lanczos 64x64"),
        ("transform", "lowest 16x16 of the DCT-II against their median"),
    ),
)
"""The perceptual hash of ``imagehash.phash(picture, hash_size=16)``: 256 bits row by row, packed."""

DESCRIPTOR = Space(
    name="descriptor",
    version="1",
    metric=Metric.COSINE,
    width=256,
    parameters=(
        ("decoding", "reduced to a long side of at least 512"),
        ("input", "224x224 squashed"),
        ("model", "efficientnet-lite0 int8"),
        ("reduced", "to a long side of at most 512, linear"),
        ("sha256", "6bc415cd1e6e7c83a628c91b4245858c2a2b8a00ec279a57d1688465618303c9"),
    ),
)
"""The copy-detection descriptor of ``models/MODEL_CARD.md``: 256 components, unit length."""

STORED_LOCAL_FEATURES = 200
"""Local features stored for a registered picture."""

ROOTSIFT = Space(
    name="rootsift",
    version="1",
    metric=Metric.VOTES,
    width=128,
    parameters=(
        ("chosen", f"{STORED_LOCAL_FEATURES} evenly over 8x8 cells"),
        ("decoding", "reduced to a long side of at least 512"),
        ("detector", "sift, contrast .01, picture doubled"),
        ("scale", "512"),
    ),
)
"""Local features of a registered picture: roots of L1-normalised SIFT descriptors, one byte per component."""

WHOLE = "whole"
TRIMMED = "trimmed"
PANELS = tuple(f"panel-{number}" for number in range(1, 10))
"""Pictures within the picture (:mod:`indexer.layout.panels`), the largest first."""
INSET = "inset"
"""A picture placed on the picture (:mod:`indexer.layout.insets`)."""
LOCAL = "local"
"""All local features together."""

WORK_PARTS = frozenset({WHOLE, TRIMMED, LOCAL})
"""Parts in an index of registered works: the target of a search is always a whole work."""

PICTURE_PARTS = frozenset({WHOLE, TRIMMED, *PANELS, INSET})
"""Parts in an index of pictures seen: a work may fill only a part of a found picture."""
