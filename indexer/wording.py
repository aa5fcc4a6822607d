"""A comparison in words and as plain JSON: what was observed, and how sure it is."""

from typing import Any

from exhibit.types import Decision, Verification

DECISIONS = {
    Decision.CERTAIN: "The second picture shows the first one. Nothing held the decision back.",
    Decision.REVIEW: "The second picture may show the first one. A person has to look.",
    Decision.NONE: "No sign was found that the second picture shows the first one.",
}
REASONS = {
    "same-bytes": "The two files have the same bytes.",
    "low-information": "The first picture is flat, a pattern, or mostly text or lines: many others look like it.",
    "few-inliers": "Few details were found again.",
    "weak-agreement": "The pixels agree only in part.",
    "shared-overlay": "Many similar details don't fit; the two may share no more than an overlay, such as a watermark.",
    "imprecise": "They don't lie on each other precisely, as another photograph of the same thing would not.",
}


def in_words(verification: Verification) -> str:
    """Some lines for a reader."""
    one = verification
    lines = [DECISIONS[one.decision], *(REASONS.get(reason, reason) for reason in one.reasons)]
    lines.append(f"Hash distance      {one.hamming} of 256 bits")
    lines.append(f"Details in place   {one.inliers}")
    lines.append(f"Pixels that agree  {one.dense:.0%} of the textured area that both show")
    if one.transform is not None and one.decision is not Decision.NONE:
        lines.append(f"Shown of the first {one.overlap_work:.0%}; it fills {one.overlap_picture:.0%} of the second")
        lines.append(f"Mirrored           {'yes' if one.mirrored else 'no'}")
        lines.append(f"Turned             {abs(one.rotation)}°{_side(one.rotation)}")
    lines.append(f"Probability        {_probability(one)}")
    return "\n".join([*lines, f"Method             {one.pipeline}"])


def as_plain(verification: Verification) -> dict[str, Any]:
    """Plain JSON data: the decision and each figure."""
    one = verification
    return {
        "decision": str(one.decision),
        "probability": one.probability,
        "calibration": None if one.calibration is None else one.calibration.hex,
        "hamming": one.hamming,
        "inliers": one.inliers,
        "dense": one.dense,
        "transform": None if one.transform is None else [list(row) for row in one.transform],
        "mirrored": one.mirrored,
        "rotation": one.rotation,
        "overlap_work": one.overlap_work,
        "overlap_picture": one.overlap_picture,
        "reasons": list(one.reasons),
        "pipeline": one.pipeline,
    }


def _probability(one: Verification) -> str:
    if one.probability is None or one.calibration is None:
        return "not calibrated"
    return f"{one.probability:.4f} of a copy, as measured on other pictures (calibration {one.calibration.hex[:12]})"


def _side(rotation: int) -> str:
    return "" if rotation in {0, 180} else (" counter-clockwise" if rotation > 0 else " clockwise")
