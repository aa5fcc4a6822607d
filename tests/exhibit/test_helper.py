import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits, decode, helper
from tests import CHECKOUT
from tests.assets.badfiles import photo, saved
from tests.assets.hostile_pictures import HOSTILE_PICTURES

pytestmark = pytest.mark.root


@pytest.mark.long
def test_a_helper_that_was_killed_is_started_again() -> None:
    data = saved(photo(), "PNG")
    expected = decode(data).pixels
    assert helper.process is not None
    os.kill(helper.process.pid, signal.SIGKILL)
    assert (decode(data).pixels == expected).all()


@pytest.mark.long
def test_a_helper_that_stood_still_is_no_fault_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photo(), "PNG")
    expected = decode(data).pixels
    assert helper.process is not None
    monkeypatch.setattr("exhibit.helper._PATIENCE", -56 / Limits().seconds)  # it is waited for for 4 seconds in all
    os.kill(helper.process.pid, signal.SIGSTOP)
    assert (decode(data).pixels == expected).all()


_LIMITED = """
import resource, sys
from pathlib import Path
from exhibit.pictures.decode import decode
from exhibit.machine import machine_fault
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    decode(Path(sys.argv[1]).read_bytes())
except Exception as error:
    print(type(error).__name__, machine_fault(error))
"""


@pytest.mark.long
@pytest.mark.parametrize("most", [1_000, 200_000], ids=["the file doesn't fit", "its pixels don't"])
def test_memory_that_does_not_hold_a_good_picture_is_no_fault_of_the_picture(most: int, tmp_path: Path) -> None:
    picture = tmp_path / "good.jpg"
    picture.write_bytes(saved(photo(640, 480), "JPEG"))
    assert 1_000 < picture.stat().st_size < 200_000
    line = [sys.executable, "-B", "-c", _LIMITED, str(picture), str(most)]
    told = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert told.split(maxsplit=1) == ["ServiceMissingError", "A limit of this process forbids files of this size.\n"]


@pytest.mark.long
def test_a_picture_that_the_helper_dies_of_is_refused_and_the_next_is_read() -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(HOSTILE_PICTURES["seven_million_strips.tif"](), Limits(max_pixels=10_000_000))
    assert refused.value.reason == "too-many-pixels"
    assert decode(saved(photo(), "PNG")).info.width == 96


_FORKED = """
import os, sys
from exhibit.pictures.decode import decode, helper
data = sys.stdin.buffer.read()
decode(data)
first = helper.process.pid
child = os.fork()
if child == 0:
    decode(data)
    os._exit(0 if helper.process.pid != first else 1)
assert os.waitpid(child, 0)[1] == 0
decode(data)
assert helper.process.pid == first
print(first, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_forked_process_has_a_helper_of_its_own_and_each_ends_with_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FORKED],
        input=saved(photo(), "PNG"), capture_output=True, cwd=CHECKOUT, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, b"")
    orphan = Path("/proc", done.stdout.decode().strip(), "cmdline")
    for _ in range(1_000_000):
        try:
            if b"picture_helper" not in orphan.read_bytes():
                return
        except (FileNotFoundError, ProcessLookupError):
            return
    pytest.fail("the helper outlives its parent")
