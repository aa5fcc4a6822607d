"""Test that images designed to stall a decoder are decoded or refused within limits of time and memory."""

import os
import re
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits, decode, helper
from exhibit.pictures.metadata import read_metadata
from tests import CHECKOUT
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
"""Callers that use a decoder directly, and their purpose."""
TELLING = (
    "frames_without_end.png",
    "many_frames.webp",
    "second_frame_65535.png",
    "canvas_16383.webp",
    "raw_tile.tif",
    "exif_loop.jpg",
    "entities.jpg",
    "many_profiles.jpg",
    "many_views.mpo",
    "zipped_texts.png",
    "says_more.avif",
    "colours.bmp",
)
"""One file of each format and of each technique."""


def _peak() -> int:
    """Return the peak memory of the helper in MiB."""
    if helper.process is None:
        return 0
    status = Path(f"/proc/{helper.process.pid}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) // 1024


@pytest.mark.parametrize(
    "name", [name if name in TELLING else pytest.param(name, marks=pytest.mark.long) for name in HOSTILE_PICTURES]
)
def test_each_hostile_picture_stays_within_time_and_memory(name: str) -> None:
    data = HOSTILE_PICTURES[name]()
    helper.close()  # earlier work of the helper is not counted here
    before = os.times()
    for read_file in (partial(decode, at_least=512), read_metadata):
        with suppress(UnreadablePictureError):
            read_file(data, QUICK)
        assert _peak() < MAX_MIB
    helper.close()
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 10


@pytest.mark.parametrize(
    "name", ["one_tile_20000.tif", "one_tile_65536.tif", "first_frame_13300.gif", "frame_beyond_the_screen.gif"]
)
def test_tiles_and_frames_are_limited_in_size_like_pictures(name: str) -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(HOSTILE_PICTURES[name]())
    assert refused.value.reason == "too-many-pixels"


def test_later_frame_of_different_size_is_not_decoded() -> None:
    whole = decode(HOSTILE_PICTURES["second_frame_13300.gif"]())
    assert whole.pixels.shape == (64, 64, 3)
    animation = gif(64, 64, [gif_frame(64, 64, lzw(4096)), gif_frame(70, 64, lzw(4480))])
    assert decode(animation).pixels.shape == (64, 64, 3)
    assert _peak() < 100


@pytest.mark.long
def test_untrusted_bytes_are_decoded_only_by_the_safe_decoder() -> None:
    rooms = ("exhibit", "registry", "crawler", "indexer", "evidence", "workers", "desk")
    violations = {
        path.relative_to(CHECKOUT).as_posix()
        for room in rooms
        for path in (CHECKOUT / room).rglob("*.py")
        if re.search(r"\bImage\.open\(|\bimdecode\(|\bimread\(|ImageFile\(", path.read_text(encoding="utf-8"))
    }
    assert violations == OPENS.keys()
