"""Calibration from a folder of photographs: measure, fit, compute bounds, and report."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from exhibit.clock import now
from exhibit.comparison.calibration import Calibration
from exhibit.errors import WrongUseError
from exhibit.types import Decision
from indexer.calibration.filed_pairs import FiledPairs, Judgement
from indexer.calibration.measure import (
    NEAREST,
    OVERLAY,
    Photograph,
    Plan,
    Scene,
    measure,
    read_photographs,
    require_enough_photographs,
)
from indexer.calibration.probability import Sample, false_alarms, fit
from indexer.picture.descriptor import BUILT_IN, DescriptorFile
from indexer.picture.features import extract
from indexer.search.folders import Progress, Skipped, list_files
from indexer.search.search import compare_without_search

FILED = "kept"
SECONDS_PER_PHOTOGRAPH, SECONDS_PER_EDIT = 0.5, 0.5
"""Approximate processor time, in seconds, for a photograph and for an edit of one."""


@dataclass(frozen=True, slots=True)
class Order:
    """Inputs of a calibration."""

    folder: Path  # photographs, each of a different subject
    scratch: Path  # folder for measurements; a later run with the same photographs continues with them
    name: str
    data: str  # description of the photographs; their number and the day are added
    plan: Plan = field(default_factory=Plan)
    same: tuple[tuple[str, ...], ...] = ()  # groups of files that show the same picture
    jobs: int = 1
    network: DescriptorFile | None = None  # the configured network, if it is not the built-in one


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a calibration."""

    calibration: Calibration
    photographs: tuple[Photograph, ...]  # the photographs that were searched for
    skipped: tuple[Skipped, ...]  # files that could not be read
    samples: tuple[Sample, ...]  # all measured pairs
    kept: tuple[Sample, ...] = ()  # pairs filed by users, which are not part of the calibration

    def alarms(self, decision: Decision) -> list[Sample]:
        """Return false alarms: different photographs for which a search ended with this decision."""
        return [
            sample for sample in self.samples if sample.kind == NEAREST and sample.verification.decision is decision
        ]

    @property
    def misjudged(self) -> list[Sample]:
        """Filed copies that are not found, and filed different pictures that are."""
        return [sample for sample in self.kept if sample.copy is (sample.verification.decision is Decision.NONE)]


def calibrate(order: Order, progress: Progress) -> Outcome:
    """Measure the photographs, fit the calibration and compute its bounds.

    Raises:
        WrongUseError: The folder cannot be used, or has too few photographs.
        ServiceMissingError: A process died, most likely because of memory.
    """
    descriptor = BUILT_IN if order.network is None else order.network.descriptor()
    photographs, skipped = read_photographs(order.folder, order.scratch, order.same, descriptor, progress)
    scene = Scene(order.folder, order.scratch, tuple(photographs), order.plan, order.network)
    samples = measure(scene, order.jobs, progress)
    group_count = len({photograph.group for photograph in photographs})
    nearest = [sample for sample in samples if sample.kind == NEAREST]
    bounds = tuple(false_alarms(nearest, decision, group_count) for decision in (Decision.CERTAIN, Decision.REVIEW))
    day = now().date().isoformat()
    edited_count = len({sample.photograph for sample in samples if sample.copy})
    data = (
        f"{order.data.rstrip('.')}: {group_count:,} photographs searched for, {edited_count:,} of them edited, {day}."
    )
    calibration = fit(samples, name=order.name, date=day, data=data, bounds=(bounds[0], bounds[1]))
    calibration = replace(calibration, network=descriptor.space.id)
    return Outcome(calibration, tuple(photographs), tuple(skipped), tuple(samples))


def measure_filed_pairs(pairs: FiledPairs) -> Iterator[Sample]:
    """Compare the pairs filed by users with this version."""
    for pair in pairs.pairs():
        original, copy = pairs.read_files(pair)
        verification = compare_without_search(extract(copy), lambda copy=copy: copy, extract(original))  # type: ignore[misc]
        yield Sample(pair.original, pair.said == Judgement.COPY, FILED, verification, (pair.about,))


def describe_plan(order: Order) -> str:
    """Describe what would be measured, and the approximate time.

    Raises:
        WrongUseError: There are too few files.
    """
    require_enough_photographs(order.folder, files := len(list_files(order.folder)))
    edited_count = min(files, order.plan.edited)
    edits = edited_count * (order.plan.edits_each + 2)
    minutes = (files * SECONDS_PER_PHOTOGRAPH + edits * SECONDS_PER_EDIT) / 60 / order.jobs
    return (
        f"{files:,} files would be read and searched for among one another, and {edited_count:,} of them edited in "
        f"{order.plan.edits_each} ways each: some {max(1, round(minutes)):,} minutes. Nothing was measured."
    )


def read_groups(path: Path) -> tuple[tuple[str, ...], ...]:
    """Read groups of files that show the same picture: one per line, with paths separated by tabs or ``;``.

    Raises:
        WrongUseError: The file cannot be read, or names a file twice.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{path} can't be read as text in UTF-8.") from error
    groups = [tuple(filter(None, (path.strip() for path in line.replace("\t", ";").split(";")))) for line in lines]
    occurrences = Counter(path for group in groups for path in group)
    if duplicates := [path for path, count in occurrences.items() if count > 1]:
        raise WrongUseError(
            f"{path.name} names {duplicates[0]} twice.", hint="Write all files of one picture on one line."
        )
    return tuple(group for group in groups if group)


def summarize(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the outcome as names with values."""
    copies = [sample for sample in outcome.samples if sample.copy]
    overlaid = [sample for sample in outcome.samples if sample.kind.startswith(OVERLAY)]
    filed = [[sample for sample in outcome.kept if sample.copy is copy] for copy in (True, False)]
    calibration = outcome.calibration
    searched_text = f"{calibration.certain.photographs:,}, each searched for among all the others"
    return [
        ("photographs", searched_text + (f"; {len(outcome.skipped):,} files skipped" if outcome.skipped else "")),
        ("edited copies", _format_shares(copies)),
        ("same overlay", f"{_format_shares(overlaid)}; these show different pictures"),
        ("certain", calibration.certain.in_words),
        ("review", calibration.review.in_words),
        *(
            (f"kept {label}", _format_shares(group))
            for label, group in zip(("copies", "others"), filed, strict=True)
            if group
        ),
        (
            "calibration",
            f"{calibration.name} ({calibration.digest.hex[:12]}), {calibration.pipeline}, {calibration.network}",
        ),
    ]


def _format_shares(samples: Sequence[Sample]) -> str:
    counts = Counter(sample.verification.decision for sample in samples)
    labels = {Decision.CERTAIN: "certain", Decision.REVIEW: "review", Decision.NONE: "nothing found"}
    shares = (f"{counts[decision] / max(1, len(samples)):.1%} {word}" for decision, word in labels.items())
    return f"{len(samples):,} pairs: {', '.join(shares)}"
