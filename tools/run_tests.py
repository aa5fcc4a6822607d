"""Run pytest, then repeat each failed test once, without parallel tests.

    .venv/bin/python tools/run_tests.py -n 3 --dist loadfile tests/crawler

A test that passes the second time is flaky. It is printed as ``FLAKY name`` and should be fixed first. The run fails if
more than ``MAX_FLAKY`` tests are flaky, or if a test fails twice. Exit codes are those of pytest.
"""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

CACHE = Path(".pytest_cache")
LAST_FAILED_FILE = CACHE / "v" / "cache" / "lastfailed"
FAILED_CODE, INTERRUPTED_CODE = 1, 130
MAX_REPEATED = 50  # More failures have another cause than races, and were already reported.
MAX_FLAKY = 2
REPEAT_OPTIONS = ("--last-failed", "--last-failed-no-failures=none", "-n", "0")


def main(arguments: list[str]) -> int:
    """Run the tests selected by ``arguments``, in pytest's syntax. Returns the exit code."""
    shutil.rmtree(CACHE, ignore_errors=True)
    code = run_pytest(arguments)
    failed = load_last_failed()
    if code != FAILED_CODE or not failed or len(failed) > MAX_REPEATED:
        return code
    print(f"\n{len(failed)} failed; each is repeated once, alone.", flush=True)
    code = run_pytest([*arguments, *REPEAT_OPTIONS])
    flaky = sorted(failed - load_last_failed()) if code in {0, FAILED_CODE} else []
    for name in flaky:
        print(f"FLAKY {name}")
    if len(flaky) > MAX_FLAKY:
        print(f"{len(flaky)} tests are flaky; more than {MAX_FLAKY} fail the run.")
        return FAILED_CODE
    return code


def run_pytest(arguments: list[str]) -> int:
    """Run pytest in a separate process, which stops by itself on Ctrl-C."""
    # Shell background jobs, nohup and some CI systems ignore SIGINT, and child processes inherit this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments])
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        return INTERRUPTED_CODE


def load_last_failed() -> set[str]:
    """Return the names of the tests that failed in the last run, as stored by pytest."""
    return set(json.loads(LAST_FAILED_FILE.read_text("utf-8"))) if LAST_FAILED_FILE.exists() else set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
