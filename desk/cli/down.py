"""`exhibit down`."""

import click

from desk.cli.common.context import exit_with, format_examples
from desk.cli.common.output import echo_note, echo_text
from exhibit.errors import ExitCode
from registry.configuration import load_config_or_error


@click.command("down", epilog=format_examples("exhibit down"))
def down_command() -> None:
    """Stop Exhibit, even if a setting is invalid. Exits with 3 if Exhibit is not running."""
    from workers.tasks import supervisor

    config, fault = load_config_or_error()
    if fault is not None:
        echo_note(f"Exhibit cannot be started again until this is fixed: {fault}")
    if supervisor.stop_supervisor(config):
        echo_text("Stopped.")
    else:
        echo_note("Exhibit is not running.")
        exit_with(ExitCode.SERVICE_MISSING)
