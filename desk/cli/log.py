"""`exhibit log verify`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from desk.cli.common.context import CommandContext, exit_with, format_examples, open_command_context
from desk.cli.common.options import EXISTING_PATH, json_option
from desk.cli.common.output import echo_result, echo_table, format_count
from exhibit.errors import ExitCode, IntegrityError, InvalidRequestError
from exhibit.types import Json

log_command = click.Group("log", help="Verify the append-only log of registrations, crawls, decisions, seals and keys.")


@log_command.command(
    "verify",
    epilog=format_examples(
        "exhibit log verify", "exhibit log verify --against bundle.zip", "exhibit log verify --json"
    ),
)
@click.option(
    "--against",
    "files",
    type=EXISTING_PATH,
    multiple=True,
    metavar="FILE",
    help="Bundle or checkpoint to compare with the log.",
)
@json_option
def verify_log(*, files: tuple[Path, ...], as_json: bool) -> None:
    """Verify the whole log: entries, hashes, checkpoints, and the content of entries unless it was erased.

    With --against, compare the log with earlier bundles or checkpoints instead. If the log does not continue one of
    them, Exhibit stops signing until you give the log a new name:
    exhibit api POST /operator/log/new-origin --field reason=TEXT

    Exits with 1 if a check fails. State of the log: exhibit api GET /operator/log
    """
    context = open_command_context()
    if files:
        _compare(context, files, as_json=as_json)
        return
    from registry.log import replay

    result = replay.replay(context.services)
    verified_counts = (
        f"{format_count(result.checkpoints, 'checkpoint')}, {format_count(result.openings, 'content record')}"
    )
    problems = [f"FAILED  {problem}" for problem in result.problems]
    summary = f"{format_count(len(result.problems), 'problem')} found." if problems else "The log is valid."
    entries = f"{format_count(result.entries, 'entry', 'entries')}, {verified_counts} verified; {result.erased} erased."
    echo_result(asdict(result), entries, *problems, summary, as_json=as_json)
    exit_with(ExitCode.CHECK_FAILED if problems else ExitCode.DONE)


def _compare(context: CommandContext, files: Sequence[Path], *, as_json: bool) -> None:
    """Compare the log with bundles or checkpoints; exit with 1 if it does not continue one of them."""
    from registry.log import history

    try:
        comparisons = history.compare_with_files(context.services, files)
    except IntegrityError as error:  # The file is damaged; this is no evidence against the log.
        raise InvalidRequestError(error.message, hint=error.hint) from error
    checkpoints: list[dict[str, Json]] = [asdict(comparison) for comparison in comparisons]
    rows = [
        (comparison["origin"], comparison["size"], comparison["outcome"], comparison["sentence"])
        for comparison in checkpoints
    ]
    columns = ("name", "entries", "outcome", "meaning")
    output = (lambda: echo_table(columns, rows)) if rows else "The files contain no checkpoint."
    echo_result({"checkpoints": checkpoints}, output, as_json=as_json)
    is_broken = any(comparison.outcome is history.CheckpointRelation.BROKEN for comparison in comparisons)
    exit_with(ExitCode.CHECK_FAILED if is_broken else ExitCode.DONE)
