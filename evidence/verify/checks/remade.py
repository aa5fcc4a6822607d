"""Checks of generated content that is made again for comparison: drawings, the sheet, and sentences of matches.

Other packages supply the functions that make drawings and sentences (:class:`Makers`); without them nothing is
compared.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePosixPath

import numpy as np

from evidence.facts.case import LANGUAGES, CaseFacts, MadeWithFacts, MatchFacts
from evidence.verdict.result import Check, failed, not_checked, passed
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.probability import Calibrations
from exhibit import __version__
from exhibit.comparison.calibration import Calibration
from exhibit.errors import ExhibitError
from exhibit.pictures.decode import decode
from exhibit.types import Verification

MAX_DRAWN = 60  # limit of matches that are drawn again
BLOCK, UNLIKE = 16, 6.0
"""Side of the squares in which drawings are compared, and the allowed mean difference in levels of each."""
SENSITIVE = frozenset({"difference", "points"})  # views in which another version of OpenCV may mark other details
BY_COMMAND = "Not regenerated here; exhibit verify does this check."


@dataclass(frozen=True, slots=True)
class Makers:
    """Functions of other packages that make a bundle's content: drawings, and the figures of a comparison in sentences.

    ``draw`` takes the found picture, the registered one and the measured comparison; it returns a function that makes
    the file of a view, given its role and file extension.
    """

    draw: Callable[[bytes, bytes, Verification], Callable[[str, str], bytes]]
    words: Callable[[Verification, Calibration | None], tuple[str, ...]]


def check_remade(
    inspection: Inspection, facts: CaseFacts, calibrations: Calibrations, makers: Makers | None
) -> Iterator[Check]:
    """Check ``drawings``, ``sheet`` and ``words``, each if the bundle has any."""
    sheets = [file.path for file in inspection.manifest.files if is_sheet(file.path)]
    drawn_matches = [match for match in facts.matches if match.drawings]
    if drawn_matches:
        yield _run_check(
            "drawings", facts, makers, lambda *made_with: _check_drawings(inspection, facts, drawn_matches, *made_with)
        )
    if sheets:
        yield _run_check("sheet", facts, makers, lambda _, tools: _check_sheets(inspection, facts, sheets, tools))
    if facts.matches:
        yield _run_check("words", facts, makers, lambda made_with, _: _check_words(facts, calibrations, made_with))


def is_sheet(path: str) -> bool:
    """Return True if a sealed file has the path of a document that follows from the facts."""
    return re.fullmatch(r"data/[^/]+\.pdf", path) is not None


def _run_check(
    name: str, facts: CaseFacts, makers: Makers | None, look: Callable[[Makers, MadeWithFacts], Check]
) -> Check:
    if makers is None:
        return not_checked(name, BY_COMMAND)
    try:
        return look(makers, facts.made_with)
    except (ExhibitError, ArithmeticError, ValueError) as error:
        reason = error.message if isinstance(error, ExhibitError) else "The alignment cannot be applied."
        return not_checked(name, f"It could not be regenerated. {reason}")


def _check_drawings(
    inspection: Inspection, facts: CaseFacts, matches: Sequence[MatchFacts], makers: Makers, tools: MadeWithFacts
) -> Check:
    registered = {picture.digest: picture.file for picture in facts.work.pictures}
    found_files = {sighting.picture.digest: sighting.picture.file for sighting in facts.sightings}
    count, differing = 0, []
    for match in matches[:MAX_DRAWN]:
        if match.verification.transform is None:
            return failed("drawings", f"Match {match.number} has drawings but no alignment.")
        files = (found_files[match.picture], registered[match.work_picture])
        found_data, work = (inspection.sealed_bytes(path, LIMITS.max_bytes) for path in files)
        draw = makers.draw(found_data, work, match.verification)
        for role, path in match.drawings.items():
            count += 1
            unlike = _unlike(inspection.sealed_bytes(path, LIMITS.max_bytes), draw(role, PurePosixPath(path).suffix))
            if unlike <= UNLIKE:
                continue
            problem = f"{path} differs from the pictures and the alignment: a part differs by {unlike:.0f} levels."
            if role not in SENSITIVE or _same_tools(tools):
                return failed("drawings", problem)
            differing.append(path)
    if differing:
        return not_checked("drawings", f"{differing[0]} is drawn differently by this software. {_other_tools(tools)}")
    if len(matches) > MAX_DRAWN:
        words = f"The drawings of the first {MAX_DRAWN} matches match their pictures; the others were not regenerated."
        return not_checked("drawings", words)
    return passed("drawings", f"{count} drawings, regenerated from the pictures and their alignments, look the same.")


def _unlike(sealed_data: bytes, remade_data: bytes) -> float:
    """Return the largest mean difference, in levels, of any square of two pictures; 255 if their sizes differ."""
    if sealed_data == remade_data:
        return 0.0
    try:
        first, second = (decode(data, LIMITS).pixels.astype(np.float32) for data in (sealed_data, remade_data))
    except ExhibitError:
        return 255.0
    if first.shape != second.shape:
        return 255.0
    apart = np.abs(first - second).max(axis=2)
    rows, columns = (-(-side // BLOCK) for side in apart.shape)
    whole = np.pad(apart, ((0, rows * BLOCK - apart.shape[0]), (0, columns * BLOCK - apart.shape[1])))
    return float(whole.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3)).max())


class _Sealed(Mapping[str, bytes]):
    """The sealed files by path, each read on access."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._paths = [file.path for file in inspection.manifest.files]

    def __getitem__(self, path: str) -> bytes:
        if path not in self._paths:
            raise KeyError(path)
        return self._inspection.sealed_bytes(path, LIMITS.max_bytes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _check_sheets(inspection: Inspection, facts: CaseFacts, sheets: Sequence[str], tools: MadeWithFacts) -> Check:
    if find_spec("typst") is None:
        return not_checked("sheet", "It could not be typeset again: typst is not installed.")
    from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
    from evidence.documents.sheets.exhibit import render_exhibit_sheet

    of_work = facts.party.kind == DEPOSIT_PARTY
    render, stem = (render_deposit_record, "deposit-record") if of_work else (render_exhibit_sheet, "exhibit")
    endings = ((language, "" if language == facts.language else f".{language}") for language in LANGUAGES)
    paths = {f"data/{stem}{end}.pdf": language for language, end in endings}
    for path in sheets:
        if path not in paths:
            return failed("sheet", f"{path} is not a document for such facts.")
        sheet = render(facts, _Sealed(inspection), paths[path], time_zone=tools.time_zone)
        if sheet == inspection.sealed_bytes(path, LIMITS.max_bytes):
            continue
        if not _same_tools(tools):
            words = f"{path} is typeset differently by this software or has different content."
            return not_checked("sheet", f"{words} {_other_tools(tools)}")
        return failed("sheet", f"{path} differs from the facts and the sealed files.")
    return passed("sheet", f"Typeset again from the facts: every page is identical ({len(sheets)} PDF).")


def _same_tools(tools: MadeWithFacts) -> bool:
    from evidence.documents.made_with import made_with

    return tools == made_with(tools.time_zone)


def _other_tools(tools: MadeWithFacts) -> str:
    tool_names = ", ".join(f"{name} {version}" for name, version in tools.versions)
    return f"It was made with other tools: {tool_names}, documents {tools.documents.hex[:12]}. Verify it with those."


def _check_words(facts: CaseFacts, calibrations: Calibrations, makers: Makers) -> Check:
    for match in facts.matches:
        calibration = calibrations.get(match.verification.calibration)
        if isinstance(calibration, Check):
            return not_checked(
                "words", f"The sentences of match {match.number} use a calibration that is not included."
            )
        if match.words != makers.words(match.verification, calibration):
            if facts.software.version != __version__:
                return not_checked(
                    "words", f"The sentences of match {match.number} are from a different software version."
                )
            return failed("words", f"The sentences of match {match.number} do not match its values.")
    return passed("words", f"The sentences of {len(facts.matches)} matches match their values.")
