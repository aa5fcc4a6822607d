"""`exhibit status`."""

from dataclasses import asdict
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import click

from desk.cli.common.frame import examples, finish, open_desk, workers_run
from desk.cli.common.options import json_option
from desk.cli.common.show import counted, fields, moment, say, table, tell
from exhibit.clock import parse_rfc3339, rfc3339
from exhibit.errors import ExitCode, ServiceMissingError
from exhibit.machine import DATABASE_SILENT, REDIS_SILENT
from registry import jobs
from registry.configuration import load_config_or_error


@click.command(
    "status",
    epilog=examples(
        "exhibit status",
        "exhibit status --json",
        notes=(
            "Failed jobs: exhibit api GET /operator/failures",
            "Retry them:  exhibit api POST /operator/failures/STEP/retry",
        ),
    ),
)
@json_option
def status_command(*, as_json: bool) -> None:
    """Show running processes, waiting and failed jobs, and the progress of background jobs.

    Exits with 2 if a setting is invalid, with 3 if Exhibit is not running, or the database or Redis does not respond.
    """
    from workers.operations import checks
    from workers.servers import liveness, postgres, redis
    from workers.tasks import supervisor

    config, fault = load_config_or_error()
    status, disk = supervisor.running_status(config), checks.disk_check(config)
    has_servers = bool(config.database_url and config.redis_url)
    is_running = fault is None and (status is not None or has_servers)
    silent = is_running and not postgres.database_answers(config)
    # a command that needs the rows would wait for a Redis that is stopped
    is_redis_silent = is_running and not redis.redis_answers(config)
    work, why = _NOTHING, DATABASE_SILENT if silent else REDIS_SILENT if is_redis_silent else ""
    if is_running and not why:
        work, why = _work_or_why()
        silent = bool(why)
    workers = workers_run(config)
    answer: dict[str, Any] = {
        "running": workers,
        "site": None if status is None else status.address,
        "started": None if status is None else status.started,
        "processes": {} if status is None else status.processes,
        "replaced": [
            asdict(replacement) | {"at": rfc3339(replacement.at)} for replacement in liveness.replacements(config)
        ],
        "data": str(config.data_dir),
        "database_silent": silent,
        "redis_silent": is_redis_silent,
        "disk": {"crawling_stopped": not disk.ok, "sentence": disk.sentence},
        **work,
    }
    tell(answer, lambda: _show_status(answer, why, ZoneInfo(config.time_zone)), as_json=as_json)
    if fault is not None:
        raise fault
    if not workers or silent or is_redis_silent:
        finish(ExitCode.SERVICE_MISSING)


_NOTHING: dict[str, Any] = {"waiting": {}, "held_up": {}, "background": [], "log_stopped": ""}


def _work_or_why() -> tuple[dict[str, Any], str]:
    """What the rows say, or nothing and why they can't be asked."""
    try:
        return _work(), ""
    except ServiceMissingError as error:
        return _NOTHING, str(error)


def _work() -> dict[str, Any]:
    """How many rows wait at each step, what holds them up, how far long work is, and what is wrong with the log."""
    desk = open_desk()
    from registry.log.local_log import get_log
    from workers.operations import background, backlog

    return {
        "waiting": backlog.backlog(),
        "held_up": backlog.held_up(),
        "background": [asdict(activity) for activity in background.going_on(desk.services)],
        "log_stopped": get_log(desk.services).describe_stop(),
    }


def _show_status(answer: dict[str, Any], why: str, zone: ZoneInfo) -> None:
    if not answer["running"]:
        say("Exhibit is not running. Start it: exhibit up")
    processes = ", ".join(f"{name} ({number})" for name, number in answer["processes"].items())
    started = answer["started"] and moment(parse_rfc3339(answer["started"]), zone)
    fields(("site", answer["site"]), ("started", started), ("processes", processes), ("data", answer["data"]))
    for replacement in answer["replaced"]:
        at = moment(parse_rfc3339(replacement["at"]), zone)
        say(
            f"Restarted {replacement['name']} ({replacement['pid']}) at {at}, because it did not "
            f"respond for {replacement['seconds']} seconds."
        )
    if why:
        say(f"{why} The number of waiting jobs is unknown.")
    if answer["disk"]["crawling_stopped"]:
        say(f"Crawling has stopped because the disk is nearly full. {answer['disk']['sentence']}")
    if answer["log_stopped"]:
        say(f"Signing of the log has stopped. {answer['log_stopped']}")
    rows = [(_named(step), *counts.values()) for step, counts in answer["waiting"].items() if any(counts.values())]
    if rows:
        click.echo()
        table(("job", "waiting", "in progress", "failed"), rows)
    elif answer["waiting"]:
        say("No jobs are waiting.")
    for step, sentence in answer["held_up"].items():
        say(f"Blocked: {_named(step)}. {sentence}")
    for task in answer["background"]:
        seconds_left = task["seconds_left"]
        rest = "" if seconds_left is None else f" About {counted(ceil(seconds_left / 60), 'minute')} left."
        say(f"Background job: {task['done']:,} of {task['total']:,} {task['what']}.{rest}")


def _named(step: str) -> str:
    """A step by its name in the API, with its label."""
    return step if (label := jobs.label(step)) == step else f"{step}: {label}"
