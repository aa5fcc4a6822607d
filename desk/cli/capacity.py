"""`exhibit capacity`."""

import math
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from desk.cli.common.frame import examples, open_desk
from desk.cli.common.options import PLACE, json_option
from desk.cli.common.show import aligned, counted, size, tell
from exhibit.config.config import Config
from exhibit.errors import WrongUseError
from registry.configuration import load_config
from workers.operations.capacity import (
    GIB,
    Asked,
    Law,
    Plan,
    Stage,
    laws_here,
    plan,
    prices_file,
    prices_in,
    shipped_laws,
)

TIMES = {"k": 1_000, "m": 10**6, "b": 10**9, "t": 10**12}
MOST, LEAST, WIDE = 10**15, 0.01, 100
HEADS = ("stage", "machines", "cores", "memory", "disk", "exact bytes", "requests")
FIGURE = ("figure", "value", "source")
THEIRS = "File with prices; by default prices.toml in the data folder, or the included prices."


@click.command(
    "capacity",
    epilog=examples(
        "exhibit capacity --works 10k --pictures 1M",
        "exhibit capacity --works 10e6 --pictures 100e9 --days 30",
        "exhibit capacity --works 1_000_000 --pictures 100M --prices my-prices.toml --json",
    ),
)
@click.option("--works", required=True, metavar="N", help="Number of registered works.")
@click.option("--pictures", required=True, metavar="N", help="Number of pictures found in --days days.")
@click.option("--days", default="30", show_default=True, metavar="N", help="Number of days.")
@click.option("--prices", metavar="FILE", type=PLACE, help=THEIRS)
@json_option
def capacity_command(*, works: str, pictures: str, days: str, prices: Path | None, as_json: bool) -> None:
    """Estimate machines, storage, requests and costs for a number of works and found pictures, stage by stage.

    The output states the source of each figure: measured, counted on this installation, or assumed. Prices are
    assumptions: copy the file named at the end, enter your prices, and pass it with --prices.
    """
    config = load_config()
    request = Asked(whole_number(works), whole_number(pictures), whole_number(days), config.retention_days)
    prices = prices or prices_file(config.data_dir)
    forecast = plan(request, _laws(config), prices_in(prices))
    where = _wrapped(f"Prices: {prices}. To use your own, copy the file, change it, and add --prices FILE.")
    tell(in_plain(forecast), *in_lines(forecast), "", where, as_json=as_json)


def whole_number(text: str) -> int:
    """A whole number as people write large ones: ``10e6``, ``1_000_000``, ``100M``; raises ``WrongUseError``."""
    plain = text.strip().lower().replace("_", "").replace(",", "")
    times = TIMES.get(plain[-1:], 1)
    try:
        number = Decimal(plain[:-1] if times > 1 else plain) * times
        if 0 <= number <= MOST and number == number.to_integral_value():
            return int(number)
    except InvalidOperation:
        pass
    raise WrongUseError(f"{text!r} is not a whole number.", hint="Enter 0 to 1,000T, such as 10e6, 1_000_000 or 100M.")


def _laws(config: Config) -> Mapping[str, Law]:
    """Those of this installation, where there is one."""
    if not (config.database_url or (config.data_dir / "postgres").exists()):
        return shipped_laws()
    return laws_here(open_desk().services)


def in_plain(found: Plan) -> dict[str, Any]:
    """A plan as JSON."""
    request, both = found.request, {"money": found.money, "core_hours": found.core_hours}
    figures = [
        {"value": law.at(request.works, request.pictures), "source": source_of(law), "beyond": found.is_beyond(law)}
        | {name: value for name, value in asdict(law).items() if value not in ("", math.inf)}
        for law in found.laws
    ]
    million = {name: found.a_million(amount) for name, amount in both.items()}
    values = asdict(found)
    values = {"asked": values.pop("request"), **values, "laws": figures}
    return {**values, **both, "a_million_pictures": million, "machines": dict(found.machines)}


def in_lines(found: Plan) -> list[str]:
    """A plan for people, in lines that a terminal of a hundred columns holds."""
    request = found.request
    many = f"{counted(request.works, 'work')}, {counted(request.pictures, 'picture')} in {counted(request.days, 'day')}"
    lines = [f"{many}: {short(request.pictures / request.days / 86_400)} a second.", ""]
    stages = [(*HEADS, found.prices.currency), *map(line_of, found.stages)]
    lines += aligned(stages, [place > 0 for place in range(len(stages[0]))])
    lines += ["", _wrapped(together(found)), ""]
    lines += aligned([FIGURE, *(figure(law, found) for law in found.laws)], (False, True, False))
    if beyond := [f"{law.says} (up to {law.upto:,} {law.of})" for law in found.laws if found.is_beyond(law)]:
        lines += ["", _wrapped(f"* beyond the measured range: {'; '.join(beyond)}.")]
    lines += ["", "Changes required for this size:"] if found.changes else []
    for change in found.changes:
        built = "" if change.built else ", NOT IMPLEMENTED"
        lines.append(_wrapped(f"Above {short(change.beyond)} {change.of}{built}: {change.says}", "- "))
    return [*lines, "", "Not included:", *(_wrapped(sentence, "- ") for sentence in found.left_out)]


def together(found: Plan) -> str:
    """What all stages come to, and a million pictures."""
    money, hours = found.a_million(found.money), found.a_million(found.core_hours)
    machines = ", ".join(f"{count:,} × {kind}" for kind, count in found.machines.items())
    prices = found.prices
    return (
        f"Total {prices.currency} {short(found.money)}, on {machines}; cores are busy {prices.busy:.0%} of the time. "
        f"One million pictures: {prices.currency} {short(money)}, with {short(hours)} core hours. "
        f"Prices: {prices.whose}, {prices.as_of}."
    )


def line_of(stage: Stage) -> tuple[str, ...]:
    """A stage below :data:`HEADS`, money last."""
    rooms = [size(round(gib * GIB)) if gib else "" for gib in (stage.memory_gib, stage.disk_gib, stage.store_gib)]
    machines = f"{short(stage.machines)} {stage.kind}" if stage.machines else ""
    return (stage.stage, machines, short(stage.cores), *rooms, short(stage.requests), short(stage.money))


def figure(law: Law, found: Plan) -> tuple[str, str, str]:
    """A figure below :data:`FIGURE`."""
    value = law.at(found.request.works, found.request.pictures)
    text = size(round(value)) if law.unit == "bytes" else f"{short(value)} {law.unit}"
    return law.says, text + "*" * found.is_beyond(law), source_of(law)


def source_of(law: Law) -> str:
    """Return the source of a figure."""
    if law.own is not None:
        return f"counted here {law.own.counted:,} times since {law.own.since}"
    return f"assumed: {law.assumed}" if law.assumed else f"{law.by}, {law.on}"


def _wrapped(text: str, before: str = "") -> str:
    return textwrap.fill(text, WIDE, initial_indent=before, subsequent_indent=" " * len(before))


def short(value: float) -> str:
    """Three digits and a letter, such as ``1.23M``; nothing for 0."""
    if not value or value < LEAST:
        return f"<{LEAST}" if value else ""
    if value < 9_999.5:
        return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"
    power = min(int(math.log10(value * 1.0005) // 3), 4)
    return f"{value / 1000**power:,.3g}{'_kMBT'[power]}"
