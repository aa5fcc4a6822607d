import subprocess
import sys
from pathlib import Path

import pytest

from exhibit.pictures.decode import decode, helper
from tests import CHECKOUT
from tests.assets.badfiles import encode, generate_photo

_FREED_AND_ASKED_FOR = """
import resource
from exhibit.helper import keep_freed_memory
keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    [bytearray(8_000_000) for _ in range(4)]
before = faults()
for _ in range(10):
    [bytearray(8_000_000) for _ in range(4)]
print(faults() - before)
"""


def test_freed_memory_is_reused_without_kernel_requests() -> None:
    line = [sys.executable, "-c", _FREED_AND_ASKED_FOR]
    output = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert int(output) < 800  # of 80,000 pages of 4 KiB


_FREED_IN_THREADS = """
import threading
from pathlib import Path
from exhibit.helper import keep_freed_memory, return_freed_memory
keep_freed_memory()
return_freed_memory()
def resident():
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096
freed, over = threading.Barrier(7), threading.Event()
def act():
    for _ in range(20):
        [bytes(10_000_000) + b"a" for _ in range(3)]
    freed.wait(60)
    over.wait(60)
before = resident()
threads = [threading.Thread(target=act) for _ in range(6)]
[one.start() for one in threads]
freed.wait(60)
print(resident() - before)
over.set()
"""


def test_server_threads_release_freed_memory() -> None:
    line = [sys.executable, "-c", _FREED_IN_THREADS]
    output = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert int(output) < 40_000_000  # of 180 MB


@pytest.mark.long
def test_helper_reuses_memory_between_pictures() -> None:
    data = encode(generate_photo(1600, 1200), "JPEG")
    for _ in range(3):
        decode(data)
    before = _pages_from_kernel()
    for _ in range(5):
        decode(data)
    assert _pages_from_kernel() - before < 5 * 1000  # its pixels alone are 3,300 pages


def _pages_from_kernel() -> int:
    """Return the number of pages that the kernel has given to the helper (proc(5), ``minflt``)."""
    assert helper.process is not None
    status = Path(f"/proc/{helper.process.pid}/stat").read_text(encoding="ascii")
    return int(status.rpartition(")")[2].split()[7])
