"""Sentences that are sealed or shown with the facts: what was measured, and what wasn't checked."""

from evidence.documents import standing_unchecked
from evidence.documents.wording import floored, percent
from exhibit.calibration import Calibration
from exhibit.types import Verification

NOT_COMPARED = 256


def not_checked(language: str) -> tuple[str, ...]:
    """What no document may be silent about, in the words of the documents."""
    return standing_unchecked(language)


def words_of(one: Verification, calibration: Calibration | None = None) -> tuple[str, ...]:
    """The figures of a comparison in English sentences, with the calibration that its probability comes from."""
    words = []
    if one.transform is None:
        words.append("The pictures could not be laid onto each other.")
    else:
        shown = f"The found picture shows {percent(one.overlap_work)} of the registered picture's area"
        words.append(f"{shown}, which fills {percent(one.overlap_picture)} of the found picture.")
        words.append(
            f"Where both have texture, {percent(one.dense)} of the blocks agree; {one.inliers} distinct points agree."
        )
    if one.mirrored:
        words.append("It is mirrored.")
    if one.rotation:
        words.append(
            f"It is turned by {abs(one.rotation)}° {'counter-clockwise' if one.rotation > 0 else 'clockwise'}."
        )
    if one.hamming < NOT_COMPARED:
        words.append(f"The 256-bit perceptual hashes differ in {one.hamming} bits.")
    words.append(probability_of(one, calibration))
    return tuple(words)


def probability_of(one: Verification, calibration: Calibration | None) -> str:
    """The probability with what it rests on, in one English sentence."""
    if one.probability is None or calibration is None:
        return "The probability has not been calibrated."
    bound = calibration.bound(one.decision)
    figure = f"{floored(one.probability, 4):.4f}"
    measured = f"Probability of a copy, as measured on other pictures: {figure}"
    return f"{measured} (calibration {calibration.name}; {bound.in_words})."
