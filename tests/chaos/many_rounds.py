"""``make chaos``: rounds with failures, whose rows are compared with those of undisturbed runs."""

import contextlib
import json
import pickle
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from exhibit.browser.program import find_browser
from registry.models import Capture
from tests.assets.failure_rounds import FailureSchedule, Run, check_run, check_stack, run_owners
from tests.assets.failure_selection import FailureSelector
from tests.assets.failures import FAILURES, failure_environment
from tests.assets.run_rows import Rows
from tests.assets.small_disk import small_disk
from tests.assets.stack import Stack, running_stack
from workers.servers.product import CHECKOUT

ROOMS = ("exhibit", "registry", "crawler", "indexer", "evidence", "workers", "desk")

PLAYS = {False: [range(first, first + 5) for first in (0, 5, 10, 15)], True: [range(3), range(3, 6)]}
"""Round numbers that run in parallel, for each play of a stack; without a browser and with one."""

WITH_BROWSER = 8
"""About one round in this many captures with a browser."""

MISHAPS_A_PLAY = (3, 6)
"""Minimum and maximum number of failures in a play."""

BROWSER = {"EXHIBIT_CAPTURE_BROWSER": "", "EXHIBIT_STEP_TIMEOUT_SECONDS": "25"}


@dataclass(frozen=True)
class Undisturbed:
    """The results of undisturbed runs by number, and the duration of a play in seconds."""

    rows: list[Rows]
    seconds: float


class ManyRounds:
    """All rounds of one command.

    Args:
        folder: Folder of its stacks.
        rounds: Number of rounds that the record must reach.
        seed: Random seed.
        record: File that gains a line for each round; existing lines count.
        only: Names of the permitted failures; empty for all.
    """

    def __init__(self, folder: Path, rounds: int, seed: int, record: Path, only: Sequence[str]) -> None:
        self.folder, self.rounds, self.seed, self.record = folder, rounds, seed, record
        self.entries = _read_entries(record)
        self.random = Random(f"{seed} {len(self.entries)}")
        self.turns = FailureSelector(
            self.random, Counter(name for entry in self.entries for name in entry["mishaps"]), only
        )
        self.expected = _load_undisturbed(record)

    def run(self) -> None:
        """Run stacks until there are enough rounds."""
        while len(self.entries) < self.rounds:
            browsers = sum(entry["browser"] for entry in self.entries)
            browser = (browsers + 1) * WITH_BROWSER <= len(self.entries) and find_browser("").path is not None
            if browser not in self.expected:
                self.expected[browser] = self._run_undisturbed(browser)
                _undisturbed_path(self.record).write_bytes(pickle.dumps(self.expected))
            try:
                with self._run_stack(browser) as stack:
                    self._run_disturbed(stack, self.expected[browser], browser)
            except (Exception, AssertionError) as error:  # noqa: BLE001 - a fault of the product, or of its surroundings
                print_line(f"  the stack ended with {type(error).__name__}: {str(error)[:300]}")

    def _run_undisturbed(self, browser: bool) -> Undisturbed:  # noqa: FBT001
        with self._run_stack(browser) as stack:
            start = time.monotonic()
            runs = [
                run
                for numbers in PLAYS[browser]
                for run in run_owners(stack, numbers, FailureSchedule(self.random, []))
            ]
            seconds = (time.monotonic() - start) / len(PLAYS[browser])
        for number, run in enumerate(runs):
            check_run(run.rows, number)
        kind = "with a browser" if browser else "without a browser"
        print_line(
            f"undisturbed, {kind}: {len(runs)} rounds, {seconds:.1f} s for {len(PLAYS[browser][0])} beside one another"
        )
        return Undisturbed([run.rows for run in runs], seconds)

    @contextmanager
    def _run_stack(self, browser: bool) -> Iterator[Stack]:  # noqa: FBT001
        folder = Path(tempfile.mkdtemp(prefix="stack-", dir=self.folder)) / "disk"
        folder.parent.chmod(0o755)
        settings = failure_environment(self.folder) | (BROWSER if browser else {})
        with small_disk(folder), running_stack(folder, settings) as stack:
            yield stack

    def _run_disturbed(self, stack: Stack, expected: Undisturbed, browser: bool) -> None:  # noqa: FBT001
        for numbers in PLAYS[browser]:
            if len(self.entries) >= self.rounds:
                return
            most = self.random.randint(*MISHAPS_A_PLAY)
            trouble = self.turns.next(stack, most, expected.seconds)
            start, fault, runs = time.monotonic(), "", list[Run]()
            try:
                runs = run_owners(stack, numbers, trouble)
                check_stack(stack)
            except (Exception, AssertionError) as error:  # noqa: BLE001 - as above
                fault = f"{type(error).__name__}: {str(error)[:2000]}"
            seconds = time.monotonic() - start
            self.turns.count(trouble)
            for place, number in enumerate(numbers):
                run = runs[place] if runs else Run({}, [name for _, name in trouble.occurred])
                differs = [kind for kind, rows in run.rows.items() if rows != expected.rows[number][kind]]
                self._record(run, number, differs, fault, seconds, browser)
                if differs:
                    print_line(_difference(differs[0], run.rows, expected.rows[number]))
                    print_line(f"  {set(Capture.objects.exclude(method='').values_list('method', 'sentence'))}")
                fault = fault or ("rows differ" if differs else "")
            if fault:
                return

    def _record(self, run: Run, number: int, differs: list[str], fault: str, seconds: float, browser: bool) -> None:  # noqa: FBT001
        if not run.mishaps and not fault:
            return  # nothing disturbed it
        entry = {
            "round": len(self.entries) + 1,
            "seed": self.seed,
            "number": number,
            "browser": browser,
            "mishaps": run.mishaps,
            "seconds": round(seconds, 1),
            "differs": differs,
            "fault": fault,
        }
        self.entries.append(entry)
        with self.record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        outcome = f"rows differ: {', '.join(differs)}" if differs else fault or "rows equal"
        print_line(
            f"round {entry['round']}/{self.rounds}, {', '.join(run.mishaps) or 'nothing'}, {seconds:.1f} s: {outcome}"
        )

    def summary(self) -> bool:
        """Print the results, and return True if all rows were equal."""
        lost = [entry for entry in self.entries if entry["differs"] or entry["fault"]]
        came = Counter(name for entry in self.entries for name in entry["mishaps"])
        of_lost = Counter(name for entry in lost for name in set(entry["mishaps"]))
        print_line(f"\n{'mishap':32}{'came in rounds':>16}{'rounds lost':>14}")
        for failure in FAILURES:
            print_line(f"{failure.name:32}{came[failure.name]:>16}{of_lost[failure.name]:>14}")
        for name, why in sorted(self.turns.missing.items()):
            if not came[name]:
                print_line(f"not available here: {name}: {why}")
        browsers = sum(entry["browser"] for entry in self.entries)
        print_line(f"{len(self.entries)} rounds, {len(lost)} lost, {browsers} with a browser")
        return not lost


def run_rounds(folder: Path, rounds: int, seed: int, record: Path, only: Sequence[str]) -> int:
    """Play rounds until the record contains enough of them. Prints a line for each, and a table at the end."""
    many = ManyRounds(folder, rounds, seed, record, only)
    with contextlib.suppress(KeyboardInterrupt):
        many.run()
    return 0 if many.summary() else 1


def print_line(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _difference(kind: str, rows: Rows, expected: Rows) -> str:
    more = [row for row in rows[kind] if row not in expected[kind]]
    less = [row for row in expected[kind] if row not in rows[kind]]
    return f"  {kind}: only here {str(more)[:1000]}; only undisturbed {str(less)[:1000]}"


def _load_undisturbed(record: Path) -> dict[bool, Undisturbed]:
    """Load the results of undisturbed runs of the same code from an earlier command."""
    try:
        undisturbed: dict[bool, Undisturbed] = pickle.loads(_undisturbed_path(record).read_bytes())  # noqa: S301 - our own
    except FileNotFoundError:
        return {}
    return undisturbed


def _undisturbed_path(record: Path) -> Path:
    code = sha256()
    rounds = [CHECKOUT / "tests" / "flow" / name for name in ("rounds.py", "remains.py", "rows.py")]
    for path in [*rounds, *(path for room in ROOMS for path in sorted((CHECKOUT / room).rglob("*.py")))]:
        code.update(path.read_bytes())
    record.parent.mkdir(parents=True, exist_ok=True)
    return record.with_name(f"{record.stem}-{code.hexdigest()[:12]}.undisturbed")


def _read_entries(record: Path) -> list[dict[str, Any]]:
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
