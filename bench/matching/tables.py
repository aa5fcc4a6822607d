"""The tables of the benchmark."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.matching.answers import Answer
from bench.matching.figures import (
    Judge,
    alarms,
    below_strangers,
    interval,
    is_certain,
    is_found,
    mean_over_edits,
    near_another,
    share,
    taken_for,
    within,
)
from bench.matching.retrievers import Retriever
from bench.table import Row
from indexer.edits import DESIGN, FURTHER

EACH, FIVE_PERCENT, MEAN, EACH_FURTHER = 0.95, 0.70, 0.985, 0.90
"""Recall that is aimed at: for each edit, for crops to 5%, for the mean of the 34, for each of the others."""


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was asked.

    Attributes:
        copies: answers to edited copies of works.
        strangers: answers to photos that are no works, plain and edited.
        peers: in the order of the columns.
        stages: Exhibit's, likewise.
    """

    copies: Sequence[Answer]
    strangers: Sequence[Answer]
    peers: Sequence[Retriever]
    stages: Sequence[Retriever]


def recall(results: Results) -> list[Row]:
    """Recall by edit at the decisions of the product, and of the peers at their usual thresholds."""
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
    found = mean_over_edits(answers, is_found)
    return {
        "edit": name,
        "copies": len(answers),
        "certain": _share(mean_over_edits(answers, is_certain)),
        "found, of any grade": _share(found),
        "95%": f"{_share(low)}–{_share(high)}",
        "aim": f"{_share(aim)}{'' if round(found, 3) >= aim else ' ✗'}",
        **{_at_usual(peer): _share(mean_over_edits(answers, within(peer))) for peer in results.peers},
    }


def _at_usual(retriever: Retriever) -> str:
    return f"{retriever.name} ≤ {retriever.usual:g}"


def beside_peers(results: Results, by_size: Sequence[Row]) -> list[Row]:
    """Found at zero strangers, milliseconds and bytes of everybody: the same copies, strangers and works, in one run.

    At zero strangers: beyond the nearest of any stranger of this very run, a limit that nobody has in the field. Of
    Exhibit whole it is what it finds by its own limits, beside how many strangers these take for a work.

    Args:
        results: everything that was asked.
        by_size: of ``bench.matching.sizes``.
    """
    timed, rows = {row["what"]: row for row in by_size}, list[Row]()
    for one in (*results.peers, *results.stages):
        usual = one.usual is not None
        wrong = sum(answer.ranked[one.name].nearest_other <= (one.usual or 0) for answer in results.strangers)
        row: Row = {
            "what": one.name,
            "found at zero strangers": _share(share(results.copies, below_strangers(one.name, results.strangers))),
            "at its usual limit": _share(share(results.copies, within(one))) if usual else "–",
            "strangers taken for a work": f"{wrong} of {len(results.strangers)}" if usual else "–",
        }
        rows.append({**row, **_cost(timed[one.name])})
    wrong = sum(bool(answer.others) for answer in results.strangers)
    whole: Row = {
        "what": "Exhibit whole",
        "found at zero strangers": "–" if wrong else _share(share(results.copies, is_found)),
        "at its usual limit": _share(share(results.copies, is_found)),
        "strangers taken for a work": f"{wrong} of {len(results.strangers)}",
    }
    return [*rows, {**whole, **_cost(timed["Exhibit whole"])}]


def _cost(row: Row) -> Row:
    return {name: value for name, value in row.items() if name.startswith(("0.3", "pages", "bytes"))}


def false_alarms(results: Results) -> list[Row]:
    """Photos of which any picture was taken for a work that it doesn't show, with the bound of the rate."""
    judges: Mapping[str, Judge] = {
        "Exhibit, certain": taken_for("certain"),
        "Exhibit, review": taken_for("review"),
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
        "at most, 95%": per_cent(bound),
    }


def named_alarms(results: Results) -> list[Row]:
    """Each picture that Exhibit took for a work that it doesn't show."""
    return [
        {
            "picture": answer.photo.rpartition("/")[2],
            "edit": answer.edit,
            "taken for": work.rpartition("/")[2],
            "as": as_,
        }
        for answer in (*results.strangers, *results.copies)
        for work, as_ in answer.others.items()
    ]


def per_cent(rate: float) -> str:
    """A rate for people."""
    return f"{rate:.2%}"


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
