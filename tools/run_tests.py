"""Runs pytest, and then repeats each failed test once, alone, after all others have finished.

    .venv/bin/python tools/run_tests.py -n 3 --dist loadfile tests/crawler

A test that passes the second time has a race condition. It is printed as ``FLAKY name`` and should be fixed first. The
run fails if more than ``MOST_FLAKY`` tests are flaky, or if any test fails twice. Exit codes are those of pytest.
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
MOST_ASKED_AGAIN = 50  # more failures are not races but a real defect, which the first run has reported already
MOST_FLAKY = 2
ALONE = ("--last-failed", "--last-failed-no-failures=none", "-n", "0")


def main(arguments: list[str]) -> int:
    """Run the tests selected by ``arguments``, in pytest's syntax. Returns the exit code."""
    shutil.rmtree(CACHE, ignore_errors=True)
    code = run_pytest(arguments)
    failed = last_failed()
    if code != FAILED or not failed or len(failed) > MOST_ASKED_AGAIN:
        return code
    print(f"\n{len(failed)} failed; each is repeated once, alone.", flush=True)
    code = run_pytest([*arguments, *ALONE])
    flaky = sorted(failed - last_failed()) if code in {0, FAILED} else []
    for name in flaky:
        print(f"FLAKY {name}")
    if len(flaky) > MOST_FLAKY:
        print(f"{len(flaky)} tests are flaky; more than {MOST_FLAKY} fail the run.")
        return FAILED
    return code


def run_pytest(arguments: list[str]) -> int:
    """Run pytest in a separate process, which stops by itself on Ctrl-C."""
    # Background jobs of a shell, nohup and some CI systems ignore Ctrl-C, and child processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments])
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        return INTERRUPTED


def last_failed() -> set[str]:
    """Return the names of the tests that failed in the last run, as stored by pytest."""
    return set(json.loads(LAST_FAILED.read_text("utf-8"))) if LAST_FAILED.exists() else set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
