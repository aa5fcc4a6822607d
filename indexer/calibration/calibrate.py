"""Calibration from a folder of photographs: measure, fit, compute bounds, and report."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from exhibit.clock import now
from exhibit.comparison.calibration import Calibration
from exhibit.errors import WrongUseError
from exhibit.types import Decision
from indexer.calibration.kept import KeptPairs, Said
from indexer.calibration.measure import (
    NEAREST,
    OVERLAY,
    Photograph,
    Plan,
    Scene,
    measure,
    read_photographs,
    refuse_too_few,
)
from indexer.calibration.probability import Sample, false_alarms, fit
from indexer.picture.descriptor import BUILT_IN, DescriptorFile
from indexer.picture.features import extract
from indexer.search.folders import Progress, Skipped, files_below
from indexer.search.search import compare_alone

KEPT = "kept"
SECONDS_EACH, SECONDS_AN_EDIT = 0.5, 0.5
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
    searched = len({photograph.group for photograph in photographs})
    nearest = [sample for sample in samples if sample.kind == NEAREST]
    bounds = tuple(false_alarms(nearest, decision, searched) for decision in (Decision.CERTAIN, Decision.REVIEW))
    day = now().date().isoformat()
    edited = len({sample.photograph for sample in samples if sample.copy})
    data = f"{order.data.rstrip('.')}: {searched:,} photographs searched for, {edited:,} of them edited, {day}."
    calibration = fit(samples, name=order.name, made=day, data=data, bounds=(bounds[0], bounds[1]))
    calibration = replace(calibration, network=descriptor.space.id)
    return Outcome(calibration, tuple(photographs), tuple(skipped), tuple(samples))


def measure_kept(pairs: KeptPairs) -> Iterator[Sample]:
    """Compare the pairs filed by users with this version."""
    for pair in pairs.pairs():
        original, copy = pairs.files_of(pair)
        compared = compare_alone(extract(copy), lambda copy=copy: copy, extract(original))  # type: ignore[misc]
        yield Sample(pair.original, pair.said == Said.COPY, KEPT, compared, (pair.about,))


def foretold(order: Order) -> str:
    """Describe what would be measured, and the approximate time.

    Raises:
        WrongUseError: There are too few files.
    """
    refuse_too_few(order.folder, files := len(files_below(order.folder)))
    edited = min(files, order.plan.edited)
    edits = edited * (order.plan.edits_each + 2)
    minutes = (files * SECONDS_EACH + edits * SECONDS_AN_EDIT) / 60 / order.jobs
    return (
        f"{files:,} files would be read and searched for among one another, and {edited:,} of them edited in "
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
    counted = Counter(path for group in groups for path in group)
    if twice := [path for path, count in counted.items() if count > 1]:
        raise WrongUseError(f"{path.name} names {twice[0]} twice.", hint="Write all files of one picture on one line.")
    return tuple(group for group in groups if group)


def told(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the outcome as names with values."""
    copies = [sample for sample in outcome.samples if sample.copy]
    overlaid = [sample for sample in outcome.samples if sample.kind.startswith(OVERLAY)]
    filed = [[sample for sample in outcome.kept if sample.copy is copy] for copy in (True, False)]
    made = outcome.calibration
    searched = f"{made.certain.photographs:,}, each searched for among all the others"
    return [
        ("photographs", searched + (f"; {len(outcome.skipped):,} files skipped" if outcome.skipped else "")),
        ("edited copies", _shares(copies)),
        ("same overlay", f"{_shares(overlaid)}; these show different pictures"),
        ("certain", made.certain.in_words),
        ("review", made.review.in_words),
        *((f"kept {said}", _shares(of)) for said, of in zip(("copies", "others"), filed, strict=True) if of),
        ("calibration", f"{made.name} ({made.digest.hex[:12]}), for {made.pipeline} with {made.network}"),
    ]


def _shares(samples: Sequence[Sample]) -> str:
    counted = Counter(sample.verification.decision for sample in samples)
    words = {Decision.CERTAIN: "certain", Decision.REVIEW: "review", Decision.NONE: "nothing found"}
    shares = (f"{counted[decision] / max(1, len(samples)):.1%} {word}" for decision, word in words.items())
    return f"{len(samples):,} pairs: {', '.join(shares)}"
