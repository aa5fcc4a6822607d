"""Search for pictures within a picture: each is searched for separately, and its match is mapped to the whole."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.comparison.similarity import compute_needed_side
from exhibit.pictures.decode import Limits, decode
from exhibit.types import Decision, Matrix, Piece, Verification
from indexer.compare.decision import (
    MIN_DENSE_AGREEMENT,
    WEAK_AGREEMENT,
    AnyVerification,
    DetailedVerification,
    add_transform,
    recompute_odds,
    remove_match,
    to_matrix,
    verify,
)
from indexer.compare.dense import compute_dense_agreement
from indexer.layout.orientation import Box
from indexer.layout.regions import MAX_REGIONS, find_nested_regions, find_regions
from indexer.layout.scaling import shrink_to
from indexer.picture.features import (
    NORMAL_DETAIL,
    SAME_PART_OVERLAP,
    Detail,
    Features,
    Part,
    cut_parts,
    decode_for_parts,
    extract,
)

CUT_OFF_MARGIN = 0.02
"""Distance from the end of a section, as a fraction of the strip's width, within which a picture counts as cut off
there."""


def find_parts(found_picture: Features, load: Callable[[], bytes], limits: Limits) -> list[Part]:
    """Find the pictures within a picture; none in most photographs.

    The result is also empty if the model that described the whole is not available.
    """
    if found_picture.space != found_picture.descriptor.space:
        return []
    size = (found_picture.info.width, found_picture.info.height)
    boxes = (
        _find_strip_regions(load(), found_picture, limits)
        if found_picture.strip_factor > 1
        else find_regions(found_picture.grey, size)
    )
    if not boxes:
        return []
    picture = decode_for_parts(load(), found_picture, limits)
    grey = np.asarray(Image.fromarray(picture.pixels).convert("L"))
    return cut_parts(picture, found_picture, find_nested_regions(grey, size, boxes))


def _find_strip_regions(data: bytes, found_picture: Features, limits: Limits) -> list[Box]:
    """Find the pictures within a strip, largest first, section by section.

    Sections are twice as long as wide and overlap by half, so a picture that one section cuts off is complete in
    another.
    """
    decoded = decode(data, limits, at_least=round(NORMAL_DETAIL.side * found_picture.strip_factor))
    grey = np.asarray(Image.fromarray(decoded.pixels).convert("L"))
    across, down = found_picture.info.width / grey.shape[1], found_picture.info.height / grey.shape[0]
    is_upright = grey.shape[0] > grey.shape[1]
    lines, strip_width, strip_scale = (grey, across, down) if is_upright else (grey.T, down, across)
    length, step = lines.shape
    boxes: list[Box] = []
    for start in range(0, max(1, length - step), step):
        stretch = np.ascontiguousarray(lines[start : start + 2 * step])
        height, edge = len(stretch), CUT_OFF_MARGIN * step
        for box in find_regions(
            shrink_to(stretch, NORMAL_DETAIL.side), (round(step * strip_width), round(height * strip_scale))
        ):
            top, bottom = box.top / strip_scale, box.bottom / strip_scale
            if (start and top < edge) or (start + height < length and bottom > height - edge):
                continue
            region = Box(box.left, box.top + start * strip_scale, box.right, box.bottom + start * strip_scale)
            if all(region.compute_intersection_over_union(other) < SAME_PART_OVERLAP for other in boxes):
                boxes.append(region)
    boxes.sort(key=lambda box: -box.width * box.height)
    if not is_upright:
        boxes = [Box(box.top, box.left, box.bottom, box.right) for box in boxes]
    return boxes[:MAX_REGIONS]


def verify_part(
    part: Part,
    found_picture: Features,
    load: Callable[[], bytes],
    registered_picture: Features,
    limits: Limits,
    works: int = 0,
) -> DetailedVerification:
    """Compare a part with a registered picture, found among ``works`` works; the reported values refer to the whole."""
    verification = verify(part.features, registered_picture, works)
    if verification.decision is Decision.NONE or verification.transform is None:
        return remove_match(verification)
    shift = np.array([[1.0, 0, -part.box.left], [0, 1, -part.box.top], [0, 0, 1]])
    transform = np.array(_shift_transform(verification.transform, shift))
    mapped = replace(
        add_transform(verification, transform, found_picture, registered_picture),
        further=tuple(_shift_transform(transform_copy, shift) for transform_copy in verification.further),
        pieces=tuple(Piece(piece.box, _shift_transform(piece.transform, shift)) for piece in verification.pieces),
    )
    return _restate_fraction(
        mapped,
        _measure_with_enough_pixels(mapped, found_picture, load, registered_picture, limits),
        registered_picture,
        works,
    )


def restate_agreement(
    verification: AnyVerification,
    found_picture: Features,
    load: Callable[[], bytes],
    registered_picture: Features,
    limits: Limits,
    works: int = 0,
) -> AnyVerification:
    """Replace the fraction of matching windows by the value that a verifier recomputes from both files.

    All other measurements are based on the grey picture, which blurs small parts of the found picture.

    Args:
        verification: The verification.
        found_picture: The found picture.
        load: Returns its exact bytes.
        registered_picture: The registered picture.
        limits: Limits for decoding.
        works: Number of works among which the pair was found.

    Returns:
        The verification.
    """
    if (
        verification.transform is None
        or verification.decision is Decision.NONE
        or found_picture.digest == registered_picture.digest
    ):
        return verification
    detailed_picture = _measure_with_enough_pixels(verification, found_picture, load, registered_picture, limits)
    return (
        downgrade_weak_match(verification)
        if detailed_picture is found_picture
        else _restate_fraction(verification, detailed_picture, registered_picture, works)
    )


def downgrade_weak_match(verification: AnyVerification) -> AnyVerification:
    """Downgrade a certain match to a review if fewer windows match than a verifier requires."""
    if verification.decision is Decision.CERTAIN and verification.dense < MIN_DENSE_AGREEMENT:
        return replace(verification, decision=Decision.REVIEW, reasons=(*verification.reasons, WEAK_AGREEMENT))
    return verification


def _measure_with_enough_pixels(
    verification: Verification,
    found_picture: Features,
    load: Callable[[], bytes],
    registered_picture: Features,
    limits: Limits,
) -> Features:
    """Return the found picture, measured again at a higher resolution if its grey picture is too small."""
    first, second = ((picture.info.width, picture.info.height) for picture in (found_picture, registered_picture))
    side = compute_needed_side(first, second, verification.transform or ())
    return (
        found_picture
        if side <= max(found_picture.grey_size)
        else extract(load(), limits, Detail(side=side, parts=False))
    )


def _restate_fraction(
    verification: AnyVerification, detailed_picture: Features, registered_picture: Features, works: int
) -> AnyVerification:
    fraction = compute_dense_agreement(
        detailed_picture, registered_picture, np.array(verification.transform), pieces=verification.pieces
    ).fraction
    return downgrade_weak_match(recompute_odds(replace(verification, dense=round(fraction, 4)), works))


def _shift_transform(transform: Matrix, shift: NDArray[np.float64]) -> Matrix:
    shifted_transform = np.array(transform) @ shift
    return to_matrix(shifted_transform / shifted_transform[2, 2])
