"""Trying again what was given up."""

import click

from desk.cli.frame import examples, json_option, open_desk
from desk.cli.show import counted, echo_json, say, table


@click.command("retry", epilog=examples("exhibit retry", "exhibit retry match", "exhibit retry match seal"))
@click.argument("steps", nargs=-1)
@json_option
def retry_command(*, steps: tuple[str, ...], as_json: bool) -> None:
    """Try again what was given up at STEPS, from the first attempt on; list it with its reasons when none is named."""
    desk = open_desk()
    from desk.shapes import time
    from workers.steps.backlog import failures, try_again

    if steps:
        again = {step: try_again(desk.house.hint, step) for step in steps}
        if as_json:
            echo_json({"again": again})
        for step, count in again.items() if not as_json else ():
            say(f"{step}: {counted(count, 'row is', 'rows are')} tried again.")
        return
    found = failures()
    if as_json:
        shown = [{"step": o.step, "error": o.error, "count": o.count, "since": time(o.since)} for o in found]
        echo_json({"given_up": shown})
    elif found:
        table(("step", "rows", "why"), [[one.step, one.count, one.error] for one in found])
    else:
        say("Nothing was given up.")
