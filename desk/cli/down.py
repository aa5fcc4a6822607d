"""`exhibit down`."""

import click

from desk.cli.common.frame import examples, finish
from desk.cli.common.show import note, say
from exhibit.errors import ExitCode
from registry.configuration import load_config_or_error


@click.command("down", epilog=examples("exhibit down"))
def down_command() -> None:
    """Stop Exhibit. Works even if a setting is invalid. Exits with 3 if Exhibit is not running."""
    from workers.tasks import supervisor

    config, fault = load_config_or_error()
    if fault is not None:
        note(f"Exhibit cannot be started again until this is fixed: {fault}")
    if supervisor.stop_running(config):
        say("Stopped.")
    else:
        note("Exhibit is not running.")
        finish(ExitCode.SERVICE_MISSING)
