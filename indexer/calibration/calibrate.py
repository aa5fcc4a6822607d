"""Calibration from a folder of photographs: measures pairs, fits the calibration, computes bounds, and reports them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from exhibit.clock import now
from exhibit.comparison.calibration import Calibration
from exhibit.errors import InvalidRequestError
from exhibit.types import Decision
from indexer.calibration.filed_pairs import FiledPairs, Judgement
from indexer.calibration.measure import (
    NEAREST_KIND,
    OVERLAY_KIND,
    MeasurementContext,
    Photograph,
    Plan,
    measure,
    read_photographs,
    require_enough_photographs,
)
from indexer.calibration.probability import Sample, count_false_alarms, fit
from indexer.picture.descriptor import BUILT_IN, DescriptorFile
from indexer.picture.features import extract
from indexer.search.comparison import compare_pair
from indexer.search.folders import Progress, Skipped, list_files

FILED_SAMPLE_KIND = "kept"
SECONDS_PER_PHOTOGRAPH, SECONDS_PER_EDIT = 0.5, 0.5
"""Approximate processor time, in seconds, for a photograph and for an edit of one."""


@dataclass(frozen=True, slots=True)
class CalibrationInputs:
    """Inputs of a calibration."""

    folder: Path  # photographs, each of a different subject
    scratch: Path  # folder for measurements, which a later run with the same photographs reuses
    name: str
    data: str  # description of the photographs; their number and the date are appended
    plan: Plan = field(default_factory=Plan)
    same: tuple[tuple[str, ...], ...] = ()  # groups of files that show the same picture
    jobs: int = 1
    network: DescriptorFile | None = None  # the configured model, if it is not the built-in one


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """Result of a calibration."""

    calibration: Calibration
    photographs: tuple[Photograph, ...]  # the photographs that were searched for
    skipped_files: tuple[Skipped, ...]  # files that could not be read
    samples: tuple[Sample, ...]  # all measured pairs
    kept: tuple[Sample, ...] = ()  # pairs filed by users; the calibration does not include them

    def find_false_alarms(self, decision: Decision) -> list[Sample]:
        """Return the false alarms of a decision: searches that returned a different photograph with it."""
        return [
            sample
            for sample in self.samples
            if sample.kind == NEAREST_KIND and sample.verification.decision is decision
        ]

    @property
    def misjudged_samples(self) -> list[Sample]:
        """Filed pairs with a wrong result: copies without a match, and different pictures with one."""
        return [sample for sample in self.kept if sample.copy is (sample.verification.decision is Decision.NONE)]


def calibrate(inputs: CalibrationInputs, progress: Progress) -> CalibrationResult:
    """Measure the photographs, fit the calibration and compute its bounds.

    Raises:
        InvalidRequestError: The folder cannot be used, or has too few photographs.
        ServiceMissingError: A process died, most likely because of memory.
    """
    descriptor = BUILT_IN if inputs.network is None else inputs.network.create_descriptor()
    photographs, skipped_files = read_photographs(inputs.folder, inputs.scratch, inputs.same, descriptor, progress)
    context = MeasurementContext(inputs.folder, inputs.scratch, tuple(photographs), inputs.plan, inputs.network)
    samples = measure(context, inputs.jobs, progress)
    group_count = len({photograph.group for photograph in photographs})
    nearest_samples = [sample for sample in samples if sample.kind == NEAREST_KIND]
    bounds = tuple(
        count_false_alarms(nearest_samples, decision, group_count) for decision in (Decision.CERTAIN, Decision.REVIEW)
    )
    day = now().date().isoformat()
    edited_count = len({sample.photograph for sample in samples if sample.copy})
    data = (
        f"{inputs.data.rstrip('.')}: {group_count:,} photographs searched for, {edited_count:,} of them edited, {day}."
    )
    calibration = fit(samples, name=inputs.name, date=day, data=data, bounds=(bounds[0], bounds[1]))
    calibration = replace(calibration, network=descriptor.space.id)
    return CalibrationResult(calibration, tuple(photographs), tuple(skipped_files), tuple(samples))


def measure_filed_pairs(pairs: FiledPairs) -> Iterator[Sample]:
    """Compare the pairs filed by users again with this version."""
    for pair in pairs.load_pairs():
        original, copy = pairs.read_files(pair)
        verification = compare_pair(extract(copy), lambda copy=copy: copy, extract(original))  # type: ignore[misc]
        yield Sample(pair.original, pair.said == Judgement.COPY, FILED_SAMPLE_KIND, verification, (pair.about,))


def describe_plan(inputs: CalibrationInputs) -> str:
    """Describe the planned measurements and their approximate duration.

    Raises:
        InvalidRequestError: There are too few files.
    """
    require_enough_photographs(inputs.folder, files := len(list_files(inputs.folder)))
    edited_count = min(files, inputs.plan.edited)
    edits = edited_count * (inputs.plan.edits_each + 2)
    minutes = (files * SECONDS_PER_PHOTOGRAPH + edits * SECONDS_PER_EDIT) / 60 / inputs.jobs
    return (
        f"{files:,} files would be read and compared with each other, and {edited_count:,} of them would be edited in "
        f"{inputs.plan.edits_each} ways each. Estimated time: {max(1, round(minutes)):,} minutes. Nothing was measured."
    )


def read_groups(path: Path) -> tuple[tuple[str, ...], ...]:
    """Read groups of files that show the same picture: one per line, with paths separated by tabs or ``;``.

    Raises:
        InvalidRequestError: The file cannot be read, or names a file twice.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{path} cannot be read as a UTF-8 text file.") from error
    groups = [tuple(filter(None, (path.strip() for path in line.replace("\t", ";").split(";")))) for line in lines]
    occurrences = Counter(path for group in groups for path in group)
    if duplicates := [path for path, count in occurrences.items() if count > 1]:
        raise InvalidRequestError(
            f"{path.name} lists {duplicates[0]} twice.", hint="List all files of one picture on one line."
        )
    return tuple(group for group in groups if group)


def summarize(result: CalibrationResult) -> list[tuple[str, str]]:
    """Return the result as (name, value) rows for display."""
    copies = [sample for sample in result.samples if sample.copy]
    overlaid = [sample for sample in result.samples if sample.kind.startswith(OVERLAY_KIND)]
    filed = [[sample for sample in result.kept if sample.copy is copy] for copy in (True, False)]
    calibration = result.calibration
    searched_text = f"{calibration.certain.photographs:,}, each compared with all others"
    return [
        (
            "photographs",
            searched_text + (f"; {len(result.skipped_files):,} files skipped" if result.skipped_files else ""),
        ),
        ("edited copies", _format_percentages(copies)),
        ("same overlay", f"{_format_percentages(overlaid)} (pairs of different pictures)"),
        ("certain", calibration.certain.description),
        ("review", calibration.review.description),
        *(
            (f"kept {label}", _format_percentages(group))
            for label, group in zip(("copies", "others"), filed, strict=True)
            if group
        ),
        (
            "calibration",
            f"{calibration.name} ({calibration.digest.hex[:12]}), {calibration.pipeline}, {calibration.network}",
        ),
    ]


def _format_percentages(samples: Sequence[Sample]) -> str:
    counts = Counter(sample.verification.decision for sample in samples)
    labels = {Decision.CERTAIN: "certain", Decision.REVIEW: "review", Decision.NONE: "nothing found"}
    percentages = (f"{counts[decision] / max(1, len(samples)):.1%} {word}" for decision, word in labels.items())
    return f"{len(samples):,} pairs: {', '.join(percentages)}"
