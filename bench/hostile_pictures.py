"""``python -m bench.hostile_pictures [FOLDER]``: what hostile pictures cost the process that decodes them.

For each file the outcome, the processor's seconds and the peak of memory in MiB, of a helper started for it alone:
of the files that tests make by hand, or of those in a folder.
"""

import subprocess
import sys
from pathlib import Path

from tests.assets.hostile_pictures import HOSTILE_PICTURES

_ONE = """
import resource, sys, time
from pathlib import Path
from exhibit.pictures.decode import decode, helper
from exhibit.errors import ExhibitError
from tests.assets.hostile_pictures import HOSTILE_PICTURES
name = sys.argv[1]
data = HOSTILE_PICTURES[name]() if name in HOSTILE_PICTURES else Path(name).read_bytes()
try:
    outcome = "×".join(map(str, decode(data, at_least=512).pixels.shape[1::-1]))
except ExhibitError as refused:
    outcome = getattr(refused, "reason", "failed")
helper.close()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(outcome, len(data), round(used.ru_utime + used.ru_stime, 1), used.ru_maxrss // 1024)
"""


def main() -> None:
    """Print the table."""
    folder = sys.argv[1:]
    names = [str(path) for path in sorted(Path(folder[0]).rglob("*.*"))] if folder else [*HOSTILE_PICTURES]
    print("| file | bytes | outcome | seconds | MiB |\n|---|---:|---|---:|---:|")
    for name in names:
        done = subprocess.run([sys.executable, "-c", _ONE, name], capture_output=True, text=True, check=False)
        outcome, size, seconds, memory = (done.stdout.split() or [done.stderr[-80:], "0", "0", "0"])[:4]
        print(f"| {Path(name).name} | {int(size):,} | {outcome} | {seconds} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
