"""Descriptions of the parts of a registered image that are excluded from matching or do not suffice for a match."""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from registry.models import WorkPicture

CAPTIONS: dict[str, Promise] = {
    "upper": _("The upper %(share)s looks like a caption and is not compared."),
    "lower": _("The lower %(share)s looks like a caption and is not compared."),
    "left": _("The left %(share)s looks like a caption and is not compared."),
    "right": _("The right %(share)s looks like a caption and is not compared."),
}
MARK = _(
    "%(share)s of the picture, such as a mark, also appears in other works of this owner. A copy of "
    "only this part is never a certain match."
)
WHOLE = 0.99
"""Minimum share of the image's width for a bar to count as an upper or lower caption."""
Edges = Sequence[float]


class Masked(NamedTuple):
    """A ``caption`` or ``mark``, its share of the image's area (0 to 1), and a sentence about it."""

    kind: str
    share: float
    sentence: str


def describe_masks(picture: WorkPicture) -> list[Masked]:
    """Describe the captions of a registered image and the mark it shares with the owner's other works."""
    captions = [_describe_mask("caption", [edges], CAPTIONS[_side(edges)]) for edges in picture.captions]
    return captions + ([_describe_mask("mark", picture.marks, MARK)] if picture.marks else [])


def _describe_mask(kind: str, boxes: Sequence[Edges], sentence: Promise) -> Masked:
    share = sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)
    return Masked(kind, round(share, 4), str(sentence) % {"share": f"{share:.0%}"})


def _side(edges: Edges) -> str:
    left, top, right, _bottom = edges
    if right - left >= WHOLE:
        return "lower" if top else "upper"
    return "right" if left else "left"
