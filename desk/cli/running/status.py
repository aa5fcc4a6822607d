"""What runs and what waits, what this machine lacks, and what was given up."""

from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

import click

from desk.cli.common.command import AsJson, command
from desk.cli.common.frame import Desk, finish, open_desk, person, workers_run
from desk.cli.common.show import clean, counted, echo_json, fields, moment, say, table, tell
from exhibit.clock import parse_rfc3339
from exhibit.errors import ExitCode, WrongUseError
from workers.configuration import load_config


@command("status", "exhibit status", "exhibit status --json")
def status_command(*, as_json: AsJson) -> None:
    """Say what runs, what waits, and how far long work is. Starts nothing.

    Ends with 3 when nothing runs, or the database doesn't answer.
    """
    config = load_config()
    from workers.operations.checks import disk_check
    from workers.servers.postgres import database_answers
    from workers.tasks.supervisor import running_status

    status, disk = running_status(config), disk_check(config)
    given = bool(config.database_url and config.redis_url)
    silent = (status is not None or given) and not database_answers(config)
    asked = not silent and (status is not None or given)
    work = _work() if asked else {"waiting": {}, "held_up": {}, "background": [], "log_stopped": ""}
    workers = workers_run(config)
    answer: dict[str, Any] = {
        "running": workers,
        "site": None if status is None else status.address,
        "started": None if status is None else status.started,
        "processes": {} if status is None else status.processes,
        "data": str(config.data_dir),
        "database_silent": silent,
        "disk": {"crawling_stopped": not disk.ok, "sentence": disk.sentence},
        **work,
    }
    if as_json:
        echo_json(answer)
    else:
        _show_status(answer)
    if not workers or silent:
        finish(ExitCode.SERVICE_MISSING)


def _work() -> dict[str, Any]:
    """How many rows wait at each step, what holds them up, how far long work is, and what is wrong with the log."""
    desk = open_desk()
    from workers.operations.background import going_on
    from workers.operations.backlog import backlog, held_up

    return {
        "waiting": backlog(),
        "held_up": held_up(),
        "background": [asdict(activity) for activity in going_on(desk.services)],
        "log_stopped": desk.services.log.stopped(),
    }


def _show_status(answer: dict[str, Any]) -> None:
    if not answer["running"]:
        say("Exhibit isn't running. Start it: exhibit up")
    processes = ", ".join(f"{name} ({number})" for name, number in answer["processes"].items())
    started = answer["started"] and moment(parse_rfc3339(answer["started"]), ZoneInfo(load_config().time_zone))
    fields([("site", answer["site"]), ("since", started), ("processes", processes), ("data", answer["data"])])
    if answer["database_silent"]:
        say("The database doesn't answer: what waits can't be told.")
    if answer["disk"]["crawling_stopped"]:
        say(f"Crawling has stopped: the disk is nearly full. {answer['disk']['sentence']}")
    if answer["log_stopped"]:
        say(f"The log's head isn't signed any more. {answer['log_stopped']}")
    rows = [(_named(step), *counts.values()) for step, counts in answer["waiting"].items() if any(counts.values())]
    if rows:
        click.echo()
        table(("work", "waiting", "under way", "given up"), rows)
    elif answer["waiting"]:
        say("Nothing waits.")
    for step, sentence in answer["held_up"].items():
        say(f"Held up: {_named(step)}. {sentence}")
    for task in answer["background"]:
        say(f"In the background: {task['done']:,} of {task['total']:,} {task['what']}.")


def _named(step: str) -> str:
    """A step by the name that `exhibit retry` takes, and what waits for it."""
    from workers.pipeline.steps import LABELS

    return f"{step}: {LABELS[step]}" if step in LABELS else step


@command("doctor", "exhibit doctor")
def doctor_command(*, as_json: AsJson) -> None:
    """Say what this machine has and lacks, and how to get it; while Exhibit runs, also whether all is well.

    Ends with 3 when something needed is missing.
    """
    from workers.operations.doctor import examine_all

    checks = examine_all(load_config())
    if as_json:
        echo_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            mark = "ok     " if check.ok else "MISSING" if check.needed else "without"
            click.echo(clean(f"{mark}  {check.name}: {check.sentence}"))
            if check.remedy:
                click.echo(clean(f"         {check.remedy}"))
    if any(check.needed and not check.ok for check in checks):
        finish(ExitCode.SERVICE_MISSING)


@command("retry", "exhibit retry", "exhibit retry match", "exhibit retry match seal", "exhibit retry match --leave")
@click.argument("steps", nargs=-1)
@click.option("--leave", is_flag=True, help="Leave it as it is instead: it is told no more, until it is tried again.")
def retry_command(*, desk: Desk, steps: tuple[str, ...], leave: bool, as_json: AsJson) -> None:
    """Try again what was given up at STEPS, from the first attempt on; list it with its reasons when none is named."""
    from workers.operations.backlog import dismiss, failures, try_again

    if leave and not steps:
        raise WrongUseError("No step was named.", hint="`exhibit retry` lists what was given up, step by step.")
    if leave:
        left = {step: dismiss(step, by=person()) for step in steps}
        words = ("row is left as it is", "rows are left as they are")
        tell({"left": left}, *(f"{step}: {counted(count, *words)}." for step, count in left.items()), as_json=as_json)
        return
    if steps:
        again = {step: try_again(desk.services.enqueue, step) for step in steps}
        said = [f"{step}: {counted(count, 'row is', 'rows are')} tried again." for step, count in again.items()]
        tell({"again": again}, *said, as_json=as_json)
        return
    found = failures()
    if as_json:
        told = ("step", "error", "count", "since")
        shown = [{name: getattr(row, name) for name in told} | {"left": row.dismissed} for row in found]
        echo_json({"given_up": shown})
    elif found:
        lines = [[row.step, row.count, f"{row.error} (left as it is)" if row.dismissed else row.error] for row in found]
        table(("step", "rows", "why"), lines)
    else:
        say("Nothing was given up.")
