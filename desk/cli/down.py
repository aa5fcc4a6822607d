"""Stopping the product."""

import click

from desk.cli.common.frame import examples, finish
from desk.cli.common.show import note, say
from exhibit.errors import ExitCode
from registry.configuration import config_or_fault


@click.command("down", epilog=examples("exhibit down"))
def down_command() -> None:
    """Stop what `exhibit up` started. Ends with 3 when nothing runs. A setting that is wrong doesn't hinder it."""
    from workers.tasks import supervisor

    config, fault = config_or_fault()
    if fault is not None:
        note(f"Nothing could be started now: {fault}")
    if supervisor.stop_running(config):
        say("Stopped.")
    else:
        note("Exhibit isn't running.")
        finish(ExitCode.SERVICE_MISSING)
