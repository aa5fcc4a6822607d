"""`exhibit status`."""

from dataclasses import asdict
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import click

from desk.cli.common.context import are_workers_running, exit_with, format_examples, open_command_context
from desk.cli.common.options import json_option
from desk.cli.common.output import echo_fields, echo_result, echo_table, echo_text, format_count, format_time
from exhibit.clock import format_rfc3339, parse_rfc3339
from exhibit.errors import ExitCode, ServiceMissingError
from exhibit.machine import DATABASE_NOT_RESPONDING, REDIS_NOT_RESPONDING
from registry import jobs
from registry.configuration import load_config_or_error


@click.command(
    "status",
    epilog=format_examples(
        "exhibit status",
        "exhibit status --json",
        notes=(
            "List failed jobs:  exhibit api GET /operator/failures",
            "Retry failed jobs: exhibit api POST /operator/failures/STEP/retry",
        ),
    ),
)
@json_option
def status_command(*, as_json: bool) -> None:
    """Show running processes, waiting and failed jobs, and the progress of background jobs.

    Exits with 2 if a setting is invalid. Exits with 3 if Exhibit is not running, if the database does not respond, or
    if Redis does not respond.
    """
    from workers.operations import checks
    from workers.servers import liveness, postgres, redis
    from workers.tasks import supervisor

    config, fault = load_config_or_error()
    status, disk = supervisor.read_running_status(config), checks.check_disk(config)
    has_servers = bool(config.database_url and config.redis_url)
    is_running = fault is None and (status is not None or has_servers)
    is_database_unresponsive = is_running and not postgres.is_database_responding(config)
    # Check Redis first, because opening the session would wait for a stopped Redis.
    is_redis_unresponsive = is_running and not redis.is_redis_responding(config)
    work, outage = (
        _NO_WORK,
        DATABASE_NOT_RESPONDING if is_database_unresponsive else REDIS_NOT_RESPONDING if is_redis_unresponsive else "",
    )
    if is_running and not outage:
        work, outage = _read_work_or_outage()
        is_database_unresponsive = bool(outage)
    workers = are_workers_running(config)
    report: dict[str, Any] = {
        "running": workers,
        "site": None if status is None else status.address,
        "started": None if status is None else status.started,
        "processes": {} if status is None else status.processes,
        "replaced": [
            asdict(replacement) | {"at": format_rfc3339(replacement.at)}
            for replacement in liveness.list_replacements(config)
        ],
        "data": str(config.data_dir),
        "database_silent": is_database_unresponsive,
        "redis_silent": is_redis_unresponsive,
        "disk": {"crawling_stopped": not disk.ok, "sentence": disk.sentence},
        **work,
    }
    echo_result(report, lambda: _echo_status(report, outage, ZoneInfo(config.time_zone)), as_json=as_json)
    if fault is not None:
        raise fault
    if not workers or is_database_unresponsive or is_redis_unresponsive:
        exit_with(ExitCode.SERVICE_MISSING)


_NO_WORK: dict[str, Any] = {"waiting": {}, "held_up": {}, "background": [], "log_stopped": ""}


def _read_work_or_outage() -> tuple[dict[str, Any], str]:
    """Return the work in the database, or no work and the reason why the database cannot be queried."""
    try:
        return _read_work(), ""
    except ServiceMissingError as error:
        return _NO_WORK, str(error)


def _read_work() -> dict[str, Any]:
    """Return jobs by step, the reasons why steps are blocked, background progress, and why signing stopped."""
    context = open_command_context()
    from registry.log.local_log import get_log
    from workers.operations import background, backlog

    return {
        "waiting": backlog.count_rows_by_step(),
        "held_up": backlog.find_held_up_reasons(),
        "background": [asdict(activity) for activity in background.list_unfinished_work(context.services)],
        "log_stopped": get_log(context.services).describe_signing_stop(),
    }


def _echo_status(report: dict[str, Any], outage: str, zone: ZoneInfo) -> None:
    if not report["running"]:
        echo_text("Exhibit is not running. Start it: exhibit up")
    processes = ", ".join(f"{name} ({number})" for name, number in report["processes"].items())
    start_time = report["started"] and format_time(parse_rfc3339(report["started"]), zone)
    echo_fields(
        ("web interface", report["site"]), ("started", start_time), ("processes", processes), ("data", report["data"])
    )
    for replacement in report["replaced"]:
        at = format_time(parse_rfc3339(replacement["at"]), zone)
        echo_text(
            f"Restarted {replacement['name']} ({replacement['pid']}) at {at}, because it did not "
            f"respond for {replacement['seconds']} seconds."
        )
    if outage:
        echo_text(f"{outage} The number of waiting jobs is unknown.")
    if report["disk"]["crawling_stopped"]:
        echo_text(f"Crawling has stopped because the disk is nearly full. {report['disk']['sentence']}")
    if report["log_stopped"]:
        echo_text(f"Signing of the log has stopped. {report['log_stopped']}")
    rows = [
        (_format_step(step), *counts.values()) for step, counts in report["waiting"].items() if any(counts.values())
    ]
    if rows:
        click.echo()
        echo_table(("job", "waiting", "in progress", "failed"), rows)
    elif report["waiting"]:
        echo_text("No jobs are waiting.")
    for step, sentence in report["held_up"].items():
        echo_text(f"Blocked: {_format_step(step)}. {sentence}")
    for task in report["background"]:
        seconds_left = task["seconds_left"]
        time_left = "" if seconds_left is None else f" About {format_count(ceil(seconds_left / 60), 'minute')} left."
        echo_text(f"Background job: {task['done']:,} of {task['total']:,} {task['what']}.{time_left}")


def _format_step(step: str) -> str:
    """Format a step as its API name, followed by its label."""
    return step if (label := jobs.get_label(step)) == step else f"{step}: {label}"
