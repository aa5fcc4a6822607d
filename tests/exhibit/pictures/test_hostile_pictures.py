"""Pictures made to hold a decoder up: each is a picture or refused, within time and memory, and harms no other."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits, decode, helper
from exhibit.pictures.metadata import read_metadata
from tests import CHECKOUT
from tests.assets.badfiles import photo, saved
from tests.assets.hostile_pictures import HOSTILE_PICTURES, gif, gif_frame, lzw

QUICK = Limits(seconds=0.5)
MAX_MIB = 1200
OPENS = {
    "exhibit/pictures/picture_file.py": "in the helper",
    "exhibit/pictures/thumbnails.py": "pictures that Exhibit has made",
    "evidence/capture/boxes.py": "screenshots of Exhibit's own browser",
    "evidence/documents/typeset/pictures.py": "pictures that Exhibit has made",
    "indexer/picture/features_file.py": "pictures that Exhibit has made",
    "indexer/edits/copies.py": "pictures that Exhibit has made",
}
"""Who calls a decoder by itself, and what for."""


def _peak() -> int:
    """MiB that the helper has used at most."""
    if helper.process is None:
        return 0
    status = Path(f"/proc/{helper.process.pid}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) // 1024


@pytest.mark.parametrize("name", HOSTILE_PICTURES)
def test_each_hostile_picture_ends_within_time_and_memory(name: str) -> None:
    data = HOSTILE_PICTURES[name]()
    helper.close()  # what it has done for others isn't counted here
    before = os.times()
    for read in (partial(decode, at_least=512), read_metadata):
        with suppress(UnreadablePictureError):
            read(data, QUICK)
        assert _peak() < MAX_MIB
    helper.close()
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 10


@pytest.mark.parametrize(
    "name", ["one_tile_20000.tif", "one_tile_65536.tif", "first_frame_13300.gif", "frame_beyond_the_screen.gif"]
)
def test_tiles_and_frames_are_limited_as_pictures_are(name: str) -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(HOSTILE_PICTURES[name]())
    assert refused.value.reason == "too-many-pixels"


def test_a_later_frame_of_another_size_isnt_decoded() -> None:
    whole = decode(HOSTILE_PICTURES["second_frame_13300.gif"]())
    assert whole.pixels.shape == (64, 64, 3)
    shown = gif(64, 64, [gif_frame(64, 64, lzw(4096)), gif_frame(70, 64, lzw(4480))])
    assert decode(shown).pixels.shape == (64, 64, 3)
    assert _peak() < 100


def test_a_helper_that_was_killed_is_started_again() -> None:
    data = saved(photo(), "PNG")
    expected = decode(data).pixels
    assert helper.process is not None
    os.kill(helper.process.pid, signal.SIGKILL)
    assert (decode(data).pixels == expected).all()


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


@pytest.mark.parametrize("most", [1_000, 200_000], ids=["the file doesn't fit", "its pixels don't"])
def test_memory_that_does_not_hold_a_good_picture_is_no_fault_of_the_picture(most: int, tmp_path: Path) -> None:
    picture = tmp_path / "good.jpg"
    picture.write_bytes(saved(photo(640, 480), "JPEG"))
    assert 1_000 < picture.stat().st_size < 200_000
    line = [sys.executable, "-c", _LIMITED, str(picture), str(most)]
    told = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert told.split(maxsplit=1) == ["ServiceMissingError", "A limit of this process forbids files of this size.\n"]


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


def test_nobody_decodes_strangers_bytes_by_other_means() -> None:
    rooms = ("exhibit", "registry", "crawler", "indexer", "evidence", "workers", "desk")
    found = {
        path.relative_to(CHECKOUT).as_posix()
        for room in rooms
        for path in (CHECKOUT / room).rglob("*.py")
        if re.search(r"\bImage\.open\(|\bimdecode\(|\bimread\(|ImageFile\(", path.read_text(encoding="utf-8"))
    }
    assert found == OPENS.keys()
