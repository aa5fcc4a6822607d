"""Commands that measure pairs, fit an odds model, and report its decisions."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench.common import TitledTable
from bench.matching.run import print_status
from bench.weighing import measuring
from bench.weighing.evaluation import build_tables
from bench.weighing.fitting import FittingData, format_odds_model
from bench.weighing.measuring import MeasurementPlan, load_measurements
from indexer.compare.odds_model import Provenance
from indexer.picture.spaces import PIPELINE

RESULTS_FOLDER, RESULTS_FILE = "weighing", f"{PIPELINE}.json"


def measure(plan: MeasurementPlan, out: Path, jobs: int = 1) -> Iterator[TitledTable]:
    """Measure the remaining pairs, then fit; see :func:`bench.weighing.measuring.measure`."""
    measuring.measure(plan, out / RESULTS_FOLDER, jobs)
    yield from fit(out)


def fit(out: Path) -> Iterator[TitledTable]:
    """Fit the odds model of the current pipeline to all measured pairs, save it, and yield the tables."""
    about, pairs = load_measurements(out / RESULTS_FOLDER)
    counts = dict(sorted(Counter(str(pair.kind) for pair in pairs).items()))
    today = datetime.now(UTC).date().isoformat()
    provenance = Provenance(today, about.pipeline, about.data, counts, about.command, about.seed)
    fitting_data = FittingData(pairs)
    odds_model = fitting_data.fit(np.ones(len(pairs), bool), provenance)
    file = out / RESULTS_FOLDER / RESULTS_FILE
    file.write_text(format_odds_model(odds_model), encoding="utf-8")
    print_status(f"{file} is fitted to {len(pairs):,} pairs.")
    yield from build_tables(fitting_data, odds_model)
