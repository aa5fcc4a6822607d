"""`exhibit up`."""

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples
from desk.cli.common.show import note, say
from exhibit.config.config import Config, made_data_dir
from exhibit.errors import ServiceMissingError
from registry.configuration import load_config

if TYPE_CHECKING:
    from workers.tasks import supervisor

SECONDS_BETWEEN_NOTES = 60.0
PAUSE = 0.1
"""Seconds between two looks whether it runs: it writes that down, and may as well end before it does."""


@click.command("up", epilog=examples("exhibit up", "exhibit up --detach"))
@click.option("--detach", is_flag=True, help="Return as soon as the site responds. Stop Exhibit with `exhibit down`.")
def up_command(*, detach: bool) -> None:
    """Start the servers, the workers, the scheduler and the site, and keep them running until Ctrl-C.

    Exits with 2 if Exhibit is already running or starting; with --detach, waits until it has started and exits with 0.
    """
    from workers.tasks import supervisor

    config = load_config()
    if detach:
        _detach(config)
        return
    say("Starting… Press Ctrl-C to stop.")
    supervisor.run_supervisor(config, _greet)
    say("Stopped.")


def _greet(status: "supervisor.Status") -> None:
    say(f"Exhibit is running: {status.address}")
    if link := _first_link(load_config()):
        say("Open this link to set up the installation. It can be used once within 24 hours:")
        say(f"  {link}")
    sys.stdout.flush()


def _first_link(config: Config) -> str:
    """The link with which the first operator comes in; empty when there is one."""
    from workers.servers import product

    command = [sys.executable, "-m", "workers.first_link"]
    environ = product.environment(config)
    run = subprocess.run(command, env=environ, cwd=product.CHECKOUT, capture_output=True, text=True, check=False)
    if message := run.stderr.strip():
        note(message.splitlines()[-1])
    return run.stdout.strip()


def _detach(config: Config) -> None:
    """Start it, or wait for one that is starting; raises ``ServiceMissingError`` with the sentence it ended with."""
    from workers.servers import processes, product
    from workers.tasks import supervisor

    folder, child, start = made_data_dir(config) / "log", None, 0
    said_at = time.monotonic()
    while (status := supervisor.running_status(config)) is None:
        is_running = supervisor.is_at_work(config)
        if child is None and not is_running:
            with processes.open_log(folder, "supervisor") as log:
                start = log.tell()
                child = product.start_detached(config, "workers.tasks.supervisor", log)
        elif child is not None and child.poll() is not None:
            if not is_running:
                lines = (folder / "supervisor.log").read_bytes()[start:].decode("utf-8", "replace").strip().splitlines()
                hint = f"Log file: {folder / 'supervisor.log'}"
                raise ServiceMissingError(lines[-1] if lines else "Exhibit did not start.", hint=hint)
            child = None  # another one was faster
        if time.monotonic() - said_at > SECONDS_BETWEEN_NOTES:
            said_at = time.monotonic()
            note("Exhibit is still starting. To cancel: exhibit down")
        time.sleep(PAUSE)
    if child is None:
        say(f"Exhibit is already running: {status.address}")
    else:
        _greet(status)
