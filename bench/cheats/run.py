"""The benchmark of cheats: crafted strangers both ways round, and disguised copies, beside the peers in one run."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.cheats.asking import COPY, FIT, NO_TRANSFORM, NOT_NAMED, PIXELS, Asker, Outcome, outcome_from
from bench.cheats.questions import Craft, Disguise, crafts, disguised
from bench.cheats.strangers import METHODS
from bench.cheats.truth import Kind
from bench.common import Progress, Row, Titled
from bench.edited import photos_in
from bench.matching.answers import Answer, Answers
from bench.matching.peers import PDQ, PHASH_64, PHASH_256
from bench.matching.questions import answered, roles
from bench.matching.registered import Registered
from bench.matching.run import Choice, peers_of
from bench.matching.tables import interval, is_certain, is_found, share
from exhibit.comparison.confidence import upper_bound
from exhibit.types import Decision

USUAL = {"pHash 64": PHASH_64, "pHash 256": PHASH_256, "PDQ": PDQ}
FOUND = 0.9
"""Share of disguised copies that is aimed at."""
GATES = (NOT_NAMED, NO_TRANSFORM, PIXELS, FIT)


def _aims(crafted: Sequence[Outcome], copies: Sequence[Outcome]) -> list[Row]:
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


def _crafted_table(outcomes: Sequence[Outcome]) -> list[Row]:
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


def _disguised_table(outcomes: Sequence[Outcome]) -> list[Row]:
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


def measure(choice: Choice, crafted: int, copies: int, out: Path, jobs: int = 1) -> Iterator[Titled]:
    """Make and ask everything, and give the tables; what a run that was stopped has asked is kept.

    Args:
        choice: photographs, which of them are works, and the seed; the rest of it says nothing.
        crafted: strangers that are crafted.
        copies: that are disguised.
        out: folder in which answers are kept.
        jobs: processes that make and ask.
    """
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    answers = Answers(out / "cheats", [asdict(choice), _code()], outcome_from)
    registered = Registered(parts.registered, answers.folder, Progress("works measured", len(parts.registered)))
    asker = Asker(registered, peers_of(parts, registered), parts.registered)
    questions: list[Craft | Disguise] = [
        *crafts(parts, crafted, choice.seed),
        *disguised(parts, copies, choice.seed),
    ]
    every = answered("cheats asked", questions, len(questions), answers, asker.outcome, jobs)
    yield from _tables([one for one in every if one.kind != COPY], [one for one in every if one.kind == COPY])


def _tables(crafted: Sequence[Outcome], copies: Sequence[Outcome]) -> Iterator[Titled]:
    yield "cheats-aims", "Against cheats", _aims(crafted, copies)
    yield "cheats-crafted", "Crafted strangers, by what they are and how they were made", _crafted_table(crafted)
    yield "cheats-disguised", "Disguised copies", _disguised_table(copies)


def _code() -> str:
    """A digest of the code that makes cheats: answers about other pictures aren't this run's."""
    files = sorted(path for path in Path(__file__).parent.glob("*.py") if path.name != "run.py")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
