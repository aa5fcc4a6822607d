"""Pictures within a picture: each is searched for separately, and its match is mapped to the whole."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.comparison.similarity import side_needed
from exhibit.pictures.decode import Limits, decode
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Matrix, Piece, Verification
from indexer.compare.decision import WEAK, WEAK_DENSE, Told, laid, matrix_of, unrelated, verify, weighed_as_stated
from indexer.compare.dense import dense_agreement
from indexer.layout.orientation import Box
from indexer.layout.regions import MAX_REGIONS, regions
from indexer.layout.scaling import at_most
from indexer.picture.features import NORMAL, SAME_PART, Detail, Features, Part, cut_out, extract
from indexer.search.candidates import Candidate

WITHIN = 0.47
"""Maximum 1 − cosine for comparing a part with a work. Of 86 pictures that show one of 200 works small, and that
nothing else found, it finds the work in 57; in 13, another work is within it, too, and is compared in vain."""
LIKEST = 3
"""Number of parts that are compared with one picture."""
BROKEN_OFF = 0.02
"""Distance from the end of a section, as a share of the strip's width, within which a picture counts as cut off
there."""


def parts_of(found: Features, load: Callable[[], bytes], limits: Limits) -> list[Part]:
    """Return the pictures within a picture; empty for most photographs.

    Also empty if the network that described the whole is not available.
    """
    if found.space != found.descriptor.space:
        return []
    size = (found.info.width, found.info.height)
    boxes = _regions_of_strip(load(), found, limits) if found.strip_factor > 1 else regions(found.grey, size)
    return cut_out(load(), found, boxes, limits) if boxes else []


def _regions_of_strip(data: bytes, found: Features, limits: Limits) -> list[Box]:
    """Return the pictures within a strip, largest first: those within each section, which is twice as long as wide.

    Each section starts in the middle of the previous one; pictures cut off at its ends are complete in another.
    """
    decoded = decode(data, limits, at_least=round(NORMAL.side * found.strip_factor))
    grey = np.asarray(Image.fromarray(decoded.pixels).convert("L"))
    across, down = found.info.width / grey.shape[1], found.info.height / grey.shape[0]
    upright = grey.shape[0] > grey.shape[1]
    lines, wide, along = (grey, across, down) if upright else (grey.T, down, across)
    length, step = lines.shape
    boxes: list[Box] = []
    for start in range(0, max(1, length - step), step):
        stretch = np.ascontiguousarray(lines[start : start + 2 * step])
        height, edge = len(stretch), BROKEN_OFF * step
        for box in regions(at_most(stretch, NORMAL.side), (round(step * wide), round(height * along))):
            top, bottom = box.top / along, box.bottom / along
            if (start and top < edge) or (start + height < length and bottom > height - edge):
                continue
            lies = Box(box.left, box.top + start * along, box.right, box.bottom + start * along)
            if all(lies.likeness(other) < SAME_PART for other in boxes):
                boxes.append(lies)
    boxes.sort(key=lambda box: -box.width * box.height)
    if not upright:
        boxes = [Box(box.top, box.left, box.bottom, box.right) for box in boxes]
    return boxes[:MAX_REGIONS]


def named_within(parts: Sequence[Part], descriptors: VectorIndex) -> list[tuple[Part, Candidate]]:
    """Return the result of the index for each of the parts, the nearest first."""
    hits_by_part = descriptors.search(_vectors(parts), k=1, within=WITHIN)
    named = [(part, hit) for part, hits in zip(parts, hits_by_part, strict=True) for hit in hits]
    named.sort(key=lambda pair: pair[1].distance)
    return [(part, Candidate(descriptors.space.id, hit.number, hit.distance)) for part, hit in named]


def likest(parts: Sequence[Part], registered: Features) -> list[Part]:
    """Return the parts most similar to a registered picture; empty if another network described it."""
    if not parts or registered.space != parts[0].descriptor.space:
        return []
    apart = 1 - _vectors(parts) @ registered.embedding
    return [parts[number] for number in np.argsort(apart, kind="stable")[:LIKEST].tolist() if apart[number] <= WITHIN]


def _vectors(parts: Sequence[Part]) -> NDArray[np.float32]:
    return parts[0].descriptor.vectors([part.pixels for part in parts])


def verified_within(
    part: Part, found: Features, load: Callable[[], bytes], registered: Features, limits: Limits, works: int = 0
) -> Verification:
    """Compare a part with a registered picture, named among ``works`` works; the stated values refer to the whole."""
    verification = verify(part.features, registered, works)
    if verification.decision is Decision.NONE or verification.transform is None:
        return unrelated(verification)
    shift = np.array([[1.0, 0, -part.box.left], [0, 1, -part.box.top], [0, 0, 1]])
    transform = np.array(_shifted(verification.transform, shift))
    moved = replace(
        laid(verification, transform, found, registered),
        further=tuple(_shifted(further, shift) for further in verification.further),
        pieces=tuple(Piece(piece.box, _shifted(piece.transform, shift)) for piece in verification.pieces),
    )
    return _with_agreement(moved, _with_enough_pixels(moved, found, load, registered, limits), registered, works)


def state_agreement(
    said: Told, found: Features, load: Callable[[], bytes], registered: Features, limits: Limits, works: int = 0
) -> Told:
    """Restate the share of matching windows of a pair as a verifier recomputes it from both files.

    The grey picture, on which all other measurements are based, blurs small parts of the found one.

    Args:
        said: The verification.
        found: The found picture.
        load: Returns its exact bytes.
        registered: The registered picture.
        limits: Limits for decoding.
        works: Number of works among which the pair was named.

    Returns:
        The verification.
    """
    if said.transform is None or said.decision is Decision.NONE or found.digest == registered.digest:
        return said
    whole = _with_enough_pixels(said, found, load, registered, limits)
    return hold_back_weak(said) if whole is found else _with_agreement(said, whole, registered, works)


def hold_back_weak(said: Told) -> Told:
    """Send a certain match to review if fewer windows match than a verifier requires."""
    if said.decision is Decision.CERTAIN and said.dense < WEAK_DENSE:
        return replace(said, decision=Decision.REVIEW, reasons=(*said.reasons, WEAK))
    return said


def _with_enough_pixels(
    said: Verification, found: Features, load: Callable[[], bytes], registered: Features, limits: Limits
) -> Features:
    """Return the found picture, measured again at a higher resolution if its grey picture is too small."""
    first, second = ((one.info.width, one.info.height) for one in (found, registered))
    side = side_needed(first, second, said.transform or ())
    return found if side <= max(found.grey_size) else extract(load(), limits, Detail(side=side, parts=False))


def _with_agreement(said: Told, whole: Features, registered: Features, works: int) -> Told:
    share = dense_agreement(whole, registered, np.array(said.transform), pieces=said.pieces).share
    return hold_back_weak(weighed_as_stated(replace(said, dense=round(share, 4)), works))


def _shifted(transform: Matrix, shift: NDArray[np.float64]) -> Matrix:
    moved = np.array(transform) @ shift
    return matrix_of(moved / moved[2, 2])
