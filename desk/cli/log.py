"""`exhibit log verify`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from desk.cli.common.frame import Desk, examples, finish, open_desk
from desk.cli.common.options import THERE, json_option
from desk.cli.common.show import counted, table, tell
from exhibit.errors import ExitCode, IntegrityError, WrongUseError
from exhibit.types import Json

log_command = click.Group("log", help="The append-only log of registrations, crawls, decisions, seals and keys.")


@log_command.command(
    "verify",
    epilog=examples("exhibit log verify", "exhibit log verify --against bundle.zip", "exhibit log verify --json"),
)
@click.option(
    "--against", "files", type=THERE, multiple=True, metavar="FILE", help="A bundle, or a checkpoint that was kept."
)
@json_option
def verify_log(*, files: tuple[Path, ...], as_json: bool) -> None:
    """Verify the whole log: entries, hashes, all checkpoints, and the content of entries that was not erased.

    With --against, compare the log with a bundle that was handed out or a checkpoint that somebody kept, instead. If
    the log does not continue it, Exhibit stops signing until you start a new log name:
    exhibit api POST /operator/log/new-origin --field reason=TEXT

    Exits with 1 if anything is wrong. State of the log: exhibit api GET /operator/log
    """
    desk = open_desk()
    if files:
        _compare(desk, files, as_json=as_json)
        return
    from registry.log import replay

    found = replay.replay(desk.services)
    read = f"{counted(found.checkpoints, 'checkpoint')}, {counted(found.openings, 'opening')}"
    problems = [f"WRONG  {problem}" for problem in found.problems]
    summary = f"{counted(len(found.problems), 'problem')} found." if problems else "The log is intact."
    entries = f"{counted(found.entries, 'entry', 'entries')}, {read} read; {found.erased} erased."
    tell(asdict(found), entries, *problems, summary, as_json=as_json)
    finish(ExitCode.CHECK_FAILED if problems else ExitCode.DONE)


def _compare(desk: Desk, files: Sequence[Path], *, as_json: bool) -> None:
    """Compare the log with files; exits with 1 if it does not continue what one of them shows."""
    from registry.log import history

    try:
        found = history.check_against(desk.services, files)
    except IntegrityError as error:  # of a file, and nothing about the log
        raise WrongUseError(error.message, hint=error.hint) from error
    checkpoints: list[dict[str, Json]] = [asdict(one) for one in found]
    rows = [(one["origin"], one["size"], one["outcome"], one["sentence"]) for one in checkpoints]
    columns = ("name", "entries", "outcome", "meaning")
    shown = (lambda: table(columns, rows)) if rows else "The files contain no checkpoint."
    tell({"checkpoints": checkpoints}, shown, as_json=as_json)
    broken = any(one.outcome is history.Compared.BROKEN for one in found)
    finish(ExitCode.CHECK_FAILED if broken else ExitCode.DONE)
