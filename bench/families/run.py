"""The benchmark: measured once, fitted without each family, and judged by works and scenes that weren't fitted with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from statistics import mean

from bench.edited import photos_in
from bench.families import measured as measuring
from bench.families.measured import Measured, measured, measured_from
from bench.families.model import Figures, decided, of_everything, of_one_transform
from bench.families.pairs import OTHERS, copies, look_alikes, strangers, under_overlays
from bench.matching.answers import Answers
from bench.matching.questions import answered, roles
from bench.matching.registered import Registered
from bench.matching.run import Choice
from bench.primitives import FAMILIES
from bench.progress import Progress
from bench.table import Row, Titled
from exhibit.types import Decision

RULES, FITTED, LEFT_OUT = "rules", "fitted", "left out"
ALLOWED = (0.01, 0.03, 0.06)
"""Shares of other pictures that a model may put up for review; the tables by family are of the first."""
Judged = list[tuple[Measured, Decision]]


def measure(choice: Choice, singles: int, out: Path, jobs: int = 1) -> Iterator[Titled]:
    """Measure all pairs, and give the tables; what a run that was stopped has measured is kept.

    Args:
        choice: photographs, which of them are works, how many strangers and pairs under one overlay, and the seed.
        singles: primitives of each work, in each of two strengths; they come in turns.
        out: folder in which measurements are kept.
        jobs: processes that measure.
    """
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    asked, beside = parts.unrelated[: choice.most_unrelated], parts.unrelated[choice.most_unrelated :]
    code = Path(measuring.__file__).read_text(encoding="utf-8")
    answers = Answers(out / "families", [asdict(choice), singles, code], measured_from)
    files = [*beside, *parts.distractors]
    registered = Registered(files, answers.folder, Progress("pictures registered", len(files)))
    alike = [*look_alikes(files, choice.lookalikes, jobs)]
    questions = chain(
        alike,
        strangers(replace(parts, works=asked), registered, choice.seed),
        under_overlays(asked, parts.others, choice.overlays, choice.seed),
        copies(parts, singles, choice.seed),
    )
    total = 2 * (singles * len(parts.works) + len(asked)) + choice.overlays + len(alike)
    every = [pair for pair in answered("pairs", questions, total, answers, measured, jobs) if pair.shipped]
    yield from tables(every)


def tables(every: Sequence[Measured]) -> Iterator[Titled]:
    """What the shipped rules and a model make of the same pairs: of all figures, and of one transform's alone."""
    for name, what, of, ruled in (
        ("families", "the whole comparison", of_everything, "shipped"),
        ("families-plain", "one transform alone", of_one_transform, "ruled"),
    ):
        rules = [(pair, Decision(getattr(pair, ruled))) for pair in every]
        summed_up = [_summed_up("rules", dict.fromkeys(FAMILIES, rules))]
        for allowed in ALLOWED:
            models = {left_out: _judged(every, of, left_out, allowed) for left_out in ("", *FAMILIES)}
            if allowed == ALLOWED[0]:
                yield name, f"Leave-one-family-out: {what}", _by_family(rules, models)
                yield f"{name}-others", f"Other pictures: {what}", _others(rules, models)
            del models[""]
            summed_up.append(_summed_up(f"{allowed:.0%} for review", models))
        yield f"{name}-limits", f"By how many may be put up for review: {what}", summed_up


def _judged(every: Sequence[Measured], of: Figures, left_out: str, allowed: float) -> Judged:
    """Each pair as a model decides that was fitted with the other half, without a family."""
    halves = [[pair for pair in every if pair.half == half] for half in (0, 1)]
    known = [[pair for pair in half if pair.kind != left_out] for half in halves]
    said = [*decided(known[1], halves[0], of, allowed), *decided(known[0], halves[1], of, allowed)]
    return list(zip(chain(*halves), said, strict=True))


def _by_family(rules: Judged, models: Mapping[str, Judged]) -> list[Row]:
    rows = []
    for family in FAMILIES:
        by = {RULES: rules, FITTED: models[""], LEFT_OUT: models[family]}
        told = {
            f"{what}: {who}": share for who, judged in by.items() for what, share in _shares(family, judged).items()
        }
        if told:
            rows.append((family.replace("_", " "), sum(pair.kind == family for pair, _ in rules), told))
    whole = sum(count for _, count, _ in rows)
    ends = [
        (name, whole, {column: how(shares[column] for *_, shares in rows) for column in rows[0][2]})
        for name, how in (("**mean**", mean), ("**worst**", min))
    ]
    return [
        {"family": name, "copies": count} | {column: f"{share:.3f}" for column, share in shares.items()}
        for name, count, shares in (*rows, *ends)
    ]


def _summed_up(name: str, models: Mapping[str, Judged]) -> Row:
    """The families, each by the model that was fitted without it, and the most other pictures that one mistakes."""
    families = [shares for family, judged in models.items() if (shares := _shares(family, judged))]
    row: dict[str, object] = {"limits": name}
    for what in ("found", "certain"):
        each = [shares[what] for shares in families]
        row |= {f"{what}, mean": f"{mean(each):.3f}", f"{what}, worst": f"{min(each):.3f}"}
    for decision in (Decision.REVIEW, Decision.CERTAIN):
        others = (sum(_count(judged, kind, decision) for kind in OTHERS) for judged in models.values())
        row[f"others: {decision}"] = max(others)
    return row


def _shares(family: str, judged: Judged) -> dict[str, float]:
    """Of a family's copies, which are found and which are certain; nothing where there are none."""
    said = [decision for pair, decision in judged if pair.kind == family]
    kinds = {"found": {Decision.REVIEW, Decision.CERTAIN}, "certain": {Decision.CERTAIN}}
    return {what: mean(decision in kind for decision in said) for what, kind in kinds.items()} if said else {}


def _others(rules: Judged, models: Mapping[str, Judged]) -> list[Row]:
    """What other pictures are taken for; of the models without a family, by the one that mistakes most."""
    rows: list[Row] = []
    for kind in OTHERS:
        row: dict[str, object] = {"other pictures": kind, "pairs": sum(pair.kind == kind for pair, _ in rules)}
        for decision in (Decision.REVIEW, Decision.CERTAIN):
            counts = [_count(judged, kind, decision) for judged in (rules, *models.values())]
            row |= {f"{decision}: {RULES}": counts[0], f"{decision}: {FITTED}": counts[1]}
            row[f"{decision}: {LEFT_OUT}, most"] = max(counts[2:])
        rows.append(row)
    return rows


def _count(judged: Judged, kind: str, decision: Decision) -> int:
    return sum(pair.kind == kind and said is decision for pair, said in judged)
