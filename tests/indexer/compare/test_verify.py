"""Decisions about pairs: each edit of a picture, and pairs that must never be certain."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from exhibit.comparison.similarity import dense_similarity
from exhibit.pictures.decode import decode
from exhibit.types import Decision, Verification
from indexer.compare.dense import dense_agreement
from indexer.compare.geometry import align
from indexer.compare.lens import flat
from indexer.compare.negative import negative
from indexer.compare.second_look import second_look
from indexer.compare.verify import nearest_hash, verify
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, extract
from indexer.picture.lazy import Lazy
from indexer.picture.local_features import LocalFeatures
from tests.assets.shared import shared_data
from tests.assets.textured import collage_with, encoded, page_with, text_page, textured

PICTURE = textured(1)


@pytest.fixture(scope="module")
def registered() -> Features:
    return extract(encoded(PICTURE))


def watermarked(picture: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    for place in range(0, picture.height, 60):
        draw.text((20 + place % 120, place), "SAMPLE  SAMPLE  SAMPLE", fill=(255, 255, 255, 120), font_size=26)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def captioned(picture: Image.Image) -> Image.Image:
    higher = ImageOps.expand(picture, (0, 0, 0, 70), "white")
    ImageDraw.Draw(higher).text((10, picture.height + 15), "what a day it was", fill="black", font_size=36)
    return higher


def webp(picture: Image.Image) -> bytes:
    return encoded(picture, "WEBP", 45)


def jpeg(picture: Image.Image) -> bytes:
    return encoded(picture, "JPEG", 80)


EDITS: dict[str, Callable[[Image.Image], bytes]] = {
    "recompressed": lambda picture: encoded(picture, "JPEG", 35),
    "resized": lambda picture: jpeg(picture.resize((216, 162), Image.Resampling.LANCZOS)),
    "webp": webp,
    "mirrored": lambda picture: jpeg(ImageOps.mirror(picture)),
    "turned": lambda picture: jpeg(picture.transpose(Image.Transpose.ROTATE_90)),
    "cropped": lambda picture: jpeg(picture.crop((90, 40, 430, 295))),
    "captioned": lambda picture: jpeg(captioned(picture)),
    "bordered": lambda picture: jpeg(ImageOps.expand(picture, 30, "teal")),
    "watermarked": lambda picture: jpeg(watermarked(picture)),
    "grey": lambda picture: jpeg(ImageOps.grayscale(picture)),
    "page": lambda picture: jpeg(page_with(picture)),
    "collage": lambda picture: jpeg(collage_with(picture)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_copy_in_each_edit_is_certain(registered: Features, edit: str) -> None:
    found = verify(extract(EDITS[edit](PICTURE)), registered)
    assert found.decision is Decision.CERTAIN, found
    assert found.inliers >= 12 or found.hamming <= 30
    assert found.dense >= 0.5
    assert found.mirrored is (edit == "mirrored")
    assert found.rotation == (90 if edit == "turned" else 0)
    assert found.reasons == ()
    assert found.probability is None


def corner(found: Verification, point: tuple[float, float]) -> tuple[float, float]:
    assert found.transform is not None
    moved = np.array(found.transform) @ (*point, 1)
    return float(moved[0] / moved[2]), float(moved[1] / moved[2])


def test_the_transform_maps_found_pixels_to_registered_ones(registered: Features) -> None:
    crop = verify(extract(EDITS["cropped"](PICTURE)), registered)
    assert corner(crop, (0, 0)) == pytest.approx((90, 40), abs=1)
    assert corner(crop, (339, 254)) == pytest.approx((429, 294), abs=1)
    mirrored = verify(extract(EDITS["mirrored"](PICTURE)), registered)
    assert corner(mirrored, (10, 20)) == pytest.approx((469, 20), abs=1)
    turned = verify(extract(EDITS["turned"](PICTURE)), registered)
    assert corner(turned, (0, 0)) == pytest.approx((479, 0), abs=1)
    page = verify(extract(EDITS["page"](PICTURE)), registered)
    assert corner(page, (60 + 256, 180 + 192)) == pytest.approx((240, 180), abs=1)


def test_the_overlaps_say_how_much_of_each_picture_is_shared(registered: Features) -> None:
    crop = verify(extract(EDITS["cropped"](PICTURE)), registered)
    assert (crop.overlap_work, crop.overlap_picture) == pytest.approx((340 * 255 / (480 * 360), 1), abs=0.02)
    page = verify(extract(EDITS["page"](PICTURE)), registered)
    assert (page.overlap_work, page.overlap_picture) == pytest.approx((1, 512 * 384 / (1280 * 800)), abs=0.02)


@pytest.mark.parametrize("degrees", [30, -45, 120])
def test_a_turn_is_told_counter_clockwise_as_seen(registered: Features, degrees: int) -> None:
    found = verify(extract(jpeg(PICTURE.rotate(degrees, Image.Resampling.BICUBIC, expand=True))), registered)
    assert found.rotation == pytest.approx(degrees, abs=1)


def test_mirrored_comes_before_turned(registered: Features) -> None:
    found = verify(extract(jpeg(ImageOps.mirror(PICTURE).transpose(Image.Transpose.ROTATE_90))), registered)
    assert (found.mirrored, found.rotation) == (True, 90)


def test_the_same_bytes_are_certain_with_the_identity(registered: Features) -> None:
    found = verify(extract(encoded(PICTURE)), registered)
    assert (found.decision, found.hamming, found.dense, found.reasons) == (Decision.CERTAIN, 0, 1.0, ("same-bytes",))
    assert (np.array(found.transform) == np.eye(3)).all()
    assert (found.overlap_work, found.overlap_picture) == (1, 1)


@pytest.mark.parametrize("seed", range(2, 8))
def test_another_picture_is_nothing(registered: Features, seed: int) -> None:
    found = verify(extract(encoded(textured(seed))), registered)
    assert (found.decision, found.transform is None or found.dense < 0.3) == (Decision.NONE, True)


@pytest.mark.parametrize("overlay", [watermarked, captioned], ids=lambda edit: edit.__name__)
def test_two_pictures_under_the_same_overlay_are_not_certain(overlay: Callable[[Image.Image], Image.Image]) -> None:
    one, other = (extract(jpeg(overlay(textured(seed)))) for seed in (11, 12))
    assert verify(one, other).decision is not Decision.CERTAIN


@pytest.mark.parametrize("turned", [0, 90], ids=str)
def test_a_negative_is_reviewed_and_its_pixels_are_stated_as_they_are(registered: Features, turned: int) -> None:
    inverted = ImageOps.invert(PICTURE).rotate(turned, expand=True)
    one = verify(extract(encoded(inverted, "JPEG", 80)), registered)
    assert (one.decision, one.reasons[0], one.rotation) == (Decision.REVIEW, "negative", turned)
    assert one.dense < 0.1
    assert one.in_place is not None
    assert one.in_place > 0.8


def test_a_negative_has_the_features_that_follow_from_the_picture(registered: Features) -> None:
    inverted = extract(encoded(ImageOps.invert(PICTURE)))
    told = negative(registered)
    assert np.bitwise_count(told.hash_variants ^ inverted.hash_variants).max() <= 4
    same = (told.local.units @ inverted.local.units.T).max(axis=1)
    assert (same > 0.97).mean() > 0.9


@pytest.mark.parametrize("strength", [0.25, -0.3], ids=str)
def test_a_bent_copy_is_reviewed_with_the_nearest_flat_transform(registered: Features, strength: float) -> None:
    y, x = np.mgrid[0:360, 0:480].astype(np.float32)
    factor = 1 + strength * (((x - 240) / 240) ** 2 + ((y - 180) / 240) ** 2 - 0.6)
    bent = cv2.remap(np.asarray(PICTURE), (x - 240) * factor + 240, (y - 180) * factor + 180, cv2.INTER_LINEAR)
    one = verify(extract(encoded(Image.fromarray(bent), "JPEG", 80)), registered)
    assert (one.decision, one.reasons[0]) == (Decision.REVIEW, "lens")
    assert one.transform is not None
    assert one.transform[0][2] + 240 * one.transform[0][0] + 180 * one.transform[0][1] == pytest.approx(240, abs=6)


def test_a_bend_that_no_flat_transform_comes_near_to_leaves_the_transform_as_it_is() -> None:
    onto_one_point = np.diag([0.0, 0.0, 1.0])
    assert (flat(onto_one_point, 0.2, (480, 360)) == onto_one_point).all()


def test_another_view_of_the_same_things_is_not_certain(registered: Features) -> None:
    """Shapes that move against one another, as they do for a camera that was moved, fit only roughly."""
    height, width = 360, 480
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    shift = 9 * np.sin(columns / 40) * np.cos(rows / 30)
    source = np.asarray(PICTURE)
    moved = source[
        np.clip((rows + shift).round().astype(int), 0, height - 1),
        np.clip((columns - shift).round().astype(int), 0, width - 1),
    ]
    found = verify(extract(encoded(Image.fromarray(moved))), registered)
    assert found.decision is not Decision.CERTAIN
    assert found.drift is not None
    assert (found.inliers > 50, found.dense > 0.5, found.drift > 1) == (True, True, True)


def test_an_untouched_part_is_certain_however_small(registered: Features) -> None:
    found = verify(extract(jpeg(PICTURE.crop((150, 100, 270, 190)))), registered)
    assert found.decision is Decision.CERTAIN
    assert found.in_place == pytest.approx(1, abs=0.1)
    assert found.drift == pytest.approx(0, abs=0.3)


def test_each_copy_in_one_picture_has_its_transform(registered: Features) -> None:
    sheet = Image.new("RGB", (1100, 700), "white")
    for number, place in enumerate([(20, 20), (560, 20), (300, 360)]):
        copy = PICTURE.resize((400, 300), Image.Resampling.LANCZOS)
        sheet.paste(ImageOps.mirror(copy) if number == 1 else copy, place)
    found = verify(extract(jpeg(sheet)), registered)
    assert found.decision is Decision.CERTAIN
    assert found.transform is not None
    centres = [np.linalg.inv(np.array(one)) @ (239.5, 179.5, 1) for one in (found.transform, *found.further)]
    assert sorted((round(x / w, -1), round(y / w, -1)) for x, y, w in centres) == [(220, 170), (500, 510), (760, 170)]
    mirrored = [np.linalg.det(np.array(one)[:2, :2]) < 0 for one in (found.transform, *found.further)]
    assert sorted(mirrored) == [False, False, True]


def test_few_points_are_also_fitted_without_perspective(registered: Features) -> None:
    few = LocalFeatures(registered.local.points[:10], registered.local.descriptors[:10], registered.local.strong)
    laid = align(replace(extract(jpeg(PICTURE)), later_local=Lazy(lambda: few)), registered)
    assert laid is not None
    assert laid.stiff is not None
    assert laid.stiff.transform[2] == pytest.approx([0, 0, 1])
    many = align(extract(jpeg(PICTURE)), registered)
    assert many is not None
    assert many.stiff is None


@pytest.mark.parametrize("edit", ["recompressed", "cropped", "page"])
def test_one_copy_has_no_further_ones(registered: Features, edit: str) -> None:
    assert verify(extract(EDITS[edit](PICTURE)), registered).further == ()


def test_strangers_in_the_same_collage_are_at_most_reviewed() -> None:
    one, other = (extract(jpeg(collage_with(textured(seed)))) for seed in (21, 22))
    assert other.low_information == ("collage",)
    found = verify(one, other)
    assert found.decision is not Decision.CERTAIN
    assert verify(
        extract(
            jpeg(
                collage_with(textured(22)),
            )
        ),
        other,
    ).reasons == ("same-bytes", "collage")


def test_a_collage_that_was_not_recognised_is_told_by_the_panel_that_shows_something_else() -> None:
    sheet = collage_with(textured(22))
    one, same = (extract(jpeg(picture)) for picture in (collage_with(textured(21)), sheet.resize((790, 595))))
    unrecognised = replace(extract(jpeg(sheet)), later_low_information=Lazy(lambda: ()))
    stranger, copy = verify(one, unrecognised), verify(same, unrecognised)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("collage",))
    assert copy.decision is Decision.CERTAIN


def test_strangers_on_the_same_page_share_nothing_that_counts() -> None:
    one, other = (extract(jpeg(page_with(textured(seed)))) for seed in (31, 32))
    assert other.low_information == ("page",)
    assert verify(one, other).decision is Decision.NONE
    again = verify(extract(encoded(page_with(textured(32)), "JPEG", 60)), other)
    assert (again.decision, again.reasons[0]) == (Decision.REVIEW, "page")


def test_strangers_under_the_same_caption_share_nothing_that_counts() -> None:
    one, other = (extract(jpeg(captioned(textured(seed)))) for seed in (41, 42))
    assert [round(box.top) for box in other.masked] == [360]
    assert verify(one, other).decision is Decision.NONE
    assert verify(extract(jpeg(textured(42))), other).decision is Decision.CERTAIN


def test_a_work_without_information_is_never_certain() -> None:
    page, other = extract(encoded(text_page(1))), extract(encoded(text_page(2)))
    same = verify(extract(encoded(text_page(1))), page)
    assert (same.decision, same.reasons) == (Decision.REVIEW, ("same-bytes", "low-information"))
    again = verify(extract(encoded(text_page(1), "JPEG", 90)), page)
    assert (again.decision, again.reasons) == (Decision.REVIEW, ("low-information",))
    assert verify(other, page).decision is Decision.NONE


def test_flat_pictures_of_different_colours_are_not_even_reviewed() -> None:
    grey, black = (extract(encoded(Image.new("RGB", (300, 200), colour))) for colour in ("grey", "black"))
    assert verify(black, grey).decision is Decision.NONE


def test_pictures_without_a_keypoint_do_no_harm(registered: Features) -> None:
    flat = extract(encoded(Image.new("RGB", (300, 200), "grey")))
    tiny = extract(encoded(Image.new("RGB", (1, 1), "grey")))
    assert {verify(one, registered).decision for one in (flat, tiny)} == {Decision.NONE}
    assert verify(registered, tiny).decision is Decision.NONE


def test_a_blurred_copy_is_settled_by_hash_and_pixels(registered: Features) -> None:
    found = verify(extract(jpeg(PICTURE.filter(ImageFilter.GaussianBlur(4)))), registered)
    assert found.decision is Decision.CERTAIN
    assert found.hamming <= 30


def test_the_hash_says_how_a_trimmed_copy_lies(registered: Features) -> None:
    match = nearest_hash(extract(EDITS["bordered"](PICTURE)), registered)
    assert match.hamming <= 12
    moved = match.transform @ (30, 30, 1)
    assert tuple(moved[:2]) == pytest.approx((0, 0), abs=2)


@pytest.mark.parametrize("edit", EDITS)
def test_the_fast_dense_check_agrees_with_its_definition(registered: Features, edit: str) -> None:
    data = EDITS[edit](PICTURE)
    found = extract(data)
    transform = np.array(verify(found, registered).transform)
    fast = dense_agreement(found, registered, transform).share
    slow = dense_similarity(decode(data).pixels, np.asarray(PICTURE), transform)
    assert fast == pytest.approx(slow, abs=0.03)


def test_a_second_look_finds_a_work_that_is_very_small_on_a_page(registered: Features) -> None:
    page = Image.new("RGB", (2400, 1500), "white")
    page.paste(PICTURE.resize((360, 270), Image.Resampling.LANCZOS), (900, 700))
    data = jpeg(page)
    first = verify(extract(data), registered)
    assert first.inliers < 15
    doubted = replace(first, decision=Decision.REVIEW, reasons=("few-inliers",))
    second = second_look(doubted, data, registered)
    assert (second.decision, second.inliers > 2 * first.inliers) == (Decision.CERTAIN, True)


def test_a_second_look_leaves_alone_what_it_cannot_mend(registered: Features) -> None:
    for data in (encoded(textured(2)), encoded(PICTURE)):
        first = verify(extract(data), registered)
        assert second_look(first, b"never read", registered) is first


def test_decisions_do_not_depend_on_the_run(registered: Features) -> None:
    data = EDITS["collage"](PICTURE)
    assert verify(extract(data), registered) == verify(extract(data), registered)


@pytest.mark.shared_data
def test_lookalikes_are_never_certain() -> None:
    folder = shared_data("lookalikes")
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.jpg")):
        if not path.name.startswith(("vid_a", "vid_b")):  # marked ambiguous
            groups.setdefault(path.stem.rsplit("_", 1)[0], []).append(path)
    chosen = [members[:3] for members in groups.values() if len(members) > 1][::6]
    assert math.comb(3, 2) * len(chosen) > 20
    for members in chosen:
        measured = [extract(path.read_bytes()) for path in members]
        decisions = {verify(one, other).decision for one in measured for other in measured if one is not other}
        assert Decision.CERTAIN not in decisions, members


def test_thin_pictures_do_no_harm() -> None:
    high, wide = (extract(encoded(textured(5, size))) for size in ((3, 700), (700, 3)))
    assert verify(high, wide).decision is not Decision.CERTAIN
