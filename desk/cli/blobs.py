"""`exhibit blobs move`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import are_workers_running, exit_with, format_examples
from desk.cli.common.options import json_option
from desk.cli.common.output import echo_json, echo_note, echo_text, format_count, format_size
from exhibit.config import values
from exhibit.errors import ExitCode, InvalidRequestError
from registry.configuration import load_config

if TYPE_CHECKING:
    from workers.database import moving

DATA_FOLDER = "data-folder"
REPORT_SECONDS = 5.0

blobs_command = click.Group("blobs", help="Manage stored files.")


@blobs_command.command(
    "move",
    epilog=format_examples("exhibit blobs move --to s3://bucket/exhibit", f"exhibit blobs move --to {DATA_FOLDER}"),
)
@click.option(
    "--to", metavar="URL", required=True, help=f"New location, as in the setting blobs_url; or {DATA_FOLDER}."
)
@click.option("--from", "source", metavar="URL", help="Current location, if it differs from the setting blobs_url.")
@json_option
def move_blobs(*, to: str, source: str | None, as_json: bool) -> None:
    """Copy all stored files to another storage location, and verify the SHA-256 of each copy.

    Nothing is removed from the old location, and no setting is changed. Exhibit may be running, but then new files may
    be missing: the command exits with 4 until it has completed once while Exhibit is stopped. After an interruption,
    run the command again. Exits with 1 if damaged files were skipped, with 3 if a location does not respond.
    """
    config = load_config()
    old_url = config.blobs_url if source is None else _parse_location(source)
    new_url = _parse_location(to)
    if old_url == new_url:
        raise InvalidRequestError(
            "The new location is the same as the current location.", hint="Specify another location with --to."
        )
    from workers.database import moving

    was_running = are_workers_running(config)
    result = moving.copy_blobs(config, old_url, new_url, _make_progress_reporter())
    is_running = was_running or are_workers_running(config)
    if as_json:
        damaged_digests = [digest.hex for digest in result.damaged]
        echo_json(
            {
                "files": result.files,
                "copied": result.copied,
                "size": result.size,
                "damaged": damaged_digests,
                "running": is_running,
            }
        )
    else:
        _echo_summary(result, "" if to == DATA_FOLDER else to, is_running=is_running)
    if result.damaged:
        exit_with(ExitCode.CHECK_FAILED)
    if is_running:
        exit_with(ExitCode.INCOMPLETE)


def _make_progress_reporter() -> "Callable[[moving.MoveResult], None]":
    """Return a function that prints the progress on standard error every few seconds."""
    last_shown = time.monotonic()

    def report(progress: "moving.MoveResult") -> None:
        nonlocal last_shown
        if time.monotonic() - last_shown > REPORT_SECONDS:
            last_shown = time.monotonic()
            echo_note(
                f"{format_count(progress.files, 'file')} verified, {progress.copied:,} copied, "
                f"{format_size(progress.size)}"
            )

    return report


def _echo_summary(result: "moving.MoveResult", to: str, *, is_running: bool) -> None:
    echo_text(f"{format_count(result.files, 'file')} verified in the new location; {result.copied:,} copied.")
    for digest in result.damaged:
        echo_text(f"Skipped damaged file: {digest}")
    if is_running:
        echo_text("Exhibit is running, so new files may be missing. Stop it (exhibit down), and run the command again.")
        return
    echo_text(
        f"Before the next start, set EXHIBIT_BLOBS_URL={to}"
        if to
        else "Before the next start, unset EXHIBIT_BLOBS_URL."
    )
    echo_text("Purging a picture does not delete files in the old location. Delete them when you no longer need them.")


def _parse_location(text: str) -> str:
    try:
        return "" if text == DATA_FOLDER else values.parse_blobs_url(text)
    except ValueError as error:
        raise InvalidRequestError(f"The URL is invalid: {error}.") from None  # The URL may contain a key.
