"""Tables of the matching benchmark."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.common import Row
from bench.matching.peers import Retriever
from bench.matching.results import QueryResult
from exhibit.comparison.rate_bounds import compute_upper_bound
from indexer.edits import DESIGN, FURTHER

BOOTSTRAP_SAMPLES = 1000
Predicate = Callable[[QueryResult], bool]


def is_certain(result: QueryResult) -> bool:
    """Return True if Exhibit has a certain match with the work that the picture shows."""
    return result.decision == "certain"


def is_found(result: QueryResult) -> bool:
    """Return True if Exhibit reports any relation to the work."""
    return result.decision != "none"


def make_threshold_predicate(retriever: Retriever) -> Predicate:
    """Return a predicate that is true if the retriever's distance to the true work is within its threshold."""
    threshold = -1.0 if retriever.threshold is None else retriever.threshold
    return lambda answer: answer.ranked[retriever.name].distance <= threshold


def compute_fraction(query_results: Iterable[QueryResult], predicate: Predicate) -> float:
    """Return the fraction of results for which the predicate is true."""
    outcomes = [predicate(result) for result in query_results]
    return sum(outcomes) / len(outcomes) if outcomes else float("nan")


def compute_mean_over_edits(query_results: Iterable[QueryResult], predicate: Predicate) -> float:
    """Return the mean over the edits of the fraction of results for which the predicate is true."""
    by_edit: dict[str, list[bool]] = defaultdict(list)
    for result in query_results:
        by_edit[result.edit].append(predicate(result))
    return float(np.mean([np.mean(outcomes) for outcomes in by_edit.values()])) if by_edit else float("nan")


def compute_interval(query_results: Iterable[QueryResult], predicate: Predicate) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the fraction, resampling photos with all their edits."""
    by_photo: dict[str, list[bool]] = defaultdict(list)
    for result in query_results:
        by_photo[result.photo].append(predicate(result))
    hits = np.array([sum(outcomes) for outcomes in by_photo.values()], np.float64)
    counts = np.array([len(outcomes) for outcomes in by_photo.values()], np.float64)
    if not len(hits):
        return float("nan"), float("nan")
    samples = np.random.default_rng(0).integers(0, len(hits), (BOOTSTRAP_SAMPLES, len(hits)))
    low, high = np.percentile(hits[samples].sum(axis=1) / counts[samples].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def count_alarms(query_results: Iterable[QueryResult], predicate: Predicate) -> tuple[int, int, float]:
    """Return the number of photos with an alarm, the number of photos, and the upper bound of the rate (95%)."""
    by_photo: dict[str, bool] = defaultdict(bool)
    for result in query_results:
        by_photo[result.photo] |= predicate(result)
    count, alarm_count = len(by_photo), sum(by_photo.values())
    return alarm_count, count, compute_upper_bound(alarm_count, count)


def make_wrong_work_predicate(decision: str) -> Predicate:
    """Return a predicate that is true if Exhibit made this decision on a work that the picture does not show."""
    return lambda answer: decision in answer.others.values()


def make_wrong_threshold_predicate(retriever: Retriever) -> Predicate:
    """Return a predicate that is true if a work that the picture does not show is within the retriever's threshold."""
    threshold = -1.0 if retriever.threshold is None else retriever.threshold
    return lambda answer: answer.ranked[retriever.name].nearest_other <= threshold


EDIT_TARGET, FIVE_PERCENT_TARGET, MEAN_TARGET, FURTHER_TARGET = 0.95, 0.70, 0.985, 0.90
"""Target recall: for each of the 34 edits, for crops to 5%, for the mean of the 34, and for each further edit."""


@dataclass(frozen=True, slots=True)
class BenchmarkResults:
    """All results.

    Attributes:
        copies: Results of edited copies of works.
        unrelated: Results of photos that are not works, unchanged and edited.
        peers: Peers in the order of the columns.
    """

    copies: Sequence[QueryResult]
    unrelated: Sequence[QueryResult]
    peers: Sequence[Retriever]


def build_recall_rows(results: BenchmarkResults) -> list[Row]:
    """Return recall by edit, for the decisions of the product and for the thresholds of the peers."""
    by_edit: dict[str, list[QueryResult]] = defaultdict(list)
    for result in results.copies:
        by_edit[result.edit].append(result)
    rows: list[Row] = []
    for title, names, target in (
        ("mean of the 34", DESIGN, MEAN_TARGET),
        ("mean of the further ones", FURTHER, FURTHER_TARGET),
    ):
        group = [result for name in names for result in by_edit.get(name, [])]
        if not group:
            continue
        rows += [
            _build_recall_row(name, by_edit[name], _find_target(name), results) for name in names if name in by_edit
        ]
        rows.append(_build_recall_row(f"**{title}**", group, target, results))
    return rows


def _find_target(name: str) -> float:
    if name in FURTHER:
        return FURTHER_TARGET
    return FIVE_PERCENT_TARGET if name == "crop05" else EDIT_TARGET


def _build_recall_row(name: str, query_results: Sequence[QueryResult], target: float, results: BenchmarkResults) -> Row:
    low, high = compute_interval(query_results, is_found)
    recall_share = compute_mean_over_edits(query_results, is_found)
    return {
        "edit": name,
        "copies": len(query_results),
        "certain": _format_fraction(compute_mean_over_edits(query_results, is_certain)),
        "found, of any grade": _format_fraction(recall_share),
        "95%": f"{_format_fraction(low)}–{_format_fraction(high)}",
        "aim": f"{_format_fraction(target)}{'' if round(recall_share, 3) >= target else ' ✗'}",
        **{
            _format_threshold(peer): _format_fraction(
                compute_mean_over_edits(query_results, make_threshold_predicate(peer))
            )
            for peer in results.peers
        },
    }


def _format_threshold(retriever: Retriever) -> str:
    return f"{retriever.name} ≤ {retriever.threshold:g}"


def build_false_alarm_rows(results: BenchmarkResults) -> list[Row]:
    """Return the number of photos with a match of a work that they do not show, and the upper bound of the rate."""
    predicates: Mapping[str, Predicate] = {
        "Exhibit, certain": make_wrong_work_predicate("certain"),
        "Exhibit, review": make_wrong_work_predicate("review"),
        **{_format_threshold(peer): make_wrong_threshold_predicate(peer) for peer in results.peers},
    }
    unedited = [result for result in results.unrelated if result.edit == "none"]
    groups = (
        ("unrelated photos, as they are", unedited),
        ("unrelated photos, as they are or edited", results.unrelated),
        ("copies, taken for another work", results.copies),
    )
    return [
        _build_alarm_row(title, name, group, predicate)
        for title, group in groups
        for name, predicate in predicates.items()
        if group
    ]


def _build_alarm_row(title: str, name: str, query_results: Sequence[QueryResult], predicate: Predicate) -> Row:
    alarm_count, photos, bound = count_alarms(query_results, predicate)
    return {
        "pictures": title,
        "who": name,
        "queries": len(query_results),
        "alarms": sum(predicate(result) for result in query_results),
        "photos": photos,
        "photos with an alarm": alarm_count,
        "at most, 95%": _format_percent(bound),
    }


def _format_percent(rate: float) -> str:
    """Format a rate for people."""
    return f"{rate:.2%}"


def _format_fraction(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
