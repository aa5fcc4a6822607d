"""Stopping the product."""

import click

from desk.cli.common.frame import examples, finish
from desk.cli.common.show import note, say
from exhibit.errors import ExitCode
from registry.configuration import load_config


@click.command("down", epilog=examples("exhibit down"))
def down_command() -> None:
    """Stop what `exhibit up` started. Ends with 3 when nothing runs."""
    from workers.tasks import supervisor

    if supervisor.stop_running(load_config()):
        say("Stopped.")
    else:
        note("Exhibit isn't running.")
        finish(ExitCode.SERVICE_MISSING)
