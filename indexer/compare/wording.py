"""Text and JSON forms of a comparison: the observations and their certainty."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from types import MappingProxyType

from exhibit.comparison.rate_bounds import format_odds
from exhibit.types import Decision, Json, Verification
from indexer.compare.change import (
    MIN_MISSING_FRACTION,
    SIZE_TOLERANCE,
    STRETCH_TOLERANCE,
    Change,
    PartPosition,
    derive_change,
)
from indexer.layout.information import COMPOSITION_REASONS

DECISIONS = {
    Decision.CERTAIN: "The second picture shows the first picture. All checks passed.",
    Decision.REVIEW: "The second picture may show the first picture. A person must review the pair.",
    Decision.RELATED: (
        "The pictures are more similar than coincidence explains: they may be an altered copy, an adaptation or "
        "another photograph of the same scene. The comparison cannot tell which. A person must review the pair."
    ),
    Decision.NONE: "No sign was found that the second picture shows the first picture.",
}
REASONS = {
    "same-bytes": "The two files have the same bytes.",
    "low-information": "The first picture has little detail or is tiny, so many other pictures look like it.",
    "plain": "The first picture has little detail. How often such pictures are confused was not measured.",
    "few-inliers": "Few matching details confirm the match.",
    "weak-agreement": "Only some of the pixels agree.",
    "shared-overlay": (
        "Outside the common area, the pictures differ. They may share only a watermark, a frame or a page."
    ),
    "imprecise": ("The alignment is not precise enough to exclude another photograph of the same subject."),
    "negative": "The pictures agree with inverted tones. The pixels were compared without inversion.",
    "hash": "Mostly the coarse structure agrees. Few details confirm the match.",
    "pieces": "The pictures agree in pieces, as if a copy was bent, cut apart or partly covered.",
    "derived": "Parts of the first picture's structure are preserved. Whether it is an adaptation is a legal question.",
    "collage": "The first picture is a collage. Others may use the same component pictures.",
    "mark": "Most of the matching part is a mark, such as a logo, that is also in other works of the owner.",
    "prints": "Only fingerprints were compared, because the picture of the work was never uploaded.",
    "series": "Another work of the owner shows the same scene, and matches the second picture equally well or better.",
    "page": "The first picture is a page with text around a picture. Others may use the same page.",
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
"""Phrases of :func:`describe_change_of_work`. Keys with a slash name the horizontal and vertical position of a part."""

MAX_SLANT = 15
"""Maximum rotation in degrees that perspective alone may cause."""
Size = tuple[int, int]


_REPORTED_FIELDS = (
    "decision", "probability", "calibration", "hamming", "inliers", "dense", "in_place", "drift", "transform",
    "further", "pieces", "survival", "related", "exposure", "figures", "mirrored", "rotation", "overlap_work",
    "overlap_picture", "reasons", "pipeline",
)  # fmt: skip


def in_words(verification: Verification, found_size: Size | None = None, registered_size: Size | None = None) -> str:
    """Describe a verification in several lines.

    With the sizes of the pictures, the description includes the changes to the copy.
    """
    result = verification
    lines = [DECISIONS[result.decision], *(REASONS.get(reason, reason) for reason in result.reasons)]
    lines.append(f"Hash distance      {result.hamming} of 256 bits")
    lines.append(f"Details in place   {result.inliers}")
    lines.append(f"Pixels that agree  {result.dense:.0%} of the common textured area")
    if result.in_place is not None and result.drift is not None:
        lines.append(
            f"Patches in place   {result.in_place:.0%}; neighbours displaced together by {result.drift:.1f} pixels"
        )
    if result.transform is not None and result.decision is not Decision.NONE:
        lines += _describe_change(result, found_size, registered_size)
        lines.append(f"Shown of the first {result.overlap_work:.0%}; covers {result.overlap_picture:.0%} of the second")
        if result.visible_part is not None:
            lines.append(f"Visible part       {result.visible_part:.0%} of that area shows the same content")
        lines.append(f"Mirrored           {'yes' if result.mirrored else 'no'}")
        side = "" if result.rotation in {0, 180} else " counter-clockwise" if result.rotation > 0 else " clockwise"
        lines.append(f"Turned             {abs(result.rotation)}°{side}")
    if result.pieces:
        lines.append(f"Aligned            in {len(result.pieces)} pieces, each with its own transform")
    if result.further:
        lines.append(f"Further copies     {len(result.further)} in the same picture")
    lines += [f"Odds               {text}" for text in describe_odds(result.related, result.exposure)]
    lines.append(f"Probability        {_describe_probability(result)}")
    return "\n".join([*lines, f"Method             {result.pipeline}"])


def describe_change_of_work(change: Change) -> str:
    """Describe how a work appears in a picture, such as ``all of the work, mirrored, reduced to 31%``."""
    phrases = [_describe_part(change)]
    if change.is_mirrored:
        phrases.append(PHRASES["mirrored"])
    if abs(change.rotation) > (MAX_SLANT if change.has_perspective else 0):
        side = "counter-clockwise" if change.rotation > 0 or change.rotation == 180 else "clockwise"
        phrases.append(PHRASES[side].format(degrees=abs(change.rotation)))
    if abs(change.scale - 1) > SIZE_TOLERANCE:
        phrases.append(PHRASES["reduced" if change.scale < 1 else "enlarged"].format(scale=f"{change.scale:.0%}"))
    if change.has_perspective:
        phrases.append(PHRASES["perspective"])
    elif abs(change.stretch - 1) > STRETCH_TOLERANCE:
        wider = change.stretch > 1
        stretch = change.stretch if wider else 1 / change.stretch
        phrases.append(PHRASES["wider" if wider else "higher"].format(stretch=f"{stretch:.0%}"))
    return ", ".join(phrases)


def as_dict(verification: Verification) -> dict[str, Json]:
    """Return the decision and all measurements as plain JSON data."""
    calibration = verification.calibration
    fields = {name: getattr(verification, name) for name in _REPORTED_FIELDS}
    pieces = [asdict(piece) for piece in verification.pieces]
    return fields | {"calibration": None if calibration is None else calibration.hex, "pieces": pieces}


def describe_odds(related: float | None, exposure: float | None) -> list[str]:
    """Describe log odds (natural logarithm), each with its meaning; missing odds are skipped."""
    claims = (related, "the picture is related to the work"), (exposure, "the picture shows the same photograph")
    return [f"{format_odds(odds)} that {claim}" for odds, claim in claims if odds is not None]


def describe_restrictions(reasons: Iterable[str]) -> str:
    """Describe the effect of the reasons for which no match of a work is certain."""
    reason_names = tuple(reasons)
    if COMPOSITION_REASONS.issuperset(reason_names):
        return f"never has certain matches ({', '.join(reason_names)})"
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
    if (
        change.fraction >= (1 - MIN_MISSING_FRACTION) ** 2
        and change.horizontal_position is change.vertical_position is PartPosition.WHOLE
    ):
        return PHRASES["all"]
    return PHRASES["part"].format(
        share=f"{change.fraction:.0%}", place=PHRASES[f"{change.horizontal_position}/{change.vertical_position}"]
    )
