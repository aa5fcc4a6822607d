"""Blocks for one match: its drawings or both pictures, and the measurements."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from evidence.documents.phrases.wording import Wording, format_fraction, format_percent, format_ratio
from evidence.documents.typeset.blocks import Block, Plate, Plates, Row, Rows, Style, Text
from evidence.documents.typeset.pictures import DRAWING_ROLES, Album, Pictures
from evidence.facts.case import CalibrationFacts, CaseFacts, MatchFacts
from evidence.facts.shipped import CALIBRATIONS, is_shipped
from exhibit.comparison.derived import grade_survival_map
from exhibit.comparison.rate_bounds import format_odds
from exhibit.errors import UnreadablePictureError
from exhibit.types import Decision, Verification

NOT_COMPARED_DISTANCE = 256
_FIELD_PREFIX = "matches[].verification."
TEXT_WIDTH, GUTTER, PADDING = 166, 4, 2
"""Millimetres, as in the template: width of the text, gap between pictures in a row, and padding of their frames."""
MIN_HEIGHT = 20  # minimum height in mm of a frame without a picture


@dataclass(frozen=True, slots=True)
class DetailLimits:
    """Limits on the details of a case in a document; the attached data is always complete."""

    max_sightings: int  # maximum number of sightings
    max_matches: int  # maximum number of matches with pictures
    # Drawings of an aligned match by row: roles, height limit in mm
    drawing_rows: tuple[tuple[tuple[str, ...], int], ...]
    max_plain_height: int  # maximum height in mm of the two pictures of a match without an alignment
    includes_all_measurements: bool = True  # true for all measurements; false for the result only

    @property
    def drawing_roles(self) -> frozenset[str]:
        """Roles of the drawings in the document."""
        return frozenset(role for roles, _ in self.drawing_rows for role in roles)


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures of a case (exact bytes by path in the facts), and the album that stores them for the document."""

    pictures: Pictures
    album: Album
    wording: Wording

    def create_plate(self, role: str, path: str, column_count: int) -> Plate:
        """Create a picture with its caption, or with the reason why it cannot be shown, for a row of pictures."""
        caption = self.wording.render(f"picture.{role.replace('-', '_')}")
        data = self.pictures.get(path)
        if data is None:
            return Plate(None, self.wording.render("picture.missing"), caption, caption)
        try:
            return Plate(
                self.album.add_picture(data, column_count, drawing=role in DRAWING_ROLES), "", caption, caption
            )
        except UnreadablePictureError as error:
            reason = self.wording.phrases.get_label("refused", error.reason)
            return Plate(None, self.wording.render("picture.unreadable", reason=reason), caption, caption)

    def create_row(self, files: Mapping[str, str], max_height: int) -> Plates:
        """Create a row of pictures from their paths by role.

        The tallest picture is as wide as its column unless it would exceed the maximum height in millimetres.
        """
        plates = tuple(self.create_plate(role, path, len(files)) for role, path in files.items())
        column_width = (TEXT_WIDTH - (len(plates) - 1) * GUTTER) / len(plates) - 2 * PADDING
        sizes = [self.album.get_size(plate.path) for plate in plates if plate.path is not None]
        max_picture_height = max((column_width * height / width for width, height in sizes), default=MIN_HEIGHT)
        return Plates(plates, min(max_height, ceil(max_picture_height + 2 * PADDING)))


def build_comparison_blocks(
    facts: CaseFacts, match: MatchFacts, gallery: Gallery, limits: DetailLimits, *, side_by_side: bool = True
) -> list[Block]:
    """Build the blocks of one match; pictures whose bytes are not in the gallery are marked as missing.

    Without ``side_by_side``, the drawing with both pictures is omitted.
    """
    wording = gallery.wording
    verification = match.verification
    sentences = [wording.describe_alignment(verification)]
    if verification.transform is not None:
        sentences.append(wording.render("match.aligned_picture", share=format_percent(verification.overlap_picture)))
        sentences.append(wording.render("match.agreeing", share=format_percent(verification.dense)))
    if verification.visible_part is not None:
        sentences.append(wording.render("match.visible", share=format_percent(verification.visible_part)))
    if verification.decision is Decision.RELATED:
        sentences.append(wording.render("match.related_only"))
    build_rows = _build_all_measurement_rows if limits.includes_all_measurements else _build_result_rows
    return [
        *_build_plates(facts, match, gallery, limits, side_by_side=side_by_side),
        Text(wording.render("document.sentences").join(sentences)),
        build_rows(verification, facts.find_calibration(match), wording),
    ]


def list_compared_pictures(facts: CaseFacts, match: MatchFacts) -> dict[str, str]:
    """Return the paths of the two compared pictures by role; empty for a picture that is not in the facts."""
    registered_file = next(
        (picture.file for picture in facts.work.pictures if picture.digest == match.work_picture), ""
    )
    pictures = (sighting.picture for sighting in facts.sightings)
    found_file = next((picture.file for picture in pictures if picture.digest == match.picture), "")
    return {"registered": registered_file, "found": found_file}


def _build_plates(
    facts: CaseFacts, match: MatchFacts, gallery: Gallery, limits: DetailLimits, *, side_by_side: bool
) -> list[Plates]:
    """Build rows with the existing drawings, or with the two pictures if there are none."""
    drawings = {role: path for role, path in match.drawings.items() if side_by_side or role != "side-by-side"}
    if not match.drawings:
        return (
            [gallery.create_row(list_compared_pictures(facts, match), limits.max_plain_height)] if side_by_side else []
        )
    rows = [
        ({role: drawings[role] for role in roles if role in drawings}, height) for roles, height in limits.drawing_rows
    ]
    return [gallery.create_row(files, height) for files, height in rows if files]


def _build_all_measurement_rows(
    verification: Verification, calibration: CalibrationFacts | None, wording: Wording
) -> Rows:
    def describe_fraction(value: float) -> str:
        return wording.render("match.share", share=format_percent(value), figure=format_fraction(value))

    is_compared = verification.hamming < NOT_COMPARED_DISTANCE
    distance = (
        wording.render("match.hamming", n=verification.hamming) if is_compared else wording.render("match.hamming_none")
    )
    rows = [wording.build_row("hash_distance", _FIELD_PREFIX + "hamming", distance)]
    if verification.transform is not None:
        rows += [
            wording.build_row(
                "inliers", _FIELD_PREFIX + "inliers", wording.render("match.inliers", n=verification.inliers)
            ),
            wording.build_row("dense", _FIELD_PREFIX + "dense", describe_fraction(verification.dense)),
            wording.build_row(
                "overlap_work", _FIELD_PREFIX + "overlap_work", describe_fraction(verification.overlap_work)
            ),
            wording.build_row(
                "overlap_picture", _FIELD_PREFIX + "overlap_picture", describe_fraction(verification.overlap_picture)
            ),
        ]
    odds = (("related", verification.related), ("exposure", verification.exposure))
    if odds_texts := [
        wording.render(f"match.{name}", odds=format_odds(log_odds)) for name, log_odds in odds if log_odds is not None
    ]:
        rows.append(wording.build_row("odds", _FIELD_PREFIX + "related", *odds_texts, style=Style.QUIET))
    rows.append(_build_ratio_row(verification, calibration, wording))
    if calibration is not None:
        if verification.probability is not None:
            prior = wording.render("match.prior", prior=format_fraction(calibration.prior))
            rows.append(wording.build_row("prior", "calibrations[].prior", prior))
        calibration_lines = describe_calibration(calibration, wording, _get_bound_name(verification), with_name=True)
        rows.append(wording.build_row("calibration", "calibrations[].name", *calibration_lines))
    if verification.survival:
        survival_text = wording.render("match.survival", grade=grade_survival_map(verification.survival))
        rows.append(
            wording.build_row(
                "survival", _FIELD_PREFIX + "survival[]", survival_text, *verification.survival, style=Style.MONO
            )
        )
    rows += _build_remark_rows(verification, wording)
    rows.append(wording.build_row("pipeline", _FIELD_PREFIX + "pipeline", verification.pipeline, style=Style.MONO))
    return Rows(tuple(rows), together=False)


def _build_result_rows(verification: Verification, calibration: CalibrationFacts | None, wording: Wording) -> Rows:
    """Build rows with the result of the measurements, and its error rate."""
    rows = [_build_ratio_row(verification, calibration, wording)]
    if calibration is not None:
        lines = describe_calibration(calibration, wording, _get_bound_name(verification))
        rows.append(wording.build_row("error_rate", "calibrations[].certain.at_most_in_a_million", *lines))
    return Rows((*rows, *_build_remark_rows(verification, wording)))


def _build_ratio_row(verification: Verification, calibration: CalibrationFacts | None, wording: Wording) -> Row:
    sentence = describe_ratio("match", verification, calibration, wording)
    return wording.build_row("ratio", _FIELD_PREFIX + "probability", sentence)


def _build_remark_rows(verification: Verification, wording: Wording) -> list[Row]:
    remarks = [wording.phrases.get_label("remark", reason) for reason in verification.reasons]
    return [wording.build_row("remarks", _FIELD_PREFIX + "reasons[]", *remarks)] if remarks else []


def _get_bound_name(verification: Verification) -> str:
    return "certain" if verification.decision is Decision.CERTAIN else "review"


def describe_ratio(
    group: str, verification: Verification, calibration: CalibrationFacts | None, wording: Wording
) -> str:
    """Describe the likelihood ratio with a group of phrases, or state that there is no calibration."""
    ratio = None if calibration is None else calibration.compute_ratio(verification.probability)
    if ratio is None or calibration is None:
        return wording.render("match.not_calibrated")
    phrase = "ratio_within" if not ratio.limited else "ratio_most" if ratio.value > 1 else "ratio_least"
    photographs = f"{calibration.photographs:,}"
    return wording.render(f"{group}.{phrase}", ratio=format_ratio(ratio.value), photographs=photographs)


def describe_calibration(
    calibration: CalibrationFacts, wording: Wording, *decisions: str, with_name: bool = False
) -> list[str]:
    """Describe the data of a calibration, and its bounds for decisions (``certain``, ``review``), as sentences.

    With ``with_name``, the sentences include the calibration's name and digest.
    """
    data = wording.translate(calibration.data)
    lines = [wording.render("match.calibration", name=calibration.name, data=data, digest=calibration.digest.hex)]
    lines = lines if with_name else [data]
    for decision in decisions:
        bound = {"certain": calibration.certain, "review": calibration.review}[decision]
        counts = {name: f"{getattr(bound, name):,}" for name in ("at_most_in_a_million", "photographs", "failed")}
        lines.append(wording.render(f"match.bound_{decision}", **counts, others=f"{bound.photographs - 1:,}"))
    if not is_shipped(calibration.digest, CALIBRATIONS):
        lines.append(wording.render("match.calibration_unknown"))
    return lines
