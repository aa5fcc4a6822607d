"""What was aimed at, beside what was reached."""

from collections.abc import Sequence

from bench.matching import overlays
from bench.matching.cost import MIX
from bench.matching.figures import alarms, is_found, mean_over_edits, share, taken_for
from bench.matching.overlays import Judged
from bench.matching.tables import EACH, EACH_FURTHER, FIVE_PERCENT, MEAN, Results, per_cent
from bench.pairs import LookAlike
from bench.table import Row
from exhibit.types import Decision
from indexer.edits import DESIGN, FURTHER, OVERLAYS, PAGES

OVERLAY_REVIEW, LOOKALIKE_REVIEW = 0.01, 0.05
MILLISECONDS = 60.0


def aims(
    results: Results, judged: Sequence[Judged], lookalikes: Sequence[LookAlike], times: Sequence[Row]
) -> list[Row]:
    """One row for each figure that the benchmark was made for."""
    return [*_recall(results), *_strangers(results), *_overlays(judged), *_lookalikes(lookalikes), *_time(times)]


def _recall(results: Results) -> list[Row]:
    found = {
        name: share([answer for answer in results.copies if answer.edit == name], is_found)
        for name in dict.fromkeys(answer.edit for answer in results.copies)
    }
    mean = mean_over_edits([answer for answer in results.copies if answer.edit in DESIGN], is_found)
    rows = [_at_least("recall, mean of the 34 edits", MEAN, mean)]
    groups = (
        ("worst of the 34 edits but 5% crops", EACH, [name for name in DESIGN if name != "crop05"]),
        ("5% crops", FIVE_PERCENT, ["crop05"]),
        ("worst further edit", EACH_FURTHER, FURTHER),
    )
    for title, aim, names in groups:
        asked = {name: found[name] for name in names if name in found}
        if asked:
            worst = min(asked, key=asked.__getitem__)
            rows.append(_at_least(f"{title} ({worst})", aim, asked[worst]))
    return rows


def _strangers(results: Results) -> list[Row]:
    if not results.strangers:
        return []
    rows = []
    for decision in ("certain", "review"):
        raised, photos, bound = alarms(results.strangers, taken_for(decision))
        aim = "0" if decision == "certain" else ""
        text = f"{raised} of {photos:,} photos, at most {per_cent(bound)}"
        rows.append(
            _row(f"unrelated photos taken for a work: {decision}", aim, text, met=decision != "certain" or not raised)
        )
    return rows


def _overlays(judged: Sequence[Judged]) -> list[Row]:
    marks = [one for one in judged if one.overlay in OVERLAYS]
    pages = [one for one in judged if one.overlay in PAGES]
    rows: list[Row] = []
    if marks:
        counted = _counted("two photos under one overlay", [one.decision for one in marks], OVERLAY_REVIEW)
        for row, decision in zip(counted, ("certain", "review"), strict=True):
            at_most = per_cent(overlays.bound(marks, decision))
            rows.append({**row, "reached": f"{row['reached']}, at most {at_most}"})
    return [*rows, *_counted("two photos in one page that is registered", [one.decision for one in pages], 1.0)[:1]]


def _lookalikes(lookalikes: Sequence[LookAlike]) -> list[Row]:
    """Without a bound: limits were chosen while looking at them."""
    decisions = [str(one.answer.decision) for one in lookalikes if one.answer and one.expected == "not_copy"]
    return _counted("look-alikes that aren't copies", decisions, LOOKALIKE_REVIEW)


def _counted(title: str, decisions: Sequence[str], most: float) -> list[Row]:
    if not decisions:
        return []
    certain, review = (sum(one == decision for one in decisions) for decision in (Decision.CERTAIN, Decision.REVIEW))
    pairs = len(decisions)
    reached = f"{review} of {pairs:,} ({review / pairs:.1%})"
    return [
        _row(f"{title}: certain", "0", f"{certain} of {pairs:,}", met=not certain),
        _row(f"{title}: review", f"≤ {most:.0%}", reached, met=review <= most * pairs),
    ]


def _time(times: Sequence[Row]) -> list[Row]:
    means = [row["ms, mean"] for row in times if row["picture"] == MIX]
    return [
        _row("ms a picture, the mix", f"≤ {MILLISECONDS:.0f}", f"{mean:.0f}", met=mean <= MILLISECONDS)
        for mean in means
        if isinstance(mean, float)
    ]


def _at_least(title: str, aim: float, reached: float) -> Row:
    return _row(title, f"≥ {aim:.3f}", f"{reached:.3f}", met=round(reached, 3) >= aim)


def _row(title: str, aim: str, reached: str, *, met: bool) -> Row:
    return {"figure": title, "aim": aim, "reached": reached, "": "✓" if met else "✗"}
