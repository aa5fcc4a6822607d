"""Checks of generated content by regeneration: drawings, the exhibit sheet, and sentences of matches.

Other packages supply the functions that generate drawings and sentences (:class:`ContentGenerators`); without these
functions, nothing is compared.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePosixPath

import numpy as np

from evidence.facts.case import LANGUAGES, CaseFacts, MatchFacts, RenderingEnvironmentFacts
from evidence.verdict.result import Check, fail_check, pass_check, skip_check
from evidence.verify.checks.contents import LIMITS
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.probability import Calibrations
from exhibit import __version__
from exhibit.comparison.calibration import Calibration
from exhibit.errors import ExhibitError
from exhibit.pictures.decode import decode
from exhibit.types import Verification

MAX_REDRAWN = 60  # maximum number of matches whose drawings are regenerated
BLOCK, MAX_BLOCK_DIFFERENCE = 16, 6.0
"""Side in pixels of the squares in which drawings are compared, and the allowed mean difference in levels."""
# Views in which other versions of OpenCV may mark other details
VERSION_DEPENDENT_VIEWS = frozenset({"difference", "points"})
NOT_REGENERATED = "Not regenerated here; exhibit verify runs this check."


@dataclass(frozen=True, slots=True)
class ContentGenerators:
    """Functions of other packages that generate content of a bundle: drawings, and sentences on a comparison.

    ``build_drawer`` takes the found picture, the registered one and the comparison. It returns a function that draws
    the file of a view, given its role and file extension.
    """

    build_drawer: Callable[[bytes, bytes, Verification], Callable[[str, str], bytes]]
    describe_values: Callable[[Verification, Calibration | None], tuple[str, ...]]


def check_regenerated(
    inspection: Inspection, facts: CaseFacts, calibrations: Calibrations, generators: ContentGenerators | None
) -> Iterator[Check]:
    """Check ``drawings``, ``sheet`` and ``words``, each only if the bundle has such content."""
    sheets = [file.path for file in inspection.manifest.files if is_sheet(file.path)]
    drawn_matches = [match for match in facts.matches if match.drawings]
    if drawn_matches:
        yield _run_check(
            "drawings",
            facts,
            generators,
            lambda *made_with: _check_drawings(inspection, facts, drawn_matches, *made_with),
        )
    if sheets:
        yield _run_check("sheet", facts, generators, lambda _, tools: _check_sheets(inspection, facts, sheets, tools))
    if facts.matches:
        yield _run_check(
            "words", facts, generators, lambda made_with, _: _check_sentences(facts, calibrations, made_with)
        )


def is_sheet(path: str) -> bool:
    """Return True if a sealed file has the path of a document that is generated from the facts."""
    return re.fullmatch(r"data/[^/]+\.pdf", path) is not None


def _run_check(
    name: str,
    facts: CaseFacts,
    generators: ContentGenerators | None,
    check_function: Callable[[ContentGenerators, RenderingEnvironmentFacts], Check],
) -> Check:
    if generators is None:
        return skip_check(name, NOT_REGENERATED)
    try:
        return check_function(generators, facts.made_with)
    except (ExhibitError, ArithmeticError, ValueError) as error:
        reason = error.message if isinstance(error, ExhibitError) else "The alignment cannot be applied."
        return skip_check(name, f"It could not be regenerated. {reason}")


def _check_drawings(
    inspection: Inspection,
    facts: CaseFacts,
    matches: Sequence[MatchFacts],
    generators: ContentGenerators,
    tools: RenderingEnvironmentFacts,
) -> Check:
    registered = {picture.digest: picture.file for picture in facts.work.pictures}
    found_files = {sighting.picture.digest: sighting.picture.file for sighting in facts.sightings}
    count, different_paths = 0, []
    for match in matches[:MAX_REDRAWN]:
        if match.verification.transform is None:
            return fail_check("drawings", f"Match {match.number} has drawings but no alignment.")
        files = (found_files[match.picture], registered[match.work_picture])
        found_data, work = (inspection.read_sealed_file(path, LIMITS.max_bytes) for path in files)
        draw = generators.build_drawer(found_data, work, match.verification)
        for role, path in match.drawings.items():
            count += 1
            difference = _compute_max_difference(
                inspection.read_sealed_file(path, LIMITS.max_bytes), draw(role, PurePosixPath(path).suffix)
            )
            if difference <= MAX_BLOCK_DIFFERENCE:
                continue
            problem = (
                f"{path} differs from the pictures and the alignment: one part differs by {difference:.0f} levels."
            )
            if role not in VERSION_DEPENDENT_VIEWS or _has_same_tools(tools):
                return fail_check("drawings", problem)
            different_paths.append(path)
    if different_paths:
        return skip_check(
            "drawings", f"{different_paths[0]} is drawn differently by this software. {_describe_other_tools(tools)}"
        )
    if len(matches) > MAX_REDRAWN:
        sentence = f"The drawings of the first {MAX_REDRAWN} matches are correct. The others were not regenerated."
        return skip_check("drawings", sentence)
    return pass_check(
        "drawings", f"Drawings regenerated from the pictures and their alignments look the same: {count}."
    )


def _compute_max_difference(sealed_data: bytes, regenerated_data: bytes) -> float:
    """Compute the largest mean difference of any square of two pictures, in levels; 255 if their sizes differ."""
    if sealed_data == regenerated_data:
        return 0.0
    try:
        first, second = (decode(data, LIMITS).pixels.astype(np.float32) for data in (sealed_data, regenerated_data))
    except ExhibitError:
        return 255.0
    if first.shape != second.shape:
        return 255.0
    differences = np.abs(first - second).max(axis=2)
    rows, columns = (-(-side // BLOCK) for side in differences.shape)
    padded = np.pad(
        differences, ((0, rows * BLOCK - differences.shape[0]), (0, columns * BLOCK - differences.shape[1]))
    )
    return float(padded.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3)).max())


class _SealedFiles(Mapping[str, bytes]):
    """Sealed files by path; each file is read on access."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._paths = [file.path for file in inspection.manifest.files]

    def __getitem__(self, path: str) -> bytes:
        if path not in self._paths:
            raise KeyError(path)
        return self._inspection.read_sealed_file(path, LIMITS.max_bytes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _check_sheets(
    inspection: Inspection, facts: CaseFacts, sheets: Sequence[str], tools: RenderingEnvironmentFacts
) -> Check:
    if find_spec("typst") is None:
        return skip_check("sheet", "The documents could not be typeset again: typst is not installed.")
    from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
    from evidence.documents.sheets.exhibit import render_exhibit_sheet

    is_work_record = facts.party.kind == DEPOSIT_PARTY
    render, stem = (render_deposit_record, "deposit-record") if is_work_record else (render_exhibit_sheet, "exhibit")
    suffixes = ((language, "" if language == facts.language else f".{language}") for language in LANGUAGES)
    paths = {f"data/{stem}{suffix}.pdf": language for language, suffix in suffixes}
    for path in sheets:
        if path not in paths:
            return fail_check("sheet", f"{path} is not a document that is generated from this version of facts.json.")
        sheet = render(facts, _SealedFiles(inspection), paths[path], time_zone=tools.time_zone)
        if sheet == inspection.read_sealed_file(path, LIMITS.max_bytes):
            continue
        if not _has_same_tools(tools):
            sentence = f"{path} is typeset differently by this software or has different content."
            return skip_check("sheet", f"{sentence} {_describe_other_tools(tools)}")
        return fail_check("sheet", f"{path} is not the document that follows from facts.json and the sealed files.")
    return pass_check("sheet", f"Typeset again from facts.json: every page is identical (PDF files: {len(sheets)}).")


def _has_same_tools(tools: RenderingEnvironmentFacts) -> bool:
    from evidence.documents.made_with import describe_environment

    return tools == describe_environment(tools.time_zone)


def _describe_other_tools(tools: RenderingEnvironmentFacts) -> str:
    tool_names = ", ".join(f"{name} {version}" for name, version in tools.versions)
    return f"It was made with other tools: {tool_names}, documents {tools.documents.hex[:12]}. Verify it with them."


def _check_sentences(facts: CaseFacts, calibrations: Calibrations, generators: ContentGenerators) -> Check:
    for match in facts.matches:
        calibration = calibrations.get(match.verification.calibration)
        if isinstance(calibration, Check):
            return skip_check("words", f"The text of match {match.number} uses a calibration that is not included.")
        if match.words != generators.describe_values(match.verification, calibration):
            if facts.software.version != __version__:
                return skip_check(
                    "words", f"The text of match {match.number} was generated by a different software version."
                )
            return fail_check("words", f"The text of match {match.number} does not follow from its values.")
    return pass_check("words", f"Matches whose text follows from their values: {len(facts.matches)}.")
