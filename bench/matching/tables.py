"""The tables of the benchmark."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.common import Row
from bench.matching.answers import Answer
from bench.matching.peers import Retriever
from exhibit.comparison.rate_bounds import upper_bound
from indexer.edits import DESIGN, FURTHER

DRAWS = 1000
Judge = Callable[[Answer], bool]


def is_certain(answer: Answer) -> bool:
    """Return True if Exhibit is certain of the work that the picture shows."""
    return answer.decision == "certain"


def is_found(answer: Answer) -> bool:
    """Return True if Exhibit reports any relation to the work."""
    return answer.decision != "none"


def within(retriever: Retriever) -> Judge:
    """Return a judge: is the retriever's distance to the true work within its usual threshold?"""
    usual = -1.0 if retriever.usual is None else retriever.usual
    return lambda answer: answer.ranked[retriever.name].distance <= usual


def share(answers: Iterable[Answer], judge: Judge) -> float:
    """Return the share of the answers that the judge accepts."""
    judged = [judge(answer) for answer in answers]
    return sum(judged) / len(judged) if judged else float("nan")


def mean_over_edits(answers: Iterable[Answer], judge: Judge) -> float:
    """Return the mean of the shares of each edit."""
    by_edit: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        by_edit[answer.edit].append(judge(answer))
    return float(np.mean([np.mean(judged) for judged in by_edit.values()])) if by_edit else float("nan")


def interval(answers: Iterable[Answer], judge: Judge) -> tuple[float, float]:
    """Return the bootstrap 95% interval of the share, resampling photos with all their edits."""
    by_photo: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        by_photo[answer.photo].append(judge(answer))
    hits = np.array([sum(judged) for judged in by_photo.values()], np.float64)
    counts = np.array([len(judged) for judged in by_photo.values()], np.float64)
    if not len(hits):
        return float("nan"), float("nan")
    samples = np.random.default_rng(0).integers(0, len(hits), (DRAWS, len(hits)))
    low, high = np.percentile(hits[samples].sum(axis=1) / counts[samples].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def alarms(answers: Iterable[Answer], judge: Judge) -> tuple[int, int, float]:
    """Return the number of photos with any alarm, the number of photos, and the bound of the rate (one-sided, 95%)."""
    by_photo: dict[str, bool] = defaultdict(bool)
    for answer in answers:
        by_photo[answer.photo] |= judge(answer)
    count, raised = len(by_photo), sum(by_photo.values())
    return raised, count, upper_bound(raised, count)


def is_taken_for(decision: str) -> Judge:
    """Return a judge: did Exhibit take the picture for a work that it does not show, with this decision?"""
    return lambda answer: decision in answer.others.values()


def near_another(retriever: Retriever) -> Judge:
    """Return a judge: does the retriever's threshold take the picture for a work that it does not show?"""
    usual = -1.0 if retriever.usual is None else retriever.usual
    return lambda answer: answer.ranked[retriever.name].nearest_other <= usual


EACH, FIVE_PERCENT, MEAN, EACH_FURTHER = 0.95, 0.70, 0.985, 0.90
"""Target recall: for each edit, for crops to 5%, for the mean of the 34, for each of the others."""


@dataclass(frozen=True, slots=True)
class Results:
    """All answers.

    Attributes:
        copies: Answers to edited copies of works.
        strangers: Answers to photos that are not works, plain and edited.
        peers: Peers in the order of the columns.
    """

    copies: Sequence[Answer]
    strangers: Sequence[Answer]
    peers: Sequence[Retriever]


def recall(results: Results) -> list[Row]:
    """Return recall by edit at the decisions of the product, and of the peers at their usual thresholds."""
    by_edit: dict[str, list[Answer]] = defaultdict(list)
    for answer in results.copies:
        by_edit[answer.edit].append(answer)
    rows: list[Row] = []
    for title, names, aim in (("mean of the 34", DESIGN, MEAN), ("mean of the further ones", FURTHER, EACH_FURTHER)):
        group = [answer for name in names for answer in by_edit.get(name, [])]
        if not group:
            continue
        rows += [_recall_row(name, by_edit[name], _aim(name), results) for name in names if name in by_edit]
        rows.append(_recall_row(f"**{title}**", group, aim, results))
    return rows


def _aim(name: str) -> float:
    if name in FURTHER:
        return EACH_FURTHER
    return FIVE_PERCENT if name == "crop05" else EACH


def _recall_row(name: str, answers: Sequence[Answer], aim: float, results: Results) -> Row:
    low, high = interval(answers, is_found)
    recall_share = mean_over_edits(answers, is_found)
    return {
        "edit": name,
        "copies": len(answers),
        "certain": _share(mean_over_edits(answers, is_certain)),
        "found, of any grade": _share(recall_share),
        "95%": f"{_share(low)}–{_share(high)}",
        "aim": f"{_share(aim)}{'' if round(recall_share, 3) >= aim else ' ✗'}",
        **{_at_usual(peer): _share(mean_over_edits(answers, within(peer))) for peer in results.peers},
    }


def _at_usual(retriever: Retriever) -> str:
    return f"{retriever.name} ≤ {retriever.usual:g}"


def false_alarms(results: Results) -> list[Row]:
    """Return how many photos have a picture taken for a work that it does not show, and the bound of the rate."""
    judges: Mapping[str, Judge] = {
        "Exhibit, certain": is_taken_for("certain"),
        "Exhibit, review": is_taken_for("review"),
        **{_at_usual(peer): near_another(peer) for peer in results.peers},
    }
    plain = [answer for answer in results.strangers if answer.edit == "none"]
    groups = (
        ("unrelated photos, as they are", plain),
        ("unrelated photos, as they are or edited", results.strangers),
        ("copies, taken for another work", results.copies),
    )
    return [_alarm_row(title, name, group, judge) for title, group in groups for name, judge in judges.items() if group]


def _alarm_row(title: str, name: str, answers: Sequence[Answer], judge: Judge) -> Row:
    raised, photos, bound = alarms(answers, judge)
    return {
        "pictures": title,
        "who": name,
        "asked": len(answers),
        "alarms": sum(judge(answer) for answer in answers),
        "photos": photos,
        "photos with an alarm": raised,
        "at most, 95%": _per_cent(bound),
    }


def _per_cent(rate: float) -> str:
    """Format a rate for people."""
    return f"{rate:.2%}"


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
