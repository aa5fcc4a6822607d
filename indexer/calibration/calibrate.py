"""A calibration from a folder of photographs: measured, fitted, bounded, and told."""

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
"""About what a photograph, and an edit of one, cost a core."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to calibrate with."""

    folder: Path  # photographs, each of another picture
    scratch: Path  # for what is measured; a later run with the same photographs goes on with it
    name: str
    data: str  # what the photographs are, in words; their number and the day are added
    plan: Plan = field(default_factory=Plan)
    same: tuple[tuple[str, ...], ...] = ()  # groups of files that show the same picture
    jobs: int = 1
    network: DescriptorFile | None = None  # the one that serves, where it isn't the one that comes along


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    calibration: Calibration
    photographs: tuple[Photograph, ...]  # what was searched for
    skipped: tuple[Skipped, ...]  # what couldn't be read
    samples: tuple[Sample, ...]  # every pair that was measured
    kept: tuple[Sample, ...] = ()  # pairs that persons filed, which nothing above is reckoned from

    def alarms(self, decision: Decision) -> list[Sample]:
        """Different photographs that were decided so when one was searched for."""
        return [
            sample for sample in self.samples if sample.kind == NEAREST and sample.verification.decision is decision
        ]

    @property
    def misjudged(self) -> list[Sample]:
        """Kept copies that aren't found, and different pictures that are."""
        return [sample for sample in self.kept if sample.copy is (sample.verification.decision is Decision.NONE)]


def calibrate(order: Order, progress: Progress) -> Outcome:
    """Measure, fit and bound.

    Raises ``WrongUseError`` when the folder can't be used, or holds too few photographs, ``ServiceMissingError`` when a
    process died, of memory most likely.
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
    made = fit(samples, name=order.name, made=day, data=data, bounds=(bounds[0], bounds[1]))
    made = replace(made, network=descriptor.space.id)
    return Outcome(made, tuple(photographs), tuple(skipped), tuple(samples))


def measure_kept(pairs: KeptPairs) -> Iterator[Sample]:
    """What this version makes of the pairs that persons filed."""
    for pair in pairs.pairs():
        original, copy = pairs.files_of(pair)
        compared = compare_alone(extract(copy), lambda copy=copy: copy, extract(original))  # type: ignore[misc]
        yield Sample(pair.original, pair.said == Said.COPY, KEPT, compared, (pair.about,))


def foretold(order: Order) -> str:
    """What would be measured, and about how long that takes; raises ``WrongUseError`` for too few files."""
    refuse_too_few(order.folder, files := len(files_below(order.folder)))
    edited = min(files, order.plan.edited)
    edits = edited * (order.plan.edits_each + 2)
    minutes = (files * SECONDS_EACH + edits * SECONDS_AN_EDIT) / 60 / order.jobs
    return (
        f"{files:,} files would be read and searched for among one another, and {edited:,} of them edited in "
        f"{order.plan.edits_each} ways each: some {max(1, round(minutes)):,} minutes. Nothing was measured."
    )


def read_groups(path: Path) -> tuple[tuple[str, ...], ...]:
    """Groups of files that show the same picture: a line each, paths below the folder with tabs or ``;`` between.

    Raises ``WrongUseError`` when it can't be read, or names a file twice.
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
    """The outcome as names with values."""
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
