"""Cost of hostile pictures for the process that decodes them.

The table has the outcome of each hand-made file of the tests, with CPU seconds and peak memory in MiB of a sandboxed
helper process that is started only for this file.
"""

import subprocess
import sys

from bench.common import Row
from tests.assets.hostile_pictures import HOSTILE_PICTURES

_SCRIPT = """
import resource, sys, time
from exhibit.pictures.decode import decode, helper
from exhibit.errors import ExhibitError
from tests.assets.hostile_pictures import HOSTILE_PICTURES
name = sys.argv[1]
data = HOSTILE_PICTURES[name]()
try:
    outcome = "×".join(map(str, decode(data, at_least=512).pixels.shape[1::-1]))
except ExhibitError as refused:
    outcome = getattr(refused, "reason", "failed")
helper.close()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(outcome, len(data), round(used.ru_utime + used.ru_stime, 1), used.ru_maxrss // 1024)
"""


def measure() -> list[Row]:
    """Decode each file and return a row for it."""
    rows: list[Row] = []
    for name in HOSTILE_PICTURES:
        process = subprocess.run([sys.executable, "-c", _SCRIPT, name], capture_output=True, text=True, check=False)
        outcome, size, seconds, memory = (process.stdout.split() or [process.stderr[-80:], "0", "0", "0"])[:4]
        rows.append({"file": name, "bytes": f"{int(size):,}", "outcome": outcome, "seconds": seconds, "MiB": memory})
    return rows
