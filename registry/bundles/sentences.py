"""Sentences that are sealed or shown with the facts: measurements and limits of what was checked."""

from evidence.documents.phrases import standing_unchecked
from evidence.documents.phrases.wording import figure, percent, ratio_words
from exhibit.comparison.calibration import Calibration
from exhibit.comparison.confidence import odds_words
from exhibit.comparison.derived import DERIVED, grade
from exhibit.comparison.odds import NOT_COMPARED
from exhibit.types import Decision, Verification
from registry.words import gettext_noop as _

PRINTS = "prints"
"""Reason code of a match in which only fingerprints were compared."""
SHOWN = _(
    "The found picture shows %(work)s of the area of the registered picture, which covers %(found)s "
    "of the found picture."
)
AGREEING = _(
    "In areas where both pictures have texture, %(blocks)s of the blocks agree; %(points)s distinct points agree."
)
SURVIVES = _("Share of the registered picture that remains: grade %(grade)s on a scale of 0 to 5.")
LEGAL = _(
    "Parts of the work's outline or structure remain. Whether this is an adaptation is a legal "
    "question that software cannot answer."
)
RESEMBLES = _(
    "Related: more similar than coincidence explains. It may be an altered copy, an adaptation or "
    "another photograph of the same scene; the measurement does not distinguish these. A person has "
    "to review it."
)
RELATED = _("Estimated odds that the picture is related to the work rather than similar by coincidence: %(odds)s.")
EXPOSURE = _(
    "Estimated odds that the picture shows this photograph rather than another one of the same scene: %(odds)s."
)
HASHES = _("The 256-bit perceptual hashes differ in %(bits)s bits.")
UNCALIBRATED = _("The likelihood ratio has not been calibrated.")
RATIO = _("Likelihood ratio of a copy, measured on other pictures: %(ratio)s.")
AT_MOST = _(
    "Likelihood ratio of a copy: at most %(ratio)s; the photographs used for the measurement support no larger value."
)
AT_LEAST = _(
    "Likelihood ratio of a copy: at least %(ratio)s; the photographs used for the measurement support no smaller value."
)
MEASURED = _(
    "The prior probability of %(prior)s is assumed, not measured (calibration %(name)s; at most "
    "%(most)s false alarms per million pictures at 95%% confidence, measured with %(photographs)s "
    "photographs, each searched for among the other %(others)s, with %(failed)s false alarms)."
)

FIGURES = frozenset({AGREEING, HASHES, RELATED, EXPOSURE, RATIO, AT_MOST, AT_LEAST, MEASURED, UNCALIBRATED})
"""Technical sentences, of use only to readers who compute with them."""


def not_checked(language: str) -> tuple[str, ...]:
    """Return the list of what was not checked, as every document must state it."""
    return standing_unchecked(language)


Said = tuple[str, dict[str, object]]
"""A sentence template and its values, from which pages translate it."""


def words_of(compared: Verification, calibration: Calibration | None = None) -> tuple[str, ...]:
    """Return the measurements of a comparison as English sentences, with the calibration of its probability."""
    return tuple(sentence % values for sentence, values in said_of(compared, calibration))


def said_of(compared: Verification, calibration: Calibration | None = None) -> tuple[Said, ...]:
    """Return the measurements of a comparison as templates with values, for translation."""
    said: list[Said] = []
    is_derived = DERIVED in compared.reasons
    if compared.decision is Decision.RESEMBLES:
        said.append((RESEMBLES, {}))
    if PRINTS in compared.reasons:
        said.append((_("Only fingerprints were compared, not the pictures."), {}))
    elif compared.transform is None:
        said.append((_("The pictures could not be aligned."), {}))
    else:
        shares: dict[str, object] = {"work": percent(compared.overlap_work), "found": percent(compared.overlap_picture)}
        said += [] if is_derived else [(SHOWN, shares)]
        said.append((AGREEING, {"blocks": percent(compared.dense), "points": compared.inliers}))
    if compared.survival:
        said += [(SURVIVES, {"grade": grade(compared.survival)}), *([(LEGAL, {})] if is_derived else [])]
    if compared.mirrored:
        said.append((_("The picture is mirrored."), {}))
    if compared.rotation > 0:
        said.append((_("It is rotated by %(degrees)s° counter-clockwise."), {"degrees": compared.rotation}))
    elif compared.rotation:
        said.append((_("It is rotated by %(degrees)s° clockwise."), {"degrees": -compared.rotation}))
    if compared.hamming < NOT_COMPARED:
        said.append((HASHES, {"bits": compared.hamming}))
    odds = ((RELATED, compared.related), (EXPOSURE, compared.exposure))
    said += [(sentence, {"odds": odds_words(log)}) for sentence, log in odds if log is not None]
    return (*said, *_ratio(compared, calibration))


def _ratio(compared: Verification, calibration: Calibration | None) -> tuple[Said, ...]:
    """Return the likelihood ratio and the calibration behind it."""
    if compared.probability is None or calibration is None:
        return ((UNCALIBRATED, {}),)
    bound, ratio = calibration.bound(compared.decision), calibration.ratio(compared.probability)
    stated = RATIO if not ratio.limited else AT_MOST if ratio.value > 1 else AT_LEAST
    rests_on: dict[str, object] = {
        "prior": figure(calibration.prior),
        "name": calibration.name,
        "most": f"{bound.per_million:,}",
        "photographs": f"{bound.photographs:,}",
        "others": f"{bound.photographs - 1:,}",
        "failed": f"{bound.failed:,}",
    }
    return (stated, {"ratio": ratio_words(ratio.value)}), (MEASURED, rests_on)
