"""Trying again what was given up."""

from collections.abc import Mapping
from typing import Any

import click

from desk.cli.common.frame import examples, open_desk, person
from desk.cli.common.options import json_option
from desk.cli.common.show import counted, listed, tell
from exhibit.errors import WrongUseError


@click.command(
    "retry",
    epilog=examples("exhibit retry", "exhibit retry match", "exhibit retry match seal", "exhibit retry match --leave"),
)
@click.argument("steps", nargs=-1)
@click.option("--leave", is_flag=True, help="Leave it as it is instead: it is told no more, until it is tried again.")
@json_option
def retry_command(*, steps: tuple[str, ...], leave: bool, as_json: bool) -> None:
    """Try again what was given up at STEPS, from the first attempt on; list it with its reasons when none is named."""
    desk = open_desk()
    from workers.operations import backlog

    if leave and not steps:
        raise WrongUseError("No step was named.", hint="`exhibit retry` lists what was given up, step by step.")
    if leave:
        left = {step: backlog.dismiss(step, by=person()) for step in steps}
        words = ("row is left as it is", "rows are left as they are")
        tell({"left": left}, *(f"{step}: {counted(count, *words)}." for step, count in left.items()), as_json=as_json)
        return
    if steps:
        again = {step: backlog.try_again(desk.services.enqueue, step) for step in steps}
        said = [f"{step}: {counted(count, 'row is', 'rows are')} tried again." for step, count in again.items()]
        tell({"again": again}, *said, as_json=as_json)
        return
    told = ("step", "error", "count", "since")
    found = [{name: getattr(row, name) for name in told} | {"left": row.dismissed} for row in backlog.failures()]
    listed("given_up", found, ("step", "rows", "why"), _line, nothing="Nothing was given up.", as_json=as_json)


def _line(row: Mapping[str, Any]) -> list[object]:
    return [row["step"], row["count"], f"{row['error']} (left as it is)" if row["left"] else row["error"]]
