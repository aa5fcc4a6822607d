import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exhibit.errors import UnreadablePictureError
from exhibit.machine import ERROR_SENTENCES
from exhibit.pictures.decode import Limits, decode, helper
from exhibit.pictures.picture_file import FORMATS
from tests import CHECKOUT
from tests.assets.badfiles import encode, generate_photo
from tests.assets.hostile_pictures import HOSTILE_PICTURES

pytestmark = pytest.mark.root


@pytest.mark.long
def test_killed_helper_is_restarted() -> None:
    data = encode(generate_photo(), "PNG")
    expected = decode(data).pixels
    assert helper.process is not None
    os.kill(helper.process.pid, signal.SIGKILL)
    assert (decode(data).pixels == expected).all()


@pytest.mark.long
def test_stalled_helper_is_replaced_and_the_picture_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(generate_photo(), "PNG")
    expected = decode(data).pixels
    assert helper.process is not None
    monkeypatch.setattr("exhibit.helper._TIMEOUT_FACTOR", -56 / Limits().seconds)  # 4 seconds in total
    os.kill(helper.process.pid, signal.SIGSTOP)
    assert (decode(data).pixels == expected).all()


_LIMITED = """
import resource, sys
from pathlib import Path
from exhibit.pictures.decode import decode
from exhibit.machine import describe_machine_fault
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    decode(Path(sys.argv[1]).read_bytes())
except Exception as error:
    print(type(error).__name__, describe_machine_fault(error))
"""


@pytest.mark.long
@pytest.mark.parametrize("most", [1_000, 200_000], ids=["the file doesn't fit", "its pixels don't"])
def test_out_of_memory_is_reported_as_missing_service_and_not_as_unreadable_picture(most: int, tmp_path: Path) -> None:
    picture = tmp_path / "good.jpg"
    picture.write_bytes(encode(generate_photo(640, 480), "JPEG"))
    assert 1_000 < picture.stat().st_size < 200_000
    line = [sys.executable, "-B", "-c", _LIMITED, str(picture), str(most)]
    output = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert output.split(maxsplit=1) == ["ServiceMissingError", f"{ERROR_SENTENCES[errno.EFBIG]}\n"]


@pytest.mark.long
def test_picture_that_crashes_the_helper_is_refused_and_the_next_is_read() -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(HOSTILE_PICTURES["seven_million_strips.tif"](), Limits(max_pixels=10_000_000))
    assert refused.value.reason == "too-many-pixels"
    assert decode(encode(generate_photo(), "PNG")).info.width == 96


_AS_ORDINARY_USER = """
import os, sys
from crawler.formats.job import Kind
from crawler.reading.helper import parse_document
from evidence.formats.pdf_pages import extract_pages
from exhibit.errors import ExhibitError
from exhibit.pictures.decode import Limits, decode, inspect
from exhibit.pictures.iscc import compute_iscc
from exhibit.pictures.metadata import read_metadata
from exhibit.pictures.picture_file import FORMATS
from indexer.picture.descriptor import BUILT_IN, MODEL, GuardedDescriptor
from tests.assets.badfiles import encode, generate_photo
from tests.evidence.formats.test_pdf_pages import hostile_pdf

assert os.geteuid() != 0
pictures = {}
for kind in FORMATS:
    pictures[kind] = encode(generate_photo(640, 480), kind)
    if kind in ("PNG", "WEBP", "GIF", "TIFF", "AVIF"):
        frames = [generate_photo(640, 480).rotate(angle) for angle in (90, 180)]
        data = encode(generate_photo(640, 480), kind, save_all=True, append_images=frames)
        pictures[f"{kind} with several frames"] = data
for name, data in pictures.items():
    for read in (inspect, decode, compute_iscc, read_metadata):
        try:
            read(data, Limits())
        except ExhibitError as error:
            print(name, read.__name__, error)
guarded = GuardedDescriptor(BUILT_IN.card, BUILT_IN.space, MODEL.read_bytes)
readers = {
    "page": lambda: parse_document(b"<img src=a.png>", Kind.PAGE, url="https://a.example/", token="a", max_bytes=100),
    "PDF": lambda: extract_pages(hostile_pdf(), 2),
    "model": lambda: guarded.compute_vectors([decode(pictures["PNG"]).pixels]),
}
for name, read in readers.items():
    try:
        read()
    except ExhibitError as error:
        print(name, error)
print(len(pictures), "pictures")
"""


@pytest.mark.long
def test_every_helper_reads_every_format_as_ordinary_user() -> None:
    """Test as an ordinary user.

    Root is exempt from the process limit, so that helpers that start a thread work for root only.
    """
    rights = ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    line = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *rights] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*line, sys.executable, "-B", "-c", _AS_ORDINARY_USER],
        cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    *faults, last = done.stdout.splitlines() or [""]
    assert (faults, last, done.stderr) == ([], f"{len(FORMATS) + 5} pictures", "")


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


def test_forked_process_has_its_own_helper_ending_with_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FORKED],
        input=encode(generate_photo(), "PNG"), capture_output=True, cwd=CHECKOUT, check=False, timeout=60,
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
