"""`exhibit blobs move`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples, finish, workers_run
from desk.cli.common.options import json_option
from desk.cli.common.show import counted, echo_json, note, say, size
from exhibit.config import values
from exhibit.errors import ExitCode, WrongUseError
from registry.configuration import load_config

if TYPE_CHECKING:
    from workers.database import moving

HERE = "data-folder"
SECONDS = 5.0

blobs_command = click.Group("blobs", help="Manage stored files.")


@blobs_command.command(
    "move", epilog=examples("exhibit blobs move --to s3://bucket/exhibit", f"exhibit blobs move --to {HERE}")
)
@click.option("--to", metavar="URL", required=True, help=f"New location, as in the setting blobs_url; or {HERE}.")
@click.option("--from", "source", metavar="URL", help="Current location, if not that of blobs_url.")
@json_option
def move_blobs(*, to: str, source: str | None, as_json: bool) -> None:
    """Copy all stored files to another storage location, and verify each against its SHA-256 there.

    Nothing is removed at the old location, and no setting is changed. Exhibit may be running, but then new files may be
    missing: the command exits with 4 until it has completed once while Exhibit is stopped. After an interruption, run
    the command again. Exits with 1 if damaged files were skipped, with 3 if a location does not respond.
    """
    config = load_config()
    old = config.blobs_url if source is None else _url(source)
    new = _url(to)
    if old == new:
        raise WrongUseError("The new location is the current one.", hint="Enter another location with --to.")
    from workers.database import moving

    ran = workers_run(config)
    moved = moving.take_to(config, old, new, _meter())
    running = ran or workers_run(config)
    if as_json:
        damaged = [digest.hex for digest in moved.damaged]
        echo_json(
            {"files": moved.files, "copied": moved.copied, "size": moved.size, "damaged": damaged, "running": running}
        )
    else:
        _say(moved, "" if to == HERE else to, running=running)
    if moved.damaged:
        finish(ExitCode.CHECK_FAILED)
    if running:
        finish(ExitCode.INCOMPLETE)


def _meter() -> "Callable[[moving.Moved], None]":
    """Return a function that prints the progress on standard error every few seconds."""
    last_shown = time.monotonic()

    def show(moved: "moving.Moved") -> None:
        nonlocal last_shown
        if time.monotonic() - last_shown > SECONDS:
            last_shown = time.monotonic()
            note(f"{counted(moved.files, 'file')} verified, {moved.copied:,} copied, {size(moved.size)}")

    return show


def _say(moved: "moving.Moved", to: str, *, running: bool) -> None:
    say(f"{counted(moved.files, 'file')} verified in the new location; {moved.copied:,} copied.")
    for digest in moved.damaged:
        say(f"Skipped, because it is damaged: {digest}")
    if running:
        say("Exhibit is running, so new files may be missing. Stop it (exhibit down), and run the command again.")
        return
    say(
        f"Before the next start, set EXHIBIT_BLOBS_URL={to}"
        if to
        else "Before the next start, unset EXHIBIT_BLOBS_URL."
    )
    say("Purges do not affect the old location. Delete its files when you no longer need them.")


def _url(text: str) -> str:
    try:
        return "" if text == HERE else values.blobs_url(text)
    except ValueError as error:
        raise WrongUseError(f"The URL is invalid: {error}.") from None  # the URL is not repeated: it may contain a key
