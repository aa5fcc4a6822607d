"""Blocks for one match: its drawings, or both pictures, and all figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from evidence.documents.phrases.wording import Wording, figure, percent, ratio_words
from evidence.documents.typeset.blocks import Block, Plate, Plates, Row, Rows, Style, Text
from evidence.documents.typeset.pictures import DRAWINGS, Album, Pictures
from evidence.facts.case import CalibrationFacts, CaseFacts, MatchFacts
from evidence.facts.shipped import CALIBRATIONS, is_shipped
from exhibit.comparison.derived import grade
from exhibit.comparison.rate_bounds import odds_words
from exhibit.errors import UnreadablePictureError
from exhibit.types import Decision, Verification

NOT_COMPARED = 256
_FIELD = "matches[].verification."
TEXT_WIDTH, GUTTER, INSET = 166, 4, 2
"""Millimetres, as in the template: width of the text, gap between pictures in a row, and padding of their frames."""
MIN_HEIGHT = 20  # millimetres of a frame without a picture


@dataclass(frozen=True, slots=True)
class Room:
    """Limits on how much of a case a document shows; the attached data always has everything."""

    sightings: int  # limit of sightings
    matches: int  # limit of matches with pictures
    rows: tuple[tuple[tuple[str, ...], int], ...]  # drawings of an aligned match, by row: roles, and most mm
    plain_height: int  # height limit in mm of the two pictures of a match without an alignment
    figures: bool = True  # true to show all figures, for experts; false to show only their result

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the drawings that are shown."""
        return frozenset(role for roles, _ in self.rows for role in roles)


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures of a case (exact bytes by path in the facts), and the album that collects them for the document."""

    pictures: Pictures
    album: Album
    wording: Wording

    def plate(self, role: str, path: str, across: int) -> Plate:
        """Return one of several pictures in a row with its caption, or with the reason why it cannot be shown."""
        caption = self.wording.say(f"picture.{role.replace('-', '_')}")
        data = self.pictures.get(path)
        if data is None:
            return Plate(None, self.wording.say("picture.missing"), caption, caption)
        try:
            return Plate(self.album.place(data, across, drawing=role in DRAWINGS), "", caption, caption)
        except UnreadablePictureError as error:
            reason = self.wording.phrases.word("refused", error.reason)
            return Plate(None, self.wording.say("picture.unreadable", reason=reason), caption, caption)

    def row(self, files: Mapping[str, str], most: int) -> Plates:
        """Return pictures by role in a row.

        The tallest one is as wide as its column unless that exceeds the maximum height in millimetres.
        """
        plates = tuple(self.plate(role, path, len(files)) for role, path in files.items())
        column = (TEXT_WIDTH - (len(plates) - 1) * GUTTER) / len(plates) - 2 * INSET
        shapes = [self.album.size(plate.path) for plate in plates if plate.path is not None]
        tallest = max((column * height / width for width, height in shapes), default=MIN_HEIGHT)
        return Plates(plates, min(most, ceil(tallest + 2 * INSET)))


def comparison_blocks(
    facts: CaseFacts, match: MatchFacts, gallery: Gallery, room: Room, *, side_by_side: bool = True
) -> list[Block]:
    """Return the blocks of one match; a picture whose bytes are not in the gallery is marked as missing.

    Without ``side_by_side``, the two pictures are not shown beside each other.
    """
    wording = gallery.wording
    verification = match.verification
    sentences = [wording.aligned(verification)]
    if verification.transform is not None:
        sentences.append(wording.say("match.aligned_picture", share=percent(verification.overlap_picture)))
        sentences.append(wording.say("match.agreeing", share=percent(verification.dense)))
    if verification.decision is Decision.RESEMBLES:
        sentences.append(wording.say("match.resembles"))
    rows_of = _figures if room.figures else _build_measurement_rows
    return [
        *_plates(facts, match, gallery, room, side_by_side=side_by_side),
        Text(wording.say("document.sentences").join(sentences)),
        rows_of(verification, facts.find_calibration(match), wording),
    ]


def both_pictures(facts: CaseFacts, match: MatchFacts) -> dict[str, str]:
    """Return the paths of the two compared pictures by role; empty if the facts do not name one."""
    registered = next((picture.file for picture in facts.work.pictures if picture.digest == match.work_picture), "")
    pictures = (sighting.picture for sighting in facts.sightings)
    found_file = next((picture.file for picture in pictures if picture.digest == match.picture), "")
    return {"registered": registered, "found": found_file}


def _plates(facts: CaseFacts, match: MatchFacts, gallery: Gallery, room: Room, *, side_by_side: bool) -> list[Plates]:
    """Return the existing drawings, or the two pictures if there are none."""
    drawings = {role: path for role, path in match.drawings.items() if side_by_side or role != "side-by-side"}
    if not match.drawings:
        return [gallery.row(both_pictures(facts, match), room.plain_height)] if side_by_side else []
    rows = [({role: drawings[role] for role in roles if role in drawings}, height) for roles, height in room.rows]
    return [gallery.row(files, height) for files, height in rows if files]


def _figures(verification: Verification, calibration: CalibrationFacts | None, wording: Wording) -> Rows:
    def share(value: float) -> str:
        return wording.say("match.share", share=percent(value), figure=figure(value))

    is_compared = verification.hamming < NOT_COMPARED
    distance = (
        wording.say("match.hamming", n=verification.hamming) if is_compared else wording.say("match.hamming_none")
    )
    rows = [wording.row("hash_distance", _FIELD + "hamming", distance)]
    if verification.transform is not None:
        rows += [
            wording.row("inliers", _FIELD + "inliers", wording.say("match.inliers", n=verification.inliers)),
            wording.row("dense", _FIELD + "dense", share(verification.dense)),
            wording.row("overlap_work", _FIELD + "overlap_work", share(verification.overlap_work)),
            wording.row("overlap_picture", _FIELD + "overlap_picture", share(verification.overlap_picture)),
        ]
    odds = (("related", verification.related), ("exposure", verification.exposure))
    if odds_texts := [wording.say(f"match.{name}", odds=odds_words(log)) for name, log in odds if log is not None]:
        rows.append(wording.row("odds", _FIELD + "related", *odds_texts, style=Style.QUIET))
    rows.append(_ratio_row(verification, calibration, wording))
    if calibration is not None:
        if verification.probability is not None:
            prior = wording.say("match.prior", prior=figure(calibration.prior))
            rows.append(wording.row("prior", "calibrations[].prior", prior))
        calibration_lines = calibration_told(calibration, wording, _bound_of(verification), with_name=True)
        rows.append(wording.row("calibration", "calibrations[].name", *calibration_lines))
    if verification.survival:
        survival_text = wording.say("match.survival", grade=grade(verification.survival))
        rows.append(
            wording.row("survival", _FIELD + "survival[]", survival_text, *verification.survival, style=Style.MONO)
        )
    rows += _remark_rows(verification, wording)
    rows.append(wording.row("pipeline", _FIELD + "pipeline", verification.pipeline, style=Style.MONO))
    return Rows(tuple(rows), together=False)


def _build_measurement_rows(verification: Verification, calibration: CalibrationFacts | None, wording: Wording) -> Rows:
    """Return the result of the figures, with its error rate."""
    rows = [_ratio_row(verification, calibration, wording)]
    if calibration is not None:
        lines = calibration_told(calibration, wording, _bound_of(verification))
        rows.append(wording.row("error_rate", "calibrations[].certain.at_most_in_a_million", *lines))
    return Rows((*rows, *_remark_rows(verification, wording)))


def _ratio_row(verification: Verification, calibration: CalibrationFacts | None, wording: Wording) -> Row:
    sentence = ratio_told("match", verification, calibration, wording)
    return wording.row("ratio", _FIELD + "probability", sentence)


def _remark_rows(verification: Verification, wording: Wording) -> list[Row]:
    remarks = [wording.phrases.word("remark", reason) for reason in verification.reasons]
    return [wording.row("remarks", _FIELD + "reasons[]", *remarks)] if remarks else []


def _bound_of(verification: Verification) -> str:
    return "certain" if verification.decision is Decision.CERTAIN else "review"


def ratio_told(group: str, verification: Verification, calibration: CalibrationFacts | None, wording: Wording) -> str:
    """Return a sentence on the likelihood ratio from a group of phrases, or why none is stated."""
    ratio = None if calibration is None else calibration.ratio(verification.probability)
    if ratio is None or calibration is None:
        return wording.say("match.not_calibrated")
    limit = "ratio_within" if not ratio.limited else "ratio_most" if ratio.value > 1 else "ratio_least"
    photographs = f"{calibration.photographs:,}"
    return wording.say(f"{group}.{limit}", ratio=ratio_words(ratio.value), photographs=photographs)


def calibration_told(
    calibration: CalibrationFacts, wording: Wording, *decisions: str, with_name: bool = False
) -> list[str]:
    """Return sentences on the measured data and its bounds for decisions (``certain``, ``review``).

    With ``with_name``, they include the calibration's name and digest.
    """
    data = wording.translate(calibration.data)
    lines = [wording.say("match.calibration", name=calibration.name, data=data, digest=calibration.digest.hex)]
    lines = lines if with_name else [data]
    for decision in decisions:
        bound = {"certain": calibration.certain, "review": calibration.review}[decision]
        counts = {name: f"{getattr(bound, name):,}" for name in ("at_most_in_a_million", "photographs", "failed")}
        lines.append(wording.say(f"match.bound_{decision}", **counts, others=f"{bound.photographs - 1:,}"))
    if not is_shipped(calibration.digest, CALIBRATIONS):
        lines.append(wording.say("match.calibration_unknown"))
    return lines
