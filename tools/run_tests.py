"""Runs pytest, and asks each test that failed once more, alone, when all the others are done.

    .venv/bin/python tools/run_tests.py -n 3 --dist loadfile tests/crawler

What passes then raced something: it is printed as ``FLAKY name`` and wants mending before anything else. More than
``MOST_FLAKY`` such tests fail the run, and so does what fails twice. Exit codes are pytest's.
"""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

CACHE = Path(".pytest_cache")
LAST_FAILED = CACHE / "v" / "cache" / "lastfailed"
FAILED, INTERRUPTED = 1, 130
MOST_ASKED_AGAIN = 50  # more than that is no race but a break, which the first run has told already
MOST_FLAKY = 2
ALONE = ("--last-failed", "--last-failed-no-failures=none", "-n", "0")


def main(arguments: list[str]) -> int:
    """Run the tests that ``arguments`` choose, as pytest takes them; returns its exit code."""
    shutil.rmtree(CACHE, ignore_errors=True)
    code = run_pytest(arguments)
    failed = last_failed()
    if code != FAILED or not failed or len(failed) > MOST_ASKED_AGAIN:
        return code
    print(f"\n{len(failed)} failed; each is asked once more, alone.", flush=True)
    code = run_pytest([*arguments, *ALONE])
    flaky = sorted(failed - last_failed()) if code in {0, FAILED} else []
    for name in flaky:
        print(f"FLAKY {name}")
    if len(flaky) > MOST_FLAKY:
        print(f"{len(flaky)} tests are flaky; more than {MOST_FLAKY} fail the run.")
        return FAILED
    return code


def run_pytest(arguments: list[str]) -> int:
    """Run pytest in a process of its own, which ends by itself on Ctrl-C."""
    # a shell's background job, nohup and some CI ignore Ctrl-C, and what they start inherits that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments])
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        return INTERRUPTED


def last_failed() -> set[str]:
    """The names of the tests that failed in the last run, as pytest keeps them."""
    return set(json.loads(LAST_FAILED.read_text("utf-8"))) if LAST_FAILED.exists() else set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
