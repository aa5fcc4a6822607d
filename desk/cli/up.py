"""`exhibit up`."""

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import format_examples
from desk.cli.common.output import echo_note, echo_text
from exhibit.config.config import Config, ensure_data_dir
from exhibit.errors import ServiceMissingError
from registry.configuration import load_config

if TYPE_CHECKING:
    from workers.tasks import supervisor

SECONDS_BETWEEN_NOTES = 60.0
POLL_SECONDS = 0.1
"""Seconds between checks of the status file; the process may also exit before it writes the file."""


@click.command("up", epilog=format_examples("exhibit up", "exhibit up --detach"))
@click.option("--detach", is_flag=True, help="Return when the web interface responds. To stop Exhibit: exhibit down.")
def up_command(*, detach: bool) -> None:
    """Start the servers, the workers, the scheduler and the web interface. Press Ctrl-C to stop them.

    Exits with 2 if Exhibit is already running or starting. With --detach, the command waits until Exhibit has started,
    and exits with 0.
    """
    from workers.tasks import supervisor

    config = load_config()
    if detach:
        _start_detached(config)
        return
    echo_text("Starting… Press Ctrl-C to stop.")
    supervisor.run_supervisor(config, _echo_greeting)
    echo_text("Stopped.")


def _echo_greeting(status: "supervisor.RunningStatus") -> None:
    echo_text(f"Exhibit is running: {status.address}")
    if link := _create_setup_link(load_config()):
        echo_text("Open this link to set up the installation. The link can be used once, within 24 hours:")
        echo_text(f"  {link}")
    sys.stdout.flush()


def _create_setup_link(config: Config) -> str:
    """Return the link with which the first operator sets up the installation; empty if there is an operator."""
    from workers.servers import product

    command = [sys.executable, "-m", "workers.operator_link"]
    environ = product.build_environment(config)
    process = subprocess.run(command, env=environ, cwd=product.CHECKOUT, capture_output=True, text=True, check=False)
    if message := process.stderr.strip():
        echo_note(message.splitlines()[-1])
    return process.stdout.strip()


def _start_detached(config: Config) -> None:
    """Start Exhibit in the background, or wait for one that is starting.

    Raises:
        ServiceMissingError: Exhibit did not start. The message is the last line of its log file.
    """
    from workers.servers import processes, product
    from workers.tasks import supervisor

    folder, child, start = ensure_data_dir(config) / "log", None, 0
    last_note_at = time.monotonic()
    while (status := supervisor.read_running_status(config)) is None:
        is_running = supervisor.is_running(config)
        if child is None and not is_running:
            with processes.open_log(folder, "supervisor") as log:
                start = log.tell()
                child = product.start_detached(config, "workers.tasks.supervisor", log)
        elif child is not None and child.poll() is not None:
            if not is_running:
                lines = (folder / "supervisor.log").read_bytes()[start:].decode("utf-8", "replace").strip().splitlines()
                hint = f"Log file: {folder / 'supervisor.log'}"
                raise ServiceMissingError(lines[-1] if lines else "Exhibit did not start.", hint=hint)
            child = None  # Another process started Exhibit first.
        if time.monotonic() - last_note_at > SECONDS_BETWEEN_NOTES:
            last_note_at = time.monotonic()
            echo_note("Exhibit is still starting. To cancel: exhibit down")
        time.sleep(POLL_SECONDS)
    if child is None:
        echo_text(f"Exhibit is already running: {status.address}")
    else:
        _echo_greeting(status)
