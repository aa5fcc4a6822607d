"""All features of a picture that matching requires, from a single decoding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.comparison.similarity import resize_grey
from exhibit.digests import Digest
from exhibit.pictures.decode import DecodedPicture, Limits, decode
from exhibit.types import Fingerprint, PictureInfo, Space
from indexer.layout.information import COMPOSITION_REASONS, FLAT_REASONS, find_information_reasons
from indexer.layout.insets import find_inset
from indexer.layout.masks import find_masked_boxes
from indexer.layout.orientation import ORIENTATIONS, Box
from indexer.layout.panels import find_content_box, find_panels
from indexer.layout.regions import MIN_WHOLE_SIDE
from indexer.layout.scaling import shrink_to
from indexer.layout.single_thread import cv2
from indexer.picture.descriptor import BUILT_IN, Descriptor, cut_rectangle
from indexer.picture.local_features import (
    HALF_TURN,
    LocalFeatures,
    compute_local_features,
)
from indexer.picture.perceptual_hash import compute_orientation_hashes, measure_structure, shrink_for_hash
from indexer.picture.spaces import (
    DESCRIPTOR,
    INSET,
    LOCAL,
    PANELS,
    PHASH,
    ROOTSIFT,
    STORED_LOCAL_FEATURES,
    TRIMMED,
    WHOLE,
    WORK_PARTS,
)

THUMBNAIL_SIDE = 192
MAX_ICON_SIDE = 40
"""Shorter side in pixels below which a picture is an icon."""
SAME_PART_OVERLAP = 0.9
"""Intersection over union from which two rectangles count as the same part of a picture."""
T = TypeVar("T")


class Lazy(Generic[T]):
    """Value that is computed on first use."""

    def __init__(self, compute: Callable[[], T]) -> None:
        self._make = compute

    @cached_property
    def value(self) -> T:
        """Value, computed on first use."""
        return self._make()


@dataclass(frozen=True, slots=True)
class Detail:
    """Level of detail for measuring a picture."""

    side: int = 512  # long side, in pixels, of the grey picture for local features
    keypoints: int = 500  # maximum number of keypoints
    parts: bool = True  # whether borders, panels and an inset are searched for


NORMAL_DETAIL = Detail()
PART_DETAIL = Detail(parts=False)
CUT_SIDE = 2048
"""Long side, in pixels, to which a picture may be reduced before parts are cut out; more for a strip."""
STRIP_RATIO = 3.0
"""Ratio of length to width from which a picture is a strip, such as a whole page or a column of product images. Reduced
to the size of other pictures, a strip is too narrow to show the pictures within it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Orientation and part to which a row of :attr:`Features.hash_variants` belongs."""

    orientation: int
    part: str


@dataclass(frozen=True, eq=False)
class Features:
    """Features of a picture.

    Local features, embeddings and the grey picture are computed or unpacked on first use.
    """

    digest: Digest  # of the exact bytes
    info: PictureInfo  # size (EXIF orientation applied) and format
    quality: int  # amount of structure for the hash, 0 to 100
    content: Box | None  # rectangle inside constant borders in original pixels, or `None` without borders
    panels: tuple[Box, ...]  # pictures within the picture (`indexer.layout.panels`), rectangles in original pixels
    inset: Box | None  # a picture placed on the picture (`indexer.layout.insets`), or `None`; always `None` with panels
    hash_variants: NDArray[np.uint8]
    """Shape (8n, 32): the eight orientations untrimmed, then trimmed if there is a border, then of each panel and of
    the inset."""
    grey_size: tuple[int, int]  # width and height of the grey picture
    lazy_grey: Lazy[NDArray[np.uint8]] = field(repr=False)
    lazy_local: Lazy[LocalFeatures] = field(repr=False)
    lazy_whole: Lazy[NDArray[np.float32]] = field(repr=False)
    lazy_within: Lazy[NDArray[np.float32]] = field(repr=False)
    lazy_low_information: Lazy[tuple[str, ...]] = field(repr=False)
    lazy_masked: Lazy[tuple[Box, ...]] = field(repr=False)
    space: Space = DESCRIPTOR  # of the embeddings
    descriptor: Descriptor = field(default=BUILT_IN, repr=False)  # describes further parts
    marked: tuple[Box, ...] = ()
    """Rectangles in original pixels that other works of the owner share (``compare.marks``); a match must also agree
    outside these."""

    @property
    def grey(self) -> NDArray[np.uint8]:
        """Grey picture, uint8, shape (height, width), long side as in :class:`Detail` or less."""
        return self.lazy_grey.value

    @property
    def local(self) -> LocalFeatures:
        """Keypoints in original pixels and their descriptors."""
        return self.lazy_local.value

    @property
    def embedding(self) -> NDArray[np.float32]:
        """Descriptor of the whole picture, of unit length: the first of :attr:`embeddings`, computed separately."""
        return self.lazy_whole.value

    @cached_property
    def embeddings(self) -> Mapping[str, NDArray[np.float32]]:
        """Descriptors of unit length, float32, by part: ``whole``, the panels and the inset."""
        parts = dict(zip(self._inner_names, self.lazy_within.value, strict=True)) if self.inner_boxes else {}
        return {WHOLE: self.embedding, **parts}

    @property
    def is_icon(self) -> bool:
        """True if the picture is so small that its hash contains all its information."""
        return min(self.info.width, self.info.height) < MAX_ICON_SIDE

    @property
    def strip_factor(self) -> float:
        """Factor by which the long side of a strip exceeds that of other pictures; otherwise 1."""
        short_side, long_side = sorted((self.info.width, self.info.height))
        return (
            long_side / (2 * short_side)
            if long_side >= STRIP_RATIO * short_side and 2 * short_side >= MIN_WHOLE_SIDE
            else 1.0
        )

    @property
    def is_flat(self) -> bool:
        """True if no feature identifies the picture. For such a work, only near-exact copies are matched."""
        return bool(self.flat_reasons)

    @property
    def plain_reasons(self) -> tuple[str, ...]:
        """Reasons why the hash alone does not identify the picture, except that it is a page or a collage."""
        return tuple(reason for reason in self.low_information if reason not in COMPOSITION_REASONS)

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """Orientation and part of each row of :attr:`hash_variants`."""
        parts = (WHOLE, *(() if self.content is None else (TRIMMED,)), *self._inner_names)
        return tuple(Variant(orientation, part) for part in parts for orientation in ORIENTATIONS)

    @property
    def inner_boxes(self) -> tuple[Box, ...]:
        """Pictures within the picture, rectangles in original pixels."""
        return (*self.panels, *(() if self.inset is None else (self.inset,)))

    @property
    def _inner_names(self) -> tuple[str, ...]:
        return (*PANELS[: len(self.panels)], *(() if self.inset is None else (INSET,)))

    @cached_property
    def hashes(self) -> dict[str, bytes]:
        """Stored hashes, 32 bytes by part: ``whole``, ``trimmed`` if different, panels and inset."""
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
        """All reasons why the picture is hard to identify (:mod:`indexer.layout.information`)."""
        return self.lazy_low_information.value

    @property
    def flat_reasons(self) -> tuple[str, ...]:
        """Reasons why only nearly identical pixels identify the picture; empty for most pictures."""
        return tuple(reason for reason in self.low_information if reason in FLAT_REASONS)

    @property
    def review_reasons(self) -> tuple[str, ...]:
        """Reasons why no match of this picture as a work is certain; empty for most pictures."""
        return tuple(reason for reason in self.low_information if reason in FLAT_REASONS | COMPOSITION_REASONS)

    @property
    def masked_boxes(self) -> tuple[Box, ...]:
        """Rectangles in original pixels that are ignored when a picture is compared with this work."""
        return self.lazy_masked.value

    @cached_property
    def thumbnail(self) -> NDArray[np.uint8]:
        """The grey picture with a long side of at most 192 pixels: the frame of the dense check."""
        return resize_grey(self.grey, min(1.0, THUMBNAIL_SIDE / max(self.grey.shape)))[0]

    def box(self, part: str) -> Box:
        """Return the rectangle of a part of the picture in original pixels."""
        if part == TRIMMED and self.content is not None:
            return self.content
        if part == INSET and self.inset is not None:
            return self.inset
        if part in PANELS:
            return self.panels[PANELS.index(part)]
        return Box(0, 0, self.info.width, self.info.height)


@dataclass(frozen=True, eq=False)
class Part:
    """Rectangle of a picture, treated as a separate picture."""

    box: Box  # original pixels
    pixels: NDArray[np.uint8]  # RGB, shape (height, width, 3), possibly reduced
    info: PictureInfo  # size and format as if the part were a separate file
    descriptor: Descriptor = field(repr=False)  # of the whole picture

    @cached_property
    def features(self) -> Features:
        """Features of the part. Its digest differs from that of the whole, which may be identical to a work."""
        return _measure_features(
            self.pixels, self.info, Digest.from_bytes(self.pixels.tobytes()), PART_DETAIL, self.descriptor
        )


DEFAULT_LIMITS = Limits()


def extract(
    data: bytes, limits: Limits = DEFAULT_LIMITS, detail: Detail = NORMAL_DETAIL, descriptor: Descriptor = BUILT_IN
) -> Features:
    """Decode a picture once, reduced, and measure its features.

    Raises:
        UnreadablePictureError: The picture cannot be decoded within the limits.
    """
    picture = decode(data, limits, at_least=detail.side)
    return _measure_features(picture.pixels, picture.info, Digest.from_bytes(data), detail, descriptor)


def decode_for_parts(data: bytes, features: Features, limits: Limits = DEFAULT_LIMITS) -> DecodedPicture:
    """Decode a picture at the resolution at which parts of it are cut out.

    Raises:
        UnreadablePictureError: The picture cannot be decoded within the limits.
    """
    return decode(data, limits, at_least=round(CUT_SIDE * features.strip_factor))


def cut_parts(picture: DecodedPicture, features: Features, boxes: Sequence[Box]) -> list[Part]:
    """Cut rectangles, in original pixels, out of a picture; each part uses the descriptor of the whole."""
    across, down = picture.info.width / picture.pixels.shape[1], picture.info.height / picture.pixels.shape[0]
    parts = []
    for box in boxes:
        left, top, right, bottom = box.scale_by(1 / across, 1 / down).rounded_edges
        exact_box = Box(left, top, right, bottom).scale_by(across, down)
        info = replace(picture.info, width=round(exact_box.width), height=round(exact_box.height))
        pixels = np.ascontiguousarray(picture.pixels[top:bottom, left:right])
        parts.append(Part(exact_box, pixels, info, features.descriptor))
    return parts


def _measure_features(
    decoded_pixels: NDArray[np.uint8], info: PictureInfo, digest: Digest, detail: Detail, descriptor: Descriptor
) -> Features:
    """Measure the features of decoded pixels, uint8 RGB."""
    decoded = np.asarray(Image.fromarray(decoded_pixels).convert("L"))
    pixels = shrink_to(decoded_pixels, detail.side, cv2.INTER_LINEAR)
    grey = shrink_to(decoded, detail.side)
    image = Image.fromarray(grey)
    size = (info.width, info.height)
    content, panel_boxes, inset_box = _find_parts(grey, size) if detail.parts else (None, (), None)
    inner_boxes = [*panel_boxes, *([] if inset_box is None else [inset_box])]
    small = shrink_for_hash(image)
    structure = measure_structure(small)
    local = Lazy(lambda: compute_local_features(grey, size, detail.keypoints))
    information = Lazy(lambda: find_information_reasons(grey, structure, local.value.strong_count, min(size)))
    embedding = Lazy(lambda: descriptor.compute_vectors([pixels])[0])
    reduced = [box.scale_by(pixels.shape[1] / size[0], pixels.shape[0] / size[1]) for box in inner_boxes]
    return Features(
        digest=digest,
        info=info,
        quality=structure,
        content=content,
        panels=panel_boxes,
        inset=inset_box,
        hash_variants=_compute_hash_variants(
            image, small, size, [*([] if content is None else [content]), *inner_boxes]
        ),
        grey_size=(grey.shape[1], grey.shape[0]),
        lazy_grey=Lazy(lambda: grey),
        lazy_local=local,
        lazy_whole=embedding,
        lazy_within=Lazy(lambda: descriptor.compute_vectors([cut_rectangle(pixels, box) for box in reduced])),
        lazy_low_information=information,
        lazy_masked=Lazy(lambda: find_masked_boxes(grey, information.value, size)),
        space=descriptor.space,
        descriptor=descriptor,
    )


def _find_parts(grey: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box | None, tuple[Box, ...], Box | None]:
    """Find the content inside borders, the panels that differ from it, and the inset, in original pixels."""
    box = find_content_box(grey)
    content = None if box is None else box.scale_by(size[0] / grey.shape[1], size[1] / grey.shape[0])
    inner_panels = tuple(
        panel
        for panel in find_panels(grey, size)
        if content is None or panel.compute_intersection_over_union(content) < SAME_PART_OVERLAP
    )
    inset_box = None if inner_panels else find_inset(grey, size)
    return (
        content,
        inner_panels,
        None
        if inset_box and content and inset_box.compute_intersection_over_union(content) >= SAME_PART_OVERLAP
        else inset_box,
    )


def _compute_hash_variants(
    image: Image.Image, small: NDArray[np.uint8], size: tuple[int, int], boxes: Sequence[Box]
) -> NDArray[np.uint8]:
    """Compute the hashes of a picture and of rectangles of it, in original pixels, in all orientations."""
    variants = [compute_orientation_hashes(small)]
    for box in boxes:
        edges = box.scale_by(image.width / size[0], image.height / size[1]).rounded_edges
        variants.append(compute_orientation_hashes(shrink_for_hash(image.crop(edges))))
    return np.concatenate(variants)


def compute_grey_scaling(features: Features, size: tuple[int, int]) -> NDArray[np.float64]:
    """Compute the 3×3 transform from a picture's original pixels to its reduced form with this width and height."""
    across, down = size[0] / features.info.width, size[1] / features.info.height
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])


def compute_work_fingerprints(digest: Digest, features: Features) -> list[Fingerprint]:
    """Compute the stored fingerprints of a registered picture: hashes, and the descriptor of the whole.

    Descriptors of its parts are computed only if pictures seen earlier are searched for the work, or if the picture is
    also seen on the web.
    """
    hashes = [
        Fingerprint(digest, PHASH.id, part, vector) for part, vector in features.hashes.items() if part in WORK_PARTS
    ]
    if features.is_icon:
        return hashes
    return [*hashes, Fingerprint(digest, features.space.id, WHOLE, features.embedding.astype("<f4").tobytes())]


def compute_local_fingerprint(digest: Digest, features: Features) -> Fingerprint:
    """Compute the concatenated local features of a work that vote for it (:mod:`indexer.votes.index`)."""
    return Fingerprint(digest, ROOTSIFT.id, LOCAL, features.local.descriptors[:STORED_LOCAL_FEATURES].tobytes())


def compute_fingerprints(digest: Digest, features: Features) -> list[Fingerprint]:
    """Compute the stored hashes of a picture, and its descriptors unless it is an icon.

    ``spaces.WORK_PARTS`` and ``spaces.PICTURE_PARTS`` define the parts in each index. For registered pictures only,
    :func:`compute_work_fingerprints` is cheaper.
    """
    hashes = [Fingerprint(digest, PHASH.id, part, vector) for part, vector in features.hashes.items()]
    embeddings = {} if features.is_icon else features.embeddings
    return hashes + [
        Fingerprint(digest, features.space.id, part, vector.astype("<f4").tobytes())
        for part, vector in embeddings.items()
    ]


def invert_features(features: Features) -> Features:
    """Derive the features of a picture with all tones inverted from those of the picture itself.

    All bits of the hash are inverted. SIFT finds the same keypoints. All gradients point in the opposite direction, and
    so does the reference direction of each descriptor, so its cells move as in a half turn.
    """
    return replace(
        features,
        hash_variants=~features.hash_variants,
        lazy_grey=Lazy(lambda: 255 - features.grey),
        lazy_local=Lazy(lambda: _invert_local(features.local)),
    )


def _invert_local(local: LocalFeatures) -> LocalFeatures:
    return LocalFeatures(local.points, np.ascontiguousarray(local.descriptors[:, HALF_TURN]), local.strong_count)
