"""The commands: measure pairs, fit a weighing to them, and report its decisions."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench.common import TitledTable
from bench.matching.run import print_status
from bench.weighing import measuring
from bench.weighing.evaluation import tables
from bench.weighing.fitting import Fitting, document
from bench.weighing.measuring import Plan, load_measurements
from indexer.compare.weighing import Provenance
from indexer.picture.spaces import PIPELINE

FOLDER, FILE = "weighing", f"{PIPELINE}.json"


def measure(plan: Plan, out: Path, jobs: int = 1) -> Iterator[TitledTable]:
    """Measure the remaining pairs, then fit; see :func:`bench.weighing.measuring.measure`."""
    measuring.measure(plan, out / FOLDER, jobs)
    yield from fit(out)


def fit(out: Path) -> Iterator[TitledTable]:
    """Fit the current pipeline's weighing to all measured pairs, save it, and yield the tables."""
    about, pairs = load_measurements(out / FOLDER)
    counts = dict(sorted(Counter(str(pair.kind) for pair in pairs).items()))
    today = datetime.now(UTC).date().isoformat()
    provenance = Provenance(today, about.pipeline, about.data, counts, about.command, about.seed)
    fitting = Fitting(pairs)
    weighing = fitting.fit(np.ones(len(pairs), bool), provenance)
    file = out / FOLDER / FILE
    file.write_text(document(weighing), encoding="utf-8")
    print_status(f"{file} is fitted to {len(pairs):,} pairs.")
    yield from tables(fitting, weighing)
