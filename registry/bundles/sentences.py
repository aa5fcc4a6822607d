"""Sentences that are sealed or shown with the facts: measurements, and limitations of the checks."""

from evidence.documents.phrases import list_never_checked_sentences
from evidence.documents.phrases.wording import format_fraction, format_percent, format_ratio
from exhibit.comparison.calibration import Calibration
from exhibit.comparison.derived import DERIVED_REASON, grade_survival_map
from exhibit.comparison.odds import UNCOMPARED_DISTANCE
from exhibit.comparison.rate_bounds import format_odds
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
VISIBLE_PART = _(
    "In about %(share)s of the common area, small details are the same in both pictures; in the rest, content is "
    "covered, removed or changed."
)
SURVIVAL_GRADE = _("Share of the registered picture that remains: grade %(grade)s on a scale of 0 to 5.")
ADAPTATION_NOTE = _(
    "Parts of the work's outline or structure remain. Whether this is an adaptation is a legal "
    "question that software cannot answer."
)
RELATED_PICTURE = _(
    "Related: more similar than coincidence explains. The found picture may be an altered copy, an "
    "adaptation or another photograph of the same scene; the measurement does not distinguish "
    "these. A person has to review it."
)
RELATED_ODDS = _("Estimated odds that the picture is related to the work rather than similar by coincidence: %(odds)s.")
EXPOSURE_ODDS = _(
    "Estimated odds that the picture shows this photograph rather than another one of the same scene: %(odds)s."
)
HASH_DISTANCE = _("The 256-bit perceptual hashes differ in %(bits)s bits.")
UNCALIBRATED_RATIO = _("The likelihood ratio has not been calibrated.")
LIKELIHOOD_RATIO = _("Likelihood ratio of a copy, measured on other pictures: %(ratio)s.")
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

TECHNICAL_SENTENCES = frozenset(
    {
        AGREEMENT,
        HASH_DISTANCE,
        RELATED_ODDS,
        EXPOSURE_ODDS,
        LIKELIHOOD_RATIO,
        RATIO_AT_MOST,
        RATIO_AT_LEAST,
        CALIBRATED_PRIOR,
        UNCALIBRATED_RATIO,
    }
)
"""Technical sentences, which are useful only for calculations."""


def list_unchecked_items(language: str) -> tuple[str, ...]:
    """Return the list of unchecked items that every document must contain, in a language."""
    return list_never_checked_sentences(language)


TemplateWithValues = tuple[str, dict[str, object]]
"""A sentence template and its values, for translation on pages."""


def format_measurements(verification: Verification, calibration: Calibration | None = None) -> tuple[str, ...]:
    """Format the measurements of a comparison as English sentences, including the calibration of its probability."""
    return tuple(sentence % values for sentence, values in build_measurement_templates(verification, calibration))


def build_measurement_templates(
    verification: Verification, calibration: Calibration | None = None
) -> tuple[TemplateWithValues, ...]:
    """Build the measurements of a comparison as sentence templates with values, for translation."""
    templates: list[TemplateWithValues] = []
    is_derived = DERIVED_REASON in verification.reasons
    if verification.decision is Decision.RELATED:
        templates.append((RELATED_PICTURE, {}))
    if FINGERPRINTS_ONLY in verification.reasons:
        templates.append((_("Only fingerprints were compared, not the pictures."), {}))
    elif verification.transform is None:
        templates.append((_("The pictures could not be aligned."), {}))
    else:
        area_fractions: dict[str, object] = {
            "work": format_percent(verification.overlap_work),
            "found": format_percent(verification.overlap_picture),
        }
        templates += [] if is_derived else [(VISIBLE_AREA, area_fractions)]
        templates.append((AGREEMENT, {"blocks": format_percent(verification.dense), "points": verification.inliers}))
        if verification.visible_part is not None:
            templates.append((VISIBLE_PART, {"share": format_percent(verification.visible_part)}))
    if verification.survival:
        templates += [
            (SURVIVAL_GRADE, {"grade": grade_survival_map(verification.survival)}),
            *([(ADAPTATION_NOTE, {})] if is_derived else []),
        ]
    if verification.mirrored:
        templates.append((_("The picture is mirrored."), {}))
    if verification.rotation > 0:
        templates.append(
            (_("The picture is rotated by %(degrees)s° counter-clockwise."), {"degrees": verification.rotation})
        )
    elif verification.rotation:
        templates.append((_("The picture is rotated by %(degrees)s° clockwise."), {"degrees": -verification.rotation}))
    if verification.hamming < UNCOMPARED_DISTANCE:
        templates.append((HASH_DISTANCE, {"bits": verification.hamming}))
    odds = ((RELATED_ODDS, verification.related), (EXPOSURE_ODDS, verification.exposure))
    templates += [(sentence, {"odds": format_odds(log)}) for sentence, log in odds if log is not None]
    return (*templates, *_build_ratio_templates(verification, calibration))


def _build_ratio_templates(
    verification: Verification, calibration: Calibration | None
) -> tuple[TemplateWithValues, ...]:
    """Build the sentences about the likelihood ratio and its calibration."""
    if verification.probability is None or calibration is None:
        return ((UNCALIBRATED_RATIO, {}),)
    bound, ratio = calibration.get_bound(verification.decision), calibration.compute_ratio(verification.probability)
    template = LIKELIHOOD_RATIO if not ratio.limited else RATIO_AT_MOST if ratio.value > 1 else RATIO_AT_LEAST
    values: dict[str, object] = {
        "prior": format_fraction(calibration.prior),
        "name": calibration.name,
        "most": f"{bound.per_million:,}",
        "photographs": f"{bound.photographs:,}",
        "others": f"{bound.photographs - 1:,}",
        "failed": f"{bound.false_alarms:,}",
    }
    return (template, {"ratio": format_ratio(ratio.value)}), (CALIBRATED_PRIOR, values)
