from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits
from exhibit.types import PictureInfo
from indexer.picture.features import Detail, Features, compute_fingerprints, compute_local_fingerprint, extract
from indexer.picture.spaces import (
    DESCRIPTOR,
    PANELS,
    PHASH,
    PICTURE_PARTS,
    ROOTSIFT,
    STORED_LOCAL_FEATURES,
    TRIMMED,
    WHOLE,
    WORK_PARTS,
)
from tests.assets.textured import collage_with, encoded, textured

PICTURE = textured(1)
DATA = encoded(PICTURE)


@pytest.fixture(scope="module")
def features() -> Features:
    return extract(DATA)


def test_features_record_measured_input(features: Features) -> None:
    assert features.digest == Digest.from_bytes(DATA)
    assert features.info == PictureInfo(480, 360, "PNG", 1)
    assert features.low_information == ()


def test_keypoints_of_reduced_picture_use_original_pixels() -> None:
    large = extract(encoded(PICTURE.resize((1920, 1440), Image.Resampling.LANCZOS), "JPEG"))
    assert max(large.grey.shape) == 512
    width, height = large.local.points.max(axis=0)
    assert 1800 < width < 1920
    assert 1300 < height < 1440


def test_keypoints_are_spread_over_the_picture(features: Features) -> None:
    columns, rows = (features.local.points / (480 / 4, 360 / 4)).astype(int).T
    counts = np.bincount(rows * 4 + columns, minlength=16)
    assert len(features.local) == 500
    assert counts.min() >= 15


@pytest.mark.long
def test_detailed_picture_has_more_keypoints() -> None:
    data = encoded(textured(1, (1280, 960)), "JPEG")
    assert len(extract(data, detail=Detail(side=1024, keypoints=1500)).local) > len(extract(data).local)


def test_exif_orientation_is_applied_before_measurement() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    PICTURE.save(file, "PNG", exif=exif)
    turned = extract(file.getvalue())
    assert (turned.info.width, turned.info.height) == (360, 480)
    upright = extract(encoded(PICTURE.rotate(-90, expand=True)))
    assert (turned.hash_variants == upright.hash_variants).all()


def test_bordered_picture_has_trimmed_hash_of_the_original(features: Features) -> None:
    framed = extract(encoded(ImageOps.expand(PICTURE, 40, "black")))
    assert features.hashes.keys() == {WHOLE}
    assert framed.hashes.keys() == {WHOLE, TRIMMED}
    assert len(framed.hash_variants) == len(framed.variants) == 16
    trimmed = np.frombuffer(framed.hashes[TRIMMED], np.uint8)
    assert np.bitwise_count(trimmed ^ features.hash_variants[0]).sum() <= 12
    assert framed.content is not None
    assert framed.content.left == pytest.approx(40, abs=2)


def test_panels_have_their_own_hashes_and_rectangles(features: Features) -> None:
    collage = extract(encoded(collage_with(PICTURE, 3)))
    assert [variant.part for variant in collage.variants[::8]] == [WHOLE, *PANELS[:4]]
    away = np.bitwise_count(collage.hash_variants ^ features.hash_variants[0]).sum(axis=1)
    nearest = collage.variants[int(away.argmin())]
    assert away.min() <= 90
    assert nearest.orientation == 0
    box = collage.box(nearest.part)
    assert box.left == pytest.approx(410, abs=4)
    assert box.top == pytest.approx(310, abs=4)


def test_only_the_hash_of_an_icon_is_stored() -> None:
    icon = extract(encoded(PICTURE.resize((32, 32))))
    assert {fingerprint.space for fingerprint in compute_fingerprints(icon.digest, icon)} == {PHASH.id}


def test_local_features_of_a_work_are_stored_as_bytes(features: Features) -> None:
    stored = compute_local_fingerprint(features.digest, features)
    rows = np.frombuffer(stored.vector, np.uint8).reshape(-1, ROOTSIFT.width)
    assert (stored.space, stored.part in WORK_PARTS, len(rows) <= STORED_LOCAL_FEATURES) == (ROOTSIFT.id, True, True)
    assert (rows == features.local.descriptors[: len(rows)]).all()


def test_fingerprints_are_rows_of_their_spaces(features: Features) -> None:
    stored = compute_fingerprints(features.digest, features)
    assert {(fingerprint.space, len(fingerprint.vector)) for fingerprint in stored} == {
        (PHASH.id, PHASH.vector_bytes),
        (DESCRIPTOR.id, DESCRIPTOR.vector_bytes),
    }
    assert {fingerprint.part for fingerprint in stored} <= PICTURE_PARTS
    assert [fingerprint.space for fingerprint in stored if fingerprint.part in WORK_PARTS] == [PHASH.id, DESCRIPTOR.id]


def test_undecodable_picture_is_refused() -> None:
    with pytest.raises(UnreadablePictureError):
        extract(b"no picture")
    with pytest.raises(UnreadablePictureError):
        extract(DATA, Limits(max_pixels=1000))
