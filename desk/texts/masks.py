"""Descriptions of parts of a registered picture: those that are not compared, and marks that other works contain."""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from registry.models import WorkPicture

CAPTION_SENTENCES: dict[str, Promise] = {
    "upper": _("The upper %(share)s looks like a caption and is not compared."),
    "lower": _("The lower %(share)s looks like a caption and is not compared."),
    "left": _("The left %(share)s looks like a caption and is not compared."),
    "right": _("The right %(share)s looks like a caption and is not compared."),
}
MARK_SENTENCE = _(
    "%(share)s of the picture, for example a watermark, also appears in other works of this owner. "
    "A copy that shows only this part is never a certain match."
)
FULL_WIDTH = 0.99
"""Minimum fraction of the picture's width for a bar to count as an upper or lower caption."""
Edges = Sequence[float]


class MaskDescription(NamedTuple):
    """A ``caption`` or ``mark`` (``kind``), the fraction of the picture's area (0 to 1), and a sentence about it."""

    kind: str
    share: float
    sentence: str


def describe_masks(picture: WorkPicture) -> list[MaskDescription]:
    """Describe the captions of a registered picture, and the mark that also appears in other works of the owner."""
    captions = [_describe_mask("caption", [edges], CAPTION_SENTENCES[_find_side(edges)]) for edges in picture.captions]
    return captions + ([_describe_mask("mark", picture.marks, MARK_SENTENCE)] if picture.marks else [])


def _describe_mask(kind: str, boxes: Sequence[Edges], sentence: Promise) -> MaskDescription:
    fraction = sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)
    return MaskDescription(kind, round(fraction, 4), str(sentence) % {"share": f"{fraction:.0%}"})


def _find_side(edges: Edges) -> str:
    left, top, right, _bottom = edges
    if right - left >= FULL_WIDTH:
        return "lower" if top else "upper"
    return "right" if left else "left"
