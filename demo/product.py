"""Drives Exhibit as a user does: through its command line, with settings of the demonstration's own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exhibit.errors import ExhibitError

REPOSITORY: Final = Path(__file__).resolve().parent.parent
MAX_COMMAND: Final = 3600.0
"""Seconds: a machine held to 35% of a core takes 2,102 for the whole demonstration."""


class CommandError(ExhibitError):
    """A command of the product ended otherwise than expected."""


@dataclass(frozen=True, slots=True)
class Product:
    """The command line with a data folder of its own.

    Attributes:
        settings: environment variables beside those that are there.
        log: file to which every command, its answer and its messages are appended.
    """

    settings: Mapping[str, str]
    log: Path

    def run(self, *words: str, accept: frozenset[int] = frozenset({0})) -> str:
        """Run `exhibit WORDS` and return what it printed.

        Raises:
            CommandError: it took too long, or ended with an exit code that isn't accepted; the hint names the log.
        """
        name = f"`exhibit {' '.join(words[:3])}`"
        hint = f"All commands and their answers are in {self.log}."
        try:
            done = subprocess.run(
                [sys.executable, "-m", "desk", *words],
                cwd=REPOSITORY,
                env={**os.environ, **self.settings},
                capture_output=True,
                text=True,
                timeout=MAX_COMMAND,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            self._note(words, "[too long]")
            raise CommandError(f"{name} took longer than {MAX_COMMAND:.0f} seconds.", hint=hint) from error
        self._note(words, f"{done.stdout}{done.stderr}[{done.returncode}]")
        if done.returncode not in accept:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-2:]
            raise CommandError(f"{name} ended with {done.returncode}: {' '.join(last)}", hint=hint)
        return done.stdout

    def ask(self, *words: str, accept: frozenset[int] = frozenset({0})) -> object:
        """Run `exhibit WORDS --json` and return what the JSON says."""
        answer = self.run(*words, "--json", accept=accept)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise CommandError(
                f"`exhibit {' '.join(words[:3])}` printed no JSON.", hint=f"Its answer is in {self.log}."
            ) from error

    def _note(self, words: Sequence[str], answer: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ exhibit {' '.join(words)}\n{answer}\n")
