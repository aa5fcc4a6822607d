"""Sentences that are sealed or shown with the facts: what was measured, and what wasn't checked."""

from evidence.documents import standing_unchecked
from exhibit.types import Verification

NOT_COMPARED = 256


def not_checked(language: str) -> tuple[str, ...]:
    """What no document may be silent about, in the words of the documents."""
    return standing_unchecked(language)


def words_of(one: Verification) -> tuple[str, ...]:
    """The figures of a comparison in English sentences."""
    words = []
    if one.transform is None:
        words.append("The pictures could not be laid onto each other.")
    else:
        shown = f"The found picture shows {one.overlap_work:.0%} of the registered picture's area"
        words.append(f"{shown}, which fills {one.overlap_picture:.0%} of the found picture.")
        words.append(
            f"Where both have texture, {one.dense:.0%} of the blocks agree; {one.inliers} distinct points agree."
        )
    if one.mirrored:
        words.append("It is mirrored.")
    if one.rotation:
        words.append(
            f"It is turned by {abs(one.rotation)}° {'counter-clockwise' if one.rotation > 0 else 'clockwise'}."
        )
    if one.hamming < NOT_COMPARED:
        words.append(f"The 256-bit perceptual hashes differ in {one.hamming} bits.")
    words.append("The probability has not been calibrated." if one.probability is None else f"{one.probability:.4f}")
    return tuple(words)
