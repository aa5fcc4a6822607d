"""The command line as a whole: its commands, loaded when they are used, and how errors end."""

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from desk.cli.gone import now_at
from exhibit import __version__
from exhibit.errors import ExhibitError, ExitCode, WrongUseError
from exhibit.files.private import keep_private
from exhibit.interrupts import hear_interrupts
from exhibit.machine import machine_fault
from exhibit.pipes import ends_with_reader, has_lost_reader
from exhibit.plain import plain

# what stands in the overview of each command; its module has its name, but for those of MODULES
SECTIONS: dict[str, dict[str, str]] = {
    "Running": {
        "up": "Start the servers, the workers and the site.",
        "down": "Stop them.",
        "status": "Say what runs and what waits.",
        "doctor": "Say what this machine lacks, and whether all is well.",
        "service": "Let systemd start it with the machine: install, remove, show.",
        "capacity": "Say what so many works and pictures take: machines, storage, money.",
        "retry": "Try again what was given up, or list it.",
    },
    "Rights": {
        "owner": "Rights holders: add, sample, derived, web-archive, passkeys, list.",
        "user": "People who sign in: add, list, operator, password.",
        "work": "Registered works: add, list, show, change, undo, certificate, export, publish, remove.",
        "licence": "Permitted uses: import, list.",
        "fingerprint": "Write what registers pictures that stay where they are, without servers.",
        "identify": "Say which work a picture shows, whole or in part.",
    },
    "Watching": {
        "watch": "Scheduled visits: add, edit, list, show, run, stop, pause, resume, delete; look at one page.",
        "ingest": "Read lists of addresses in bulk: Parquet, CSV, WAT, CDX, folders of them.",
        "edge": "Machines of others that help: invite, join, list, account, check, remove.",
        "agreement": "What partners may search blindly: add, list, end; search a partner's pictures.",
        "case": "Found uses: list, show, look, ask-archive, confirm, clear, license, reopen, undo.",
    },
    "Evidence": {
        "report": "Accounts of cases: make, list.",
        "notice": "Letters about uses: list, show, event.",
        "bundle": "Sealed evidence: get, list, sign, to-sign, countersign.",
        "verify": "Check bundles, without servers or network.",
        "key": "Keys that sign: list, rotate, revoke, add, export, certificate, master.",
        "log": "The append-only log: status, list, verify, prove, check-against, accept-head, new-origin, erase.",
        "trust": "Write this installation's public keys for those who check.",
        "compare": "Compare two pictures, without servers.",
        "why": "Say why a copy isn't found to show its original, stage by stage.",
        "anchor": "Outside witnesses: list, add, remove; deploy a chain's contract.",
        "partner": "Other installations that check and help: card, add, list, compare, capture, feed, forks, revoke.",
        "accuracy": "How often persons found the machine to be wrong; export it for outsiders.",
    },
    "Everything else": {
        "api": "Any operation of the HTTP API, as JSON: cases, parties, money, notices, searches, links and more.",
    },
    "Upkeep": {
        "backup": "Write everything that can't be made again, while Exhibit runs.",
        "restore": "Put a backup back into an empty data folder.",
        "blobs": "The exact bytes: move them to another place.",
        "index": "What is searched: check, move, rebuild, stats.",
        "model": "What describes pictures: add, measure, export, import, list, use, drop.",
        "calibrate": "How figures become probabilities: measure your archive; join, show, reset.",
        "purge": "Remove a picture's bytes everywhere and for good.",
        "keep": "Show a picture again that a member reported as illegal.",
        "deny": "Never visit a host, or list those denied.",
        "allow": "Take a denial back.",
        "block": "Never store certain bytes, or list those blocked.",
    },
}
_OF_FILES = {errno.EROFS, errno.EACCES, errno.EPERM}
MODULES = dict.fromkeys(("deny", "allow", "block", "keep", "purge"), "rules")
"""Where a command is that has no module of its name."""
COMMANDS = {name: text for section in SECTIONS.values() for name, text in section.items()}
EPILOG = """\b
Examples:
  exhibit owner add "Studio Example"
  exhibit work add ~/Pictures/portfolio
  exhibit watch add shop --site https://shop.example/
  exhibit watch run shop --wait
  exhibit case list

\b
Exit codes: 0 done, 1 a check failed, 2 wrong use, 3 a service is missing,
4 incomplete, 130 interrupted, 141 nobody reads the output. docs/commands.md has the keys of JSON.
"""


class LazyGroup(click.Group):
    """Loads the module of a command when it is used; the overview loads none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the overview."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if not any(cmd_name in commands for commands in SECTIONS.values()):
            return None
        module = importlib.import_module(f"desk.cli.{MODULES.get(cmd_name, cmd_name)}")
        found: click.Command = getattr(module, f"{cmd_name}_command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; what is none is refused with the names that come near it."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview by section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.command(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="exhibit")
def exhibit() -> None:
    """Watch the web for copies of registered pictures and keep what is found as evidence."""


@ends_with_reader
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Whatever goes wrong ends with a sentence, not with a trace."""
    keep_private()
    hear_interrupts()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # the interpreter's own streams
    try:
        return _run(arguments)
    except (KeyboardInterrupt, click.Abort):
        return _say("Interrupted.", ExitCode.INTERRUPTED)
    except click.ClickException as error:
        _in_plain_words(error).show()
        return int(ExitCode.WRONG_USE)
    except ExhibitError as error:
        _reraise_when_debugging()
        return _say("\n".join(filter(None, (error.message, error.hint))), error.exit_code)
    except Exception as error:  # the last net: a person gets a sentence, EXHIBIT_DEBUG the trace
        if isinstance(error, BrokenPipeError) and has_lost_reader():
            raise
        _reraise_when_debugging()
        return _unforeseen(error)


def _run(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if any(plain(text) != text and not os.path.lexists(text) for text in given):
        raise WrongUseError("A control character or half a character stands in what was typed.")
    try:
        code = exhibit.main(args=arguments, prog_name="exhibit", standalone_mode=False)
    except click.exceptions.NoSuchCommand:
        if now := now_at(given, COMMANDS):
            raise WrongUseError(now) from None
        raise
    sys.stdout.flush()
    return code if isinstance(code, int) else int(ExitCode.DONE)


def _in_plain_words(error: click.ClickException) -> click.ClickException:
    """An error that says what an option or argument takes, where the library says so in words of its own."""
    if not isinstance(error, click.BadParameter) or isinstance(error, click.MissingParameter) or error.param is None:
        return error
    expected = _expected(error.param.type)
    return click.BadParameter(expected, error.ctx, error.param) if expected else error


def _expected(kind: "click.ParamType[Any]") -> str:
    if isinstance(kind, click.DateTime):
        return "Give a day such as 2026-01-31."
    if not isinstance(kind, click.IntRange | click.FloatRange):
        return ""
    number = "whole number" if isinstance(kind, click.IntRange) else "number"
    least = "" if kind.min is None else f" from {kind.min}" + ("" if kind.max is not None else " up")
    most = "" if kind.max is None else f" to {kind.max}"
    return f"Give a {number}{least}{most}."


def _unforeseen(error: Exception) -> int:
    name = type(error).__name__
    said = str(error).strip().splitlines()
    if type(error).__module__.startswith(("django.db", "psycopg")) and "Operational" in name:
        return _say(f"The database doesn't answer: {said[0] if said else name}.", ExitCode.SERVICE_MISSING)
    if fault := machine_fault(error):
        return _say(fault + _of_file(error), ExitCode.SERVICE_MISSING)
    if name == "DataError":  # a length or a character that no column takes: what was typed, in almost every case
        return _say(f"What was given can't be kept: {said[0] if said else name}.", ExitCode.WRONG_USE)
    sentence = f"This shouldn't have happened: {name}{': ' + said[0] if said else ''}."
    return _say(f"{sentence}\nEXHIBIT_DEBUG=true shows where.", ExitCode.CHECK_FAILED)


def _of_file(error: BaseException | None) -> str:
    """Which file may not be read or written, where that is what fails."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _OF_FILES and error.filename):
        error = error.__cause__
    return "" if error is None else f" It is {error.filename}."


def _reraise_when_debugging() -> None:
    if os.environ.get("EXHIBIT_DEBUG", "").lower() in {"1", "true", "yes", "on"}:
        raise  # noqa: PLE0704 - called while an error is handled


def _say(text: str, code: ExitCode) -> int:
    click.echo(text, err=True)
    return int(code)
