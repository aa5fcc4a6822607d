"""`exhibit capacity`."""

import math
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from desk.cli.common.context import format_examples, open_command_context
from desk.cli.common.options import ANY_PATH, json_option
from desk.cli.common.output import align_columns, echo_result, format_count, format_size
from exhibit.config.config import Config
from exhibit.errors import InvalidRequestError
from registry.configuration import load_config
from workers.operations.capacity import (
    GIB,
    CapacityPlan,
    CapacityRequest,
    ScalingLaw,
    Stage,
    build_plan,
    find_prices_file,
    load_local_laws,
    load_shipped_laws,
    read_prices,
)

MULTIPLIERS = {"k": 1_000, "m": 10**6, "b": 10**9, "t": 10**12}
MAX_NUMBER, MIN_SHOWN, LINE_WIDTH = 10**15, 0.01, 100
STAGE_COLUMNS = ("stage", "machines", "cores", "memory", "disk", "stored files", "requests")
LAW_COLUMNS = ("quantity", "value", "source")
PRICES_HELP = "File with prices (TOML); by default prices.toml in the data folder, or else the included prices."


@click.command(
    "capacity",
    epilog=format_examples(
        "exhibit capacity --works 10k --pictures 1M",
        "exhibit capacity --works 10e6 --pictures 100e9 --days 30",
        "exhibit capacity --works 1_000_000 --pictures 100M --prices my-prices.toml --json",
    ),
)
@click.option("--works", required=True, metavar="N", help="Number of registered works.")
@click.option("--pictures", required=True, metavar="N", help="Number of pictures found in --days days.")
@click.option("--days", default="30", show_default=True, metavar="N", help="Number of days for --pictures.")
@click.option("--prices", metavar="FILE", type=ANY_PATH, help=PRICES_HELP)
@json_option
def capacity_command(*, works: str, pictures: str, days: str, prices: Path | None, as_json: bool) -> None:
    """Estimate machines, storage, requests and costs for a number of works and found pictures, stage by stage.

    The output shows the source of each value: measured, counted on this installation, or assumed. The included prices
    are assumptions. To use your own prices, copy the file listed at the end of the output, change the prices, and pass
    the copy with --prices.
    """
    config = load_config()
    request = CapacityRequest(
        parse_whole_number(works), parse_whole_number(pictures), parse_whole_number(days), config.retention_days
    )
    prices = prices or find_prices_file(config.data_dir)
    forecast = build_plan(request, _load_laws(config), read_prices(prices))
    prices_note = _wrap(f"Prices: {prices}. To use your own prices, edit a copy of the file, and add --prices FILE.")
    echo_result(plan_to_dict(forecast), *format_plan(forecast), "", prices_note, as_json=as_json)


def parse_whole_number(text: str) -> int:
    """Parse a whole number in the usual notations: ``10e6``, ``1_000_000``, ``100M``.

    Raises:
        InvalidRequestError: The text is not a whole number from 0 to ``MAX_NUMBER``.
    """
    digits = text.strip().lower().replace("_", "").replace(",", "")
    multiplier = MULTIPLIERS.get(digits[-1:], 1)
    try:
        number = Decimal(digits[:-1] if multiplier > 1 else digits) * multiplier
        if 0 <= number <= MAX_NUMBER and number == number.to_integral_value():
            return int(number)
    except InvalidOperation:
        pass
    raise InvalidRequestError(
        f"{text!r} is not a whole number.", hint="Enter a number from 0 to 1,000T, for example 10e6 or 100M."
    )


def _load_laws(config: Config) -> Mapping[str, ScalingLaw]:
    """Load the scaling laws measured on this installation, or the included ones if it has no database."""
    if not (config.database_url or (config.data_dir / "postgres").exists()):
        return load_shipped_laws()
    return load_local_laws(open_command_context().services)


def plan_to_dict(forecast: CapacityPlan) -> dict[str, Any]:
    """Convert a plan to a dictionary for JSON."""
    request, totals = forecast.request, {"money": forecast.money, "core_hours": forecast.core_hours}
    laws = [
        {
            "value": law.evaluate(request.works, request.pictures),
            "source": describe_source(law),
            "beyond": forecast.is_beyond(law),
        }
        | {name: value for name, value in asdict(law).items() if value not in ("", math.inf)}
        for law in forecast.laws
    ]
    per_million = {name: forecast.per_million(amount) for name, amount in totals.items()}
    values = asdict(forecast)
    return {**values, "laws": laws, **totals, "a_million_pictures": per_million, "machines": dict(forecast.machines)}


def format_plan(forecast: CapacityPlan) -> list[str]:
    """Format a plan as text, in lines for a terminal with ``LINE_WIDTH`` columns."""
    request = forecast.request
    volume = (
        f"{format_count(request.works, 'work')}, {format_count(request.pictures, 'picture')} in "
        f"{format_count(request.days, 'day')}"
    )
    lines = [f"{volume}: {format_number(request.pictures / request.days / 86_400)} pictures per second.", ""]
    stages = [(*STAGE_COLUMNS, forecast.prices.currency), *map(format_stage, forecast.stages)]
    lines += align_columns(stages, [index > 0 for index in range(len(stages[0]))])
    lines += ["", _wrap(format_totals(forecast)), ""]
    lines += align_columns([LAW_COLUMNS, *(format_law(law, forecast) for law in forecast.laws)], (False, True, False))
    if exceeded_laws := [
        f"{law.says} (up to {law.upto:,} {law.of})" for law in forecast.laws if forecast.is_beyond(law)
    ]:
        lines += ["", _wrap(f"* beyond the measured range: {'; '.join(exceeded_laws)}.")]
    lines += ["", "Changes required for this size:"] if forecast.changes else []
    for change in forecast.changes:
        status_note = "" if change.built else ", NOT IMPLEMENTED"
        lines.append(_wrap(f"Above {format_number(change.beyond)} {change.of}{status_note}: {change.says}", "- "))
    return [*lines, "", "Not included:", *(_wrap(sentence, "- ") for sentence in forecast.left_out)]


def format_totals(forecast: CapacityPlan) -> str:
    """Format the total costs of all stages, and the costs of a million pictures."""
    money, hours = forecast.per_million(forecast.money), forecast.per_million(forecast.core_hours)
    machines = ", ".join(f"{count:,} × {kind}" for kind, count in forecast.machines.items())
    prices = forecast.prices
    return (
        f"Total {prices.currency} {format_number(forecast.money)}, on {machines}; cores are busy "
        f"{prices.busy:.0%} of the time. "
        f"One million pictures: {prices.currency} {format_number(money)}, with {format_number(hours)} core hours. "
        f"Prices: {prices.whose}, {prices.as_of}."
    )


def format_stage(stage: Stage) -> tuple[str, ...]:
    """Format a stage as a row with the columns :data:`STAGE_COLUMNS`, followed by its costs."""
    sizes = [
        format_size(round(gib * GIB)) if gib else "" for gib in (stage.memory_gib, stage.disk_gib, stage.store_gib)
    ]
    machines = f"{format_number(stage.machines)} {stage.kind}" if stage.machines else ""
    return (
        stage.stage,
        machines,
        format_number(stage.cores),
        *sizes,
        format_number(stage.requests),
        format_number(stage.money),
    )


def format_law(law: ScalingLaw, forecast: CapacityPlan) -> tuple[str, str, str]:
    """Format a law as a row with the columns :data:`LAW_COLUMNS`."""
    value = law.evaluate(forecast.request.works, forecast.request.pictures)
    text = format_size(round(value)) if law.unit == "bytes" else f"{format_number(value)} {law.unit}"
    return law.says, text + "*" * forecast.is_beyond(law), describe_source(law)


def describe_source(law: ScalingLaw) -> str:
    """Describe the source of a law's values."""
    if law.own is not None:
        return f"counted on this installation {law.own.counted:,} times since {law.own.since}"
    return f"assumed: {law.assumed}" if law.assumed else f"{law.by}, {law.on}"


def _wrap(text: str, prefix: str = "") -> str:
    return textwrap.fill(text, LINE_WIDTH, initial_indent=prefix, subsequent_indent=" " * len(prefix))


def format_number(value: float) -> str:
    """Format a number with three digits and a suffix, such as ``1.23M``; empty for 0."""
    if not value or value < MIN_SHOWN:
        return f"<{MIN_SHOWN}" if value else ""
    if value < 9_999.5:
        return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"
    power = min(int(math.log10(value * 1.0005) // 3), 4)
    return f"{value / 1000**power:,.3g}{'_kMBT'[power]}"
