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

log_command = click.Group("log", help="Verify the append-only log of registrations, crawls, decisions, seals and keys.")


@log_command.command(
    "verify",
    epilog=examples("exhibit log verify", "exhibit log verify --against bundle.zip", "exhibit log verify --json"),
)
@click.option(
    "--against",
    "files",
    type=THERE,
    multiple=True,
    metavar="FILE",
    help="Bundle or checkpoint to compare with the log.",
)
@json_option
def verify_log(*, files: tuple[Path, ...], as_json: bool) -> None:
    """Verify the whole log: entries, hashes, checkpoints, and the content of entries unless it was erased.

    With --against, compare the log with earlier bundles or checkpoints instead. If the log does not continue one of
    them, Exhibit stops signing until you start a new log name:
    exhibit api POST /operator/log/new-origin --field reason=TEXT

    Exits with 1 if a check fails. State of the log: exhibit api GET /operator/log
    """
    desk = open_desk()
    if files:
        _compare(desk, files, as_json=as_json)
        return
    from registry.log import replay

    result = replay.replay(desk.services)
    checked = f"{counted(result.checkpoints, 'checkpoint')}, {counted(result.openings, 'content')}"
    problems = [f"FAILED  {problem}" for problem in result.problems]
    summary = f"{counted(len(result.problems), 'problem')} found." if problems else "The log is valid."
    entries = f"{counted(result.entries, 'entry', 'entries')}, {checked} verified; {result.erased} erased."
    tell(asdict(result), entries, *problems, summary, as_json=as_json)
    finish(ExitCode.CHECK_FAILED if problems else ExitCode.DONE)


def _compare(desk: Desk, files: Sequence[Path], *, as_json: bool) -> None:
    """Compare the log with files; exits with 1 if it does not continue what one of them shows."""
    from registry.log import history

    try:
        comparisons = history.compare_with_files(desk.services, files)
    except IntegrityError as error:  # of a file, and nothing about the log
        raise WrongUseError(error.message, hint=error.hint) from error
    checkpoints: list[dict[str, Json]] = [asdict(comparison) for comparison in comparisons]
    rows = [
        (comparison["origin"], comparison["size"], comparison["outcome"], comparison["sentence"])
        for comparison in checkpoints
    ]
    columns = ("name", "entries", "outcome", "meaning")
    output = (lambda: table(columns, rows)) if rows else "The files contain no checkpoint."
    tell({"checkpoints": checkpoints}, output, as_json=as_json)
    broken = any(comparison.outcome is history.Relation.BROKEN for comparison in comparisons)
    finish(ExitCode.CHECK_FAILED if broken else ExitCode.DONE)
