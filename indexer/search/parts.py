"""Pictures within a picture: each is searched for separately, and its match is mapped to the whole."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.comparison.similarity import needed_side
from exhibit.pictures.decode import Limits, decode
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Matrix, Piece, Verification
from indexer.compare.decision import (
    WEAK,
    WEAK_DENSE,
    AnyVerification,
    add_transform,
    remove_match,
    reweigh,
    to_matrix,
    verify,
)
from indexer.compare.dense import dense_agreement
from indexer.layout.orientation import Box
from indexer.layout.regions import MAX_REGIONS, find_regions
from indexer.layout.scaling import shrink_to
from indexer.picture.features import NORMAL, SAME_PART, Detail, Features, Part, cut_parts, extract
from indexer.search.candidates import Candidate

MAX_PART_DISTANCE = 0.47
"""Maximum 1 − cosine for comparing a part with a work. Of 86 pictures that show one of 200 works small, and that
nothing else found, it finds the work in 57; in 13, another work is within it, too, and is compared in vain."""
MAX_SIMILAR_PARTS = 3
"""Number of parts that are compared with one picture."""
CUT_MARGIN = 0.02
"""Distance from the end of a section, as a share of the strip's width, within which a picture counts as cut off
there."""


def find_parts(found_picture: Features, load: Callable[[], bytes], limits: Limits) -> list[Part]:
    """Return the pictures within a picture; empty for most photographs.

    Also empty if the network that described the whole is not available.
    """
    if found_picture.space != found_picture.descriptor.space:
        return []
    size = (found_picture.info.width, found_picture.info.height)
    boxes = (
        _find_strip_regions(load(), found_picture, limits)
        if found_picture.strip_factor > 1
        else find_regions(found_picture.grey, size)
    )
    return cut_parts(load(), found_picture, boxes, limits) if boxes else []


def _find_strip_regions(data: bytes, found_picture: Features, limits: Limits) -> list[Box]:
    """Return the pictures within a strip, largest first: those within each section, which is twice as long as wide.

    Each section starts in the middle of the previous one; pictures cut off at its ends are complete in another.
    """
    decoded = decode(data, limits, at_least=round(NORMAL.side * found_picture.strip_factor))
    grey = np.asarray(Image.fromarray(decoded.pixels).convert("L"))
    across, down = found_picture.info.width / grey.shape[1], found_picture.info.height / grey.shape[0]
    upright = grey.shape[0] > grey.shape[1]
    lines, wide, along = (grey, across, down) if upright else (grey.T, down, across)
    length, step = lines.shape
    boxes: list[Box] = []
    for start in range(0, max(1, length - step), step):
        stretch = np.ascontiguousarray(lines[start : start + 2 * step])
        height, edge = len(stretch), CUT_MARGIN * step
        for box in find_regions(shrink_to(stretch, NORMAL.side), (round(step * wide), round(height * along))):
            top, bottom = box.top / along, box.bottom / along
            if (start and top < edge) or (start + height < length and bottom > height - edge):
                continue
            region = Box(box.left, box.top + start * along, box.right, box.bottom + start * along)
            if all(region.intersection_over_union(other) < SAME_PART for other in boxes):
                boxes.append(region)
    boxes.sort(key=lambda box: -box.width * box.height)
    if not upright:
        boxes = [Box(box.top, box.left, box.bottom, box.right) for box in boxes]
    return boxes[:MAX_REGIONS]


def query_parts(parts: Sequence[Part], descriptors: VectorIndex) -> list[tuple[Part, Candidate]]:
    """Return the result of the index for each of the parts, the nearest first."""
    hits_by_part = descriptors.search(_vectors(parts), k=1, within=MAX_PART_DISTANCE)
    pairs = [(part, hit) for part, hits in zip(parts, hits_by_part, strict=True) for hit in hits]
    pairs.sort(key=lambda pair: pair[1].distance)
    return [(part, Candidate(descriptors.space.id, hit.number, hit.distance)) for part, hit in pairs]


def select_similar_parts(parts: Sequence[Part], registered: Features) -> list[Part]:
    """Return the parts most similar to a registered picture; empty if another network described it."""
    if not parts or registered.space != parts[0].descriptor.space:
        return []
    distances = 1 - _vectors(parts) @ registered.embedding
    return [
        parts[number]
        for number in np.argsort(distances, kind="stable")[:MAX_SIMILAR_PARTS].tolist()
        if distances[number] <= MAX_PART_DISTANCE
    ]


def _vectors(parts: Sequence[Part]) -> NDArray[np.float32]:
    return parts[0].descriptor.vectors([part.pixels for part in parts])


def verify_part(
    part: Part, found_picture: Features, load: Callable[[], bytes], registered: Features, limits: Limits, works: int = 0
) -> Verification:
    """Compare a part with a registered picture, named among ``works`` works; the stated values refer to the whole."""
    verification = verify(part.features, registered, works)
    if verification.decision is Decision.NONE or verification.transform is None:
        return remove_match(verification)
    shift = np.array([[1.0, 0, -part.box.left], [0, 1, -part.box.top], [0, 0, 1]])
    transform = np.array(_shift_transform(verification.transform, shift))
    mapped = replace(
        add_transform(verification, transform, found_picture, registered),
        further=tuple(_shift_transform(further, shift) for further in verification.further),
        pieces=tuple(Piece(piece.box, _shift_transform(piece.transform, shift)) for piece in verification.pieces),
    )
    return _restate_share(
        mapped, _with_enough_pixels(mapped, found_picture, load, registered, limits), registered, works
    )


def restate_agreement(
    verification: AnyVerification,
    found_picture: Features,
    load: Callable[[], bytes],
    registered: Features,
    limits: Limits,
    works: int = 0,
) -> AnyVerification:
    """Restate the share of matching windows of a pair as a verifier recomputes it from both files.

    The grey picture, on which all other measurements are based, blurs small parts of the found one.

    Args:
        verification: The verification.
        found_picture: The found picture.
        load: Returns its exact bytes.
        registered: The registered picture.
        limits: Limits for decoding.
        works: Number of works among which the pair was named.

    Returns:
        The verification.
    """
    if (
        verification.transform is None
        or verification.decision is Decision.NONE
        or found_picture.digest == registered.digest
    ):
        return verification
    whole = _with_enough_pixels(verification, found_picture, load, registered, limits)
    return (
        downgrade_weak(verification)
        if whole is found_picture
        else _restate_share(verification, whole, registered, works)
    )


def downgrade_weak(verification: AnyVerification) -> AnyVerification:
    """Send a certain match to review if fewer windows match than a verifier requires."""
    if verification.decision is Decision.CERTAIN and verification.dense < WEAK_DENSE:
        return replace(verification, decision=Decision.REVIEW, reasons=(*verification.reasons, WEAK))
    return verification


def _with_enough_pixels(
    verification: Verification, found_picture: Features, load: Callable[[], bytes], registered: Features, limits: Limits
) -> Features:
    """Return the found picture, measured again at a higher resolution if its grey picture is too small."""
    first, second = ((picture.info.width, picture.info.height) for picture in (found_picture, registered))
    side = needed_side(first, second, verification.transform or ())
    return (
        found_picture
        if side <= max(found_picture.grey_size)
        else extract(load(), limits, Detail(side=side, parts=False))
    )


def _restate_share(verification: AnyVerification, whole: Features, registered: Features, works: int) -> AnyVerification:
    share = dense_agreement(whole, registered, np.array(verification.transform), pieces=verification.pieces).share
    return downgrade_weak(reweigh(replace(verification, dense=round(share, 4)), works))


def _shift_transform(transform: Matrix, shift: NDArray[np.float64]) -> Matrix:
    shifted = np.array(transform) @ shift
    return to_matrix(shifted / shifted[2, 2])
