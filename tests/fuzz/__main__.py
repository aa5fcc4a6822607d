"""``python -m tests.fuzz [TARGET …] [--minutes N]``: fuzz every target with changed bytes for some minutes each.

With atheris (installed by ``make fuzz`` if a wheel exists), fuzzing is guided and the first fault ends a target;
otherwise changes are random. Inputs that raise anything but an ``ExhibitError``, or take more than ten seconds, are
written to ``var/fuzz/``, and the exit code is 1.
"""

import argparse
import os
import re
import subprocess
import sys
import time
import traceback
from collections import Counter
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

OUT = Path("var/fuzz")
SLOW = 10.0
SLICE = 100.0


def main() -> int:
    """Run the targets one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--first", type=int, default=0, help="number of the first change (default: 0)")
    options = parser.parse_args()
    os.environ.setdefault("EXHIBIT_DATA", str(OUT.absolute() / "data"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    import django

    django.setup()
    from tests.fuzz.targets import TARGETS

    if unknown := sorted(set(options.targets) - TARGETS.keys()):
        parser.error(f"unknown target {', '.join(unknown)}; choose from {', '.join(TARGETS)}")
    run = _run if find_spec("atheris") is None else _run_guided
    return int(sum(run(target, options.minutes * 60, options.first) for target in options.targets or TARGETS) > 0)


def _run_guided(target: str, seconds: float, _first: int) -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    log, statistics, ended, remaining = OUT / f"{target}.log", Counter[str](), 0, seconds
    while remaining > 0 and not ended:  # libFuzzer keeps memory for each input, so it is restarted before it uses much
        with log.open("wb") as log_file:
            command = [sys.executable, "-m", "tests.fuzz.guided", target, str(min(remaining, SLICE))]
            ended = subprocess.run(command, stdout=log_file, stderr=log_file, check=False).returncode
        stats = re.findall(r"stat::(\w+): +(\d+)", log.read_text("utf-8", "replace"))
        statistics.update({name: int(number) for name, number in stats})
        remaining -= SLICE
    inputs, added = statistics["number_of_executed_units"], statistics["new_units_added"]
    print(f"{target}: {inputs} inputs, {added} kept, {f'a fault: see {log}' if ended else 'no fault'}", flush=True)
    return int(ended != 0)


def _run(target: str, seconds: float, first: int) -> int:
    from tests.fuzz.mutations import mutate
    from tests.fuzz.targets import fuzz_one, seeds

    start, faults, number = seeds(target), set[str](), first
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data, start_time, fault = mutate(start, number), time.process_time(), ""
        number += 1
        try:
            fuzz_one(target, data)
        except Exception as error:  # noqa: BLE001 - what is looked for
            last = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {error}"[:200]
        if time.process_time() - start_time > SLOW:
            fault = fault or "slow"
        if fault and fault not in faults:
            faults.add(fault)
            OUT.mkdir(parents=True, exist_ok=True)
            path = OUT / f"{target}-{sha256(data).hexdigest()[:16]}"
            path.write_bytes(data)
            print(f"{target}: {fault} ({path})", flush=True)
    print(f"{target}: {number - first} inputs, {len(faults)} faults", flush=True)
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
