"""The command line as a process of its own, with a data folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
LONGEST = 240


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:  # noqa: ANN401 - any JSON
        """What it printed as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`exhibit` over one data folder.

    Attributes:
        data: the folder.
        settings: further environment variables.
    """

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its processes."""
        own = {"EXHIBIT_DATA": str(self.data), "DATABASE_URL": "", "REDIS_URL": ""}
        return {**os.environ, **own, **self.settings}

    def run(self, *words: object, code: int | None = 0, **settings: str) -> Ran:
        """Run `exhibit WORDS` and check its exit code; no command may ever show a trace."""
        run = subprocess.run(
            [sys.executable, "-m", "desk", *map(str, words)],
            cwd=CHECKOUT,
            env={**self.environ, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        ran = Ran(run.returncode, run.stdout, run.stderr)
        assert code is None or ran.code == code, ran
        assert "Traceback" not in ran.err + ran.out
        return ran

    def ask(self, *words: object, code: int = 0) -> Any:  # noqa: ANN401 - any JSON
        """Run `exhibit WORDS --json` and return what it says."""
        return self.run(*words, "--json", code=code).answer

    def started(self, *words: object) -> "subprocess.Popen[str]":
        """Start `exhibit WORDS` in a session of its own."""
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
