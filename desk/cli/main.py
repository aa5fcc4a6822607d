"""Entry point of the command line: the command group, which loads commands on use, and error handling."""

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from exhibit import __version__
from exhibit.errors import ExhibitError, ExitCode, InvalidRequestError
from exhibit.files.private import set_private_umask
from exhibit.interrupts import install_interrupt_handlers
from exhibit.machine import describe_machine_fault
from exhibit.pipes import exit_on_closed_pipe, has_lost_reader
from exhibit.plain import remove_control_chars

SECTIONS: dict[str, dict[str, str]] = {
    "Run Exhibit": {
        "up": "Start the servers, the workers and the web interface.",
        "down": "Stop Exhibit.",
        "status": "Show running processes, queues and background jobs.",
        "doctor": "Check this machine and the running installation.",
        "service": "Install Exhibit as a systemd service, or remove the service.",
        "capacity": "Estimate machines, storage and costs.",
    },
    "First steps": {
        "owner add": "Add an owner (rights holder).",
        "user add": "Add a member who can sign in to the web interface.",
        "work add": "Register pictures as works.",
        "watch add": "Add a watch that crawls sites, feeds, folders or archives, or runs image searches.",
        "watch run": "Start a crawl now.",
        "ingest": "Import large lists of picture and page URLs.",
        "case list": "List cases (uses of your works).",
        "case confirm": "Decide that uses are not licensed, and seal their evidence.",
    },
    "Check pictures and evidence": {
        "identify": "Identify which registered work a picture shows.",
        "compare": "Determine whether one picture is a copy of another.",
        "why": "Explain why a picture matches or does not match.",
        "fingerprint": "Compute fingerprints, to register works without sending the pictures.",
        "verify": "Verify evidence bundles offline.",
        "trust": "Export the public keys that verifiers need (trust list).",
        "log verify": "Verify the log, or compare it with bundles or checkpoints.",
    },
    "Maintenance": {
        "backup": "Back up the database, stored files and secrets.",
        "restore": "Restore a backup into an empty data folder.",
        "blobs move": "Copy stored files to another storage location.",
        "index check": "Check the search indexes against the database.",
        "index rebuild": "Rebuild the search indexes, or move the index of crawled pictures to Milvus.",
        "model add": "Add and measure a model that finds edited copies.",
        "calibrate": "Measure how often matches are correct, on your own photographs.",
        "key rotate": "Replace an owner's signing key, or the master key.",
        "contributor join": "Fetch and measure pictures for another installation.",
    },
    "Other": {
        "api": "Call any operation of the HTTP API.",
    },
}
"""Commands with their summaries. The first word of a command is the name of its module."""
_FILE_ERRORS = {errno.EROFS, errno.EACCES, errno.EPERM}
COMMANDS = [name for section in SECTIONS.values() for name in section]
EPILOG = """\b
Examples:
  exhibit owner add "Studio Example"
  exhibit work add ~/Pictures/portfolio
  exhibit watch add shop --site https://shop.example/
  exhibit watch run shop --wait
  exhibit case list
  exhibit api GET cases/1
  exhibit api --list licence

\b
Exit codes: 0 success, 1 failed check, 2 usage error, 3 service unavailable,
4 incomplete result, 130 interrupted, 141 closed output pipe.
docs/reference/command-output.md describes the conventions of the output.
"""


class LazyGroup(click.Group):
    """Command group that loads a command's module when it is used. The overview loads none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands and groups, in the order of the overview."""
        return list(dict.fromkeys(name.partition(" ")[0] for name in COMMANDS))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command or a group of commands."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(importlib.import_module(f"desk.cli.{cmd_name}"), f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command. The error for an unknown command suggests similar names."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            names = self.list_commands(ctx)
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=names, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview by section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.command(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="exhibit")
def exhibit() -> None:
    """Find copies of registered pictures on the web and preserve them as evidence."""


@exit_on_closed_pipe
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors end with a message, not with a traceback."""
    set_private_umask()
    install_interrupt_handlers()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # the interpreter's own streams
    try:
        return _run(arguments)
    except (KeyboardInterrupt, click.Abort):
        return _echo_error("Interrupted.", ExitCode.INTERRUPTED)
    except click.ClickException as error:
        _explain_error(error).show()
        return int(ExitCode.INVALID_REQUEST)
    except ExhibitError as error:
        _reraise_when_debugging()
        return _echo_error("\n".join(filter(None, (error.message, error.hint))), error.exit_code)
    except Exception as error:  # Users see one sentence; EXHIBIT_DEBUG shows the traceback.
        if isinstance(error, BrokenPipeError) and has_lost_reader():
            raise
        _reraise_when_debugging()
        return _report_unexpected_error(error)


def _run(arguments: Sequence[str] | None) -> int:
    argv = sys.argv[1:] if arguments is None else arguments
    if any(remove_control_chars(text) != text and not os.path.lexists(text) for text in argv):
        raise InvalidRequestError("An argument contains a control character or bytes in a wrong encoding. Remove them.")
    try:
        code = exhibit.main(args=arguments, prog_name="exhibit", standalone_mode=False)
    except click.exceptions.NoSuchCommand as error:
        raise click.UsageError(
            f"{error.format_message()}\nList all operations of the API: exhibit api --list", error.ctx
        ) from None
    sys.stdout.flush()
    return code if isinstance(code, int) else int(ExitCode.DONE)


def _explain_error(error: click.ClickException) -> click.ClickException:
    """Replace click's message by a description of the expected value, if there is one for the type."""
    if not isinstance(error, click.BadParameter) or isinstance(error, click.MissingParameter) or error.param is None:
        return error
    expectation = _describe_expectation(error.param.type)
    return click.BadParameter(expectation, error.ctx, error.param) if expectation else error


def _describe_expectation(param_type: "click.ParamType[Any]") -> str:
    if isinstance(param_type, click.DateTime):
        return "Enter a date such as 2026-01-31."
    if not isinstance(param_type, click.IntRange | click.FloatRange):
        return ""
    number = "whole number" if isinstance(param_type, click.IntRange) else "number"
    minimum = (
        "" if param_type.min is None else f" from {param_type.min}" + ("" if param_type.max is not None else " upwards")
    )
    maximum = "" if param_type.max is None else f" to {param_type.max}"
    return f"Enter a {number}{minimum}{maximum}."


def _report_unexpected_error(error: Exception) -> int:
    name = type(error).__name__
    lines = str(error).strip().splitlines()
    if type(error).__module__.startswith(("django.db", "psycopg")) and "Operational" in name:
        return _echo_error(f"The database does not respond: {lines[0] if lines else name}.", ExitCode.SERVICE_MISSING)
    if fault := describe_machine_fault(error):
        return _echo_error(fault + _describe_error_file(error), ExitCode.SERVICE_MISSING)
    if name == "DataError":  # Usually an input that is too long or contains an invalid character.
        return _echo_error(f"The database rejected a value: {lines[0] if lines else name}.", ExitCode.INVALID_REQUEST)
    sentence = f"Unexpected error: {name}{': ' + lines[0] if lines else ''}."
    return _echo_error(f"{sentence}\nSet EXHIBIT_DEBUG=true to see the traceback.", ExitCode.CHECK_FAILED)


def _describe_error_file(error: BaseException | None) -> str:
    """Return a sentence with the file whose permissions caused the error; empty if there is none."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _FILE_ERRORS and error.filename):
        error = error.__cause__
    return "" if error is None else f" File: {error.filename}."


def _reraise_when_debugging() -> None:
    if os.environ.get("EXHIBIT_DEBUG", "").lower() in {"1", "true", "yes", "on"}:
        raise  # noqa: PLE0704 - called while an error is handled


def _echo_error(text: str, code: ExitCode) -> int:
    click.echo(text, err=True)
    return int(code)
