import csv
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits, decode, inspect
from exhibit.pictures.picture_file import FORMATS
from exhibit.types import PictureInfo
from tests import CHECKOUT
from tests.assets.badfiles import (
    BAD_FILES,
    BadFile,
    difference,
    encode,
    encode_with_orientation,
    generate_photo,
)
from tests.assets.shared_pictures import shared_data

PHOTO = np.asarray(generate_photo())


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_each_bad_file_is_decoded_or_refused_with_reason(bad: BadFile) -> None:
    data = bad.make()
    if bad.reason is None:
        picture = decode(data)
        assert picture.pixels.shape == (picture.info.height, picture.info.width, 3)
        assert picture.pixels.dtype == np.uint8
        assert inspect(data) == picture.info
        return
    with pytest.raises(UnreadablePictureError) as refused:
        decode(data)
    assert refused.value.reason == bad.reason
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize("kind", FORMATS)
def test_every_allowed_format_is_decoded(kind: str) -> None:
    data = encode(generate_photo(), kind, quality=95, sizes=[(96, 64)])
    picture = decode(data)
    assert picture.info == PictureInfo(96, 64, kind)
    assert picture.scale == 1
    assert difference(picture.pixels, PHOTO) < 8


@pytest.mark.parametrize("kind", ["TGA", "PPM", "JPEG2000"])
def test_formats_supported_only_by_pillow_are_refused(kind: str) -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(encode(generate_photo(), kind))
    assert refused.value.reason == "not-a-picture"


@pytest.mark.long
def test_reduced_decoding_keeps_requested_side_and_reports_scale() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        picture = decode(encode(generate_photo(1000, 600), kind), at_least=200)
        assert picture.pixels.shape[:2] == (150, 250)
        assert picture.scale == pytest.approx(0.25)
        assert (picture.info.width, picture.info.height) == (1000, 600)
        reference = np.asarray(generate_photo(1000, 600).reduce(4))
        assert difference(picture.pixels, reference) < 6
    assert decode(encode(generate_photo(1000, 600), "JPEG"), at_least=600).scale == 1
    assert decode(encode(generate_photo(96, 64), "PNG"), at_least=5000).scale == 1


def test_reduced_decoding_of_rotated_picture_is_rotated() -> None:
    picture = decode(encode_with_orientation(generate_photo(1000, 600), 6), at_least=200)
    assert picture.pixels.shape[:2] == (250, 150)
    assert picture.scale == pytest.approx(0.25)


def test_extremely_wide_picture_can_be_reduced() -> None:
    assert decode(encode(Image.new("RGB", (2000, 1), "blue"), "JPEG"), at_least=100).pixels.shape[1] >= 100


def test_oversized_input_is_refused_without_reading() -> None:
    with pytest.raises(UnreadablePictureError) as refused:
        decode(encode(generate_photo(), "PNG"), Limits(max_bytes=100))
    assert refused.value.reason == "too-many-bytes"


_MEASURE = """
import resource, sys, time
from pathlib import Path
from exhibit.pictures.decode import decode, helper, inspect
from exhibit.errors import UnreadablePictureError
for line in sys.stdin:
    data, begun = Path(line.rstrip("\\n")).read_bytes(), time.monotonic()
    try:
        inspect(data)
        outcome = str(decode(data).pixels.shape)
    except UnreadablePictureError as refused:
        outcome = refused.reason
    helper.close()
    peak = max(resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(outcome, round(time.monotonic() - begun, 2), peak, sep="\\t")
"""


@pytest.mark.shared_data
def test_every_shared_bad_file_stays_within_time_and_memory() -> None:
    folder = shared_data("badfiles")
    with (folder / "badfiles.csv").open(encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _MEASURE],
        input="".join(f"{folder / name}\n" for name in names),
        capture_output=True,
        text=True,
        check=True,
        cwd=CHECKOUT,
    )
    results = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(results) == len(names) > 300
    slow_or_large = [(name, *row) for name, row in zip(names, results, strict=True) if float(row[1]) > 10]
    assert slow_or_large == []
    assert max(int(row[2]) for row in results) < 1024
    assert sum(row[0].startswith("(") for row in results) > 150
