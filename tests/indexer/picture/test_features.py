from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from exhibit.digests import Digest
from exhibit.errors import IntegrityError, UnreadablePictureError
from exhibit.pictures.decode import Limits, decode
from exhibit.types import PictureInfo
from indexer.layout.information import MIN_QUALITY
from indexer.layout.single_thread import cv2
from indexer.picture.features import CLOSER, Features, extract, fingerprints, local_fingerprint
from indexer.picture.features_file import from_bytes, to_bytes
from indexer.picture.hashes import orientation_hashes, shrink
from indexer.picture.spaces import (
    CENTRE,
    DESCRIPTOR,
    PANELS,
    PHASH,
    PICTURE_PARTS,
    PIPELINE,
    ROOTSIFT,
    TILES,
    TRIMMED,
    VOTES_KEPT,
    WHOLE,
    WORK_PARTS,
)
from indexer.search.cache import FeatureCache
from tests.assets.textured import collage_with, encoded, text_page, textured

PICTURE = textured(1)
DATA = encoded(PICTURE)


@pytest.fixture(scope="module")
def features() -> Features:
    return extract(DATA)


def test_features_say_what_they_were_measured_on(features: Features) -> None:
    assert features.digest == Digest.of(DATA)
    assert features.info == PictureInfo(480, 360, "PNG", 1)
    assert features.low_information == ()


def test_keypoints_lie_in_original_pixels_though_the_picture_was_reduced() -> None:
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


def test_a_closer_look_takes_more_keypoints() -> None:
    data = encoded(textured(1, (1280, 960)), "JPEG")
    assert len(extract(data, detail=CLOSER).local) > len(extract(data).local)


def test_the_exif_orientation_is_applied_before_anything_is_measured() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    PICTURE.save(file, "PNG", exif=exif)
    turned = extract(file.getvalue())
    assert (turned.info.width, turned.info.height) == (360, 480)
    upright = extract(encoded(PICTURE.rotate(-90, expand=True)))
    assert (turned.hash_variants == upright.hash_variants).all()


def test_a_border_adds_a_trimmed_hash_that_is_the_original_s(features: Features) -> None:
    framed = extract(encoded(ImageOps.expand(PICTURE, 40, "black")))
    assert features.hashes.keys() == {WHOLE}
    assert framed.hashes.keys() == {WHOLE, TRIMMED}
    assert len(framed.hash_variants) == len(framed.variants) == 16
    trimmed = np.frombuffer(framed.hashes[TRIMMED], np.uint8)
    assert np.bitwise_count(trimmed ^ features.hash_variants[0]).sum() <= 12
    assert framed.content is not None
    assert framed.content.left == pytest.approx(40, abs=2)


def test_embeddings_have_unit_length_and_find_a_panel_of_a_collage(features: Features) -> None:
    assert tuple(features.embeddings) == (WHOLE, CENTRE)
    assert tuple(features.tiles) == TILES
    for vector in (*features.embeddings.values(), *features.tiles.values()):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    collage = extract(encoded(collage_with(PICTURE, 3)))
    assert len(collage.panels) == 4
    nearness = {part: float(vector @ features.embeddings[WHOLE]) for part, vector in collage.embeddings.items()}
    assert max(nearness, key=lambda part: nearness[part]) in PANELS
    assert max(nearness.values()) > 0.8


def test_panels_have_hashes_and_rectangles_of_their_own(features: Features) -> None:
    collage = extract(encoded(collage_with(PICTURE, 3)))
    assert [variant.part for variant in collage.variants[::8]] == [WHOLE, *PANELS[:4]]
    away = np.bitwise_count(collage.hash_variants ^ features.hash_variants[0]).sum(axis=1)
    nearest = collage.variants[int(away.argmin())]
    assert away.min() <= 90
    assert nearest.orientation == 0
    box = collage.box(nearest.part)
    assert box.left == pytest.approx(410, abs=4)
    assert box.top == pytest.approx(310, abs=4)


def test_of_an_icon_only_the_hash_is_kept() -> None:
    icon = extract(encoded(PICTURE.resize((32, 32))))
    assert {one.space for one in fingerprints(icon.digest, icon)} == {PHASH.id}


def test_local_features_of_a_work_are_kept_as_bytes(features: Features) -> None:
    stored = local_fingerprint(features.digest, features)
    rows = np.frombuffer(stored.vector, np.uint8).reshape(-1, ROOTSIFT.width)
    assert (stored.space, stored.part in WORK_PARTS, len(rows) <= VOTES_KEPT) == (ROOTSIFT.id, True, True)
    assert (rows == features.local.descriptors[: len(rows)]).all()


def test_fingerprints_are_rows_of_their_spaces(features: Features) -> None:
    stored = fingerprints(features.digest, features)
    assert {(one.space, len(one.vector)) for one in stored} == {
        (PHASH.id, PHASH.vector_bytes),
        (DESCRIPTOR.id, DESCRIPTOR.vector_bytes),
    }
    assert {one.part for one in stored} <= PICTURE_PARTS
    assert [one.space for one in stored if one.part in WORK_PARTS] == [PHASH.id, DESCRIPTOR.id]


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (Image.new("RGB", (400, 300), "teal"), "flat"),
        (Image.linear_gradient("L").resize((400, 300)).convert("RGB"), "few-features"),
        (text_page(1), "two-tone"),
        (textured(1, (50, 50)), "tiny"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_pictures_that_cannot_be_told_apart_are_named(picture: Image.Image, reason: str) -> None:
    assert reason in extract(encoded(picture)).low_information


def test_a_picture_whose_details_are_too_fine_for_its_hash_is_not_flat() -> None:
    grain = np.random.default_rng(1).normal(128, 15, (300, 400)).clip(0, 255).astype(np.uint8)
    features = extract(encoded(Image.fromarray(grain).resize((800, 600), Image.Resampling.BICUBIC)))
    assert features.quality < MIN_QUALITY
    assert features.low_information == ()


def test_what_cannot_be_decoded_is_refused() -> None:
    with pytest.raises(UnreadablePictureError):
        extract(b"no picture")
    with pytest.raises(UnreadablePictureError):
        extract(DATA, Limits(max_pixels=1000))


def test_the_hash_is_taken_as_its_space_says() -> None:
    large = encoded(textured(4, (900, 600)), "JPEG")
    grey = np.asarray(Image.fromarray(decode(large, at_least=512).pixels).convert("L"))
    reduced = cv2.resize(grey, (512, 341), interpolation=cv2.INTER_AREA)
    assert dict(PHASH.parameters)["reduced"] == "grey to a long side of at most 512, means of areas"
    assert extract(large).hashes["whole"] == orientation_hashes(shrink(Image.fromarray(reduced)))[0].tobytes()


def test_features_survive_being_written(features: Features) -> None:
    again = from_bytes(to_bytes(features))
    assert (again.digest, again.info, again.quality, again.content) == (
        features.digest,
        features.info,
        features.quality,
        features.content,
    )
    assert again.hashes == features.hashes
    assert (again.grey == features.grey).all()
    assert (again.local.points == features.local.points).all()
    assert (again.local.descriptors == features.local.descriptors).all()
    assert (again.quick.points == features.quick.points).all()
    assert (again.quick.descriptors == features.quick.descriptors).all()
    assert (again.later_embeddings.value == features.later_embeddings.value).all()
    assert (again.later_tiles.value == features.later_tiles.value).all()
    assert again.panels == features.panels
    assert again.low_information == features.low_information


def test_damaged_or_foreign_bytes_are_not_features(features: Features) -> None:
    data = to_bytes(features)
    for damaged in (b"", data[:1000], data[:-40], data.replace(PIPELINE.encode(), b"match-0")):
        with pytest.raises(IntegrityError):
            from_bytes(damaged)


class TestFeatureCache:
    def test_measures_once(self, tmp_path: Path) -> None:
        loads: list[int] = []

        def load() -> bytes:
            loads.append(1)
            return DATA

        digest = Digest.of(DATA)
        first = FeatureCache(tmp_path).get(digest, load)
        second = FeatureCache(tmp_path).get(digest, load)
        assert len(loads) == 1
        assert first.hashes == second.hashes

    @pytest.mark.parametrize("damage", [lambda data: data[:500], lambda _: b"", lambda data: b"x" * len(data)])
    def test_measures_again_what_is_damaged(self, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
        FeatureCache(tmp_path).get(Digest.of(DATA), lambda: DATA)
        (stored,) = tmp_path.rglob("*.npz")
        stored.write_bytes(damage(stored.read_bytes()))
        assert FeatureCache(tmp_path).get(Digest.of(DATA), lambda: DATA).info.width == 480
        assert from_bytes(stored.read_bytes()).digest == Digest.of(DATA)

    def test_keeps_no_more_in_memory_than_it_may(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path, capacity_in_memory=1)
        one, other = (encoded(textured(seed, (160, 120))) for seed in (1, 2))
        cache.get(Digest.of(one), lambda: one)
        cache.get(Digest.of(other), lambda: other)
        assert list(cache._recent) == [Digest.of(other)]

    def test_refuses_bytes_of_another_picture(self, tmp_path: Path) -> None:
        with pytest.raises(IntegrityError):
            FeatureCache(tmp_path).get(Digest.of(b"another"), lambda: DATA)

    def test_leaves_no_half_written_file(self, tmp_path: Path) -> None:
        FeatureCache(tmp_path).get(Digest.of(DATA), lambda: DATA)
        assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".npz"]
