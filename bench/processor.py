"""Processor time of this process and of the helpers that it keeps."""

import time
from pathlib import Path


def processor_seconds() -> float:
    """Processor time of this process and its running children so far, in seconds; of a child its first thread's.

    In nanoseconds by the scheduler (proc(5), ``schedstat``): psutil's ticks of a hundredth say nothing of one picture.
    """
    tasks = (path.read_text(encoding="ascii") for path in Path("/proc/self/task").glob("*/children"))
    children = [number for text in tasks for number in text.split()]
    spent = sum(int(Path(f"/proc/{number}/schedstat").read_text(encoding="ascii").split()[0]) for number in children)
    return time.process_time() + spent / 1e9
