"""Why a match is left to a person, for those who read a page or a terminal."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

REASONS: dict[str, Promise] = {
    "same-bytes": _("The two files have the same bytes."),
    "low-information": _("The registered picture is plain: many others look like it."),
    "few-inliers": _("Few details were found again."),
    "weak-agreement": _("The pixels agree only in part."),
    "shared-overlay": _("What agrees is little: the two may share only a mark, a frame or a page."),
    "imprecise": _("They don't lie on each other to the pixel: perhaps two photographs of one thing."),
    "negative": _("They agree only when the tones of the found picture are inverted."),
    "lens": _("They agree only when the found picture is straightened, as if a wide lens had bent it."),
    "collage": _("The registered picture was taken for a collage: strangers may use the same neighbours."),
    "mark": _("What agrees is mostly a mark that other works of the owner carry, too."),
    "page": _("The registered picture was taken for a page with words: strangers may use the same page."),
}


def remarks_of(reasons: Iterable[str]) -> list[str]:
    """What a person should know of a match that isn't certain."""
    return [str(REASONS.get(reason, reason)) for reason in reasons]


def further_in_words(number: int) -> str:
    """That the work is in the picture so many times more; empty when it isn't."""
    if not number:
        return ""
    words = ngettext("The work is in the picture once more.", "The work is in the picture %(n)d times more.", number)
    return words % {"n": number}
