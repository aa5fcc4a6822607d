"""Where the exact bytes lie."""

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

blobs_command = click.Group("blobs", help="The exact bytes: where they lie.")


@blobs_command.command(
    "move", epilog=examples("exhibit blobs move --to s3://bucket/exhibit", f"exhibit blobs move --to {HERE}")
)
@click.option("--to", metavar="URL", required=True, help=f"As the setting blobs_url says it; {HERE}: its blobs/.")
@click.option("--from", "source", metavar="URL", help="Where they lie, if not where blobs_url says.")
@json_option
def move_blobs(*, to: str, source: str | None, as_json: bool) -> None:
    """Copy the exact bytes to another place, and hold each against its SHA-256 there.

    Nothing is removed where they lie, and nothing is set. Exhibit may run meanwhile, but what comes then may be
    missing: it ends with 4 until it has gone through once while Exhibit is stopped. After an interruption the same
    command goes on. Ends with 1 when stored bytes have changed and were left, with 3 when a place doesn't answer.
    """
    config = load_config()
    old = config.blobs_url if source is None else _url(source)
    new = _url(to)
    if old == new:
        raise WrongUseError("The bytes lie there already.")
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
    """Says how far it is, on standard error, every few seconds."""
    told = time.monotonic()

    def show(moved: "moving.Moved") -> None:
        nonlocal told
        if time.monotonic() - told > SECONDS:
            told = time.monotonic()
            note(f"{counted(moved.files, 'file')} there, {moved.copied:,} of them copied now, {size(moved.size)}")

    return show


def _say(moved: "moving.Moved", to: str, *, running: bool) -> None:
    say(f"{counted(moved.files, 'file')} there, each as its SHA-256 says; {moved.copied:,} copied now.")
    for digest in moved.damaged:
        say(f"Left, for its bytes have changed: {digest}")
    if running:
        say("Exhibit runs, so others may have come meanwhile. Stop it (exhibit down), and give the same command again.")
        return
    say(f"Before the next start set EXHIBIT_BLOBS_URL={to}" if to else "Before the next start unset EXHIBIT_BLOBS_URL.")
    say("Until you remove the bytes where they lay, no purge reaches them there.")


def _url(given: str) -> str:
    try:
        return "" if given == HERE else values.blobs_url(given)
    except ValueError as error:
        raise WrongUseError(f"The URL can't be used: {error}.") from None  # it isn't repeated: it may hold a key
