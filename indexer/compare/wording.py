"""A comparison as text and as plain JSON: the observations and their certainty."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from types import MappingProxyType

from exhibit.comparison.rate_bounds import odds_words
from exhibit.types import Decision, Json, Verification
from indexer.compare.change import MIN_MISSING_SHARE, SAME_SIZE, STRETCH, Change, Place, derive_change
from indexer.layout.information import COMPOSED

DECISIONS = {
    Decision.CERTAIN: "The second picture shows the first one. Nothing held the decision back.",
    Decision.REVIEW: "The second picture may show the first one. A person has to look.",
    Decision.RESEMBLES: (
        "The second picture has to do with the first beyond chance: an altered copy, an adaptation, another photograph "
        "of the same scene. Which of these isn't said; a person has to look."
    ),
    Decision.NONE: "No sign was found that the second picture shows the first one.",
}
REASONS = {
    "same-bytes": "The two files have the same bytes.",
    "low-information": "The first picture is plain or tiny: many others look like it.",
    "plain": "The first picture is plain: how often such pictures are mistaken for each other wasn't measured.",
    "few-inliers": "Few details confirm it.",
    "weak-agreement": "The pixels agree only in part.",
    "shared-overlay": (
        "Beside what agrees, each shows something else: the two may share only a mark, a frame or a page."
    ),
    "imprecise": (
        "They don't lie on each other so precisely that another photograph of the same thing couldn't lie so, too."
    ),
    "negative": "They agree when the tones of the second are inverted; its pixels were compared as they are.",
    "hash": "What agrees is mostly their coarse structure; their details hardly confirm it.",
    "pieces": "They agree piece by piece, as where a copy was bent, cut apart or partly covered.",
    "derived": "Parts of the structure of the first survive. Whether this is an adaptation is a legal question.",
    "collage": "The first picture is a collage: strangers may use the same neighbours.",
    "mark": "What agrees is mostly a mark that other works of the owner carry, too.",
    "prints": "Only fingerprints were compared: the work's picture was never held here.",
    "series": "Another work of the owner shows the same scene, and explains the second picture as well or better.",
    "page": "The first picture is a page with words around a picture: strangers may use the same page.",
}
PHRASES: Mapping[str, str] = MappingProxyType(
    {
        "all": "all of the work",
        "part": "{share} of the work, its {place} part",
        "mirrored": "mirrored",
        "clockwise": "turned by {degrees}° clockwise",
        "counter-clockwise": "turned by {degrees}° counter-clockwise",
        "reduced": "reduced to {scale}",
        "enlarged": "enlarged to {scale}",
        "wider": "stretched to {stretch} in width",
        "higher": "stretched to {stretch} in height",
        "perspective": "seen at an angle",
        "first/whole": "left",
        "last/whole": "right",
        "middle/whole": "middle",
        "whole/first": "top",
        "whole/last": "bottom",
        "whole/middle": "middle",
        "first/first": "top left",
        "last/first": "top right",
        "middle/first": "top middle",
        "first/last": "bottom left",
        "last/last": "bottom right",
        "middle/last": "bottom middle",
        "first/middle": "middle left",
        "last/middle": "middle right",
        "middle/middle": "middle",
        "whole/whole": "largest",
    }
)
"""Phrases of :func:`describe_change_of_work`; those with a slash describe the position of a part, across and down."""

SLANT = 15
"""Degrees by which a picture seen at an angle may seem to be rotated."""
Size = tuple[int, int]


_REPORTED_FIELDS = (
    "decision", "probability", "calibration", "hamming", "inliers", "dense", "in_place", "drift", "transform",
    "further", "pieces", "survival", "related", "exposure", "figures", "mirrored", "rotation", "overlap_work",
    "overlap_picture", "reasons", "pipeline",
)  # fmt: skip


def in_words(verification: Verification, found_size: Size | None = None, registered_size: Size | None = None) -> str:
    """Describe a verification in several lines; with the sizes of the pictures, also the changes to the copy."""
    result = verification
    lines = [DECISIONS[result.decision], *(REASONS.get(reason, reason) for reason in result.reasons)]
    lines.append(f"Hash distance      {result.hamming} of 256 bits")
    lines.append(f"Details in place   {result.inliers}")
    lines.append(f"Pixels that agree  {result.dense:.0%} of the textured area that both show")
    if result.in_place is not None and result.drift is not None:
        lines.append(
            f"Patches in place   {result.in_place:.0%}; neighbours displaced together by {result.drift:.1f} pixels"
        )
    if result.transform is not None and result.decision is not Decision.NONE:
        lines += _describe_change(result, found_size, registered_size)
        lines.append(
            f"Shown of the first {result.overlap_work:.0%}; it fills {result.overlap_picture:.0%} of the second"
        )
        lines.append(f"Mirrored           {'yes' if result.mirrored else 'no'}")
        side = "" if result.rotation in {0, 180} else " counter-clockwise" if result.rotation > 0 else " clockwise"
        lines.append(f"Turned             {abs(result.rotation)}°{side}")
    if result.pieces:
        lines.append(f"Laid on the first  in {len(result.pieces)} pieces, each by a transform of its own")
    if result.further:
        lines.append(f"Further copies     {len(result.further)} in the same picture")
    lines += [f"Odds               {words}" for words in describe_odds(result.related, result.exposure)]
    lines.append(f"Probability        {_describe_probability(result)}")
    return "\n".join([*lines, f"Method             {result.pipeline}"])


def describe_change_of_work(change: Change) -> str:
    """Describe how a work appears in a picture, such as ``all of the work, mirrored, reduced to 31%``."""
    phrases = [_describe_part(change)]
    if change.mirrored:
        phrases.append(PHRASES["mirrored"])
    if abs(change.rotation) > (SLANT if change.perspective else 0):
        side = "counter-clockwise" if change.rotation > 0 or change.rotation == 180 else "clockwise"
        phrases.append(PHRASES[side].format(degrees=abs(change.rotation)))
    if abs(change.scale - 1) > SAME_SIZE:
        phrases.append(PHRASES["reduced" if change.scale < 1 else "enlarged"].format(scale=f"{change.scale:.0%}"))
    if change.perspective:
        phrases.append(PHRASES["perspective"])
    elif abs(change.stretch - 1) > STRETCH:
        wider = change.stretch > 1
        stretch = change.stretch if wider else 1 / change.stretch
        phrases.append(PHRASES["wider" if wider else "higher"].format(stretch=f"{stretch:.0%}"))
    return ", ".join(phrases)


def as_dict(verification: Verification) -> dict[str, Json]:
    """Return the decision and all figures as plain JSON data."""
    calibration = verification.calibration
    fields = {name: getattr(verification, name) for name in _REPORTED_FIELDS}
    pieces = [asdict(piece) for piece in verification.pieces]
    return fields | {"calibration": None if calibration is None else calibration.hex, "pieces": pieces}


def describe_odds(related: float | None, exposure: float | None) -> list[str]:
    """Describe odds given as natural logarithms, each with its meaning; missing ones are skipped."""
    claims = (related, "it has to do with the work"), (exposure, "it shows this very picture")
    return [f"weighed at {odds_words(odds)} that {claim}" for odds, claim in claims if odds is not None]


def describe_restrictions(reasons: Iterable[str]) -> str:
    """Describe the consequence of the reasons for which no match of a work is certain."""
    reason_names = tuple(reasons)
    if COMPOSED.issuperset(reason_names):
        return f"is never matched for certain ({', '.join(reason_names)})"
    return f"cannot be matched reliably ({', '.join(reason_names)}): nearly exact copies only, for review"


def _describe_probability(verification: Verification) -> str:
    if verification.probability is None or verification.calibration is None:
        return "not calibrated"
    return (
        f"{verification.probability:.4f} of a copy, as measured on other pictures (calibration "
        f"{verification.calibration.hex[:12]})"
    )


def _describe_change(verification: Verification, found_size: Size | None, registered_size: Size | None) -> list[str]:
    if verification.transform is None or found_size is None or registered_size is None:
        return []
    change = derive_change(verification.transform, found_size, registered_size)
    return [] if change is None else [f"It shows           {describe_change_of_work(change)}"]


def _describe_part(change: Change) -> str:
    if change.share >= (1 - MIN_MISSING_SHARE) ** 2 and change.across is change.down is Place.WHOLE:
        return PHRASES["all"]
    return PHRASES["part"].format(share=f"{change.share:.0%}", place=PHRASES[f"{change.across}/{change.down}"])
