"""The tables of docs/scale.md, reckoned as `exhibit capacity` does by what comes with Exhibit; all else is kept."""

from collections.abc import Sequence

from desk.cli.running import capacity as told
from tools.reference import FOLDER
from workers.operations.capacity import PRICES, Asked, plan, prices_in, shipped_laws

PAGE = FOLDER.parent / "scale.md"
END = "<!-- end -->"
SIZES = {"1 M": (10_000, 10**6), "100 M": (100_000, 10**8), "1 B": (1_000_000, 10**9), "100 B": (10_000_000, 10**11)}


def page() -> str:
    """The page's text, what stands between its marks made anew."""
    plans = {name: plan(Asked(*size), shipped_laws(), prices_in(PRICES)) for name, size in SIZES.items()}
    tables = {
        name: _table((*told.HEADS, found.prices.currency), [told.line_of(stage) for stage in found.stages])
        + f"\n{told.together(found)}\n"
        for name, found in plans.items()
    }
    money = [
        (
            name,
            f"{found.asked.works:,}",
            told.short(found.a_million(found.money)),
            told.short(found.a_million(found.core_hours)),
        )
        for name, found in plans.items()
    ]
    first = plans["1 M"]
    tables["money"] = _table(("pictures", "works", f"{first.prices.currency} a million", "hours of a core"), money)
    tables["figures"] = _table(told.FIGURE, [told.figure(law, first) for law in first.laws])
    text = PAGE.read_text("utf-8")
    for name, table in tables.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = before + mark + table + rest[rest.index(END) :]
    return text


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(line)} |\n" for line in (heads, *rows)]
    return "".join([lines[0], f"|---|{'---:|' * (len(heads) - 1)}\n", *lines[1:]])
