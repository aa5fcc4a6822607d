"""Pictures within a picture: each is looked for as if found alone, and what it shows is laid on the whole."""

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
"""1 − cosine within which a part is compared with a work. Of 86 pictures that show one of 200 works small, and that
nothing else found, it names the work in 57; in 13 another work lies within it, too, and is compared in vain.
"""
LIKEST = 3
"""Parts that are compared with one picture."""
BROKEN_OFF = 0.02
"""Share of a strip's width, within which of the end of a stretch a picture is taken to break off there."""


def parts_of(found: Features, load: Callable[[], bytes], limits: Limits) -> list[Part]:
    """The pictures within a picture; none in most photographs.

    None either where the network that described the whole isn't at hand.
    """
    if found.space != found.descriptor.space:
        return []
    size = (found.info.width, found.info.height)
    boxes = _regions_of_strip(load(), found, limits) if found.strip_factor > 1 else regions(found.grey, size)
    return cut_out(load(), found, boxes, limits) if boxes else []


def _regions_of_strip(data: bytes, found: Features, limits: Limits) -> list[Box]:
    """The pictures within a strip, largest first: those within each stretch of it that is twice as long as wide.

    Each stretch begins in the middle of the one before, and what breaks off at its ends is seen whole in another one.
    """
    decoded = decode(data, limits, at_least=round(NORMAL.side * found.strip_factor))
    grey = np.asarray(Image.fromarray(decoded.pixels).convert("L"))
    across, down = found.info.width / grey.shape[1], found.info.height / grey.shape[0]
    upright = grey.shape[0] > grey.shape[1]
    lines, wide, along = (grey, across, down) if upright else (grey.T, down, across)
    length, step = lines.shape
    seen: list[Box] = []
    for start in range(0, max(1, length - step), step):
        stretch = np.ascontiguousarray(lines[start : start + 2 * step])
        height, edge = len(stretch), BROKEN_OFF * step
        for box in regions(at_most(stretch, NORMAL.side), (round(step * wide), round(height * along))):
            top, bottom = box.top / along, box.bottom / along
            if (start and top < edge) or (start + height < length and bottom > height - edge):
                continue
            lies = Box(box.left, box.top + start * along, box.right, box.bottom + start * along)
            if all(lies.likeness(other) < SAME_PART for other in seen):
                seen.append(lies)
    seen.sort(key=lambda box: -box.width * box.height)
    if not upright:
        seen = [Box(box.top, box.left, box.bottom, box.right) for box in seen]
    return seen[:MAX_REGIONS]


def named_within(parts: Sequence[Part], descriptors: VectorIndex) -> list[tuple[Part, Candidate]]:
    """What the index says of each of the parts, the nearest first."""
    found = descriptors.search(_vectors(parts), k=1, within=WITHIN)
    named = [(part, hit) for part, hits in zip(parts, found, strict=True) for hit in hits]
    named.sort(key=lambda pair: pair[1].distance)
    return [(part, Candidate(descriptors.space.id, hit.number, hit.distance)) for part, hit in named]


def likest(parts: Sequence[Part], registered: Features) -> list[Part]:
    """The parts that a registered picture most resembles, by what would name it; none if other networks saw it."""
    if not parts or registered.space != parts[0].descriptor.space:
        return []
    apart = 1 - _vectors(parts) @ registered.embedding
    return [parts[number] for number in np.argsort(apart, kind="stable")[:LIKEST].tolist() if apart[number] <= WITHIN]


def _vectors(parts: Sequence[Part]) -> NDArray[np.float32]:
    return parts[0].descriptor.vectors([part.pixels for part in parts])


def verified_within(
    part: Part, found: Features, load: Callable[[], bytes], registered: Features, limits: Limits, works: int = 0
) -> Verification:
    """Compare a part with a registered picture that was named among so many works; what is stated is of the whole."""
    said = verify(part.features, registered, works)
    if said.decision is Decision.NONE or said.transform is None:
        return unrelated(said)
    shift = np.array([[1.0, 0, -part.box.left], [0, 1, -part.box.top], [0, 0, 1]])
    transform = np.array(_shifted(said.transform, shift))
    shown = replace(
        laid(said, transform, found, registered),
        further=tuple(_shifted(further, shift) for further in said.further),
        pieces=tuple(Piece(piece.box, _shifted(piece.transform, shift)) for piece in said.pieces),
    )
    return _with_agreement(shown, _with_enough_pixels(shown, found, load, registered, limits), registered, works)


def state_agreement(
    said: Told, found: Features, load: Callable[[], bytes], registered: Features, limits: Limits, works: int = 0
) -> Told:
    """What is said of a pair, with the share that agrees as whoever recomputes it from both files sees it.

    The grey picture, from which all else is measured, shows blurred what is small in the found one. ``works`` are those
    among which the pair was named.
    """
    if said.transform is None or said.decision is Decision.NONE or found.digest == registered.digest:
        return said
    whole = _with_enough_pixels(said, found, load, registered, limits)
    return hold_back_weak(said) if whole is found else _with_agreement(said, whole, registered, works)


def hold_back_weak(said: Told) -> Told:
    """With nothing certain of which both show less alike than a verifier takes for shown."""
    if said.decision is Decision.CERTAIN and said.dense < WEAK_DENSE:
        return replace(said, decision=Decision.REVIEW, reasons=(*said.reasons, WEAK))
    return said


def _with_enough_pixels(
    said: Verification, found: Features, load: Callable[[], bytes], registered: Features, limits: Limits
) -> Features:
    """The found picture, measured anew from more pixels where those of its grey picture don't suffice."""
    first, second = ((one.info.width, one.info.height) for one in (found, registered))
    side = side_needed(first, second, said.transform or ())
    return found if side <= max(found.grey_size) else extract(load(), limits, Detail(side=side, parts=False))


def _with_agreement(said: Told, whole: Features, registered: Features, works: int) -> Told:
    share = dense_agreement(whole, registered, np.array(said.transform), pieces=said.pieces).share
    return hold_back_weak(weighed_as_stated(replace(said, dense=round(share, 4)), works))


def _shifted(transform: Matrix, shift: NDArray[np.float64]) -> Matrix:
    moved = np.array(transform) @ shift
    return matrix_of(moved / moved[2, 2])
