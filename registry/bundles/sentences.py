"""Sentences that are sealed or shown with the facts: measurements and limits of what was checked."""

from evidence.documents.phrases import standing_unchecked
from evidence.documents.phrases.wording import figure, percent, ratio_words
from exhibit.comparison.calibration import Calibration
from exhibit.comparison.derived import DERIVED, grade
from exhibit.comparison.odds import NOT_COMPARED
from exhibit.comparison.rate_bounds import odds_words
from exhibit.types import Decision, Verification
from registry.translation import gettext_noop as _

FINGERPRINTS_ONLY = "prints"
"""Reason code of a match in which only fingerprints were compared."""
VISIBLE_AREA = _(
    "The found picture shows %(work)s of the area of the registered picture, which covers %(found)s "
    "of the found picture."
)
AGREEMENT = _(
    "In areas where both pictures have texture, %(blocks)s of the blocks agree; %(points)s distinct points agree."
)
SURVIVAL_GRADE = _("Share of the registered picture that remains: grade %(grade)s on a scale of 0 to 5.")
ADAPTATION_NOTE = _(
    "Parts of the work's outline or structure remain. Whether this is an adaptation is a legal "
    "question that software cannot answer."
)
RELATED_PICTURE = _(
    "Related: more similar than coincidence explains. It may be an altered copy, an adaptation or "
    "another photograph of the same scene; the measurement does not distinguish these. A person has "
    "to review it."
)
RELATED_ODDS = _("Estimated odds that the picture is related to the work rather than similar by coincidence: %(odds)s.")
EXPOSURE_ODDS = _(
    "Estimated odds that the picture shows this photograph rather than another one of the same scene: %(odds)s."
)
HASHES = _("The 256-bit perceptual hashes differ in %(bits)s bits.")
UNCALIBRATED = _("The likelihood ratio has not been calibrated.")
RATIO = _("Likelihood ratio of a copy, measured on other pictures: %(ratio)s.")
RATIO_AT_MOST = _(
    "Likelihood ratio of a copy: at most %(ratio)s; the photographs used for the measurement support no larger value."
)
RATIO_AT_LEAST = _(
    "Likelihood ratio of a copy: at least %(ratio)s; the photographs used for the measurement support no smaller value."
)
CALIBRATED_PRIOR = _(
    "The prior probability of %(prior)s is assumed, not measured (calibration %(name)s; at most "
    "%(most)s false alarms per million pictures at 95%% confidence, measured with %(photographs)s "
    "photographs, each searched for among the other %(others)s, with %(failed)s false alarms)."
)

TECHNICAL = frozenset(
    {
        AGREEMENT,
        HASHES,
        RELATED_ODDS,
        EXPOSURE_ODDS,
        RATIO,
        RATIO_AT_MOST,
        RATIO_AT_LEAST,
        CALIBRATED_PRIOR,
        UNCALIBRATED,
    }
)
"""Technical sentences, of use only to readers who compute with them."""


def list_unchecked(language: str) -> tuple[str, ...]:
    """Return the list of what was not checked, as every document must state it."""
    return standing_unchecked(language)


TemplateWithValues = tuple[str, dict[str, object]]
"""A sentence template and its values, from which pages translate it."""


def measurement_sentences(verification: Verification, calibration: Calibration | None = None) -> tuple[str, ...]:
    """Return the measurements of a comparison as English sentences, with the calibration of its probability."""
    return tuple(sentence % values for sentence, values in measurement_templates(verification, calibration))


def measurement_templates(
    verification: Verification, calibration: Calibration | None = None
) -> tuple[TemplateWithValues, ...]:
    """Return the measurements of a comparison as templates with values, for translation."""
    templates: list[TemplateWithValues] = []
    is_derived = DERIVED in verification.reasons
    if verification.decision is Decision.RESEMBLES:
        templates.append((RELATED_PICTURE, {}))
    if FINGERPRINTS_ONLY in verification.reasons:
        templates.append((_("Only fingerprints were compared, not the pictures."), {}))
    elif verification.transform is None:
        templates.append((_("The pictures could not be aligned."), {}))
    else:
        shares: dict[str, object] = {
            "work": percent(verification.overlap_work),
            "found": percent(verification.overlap_picture),
        }
        templates += [] if is_derived else [(VISIBLE_AREA, shares)]
        templates.append((AGREEMENT, {"blocks": percent(verification.dense), "points": verification.inliers}))
    if verification.survival:
        templates += [
            (SURVIVAL_GRADE, {"grade": grade(verification.survival)}),
            *([(ADAPTATION_NOTE, {})] if is_derived else []),
        ]
    if verification.mirrored:
        templates.append((_("The picture is mirrored."), {}))
    if verification.rotation > 0:
        templates.append((_("It is rotated by %(degrees)s° counter-clockwise."), {"degrees": verification.rotation}))
    elif verification.rotation:
        templates.append((_("It is rotated by %(degrees)s° clockwise."), {"degrees": -verification.rotation}))
    if verification.hamming < NOT_COMPARED:
        templates.append((HASHES, {"bits": verification.hamming}))
    odds = ((RELATED_ODDS, verification.related), (EXPOSURE_ODDS, verification.exposure))
    templates += [(sentence, {"odds": odds_words(log)}) for sentence, log in odds if log is not None]
    return (*templates, *_ratio_templates(verification, calibration))


def _ratio_templates(verification: Verification, calibration: Calibration | None) -> tuple[TemplateWithValues, ...]:
    """Return the likelihood ratio and the calibration behind it."""
    if verification.probability is None or calibration is None:
        return ((UNCALIBRATED, {}),)
    bound, ratio = calibration.bound(verification.decision), calibration.ratio(verification.probability)
    template = RATIO if not ratio.limited else RATIO_AT_MOST if ratio.value > 1 else RATIO_AT_LEAST
    values: dict[str, object] = {
        "prior": figure(calibration.prior),
        "name": calibration.name,
        "most": f"{bound.per_million:,}",
        "photographs": f"{bound.photographs:,}",
        "others": f"{bound.photographs - 1:,}",
        "failed": f"{bound.failed:,}",
    }
    return (template, {"ratio": ratio_words(ratio.value)}), (CALIBRATED_PRIOR, values)
