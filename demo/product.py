"""Driver of Exhibit's command line, with the settings of the demonstration."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Final

from exhibit.errors import ExhibitError
from exhibit.types import Json
from workers.servers.liveness import HangDetector

REPOSITORY: Final = Path(__file__).resolve().parent.parent
MAX_STILL: Final = 900.0
"""Seconds without progress after which a command is stopped. Its total time is not limited."""
SECONDS_BETWEEN_LOOKS: Final = 1.0


class CommandError(ExhibitError):
    """A command of the product ended unexpectedly."""


@dataclass(frozen=True, slots=True)
class Product:
    """The command line of Exhibit with a separate data folder.

    Attributes:
        settings: Environment variables in addition to those of this process.
        log: File to which every command, its output and its messages are appended.
    """

    settings: Mapping[str, str]
    log: Path

    def run(
        self,
        *arguments: str,
        accepted_codes: frozenset[int] = frozenset({0}),
        get_progress: Callable[[], object] | None = None,
    ) -> str:
        """Run `exhibit WORDS` and return its output.

        Args:
            arguments: Command and its arguments.
            accepted_codes: Accepted exit codes.
            get_progress: Returns a value that changes while the command makes progress. By default, the command makes
                progress as long as its process runs.

        Raises:
            CommandError: The command made no progress or ended with another exit code. The hint names the log.
        """
        name = f"`exhibit {' '.join(arguments[:3])}`"
        hint = f"All commands and their answers are in {self.log}."
        try:
            completed = _run_command(
                [sys.executable, "-m", "desk", *arguments], {**os.environ, **self.settings}, get_progress
            )
        except subprocess.TimeoutExpired as error:
            self._log_command(arguments, "[stands still]")
            raise CommandError(f"{name} got no further for {MAX_STILL:.0f} seconds.", hint=hint) from error
        self._log_command(arguments, f"{completed.stdout}{completed.stderr}[{completed.returncode}]")
        if completed.returncode not in accepted_codes:
            last_lines = (completed.stderr.strip() or completed.stdout.strip() or "no message").splitlines()[-2:]
            raise CommandError(f"{name} ended with {completed.returncode}: {' '.join(last_lines)}", hint=hint)
        return completed.stdout

    def run_json(self, *arguments: str, accepted_codes: frozenset[int] = frozenset({0})) -> Json:
        """Run `exhibit WORDS --json` and return the parsed JSON."""
        output = self.run(*arguments, "--json", accepted_codes=accepted_codes)
        try:
            return json.loads(output)
        except ValueError as error:
            raise CommandError(
                f"`exhibit {' '.join(arguments[:3])}` printed no JSON.", hint=f"Its answer is in {self.log}."
            ) from error

    def call_api(self, method: str, path: str, *arguments: str) -> Json:
        """Call an operation of the API with `exhibit api` and return the parsed JSON."""
        return json.loads(self.run("api", method, path, *arguments))

    def download(self, path: str, file: Path) -> str:
        """Save a file that the API returns, and return its path."""
        self.run("api", "GET", path, "--output", str(file))
        return str(file)

    def _log_command(self, arguments: Sequence[str], output: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ exhibit {' '.join(arguments)}\n{output}\n")


def _run_command(
    command: Sequence[str], environ: Mapping[str, str], get_progress: Callable[[], object] | None
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end.

    Raises:
        subprocess.TimeoutExpired: The command was stopped because it made no progress for too long, according to
            `get_progress` or, by default, because its process did not run.
    """
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        is_stalled = (
            HangDetector(process.pid, MAX_STILL).is_hung if get_progress is None else _make_stall_check(get_progress)
        )
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=SECONDS_BETWEEN_LOOKS)
                    return subprocess.CompletedProcess(command, process.returncode, out, err)
                except subprocess.TimeoutExpired:
                    if is_stalled():
                        raise
        finally:
            process.kill()


def _make_stall_check(get_progress: Callable[[], object]) -> Callable[[], bool]:
    """Create a function that returns True when a value has not changed for too long."""
    previous, since = get_progress(), time.monotonic()

    def is_stalled() -> bool:
        nonlocal previous, since
        if (now := get_progress()) != previous:
            previous, since = now, time.monotonic()
            return False
        return time.monotonic() - since > MAX_STILL

    return is_stalled


def find_free_port() -> int:
    """Return an unused port on 127.0.0.1, below the system's range of ephemeral ports."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port := SystemRandom().randint(16_000, 32_000)))
            return port
