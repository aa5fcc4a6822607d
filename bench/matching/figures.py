"""Recall, false alarms and how far they can be trusted."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from bench.matching.answers import Answer
from bench.matching.retrievers import FAR, Retriever
from exhibit.comparison.confidence import upper_bound

DRAWS = 1000
Judge = Callable[[Answer], bool]


def is_certain(answer: Answer) -> bool:
    """Exhibit is certain of the work that the picture shows."""
    return answer.decision == "certain"


def is_found(answer: Answer) -> bool:
    """Exhibit says that they have to do with one another, of whatever grade."""
    return answer.decision != "none"


def within(retriever: Retriever) -> Judge:
    """The retriever's distance to the right work is within its usual threshold."""
    usual = -1.0 if retriever.usual is None else retriever.usual
    return lambda answer: answer.ranked[retriever.name].distance <= usual


def among(name: str, first: int) -> Judge:
    """The right work is among the first so many of a ranking."""
    return lambda answer: 1 <= answer.ranked[name].place <= first


def below_strangers(name: str, strangers: Sequence[Answer]) -> Judge:
    """The right work is nearer than any work to any unrelated photo."""
    limit = min((answer.ranked[name].nearest_other for answer in strangers), default=FAR)
    return lambda answer: answer.ranked[name].distance < limit


def share(answers: Iterable[Answer], judge: Judge) -> float:
    """Of the answers that the judge accepts."""
    judged = [judge(answer) for answer in answers]
    return sum(judged) / len(judged) if judged else float("nan")


def mean_over_edits(answers: Iterable[Answer], judge: Judge) -> float:
    """The mean of the shares of each edit."""
    by_edit: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        by_edit[answer.edit].append(judge(answer))
    return float(np.mean([np.mean(judged) for judged in by_edit.values()])) if by_edit else float("nan")


def interval(answers: Iterable[Answer], judge: Judge) -> tuple[float, float]:
    """The middle 95% of the share when photos are drawn anew: the edits of one photo stay together."""
    by_photo: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        by_photo[answer.photo].append(judge(answer))
    hits = np.array([sum(judged) for judged in by_photo.values()], np.float64)
    counts = np.array([len(judged) for judged in by_photo.values()], np.float64)
    if not len(hits):
        return float("nan"), float("nan")
    drawn = np.random.default_rng(0).integers(0, len(hits), (DRAWS, len(hits)))
    low, high = np.percentile(hits[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def alarms(answers: Iterable[Answer], judge: Judge) -> tuple[int, int, float]:
    """Photos of which any picture raised an alarm, photos in all, and the bound of the rate (one-sided, 95%)."""
    by_photo: dict[str, bool] = defaultdict(bool)
    for answer in answers:
        by_photo[answer.photo] |= judge(answer)
    count, raised = len(by_photo), sum(by_photo.values())
    return raised, count, upper_bound(raised, count)


def taken_for(decision: str) -> Judge:
    """Exhibit took the picture for a work that it doesn't show, with this decision."""
    return lambda answer: decision in answer.others.values()


def near_another(retriever: Retriever) -> Judge:
    """The retriever's threshold takes the picture for a work that it doesn't show."""
    usual = -1.0 if retriever.usual is None else retriever.usual
    return lambda answer: answer.ranked[retriever.name].nearest_other <= usual
