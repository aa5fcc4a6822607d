"""Pictures within a picture: each is looked for as if found alone, and what it shows is laid on the whole."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exhibit.pictures.decode import Limits
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Matrix, Piece, Verification
from indexer.compare.decision import laid, matrix_of, verify
from indexer.compare.dense import dense_agreement
from indexer.layout.regions import regions
from indexer.picture.features import CUT_FROM, Detail, Features, Part, cut_out, extract
from indexer.search.candidates import Candidate

WITHIN = 0.47
"""1 − cosine within which a part is compared with a work. Of 86 pictures that show one of 200 works small, and that
nothing else found, it names the work in 57; in 13 another work lies within it, too, and is compared in vain.
"""
LIKEST = 3
"""Parts that are compared with one picture."""
CLOSELY = Detail(side=CUT_FROM, parts=False)
"""How the whole is looked at once a part of it was found: as whoever recomputes the figures sees it."""


def parts_of(found: Features, load: Callable[[], bytes], limits: Limits) -> list[Part]:
    """The pictures within a picture; none in most photographs.

    None either where the network that described the whole isn't at hand.
    """
    if found.space != found.descriptor.space:
        return []
    boxes = regions(found.grey, (found.info.width, found.info.height))
    return cut_out(load(), found, boxes, limits) if boxes else []


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
        return replace(said, decision=Decision.NONE, transform=None, overlap_work=0.0, overlap_picture=0.0, reasons=())
    shift = np.array([[1.0, 0, -part.box.left], [0, 1, -part.box.top], [0, 0, 1]])
    transform = np.array(_shifted(said.transform, shift))
    whole = extract(load(), limits, CLOSELY)
    pieces = tuple(Piece(piece.box, _shifted(piece.transform, shift)) for piece in said.pieces)
    return replace(
        laid(said, transform, found, registered),
        dense=round(dense_agreement(whole, registered, transform, pieces=pieces).share, 4),
        further=tuple(_shifted(further, shift) for further in said.further),
        pieces=pieces,
    )


def _shifted(transform: Matrix, shift: NDArray[np.float64]) -> Matrix:
    moved = np.array(transform) @ shift
    return matrix_of(moved / moved[2, 2])
