"""Everything that matching needs to know of one picture, decoded once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.decode import Limits, decode
from exhibit.digests import Digest
from exhibit.types import Fingerprint, PictureInfo, Space
from indexer import embedding
from indexer.borders import content_box
from indexer.descriptor import BUILT_IN, Descriptor
from indexer.hashes import orientation_hashes, quality, shrink
from indexer.information import low_information
from indexer.later import Later
from indexer.local_features import LocalFeatures, local_features
from indexer.masks import masked_boxes
from indexer.orientation import ORIENTATIONS, Box
from indexer.single_thread import cv2
from indexer.spaces import DESCRIPTOR, PHASH, TRIMMED, WHOLE

THUMBNAIL_SIDE = 192


@dataclass(frozen=True, slots=True)
class Detail:
    """How closely a picture is looked at.

    Attributes:
        side: long side of the grey picture that local features come from, pixels.
        keypoints: how many at most.
    """

    side: int = 512
    keypoints: int = 500


NORMAL = Detail()
CLOSER = Detail(side=1024, keypoints=1500)
"""For a second look at pictures that may show a work small, such as pages and collages."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Which form of a picture a row of :attr:`Features.hash_variants` belongs to."""

    orientation: int
    part: str


@dataclass(frozen=True, eq=False)
class Features:
    """What was measured of a picture.

    Local features, embeddings and the grey picture are computed or unpacked when they are first asked for.

    Attributes:
        digest: of the exact bytes.
        info: size (EXIF orientation applied) and format.
        quality: structure that the hash sees, 0 to 100.
        content: rectangle inside constant borders in original pixels, or ``None`` without borders.
        hash_variants: uint8, shape (8 or 16, 32): the eight orientations untrimmed, then trimmed where a border is.
        space: of the embeddings.
    """

    digest: Digest
    info: PictureInfo
    quality: int
    content: Box | None
    hash_variants: NDArray[np.uint8]
    later_grey: Later[NDArray[np.uint8]] = field(repr=False)
    later_local: Later[LocalFeatures] = field(repr=False)
    later_embeddings: Later[NDArray[np.float32]] = field(repr=False)
    later_low_information: Later[tuple[str, ...]] = field(repr=False)
    space: Space = DESCRIPTOR

    @property
    def grey(self) -> NDArray[np.uint8]:
        """Grey picture, uint8, shape (height, width), long side as in the :class:`Detail` or less."""
        return self.later_grey.value

    @property
    def local(self) -> LocalFeatures:
        """Keypoints in original pixels and their descriptors."""
        return self.later_local.value

    @cached_property
    def embeddings(self) -> Mapping[str, NDArray[np.float32]]:
        """Descriptors of unit length, float32, by part: ``whole``, ``centre`` and four tiles."""
        return dict(zip(embedding.PARTS, self.later_embeddings.value, strict=True))

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What each row of :attr:`hash_variants` is."""
        parts = (WHOLE, TRIMMED) if len(self.hash_variants) > len(ORIENTATIONS) else (WHOLE,)
        return tuple(Variant(orientation, part) for part in parts for orientation in ORIENTATIONS)

    @cached_property
    def hashes(self) -> dict[str, bytes]:
        """The hashes that are stored, 32 bytes by part: ``whole``, and ``trimmed`` when it differs."""
        stored = {
            variant.part: row.tobytes()
            for variant, row in zip(self.variants, self.hash_variants, strict=True)
            if variant.orientation == 0
        }
        if stored.get(TRIMMED) == stored[WHOLE]:
            del stored[TRIMMED]
        return stored

    @property
    def low_information(self) -> tuple[str, ...]:
        """Why this picture can't be matched safely (:mod:`indexer.information`); empty when it can."""
        return self.later_low_information.value

    @cached_property
    def masked(self) -> tuple[Box, ...]:
        """Rectangles in original pixels in which nothing counts when a picture is compared with this work."""
        return masked_boxes(self.grey, self.low_information, (self.info.width, self.info.height))

    @cached_property
    def thumbnail(self) -> NDArray[np.uint8]:
        """The grey picture at a long side of at most 192 pixels: the frame of the dense check."""
        height, width = self.grey.shape
        factor = THUMBNAIL_SIDE / max(height, width)
        if factor >= 1:
            return self.grey
        size = (max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5)))
        return np.asarray(Image.fromarray(self.grey).resize(size, Image.Resampling.BILINEAR))

    def box(self, part: str) -> Box:
        """The rectangle in original pixels that a part of the picture covers."""
        if part == TRIMMED and self.content is not None:
            return self.content
        return Box(0, 0, self.info.width, self.info.height)


DEFAULT_LIMITS = Limits()


def extract(
    data: bytes, limits: Limits = DEFAULT_LIMITS, detail: Detail = NORMAL, descriptor: Descriptor = BUILT_IN
) -> Features:
    """Decode a picture once, reduced, and measure it.

    Args:
        data: exact bytes of the picture.
        limits: for decoding.
        detail: how closely local features are looked for.
        descriptor: the network that gives the embeddings.

    Raises:
        UnreadablePictureError: the bytes can't be decoded within the limits.
    """
    picture = decode(data, limits, at_least=detail.side)
    image = Image.fromarray(picture.pixels).convert("L")
    pixels, grey = _at_most(picture.pixels, detail.side), _at_most(np.asarray(image), detail.side)
    size = (picture.info.width, picture.info.height)
    box = content_box(grey)
    small = shrink(image)
    variants = [orientation_hashes(small)]
    if box is not None:
        decoded = box.scaled(image.width / grey.shape[1], image.height / grey.shape[0])
        edges = (round(decoded.left), round(decoded.top), round(decoded.right), round(decoded.bottom))
        variants.append(orientation_hashes(shrink(image.crop(edges))))
        box = box.scaled(size[0] / grey.shape[1], size[1] / grey.shape[0])
    structure = quality(small)
    local = Later(lambda: local_features(grey, size, detail.keypoints))
    return Features(
        digest=Digest.of(data),
        info=picture.info,
        quality=structure,
        content=box,
        hash_variants=np.concatenate(variants),
        later_grey=Later(lambda: grey),
        later_local=local,
        later_embeddings=Later(lambda: embedding.embeddings(pixels, descriptor)),
        later_low_information=Later(lambda: low_information(grey, structure, local.value.strong, min(size))),
        space=descriptor.space,
    )


def grey_scaling(features: Features, grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The 3×3 transform from a picture's original pixels to those of a smaller form of it."""
    across, down = grey.shape[1] / features.info.width, grey.shape[0] / features.info.height
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])


def fingerprints(digest: Digest, features: Features) -> list[Fingerprint]:
    """The vectors of a picture that are stored, in both spaces.

    Which of them belong into which index is told by ``spaces.WORK_PARTS`` and ``spaces.PICTURE_PARTS``.
    """
    hashes = [Fingerprint(digest, PHASH.id, part, vector) for part, vector in features.hashes.items()]
    descriptors = [
        Fingerprint(digest, features.space.id, part, vector.astype("<f4").tobytes())
        for part, vector in features.embeddings.items()
    ]
    return hashes + descriptors


def _at_most(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Shrink to a long side of at most ``side`` pixels by averaging areas."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
