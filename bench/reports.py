"""Reports over many cases: how long all files of one take, and how much memory. Facts and pictures are generated."""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.report_facts import Drawn, sample_case, sample_head
from bench.table import Row
from evidence.documents.report.facts import IN_A_VOLUME
from evidence.documents.report.volumes import ReportFolder, volumes_of

LANGUAGE = "en"


def measure(counts: Sequence[int]) -> list[Row]:
    """A report of each size, each in a process of its own, whose memory is told."""
    return [_apart(count) for count in counts]


def _apart(count: int) -> Row:
    run = subprocess.run(
        [sys.executable, "-m", "bench.reports", str(count)], capture_output=True, text=True, check=True
    )
    seconds, processor, mebibytes, before, volumes, size = map(float, run.stdout.split())
    return {
        "cases": f"{count:,}",
        "volumes": int(volumes),
        "seconds": seconds,
        "processor seconds": processor,
        "peak MiB": int(mebibytes),
        "of these before the report": int(before),
        "all files, MB": size,
    }


def make(count: int) -> tuple[float, ...]:
    """Make one report; returns seconds, processor seconds, peak and earlier memory in MiB, volumes, MB of all files."""
    drawn = Drawn()
    before = _peak()
    started, spent = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="exhibit-bench-") as name:
        volumes = volumes_of(count)
        with ReportFolder(Path(name), [LANGUAGE]) as folder:
            head = folder.head(lambda: sample_head(count))
            for volume in volumes:
                numbers = range(volume.first, min(volume.first + IN_A_VOLUME, count + 1))
                pictures = {str(number): drawn.of(number) for number in numbers}
                cases = tuple(sample_case(number, pictures[str(number)]) for number in numbers)
                folder.add(volume, replace(head, cases=cases), pictures)
            files = folder.put_together(head, volumes, "report")
            size = sum(file.path.stat().st_size for file in files)
    return time.monotonic() - started, time.process_time() - spent, _peak(), before, len(volumes), size / 1e6


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(*make(int(sys.argv[1])))
