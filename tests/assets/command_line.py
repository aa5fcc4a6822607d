"""The command line: as a separate process with its own data folder, or in the process of the tests."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from desk.cli.common.context import CommandContext
from desk.cli.main import main
from tests import CHECKOUT

TIMEOUT_SECONDS = 240
FORKING = """
import json, os, sys
import django
django.setup()
from desk.cli.main import main
import desk.schemas.cases, workers.servers.keeper, workers.database.schema
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        for number, (path, how) in enumerate(zip(asked["files"], (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))):
            os.dup2(os.open(path, how), number)
        sys.stdin = open(0)
        sys.exit(main(asked["words"]))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Program that forks a process for each command after loading what every command needs."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Result of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON that the command printed."""
        return json.loads(self.out)


class Commands:
    """Helpers that all command lines of tests share. Subclasses implement :meth:`run`."""

    __slots__ = ()

    def run(self, *words: object, code: int | None = 0, stdin: str = "") -> CommandResult:
        """Run `exhibit WORDS` with ``stdin`` as standard input, and check its exit code."""
        raise NotImplementedError

    def run_json(self, *words: object, code: int = 0) -> Any:  # noqa: ANN401 - any JSON
        """Run `exhibit WORDS --json` and return the JSON."""
        return self.run(*words, "--json", code=code).json

    def api(self, method: str, path: str, *words: object, code: int = 0, **fields: object) -> Any:  # noqa: ANN401 - any JSON
        """Call an API operation with fields, and return its response, or None for an empty one."""
        options = [word for name, value in fields.items() for word in ("--field", f"{name}={value}")]
        result = self.run("api", method, path, *words, *options, code=code)
        return result.json if result.out else None


@dataclass(frozen=True, slots=True)
class CommandLine(Commands):
    """`exhibit` over one data folder.

    Attributes:
        data: The data folder.
        settings: Additional environment variables.
        forking: Process that forks the commands; None to start a new interpreter for each.
    """

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    forking: "subprocess.Popen[str] | None" = None

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables of its processes."""
        own = {"EXHIBIT_DATA": str(self.data), "DATABASE_URL": "", "REDIS_URL": ""}
        return {**os.environ, **own, **self.settings}

    def run(self, *words: object, code: int | None = 0, stdin: str = "", **settings: str) -> CommandResult:
        """Run `exhibit WORDS` with ``stdin`` as standard input, and check its exit code.

        No command may print a traceback.
        """
        arguments = [str(word) for word in words]
        result = (
            self._run_forked(arguments, stdin)
            if self.forking and not settings
            else self._run(arguments, stdin, settings)
        )
        assert code is None or result.code == code, result
        assert "Traceback" not in result.err + result.out
        return result

    def start(self, *words: object) -> "subprocess.Popen[str]":
        """Start `exhibit WORDS` in its own session."""
        return subprocess.Popen(
            [sys.executable, "-m", "desk", *map(str, words)],
            cwd=CHECKOUT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _run(self, arguments: list[str], stdin: str, settings: Mapping[str, str]) -> CommandResult:
        process = subprocess.run(
            [sys.executable, "-m", "desk", *arguments],
            cwd=CHECKOUT,
            env={**self.environ, **settings},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return CommandResult(process.returncode, process.stdout, process.stderr)

    def _run_forked(self, arguments: list[str], stdin: str) -> CommandResult:
        assert self.forking is not None
        assert self.forking.stdin is not None
        assert self.forking.stdout is not None
        with tempfile.TemporaryDirectory() as name:
            files = [Path(name) / stream for stream in ("in", "out", "err")]
            for path in files:
                path.write_text(stdin if path.name == "in" else "", "utf-8")
            print(json.dumps({"words": arguments, "files": list(map(str, files))}), file=self.forking.stdin, flush=True)
            code = int(self.forking.stdout.readline())
            return CommandResult(code, *(path.read_text("utf-8") for path in files[1:]))


@dataclass(frozen=True, slots=True)
class Terminal(Commands):
    """`exhibit` in this process, with database rows that are rolled back after the test.

    Only the fixture ``cli`` creates it.

    Attributes:
        desk: The services and settings that its commands use.
    """

    desk: CommandContext

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.desk.config.data_dir

    def run(self, *words: object, code: int | None = 0, stdin: str = "") -> CommandResult:
        """Run `exhibit WORDS` with ``stdin`` as standard input, and check its exit code."""
        with CliRunner().isolation(input=stdin) as (out, err, _both):
            exit_code = main([str(word) for word in words])
            sys.stdout.flush()
            result = CommandResult(exit_code, out.getvalue().decode(), err.getvalue().decode())
        assert code is None or result.code == code, result
        assert "Unexpected error" not in result.err
        return result


@contextmanager
def forking_command_line(line: CommandLine) -> Iterator[CommandLine]:
    """Yield a faster command line for many commands: each runs in a forked process that need not load Django again."""
    command = [sys.executable, "-c", FORKING]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=CHECKOUT, env=line.environ, **pipes) as process:  # type: ignore[call-overload]
        yield replace(line, forking=process)
        process.stdin.close()
