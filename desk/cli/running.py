"""Starting and stopping the product, and how it is."""

import os
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from desk.cli.frame import examples, finish, json_option, open_desk
from desk.cli.show import clean, echo_json, fields, moment, note, say, table
from desk.plain_rows import fields as plain_of
from exhibit.clock import parse_rfc3339
from exhibit.config import Config, load_config
from exhibit.errors import ExitCode, ServiceMissingError
from exhibit.machine import machine_fault
from exhibit.plain import one_line

if TYPE_CHECKING:
    from workers.supervisor import Status

SECONDS_BETWEEN_NOTES = 60.0
PAUSE = 0.1
"""Seconds between two looks whether it runs: it writes that down, and may as well end before it does."""


@click.command("up", epilog=examples("exhibit up", "exhibit up --detach"))
@click.option("--detach", is_flag=True, help="Return when the site answers; `exhibit down` stops it.")
def up_command(*, detach: bool) -> None:
    """Start the servers, the workers, the tick and the site, and keep them running until Ctrl-C."""
    config = load_config()
    if detach:
        _detach(config)
        return
    from workers.supervisor import run_supervisor

    say("Starting … Ctrl-C stops it.")
    run_supervisor(config, ready=_greet)
    say("Stopped.")


def _greet(status: "Status") -> None:
    say(f"Exhibit runs: {status.address}")
    if link := _first_link():
        say(
            f"Nobody runs this installation yet. Whoever follows this link does; it works once, for 24 hours:\n  {link}"
        )
    sys.stdout.flush()


def _first_link() -> str:
    """The link with which the first operator comes in; empty when there is one."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    import django
    from django.db import Error, connection

    django.setup()
    from registry import invitations
    from workers.invitations import operator_link

    try:
        return "" if invitations.has_operator() else operator_link(load_config(), by="exhibit up")
    except Error as error:
        note(f"Whether there is an operator can't be told: {machine_fault(error) or one_line(str(error))}")
        return ""
    finally:
        connection.close()


def _detach(config: Config) -> None:
    from workers.processes import open_log
    from workers.services import start_detached
    from workers.supervisor import running_status

    running = running_status(config)
    if running is not None:
        say(f"Exhibit runs already: {running.address}")
        return
    from exhibit.config import made_data_dir

    folder = made_data_dir(config) / "log"
    with open_log(folder, "supervisor") as log:
        begun = log.tell()
        child = start_detached(config, "workers.supervisor", log)
    _greet(_wait_for(config, child, begun))


def _wait_for(config: Config, child: "subprocess.Popen[bytes]", begun: int) -> "Status":
    """Wait until the product says that it runs.

    Raises:
        ServiceMissingError: it ended, with the sentence it ended with.
    """
    from workers.supervisor import running_status

    said_at = time.monotonic()
    while (status := running_status(config)) is None:
        log = config.data_dir / "log" / "supervisor.log"
        if child.poll() is not None:
            said = log.read_bytes()[begun:].decode("utf-8", "replace").strip().splitlines()
            raise ServiceMissingError(said[-1] if said else "Exhibit didn't start.", hint=f"Its log: {log}")
        if time.monotonic() - said_at > SECONDS_BETWEEN_NOTES:
            said_at = time.monotonic()
            note("It is still starting; `exhibit down` stops it.")
        time.sleep(PAUSE)
    return status


@click.command("down", epilog=examples("exhibit down"))
def down_command() -> None:
    """Stop what `exhibit up` started. Ends with 3 when nothing runs."""
    from workers.supervisor import stop_running

    if stop_running(load_config()):
        say("Stopped.")
    else:
        note("Exhibit isn't running.")
        finish(ExitCode.SERVICE_MISSING)


@click.command("status", epilog=examples("exhibit status", "exhibit status --json"))
@json_option
def status_command(*, as_json: bool) -> None:
    """Say what runs, what waits, and how far long work is. Starts nothing.

    Ends with 3 when nothing runs, or the database doesn't answer.
    """
    config = load_config()
    from workers.checks import disk_check
    from workers.postgres import database_answers
    from workers.supervisor import running_status

    status, disk = running_status(config), disk_check(config)
    given = bool(config.database_url and config.redis_url)
    silent = (status is not None or given) and not database_answers(config)
    asked = not silent and (status is not None or given)
    work = _work() if asked else {"waiting": {}, "held_up": {}, "background": [], "log_stopped": ""}
    workers = status is not None or (given and _workers_answer())
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


def _workers_answer() -> bool:
    from workers.celery import workers_answer

    return workers_answer()


def _work() -> dict[str, Any]:
    """How many rows wait at each step, what holds them up, how far long work is, and what is wrong with the log."""
    desk = open_desk()
    from workers.background import going_on
    from workers.steps.backlog import backlog, held_up

    return {
        "waiting": backlog(),
        "held_up": held_up(),
        "background": [asdict(one) for one in going_on(desk.house)],
        "log_stopped": desk.house.log.stopped(),
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
    for one in answer["background"]:
        say(f"In the background: {one['done']:,} of {one['total']:,} {one['what']}.")


@click.command("doctor", epilog=examples("exhibit doctor"))
@json_option
def doctor_command(*, as_json: bool) -> None:
    """Say what this machine has and lacks, and how to get it; while Exhibit runs, also whether all is well.

    Ends with 3 when something needed is missing.
    """
    from workers.doctor import examine_all

    checks = examine_all(load_config())
    if as_json:
        echo_json({"checks": [plain_of(check, "name ok needed sentence remedy") for check in checks]})
    else:
        for check in checks:
            mark = "ok     " if check.ok else "MISSING" if check.needed else "without"
            click.echo(clean(f"{mark}  {check.name}: {check.sentence}"))
            if check.remedy:
                click.echo(clean(f"         {check.remedy}"))
    if any(check.needed and not check.ok for check in checks):
        finish(ExitCode.SERVICE_MISSING)


def _named(step: str) -> str:
    """A step by the name that `exhibit retry` takes, and what waits for it."""
    from workers.pipeline import STEPS, UPKEEP

    label = STEPS[step].label if step in STEPS else UPKEEP.get(step)
    return step if label is None else f"{step}: {label}"
