"""Control of Exhibit as by a user: through its command line, with the demonstration's own settings."""

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
"""Seconds without progress after which a command is stopped. There is no limit for its total time."""
SECONDS_BETWEEN_LOOKS: Final = 1.0


class CommandError(ExhibitError):
    """A command of the product ended unexpectedly."""


@dataclass(frozen=True, slots=True)
class Product:
    """The command line, with its own data folder.

    Attributes:
        settings: Environment variables in addition to those of this process.
        log: File to which every command, its output and its messages are appended.
    """

    settings: Mapping[str, str]
    log: Path

    def run(
        self, *words: str, accept: frozenset[int] = frozenset({0}), moved: Callable[[], object] | None = None
    ) -> str:
        """Run `exhibit WORDS` and return its output.

        Args:
            words: Command and arguments.
            accept: Accepted exit codes.
            moved: Returns the progress of what the command waits for; a change counts as progress.

        Raises:
            CommandError: The command made no progress, or ended with another exit code; the hint names the log.
        """
        name = f"`exhibit {' '.join(words[:3])}`"
        hint = f"All commands and their answers are in {self.log}."
        try:
            done = _ran([sys.executable, "-m", "desk", *words], {**os.environ, **self.settings}, moved)
        except subprocess.TimeoutExpired as error:
            self._note(words, "[stands still]")
            raise CommandError(f"{name} got no further for {MAX_STILL:.0f} seconds.", hint=hint) from error
        self._note(words, f"{done.stdout}{done.stderr}[{done.returncode}]")
        if done.returncode not in accept:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-2:]
            raise CommandError(f"{name} ended with {done.returncode}: {' '.join(last)}", hint=hint)
        return done.stdout

    def ask(self, *words: str, accept: frozenset[int] = frozenset({0})) -> Json:
        """Run `exhibit WORDS --json` and return the parsed JSON."""
        answer = self.run(*words, "--json", accept=accept)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise CommandError(
                f"`exhibit {' '.join(words[:3])}` printed no JSON.", hint=f"Its answer is in {self.log}."
            ) from error

    def api(self, method: str, path: str, *words: str) -> Json:
        """Call an operation of the API with `exhibit api` and return the parsed JSON."""
        return json.loads(self.run("api", method, path, *words))

    def download(self, path: str, file: Path) -> str:
        """Save a file that the API returns, and return its path."""
        self.run("api", "GET", path, "--output", str(file))
        return str(file)

    def _note(self, words: Sequence[str], answer: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ exhibit {' '.join(words)}\n{answer}\n")


def _ran(
    command: Sequence[str], environ: Mapping[str, str], moved: Callable[[], object] | None
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end.

    Raises:
        subprocess.TimeoutExpired: The command was stopped because the value of `moved` had not changed, or by default
            the command had not run, for too long.
    """
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        stalled = HangDetector(process.pid, MAX_STILL).is_hung if moved is None else _unchanged(moved)
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=SECONDS_BETWEEN_LOOKS)
                    return subprocess.CompletedProcess(command, process.returncode, out, err)
                except subprocess.TimeoutExpired:
                    if stalled():
                        raise
        finally:
            process.kill()


def _unchanged(moved: Callable[[], object]) -> Callable[[], bool]:
    """Create a function that returns True when a value has not changed for too long."""
    before, since = moved(), time.monotonic()

    def tell() -> bool:
        nonlocal before, since
        if (now := moved()) != before:
            before, since = now, time.monotonic()
            return False
        return time.monotonic() - since > MAX_STILL

    return tell


def free_port() -> int:
    """Return an unused port on 127.0.0.1, below the range that the system assigns to connections."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port := SystemRandom().randint(16_000, 32_000)))
            return port
