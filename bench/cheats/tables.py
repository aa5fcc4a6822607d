"""The tables of the benchmark of cheats."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from bench.cheats.asking import FIT, NO_TRANSFORM, NOT_NAMED, PIXELS, Outcome
from bench.cheats.strangers import METHODS
from bench.cheats.truth import Kind
from bench.matching.answers import Answer
from bench.matching.figures import interval, is_certain, is_found, share
from bench.matching.peers import PDQ, PHASH_64, PHASH_256
from bench.table import Row
from exhibit.comparison.confidence import upper_bound
from exhibit.types import Decision

USUAL = {"pHash 64": PHASH_64, "pHash 256": PHASH_256, "PDQ": PDQ}
FOUND = 0.9
"""Share of disguised copies that is aimed at."""
GATES = (NOT_NAMED, NO_TRANSFORM, PIXELS, FIT)


def aims(crafted: Sequence[Outcome], copies: Sequence[Outcome]) -> list[Row]:
    """The two figures that are aimed at, each with its bound."""
    rows: list[Row] = []
    for kind in (Kind.STRANGER, Kind.TEMPLATE):
        group = [one for one in crafted if one.kind == kind]
        for decision in (Decision.CERTAIN, Decision.REVIEW):
            count = sum(_either_way(one, decision) for one in group)
            bound = f"at most {upper_bound(count, len(group)):.1%}" if group else "–"
            aim, kept = ("0", _mark(not count) if group else "–") if decision is Decision.CERTAIN else ("", "")
            what = f"crafted pictures ({kind}), either way round: {decision}"
            rows.append({"figure": what, "aim": aim, "reached": f"{count} of {len(group)}, {bound}", "": kept})
    said = [one.answer for one in copies]
    low, high = interval(said, is_found)
    reached = share(said, is_found)
    figures = f"{reached:.3f} of {len(said)} ({low:.2f}–{high:.2f}), {share(said, is_certain):.3f} certain"
    copied = {"figure": "disguised copies found", "aim": f"≥ {FOUND:.2f}"}
    rows.append({**copied, "reached": figures, "": _mark(reached >= FOUND)})
    return rows


def crafted(outcomes: Sequence[Outcome]) -> list[Row]:
    """By what they are of the work, then by method; last a line for each of what they are."""
    groups = _grouped(outcomes, lambda one: (one.kind, one.method))
    order = [str(kind) for kind in Kind]
    keys = sorted(groups, key=lambda key: (order.index(key[0]), list(METHODS).index(key[1])))
    rows = [_crafted_row(kind, method, groups[kind, method]) for kind, method in keys]
    for kind in order:
        group = [one for one in outcomes if one.kind == kind]
        rows += [_crafted_row(f"**{kind}**", "**all**", group)] if group else []
    return rows


def _crafted_row(kind: str, method: str, group: Sequence[Outcome]) -> Row:
    changes = [one.psnr for one in group if one.psnr is not None]
    return {
        "is": kind,
        "made by": method,
        "pictures": len(group),
        "share shown": f"{median(one.share for one in group):.1%}",
        "PSNR": f"{median(changes):.0f}" if changes else "–",
        "compared": sum(one.gate != NOT_NAMED for one in group),
        **{str(decision): _count(group, decision, "forward") for decision in _SAID},
        **{f"registered: {decision}": _count(group, decision, "reverse") for decision in _SAID},
        **{
            f"{name} ≤ {limit}": sum(_within(one.answer, name, limit) for one in group) for name, limit in USUAL.items()
        },
    }


def sheets(outcomes: Sequence[Outcome]) -> list[Row]:
    """Pictures that were made to match many works: how many of these they matched, the mean and the most."""
    groups = _grouped([one for one in outcomes if len(one.forward) > 1], lambda one: (one.method, ""))
    rows: list[Row] = []
    for (method, _), group in groups.items():
        row: dict[str, object] = {"made by": method, "pictures": len(group), "works of each": len(group[0].forward)}
        for way, title in (("forward", "found"), ("reverse", "registered")):
            for decision in _SAID:
                counts = [getattr(one, way).count(str(decision)) for one in group]
                row[f"{title}: {decision}"] = f"{sum(counts) / len(counts):.1f}, {max(counts)}"
        rows.append(row)
    return rows


def wrong(outcomes: Sequence[Outcome]) -> list[Row]:
    """Each of :func:`is_wrong`."""
    return [
        {
            "stranger": _name(one.answer.photo),
            "made by": one.method,
            "to match": _name(one.answer.work),
            "found": one.forward[0],
            "registered": one.reverse[0],
            "share shown": f"{one.share:.1%}",
            "figures": one.figures,
        }
        for one in outcomes
        if is_wrong(one)
    ]


def is_wrong(one: Outcome) -> bool:
    """Whether somebody who shows nothing of a work, or only what both took from others, was certain."""
    return one.kind in {Kind.STRANGER, Kind.TEMPLATE} and _either_way(one, Decision.CERTAIN)


def disguised(outcomes: Sequence[Outcome]) -> list[Row]:
    """By method, and all together: what is found, at which gate the others fell, and what the peers find."""
    groups = {method: group for (method, _), group in _grouped(outcomes, lambda one: (one.method, "")).items()}
    rows = [_disguised_row(method, group) for method, group in groups.items()]
    return [*rows, _disguised_row("**all**", outcomes)] if outcomes else []


def _disguised_row(method: str, group: Sequence[Outcome]) -> Row:
    changes = [one.psnr for one in group if one.psnr is not None]
    said = [one.answer for one in group]
    fell = Counter(one.gate for one in group)
    return {
        "disguised by": method,
        "copies": len(group),
        "PSNR": f"{median(changes):.0f}" if changes else "–",
        "certain": f"{share(said, is_certain):.2f}",
        "found": f"{share(said, is_found):.2f}",
        **{f"lost: {gate}": fell[gate] for gate in GATES},
        "another work": sum(bool(answer.others) for answer in said),
        **{
            f"{name} ≤ {limit}": f"{share(said, lambda answer: _within(answer, name, limit)):.2f}"  # noqa: B023
            for name, limit in USUAL.items()
        },
    }


def _mark(reached: bool) -> str:  # noqa: FBT001
    return "✓" if reached else "✗"


_SAID = (Decision.CERTAIN, Decision.REVIEW)


def _either_way(one: Outcome, decision: Decision) -> bool:
    """What anybody was told at worst; what is certain one way isn't counted for review as well."""
    said = {*one.forward, *one.reverse, *one.answer.others.values()}
    return str(decision) in said and (decision is Decision.CERTAIN or str(Decision.CERTAIN) not in said)


def _count(group: Iterable[Outcome], decision: Decision, way: str) -> int:
    return sum(str(decision) in getattr(one, way) for one in group)


def _within(answer: Answer, name: str, limit: float) -> bool:
    return answer.ranked[name].distance <= limit


def _grouped(
    outcomes: Iterable[Outcome], of: Callable[[Outcome], tuple[str, str]]
) -> dict[tuple[str, str], list[Outcome]]:
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        groups[of(one)].append(one)
    return groups


def _name(path: str) -> str:
    return path.rpartition("/")[2]
