"""Test decisions about pairs: each edit of an image, and pairs that must never be certain."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from exhibit.comparison.calibration import add_probability
from exhibit.types import Decision, Verification
from indexer.calibration.shipped import shipped_calibration
from indexer.compare.decision import verify, withhold_unreliable_alignment
from indexer.compare.figures import Figures
from indexer.compare.nearest_hash import find_nearest_hash
from indexer.compare.odds_model import load_shipped_model
from indexer.edits import apply
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, Lazy
from tests.assets.edited_pictures import EDITS, PICTURE, add_caption, add_watermark, cached_features, edited_copy, jpeg
from tests.assets.shared_pictures import shared_data
from tests.assets.textured import collage_with, encoded, page_with, text_page, textured, with_inset


@pytest.fixture(scope="module")
def registered() -> Features:
    return cached_features(encoded(PICTURE))


@pytest.mark.parametrize("edit", EDITS)
def test_copy_made_by_each_edit_is_certain(registered: Features, edit: str) -> None:
    result = verify(cached_features(edited_copy(edit)), registered)
    assert result.decision is Decision.CERTAIN, result
    assert result.inliers >= 12 or result.hamming <= 30
    assert result.dense >= 0.5
    assert result.mirrored is (edit == "mirrored")
    assert result.rotation == (90 if edit == "turned" else 0)
    assert result.reasons == ()
    assert result.probability is None


def test_decision_includes_the_measurements_needed_to_reproduce_it(registered: Features) -> None:
    crop = cached_features(edited_copy("cropped"))
    result = verify(crop, registered)
    assert (result.figures["hamming"], result.figures["inliers"]) == (result.hamming, result.inliers)
    assert (round(result.figures["in_place"] or 0, 4), round(result.figures["drift"] or 0, 4)) == (
        result.in_place,
        result.drift,
    )
    figures = Figures.from_dict(json.loads(json.dumps(result.figures)))
    assert result.related == pytest.approx(load_shipped_model().related.compute_log_odds(figures), abs=1e-4)
    assert result.exposure == pytest.approx(load_shipped_model().exposure.compute_log_odds(figures), abs=1e-4)


def corner(verification: Verification, point: tuple[float, float]) -> tuple[float, float]:
    assert verification.transform is not None
    moved = np.array(verification.transform) @ (*point, 1)
    return float(moved[0] / moved[2]), float(moved[1] / moved[2])


def test_transform_maps_found_pixels_to_registered_pixels(registered: Features) -> None:
    crop = verify(cached_features(edited_copy("cropped")), registered)
    assert corner(crop, (0, 0)) == pytest.approx((90, 40), abs=1)
    assert corner(crop, (339, 254)) == pytest.approx((429, 294), abs=1)
    mirrored = verify(cached_features(edited_copy("mirrored")), registered)
    assert corner(mirrored, (10, 20)) == pytest.approx((469, 20), abs=1)
    turned = verify(cached_features(edited_copy("turned")), registered)
    assert corner(turned, (0, 0)) == pytest.approx((479, 0), abs=1)
    page = verify(cached_features(edited_copy("page")), registered)
    assert corner(page, (60 + 256, 180 + 192)) == pytest.approx((240, 180), abs=1)


def test_overlaps_report_shared_fraction_of_each_picture(registered: Features) -> None:
    crop = verify(cached_features(edited_copy("cropped")), registered)
    assert (crop.overlap_work, crop.overlap_picture) == pytest.approx((340 * 255 / (480 * 360), 1), abs=0.02)
    page = verify(cached_features(edited_copy("page")), registered)
    assert (page.overlap_work, page.overlap_picture) == pytest.approx((1, 512 * 384 / (1280 * 800)), abs=0.02)


@pytest.mark.parametrize("degrees", [30, -45, 120])
def test_reported_rotation_is_counter_clockwise(registered: Features, degrees: int) -> None:
    result = verify(cached_features(jpeg(PICTURE.rotate(degrees, Image.Resampling.BICUBIC, expand=True))), registered)
    assert result.rotation == pytest.approx(degrees, abs=1)


def test_reported_mirroring_is_applied_before_rotation(registered: Features) -> None:
    result = verify(cached_features(jpeg(ImageOps.mirror(PICTURE).transpose(Image.Transpose.ROTATE_90))), registered)
    assert (result.mirrored, result.rotation) == (True, 90)


def test_identical_bytes_are_certain_with_identity_transform(registered: Features) -> None:
    result = verify(cached_features(encoded(PICTURE)), registered)
    assert (result.decision, result.hamming, result.dense, result.reasons) == (
        Decision.CERTAIN,
        0,
        1.0,
        ("same-bytes",),
    )
    assert (np.array(result.transform) == np.eye(3)).all()
    assert (result.overlap_work, result.overlap_picture) == (1, 1)


@pytest.mark.parametrize("seed", range(2, 8))
def test_unrelated_picture_is_not_a_match(registered: Features, seed: int) -> None:
    result = verify(cached_features(encoded(textured(seed))), registered)
    assert (result.decision, result.transform is None or result.dense < 0.3) == (Decision.NONE, True)


@pytest.mark.parametrize("overlay", [add_watermark, add_caption], ids=lambda edit: edit.__name__)
def test_shared_overlay_does_not_make_pictures_certain(overlay: Callable[[Image.Image], Image.Image]) -> None:
    first, other = (cached_features(jpeg(overlay(textured(seed)))) for seed in (11, 12))
    assert verify(first, other).decision is not Decision.CERTAIN


def test_same_scene_from_other_camera_position_is_not_certain(registered: Features) -> None:
    """Test shapes that move relative to each other, as for a camera that was moved, and so align only roughly."""
    height, width = 360, 480
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    shift = 9 * np.sin(columns / 40) * np.cos(rows / 30)
    source = np.asarray(PICTURE)
    moved = source[
        np.clip((rows + shift).round().astype(int), 0, height - 1),
        np.clip((columns - shift).round().astype(int), 0, width - 1),
    ]
    result = verify(cached_features(encoded(Image.fromarray(moved))), registered)
    assert result.decision is not Decision.CERTAIN
    assert (result.inliers > 50, result.dense > 0.5) == (True, True)


def test_unchanged_region_is_certain_at_any_size(registered: Features) -> None:
    result = verify(cached_features(jpeg(PICTURE.crop((150, 100, 270, 190)))), registered)
    assert result.decision is Decision.CERTAIN
    assert result.in_place == pytest.approx(1, abs=0.1)
    assert result.drift == pytest.approx(0, abs=0.3)


def test_each_of_several_copies_in_one_picture_has_its_own_transform(registered: Features) -> None:
    sheet = Image.new("RGB", (1100, 700), "white")
    for number, place in enumerate([(20, 20), (560, 20), (300, 360)]):
        copy = PICTURE.resize((400, 300), Image.Resampling.LANCZOS)
        sheet.paste(ImageOps.mirror(copy) if number == 1 else copy, place)
    result = verify(cached_features(jpeg(sheet)), registered)
    assert result.decision is Decision.CERTAIN
    assert result.transform is not None
    centres = [np.linalg.inv(np.array(matrix)) @ (239.5, 179.5, 1) for matrix in (result.transform, *result.further)]
    assert sorted((round(x / w, -1), round(y / w, -1)) for x, y, w in centres) == [(220, 170), (500, 510), (760, 170)]
    mirrored = [np.linalg.det(np.array(matrix)[:2, :2]) < 0 for matrix in (result.transform, *result.further)]
    assert sorted(mirrored) == [False, False, True]


@pytest.mark.parametrize("edit", ["recompressed", "cropped", "page"])
def test_single_copy_has_no_further_copies(registered: Features, edit: str) -> None:
    assert verify(cached_features(edited_copy(edit)), registered).further == ()


@pytest.mark.long
def test_unrelated_pictures_in_same_collage_are_never_certain() -> None:
    first, other = (cached_features(jpeg(collage_with(textured(seed)))) for seed in (21, 22))
    assert other.low_information == ("collage",)
    result = verify(first, other)
    assert result.decision is not Decision.CERTAIN
    assert verify(
        cached_features(
            jpeg(
                collage_with(textured(22)),
            )
        ),
        other,
    ).reasons == ("same-bytes", "collage")


@pytest.mark.long
def test_collage_without_detected_panels_is_recognised_by_an_unrelated_panel() -> None:
    sheet = collage_with(textured(22))
    first, same = (cached_features(jpeg(picture)) for picture in (collage_with(textured(21)), sheet.resize((790, 595))))
    unrecognised = replace(cached_features(jpeg(sheet)), lazy_low_information=Lazy(lambda: ()))
    stranger, copy = verify(first, unrecognised), verify(same, unrecognised)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("collage",))
    assert copy.decision is Decision.CERTAIN


@pytest.mark.long
def test_different_picture_on_same_background_is_not_certain() -> None:
    first, same, other = (
        cached_features(jpeg(paste_on(textured(seed, (300, 225)), ground)))
        for seed, ground in ((61, textured(50)), (61, textured(50).rotate(3)), (62, textured(50)))
    )
    stranger = verify(other, first)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("shared-overlay",))
    assert verify(same, first).decision is Decision.CERTAIN


def paste_on(picture: Image.Image, ground: Image.Image) -> Image.Image:
    sheet = ground.copy()
    sheet.paste(picture, (90, 70))
    return sheet


@pytest.mark.long
def test_replaced_inset_is_reported() -> None:
    first, other = (cached_features(jpeg(with_inset(7, textured(seed, (300, 225))))) for seed in (61, 62))
    assert first.inset is not None
    stranger = verify(other, first)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("collage",))
    assert verify(cached_features(jpeg(textured(7, (900, 675)))), first).decision is not Decision.CERTAIN


def test_same_emblem_on_different_background_is_not_certain() -> None:
    falling = Image.linear_gradient("L").resize((480, 360))
    rising = Image.linear_gradient("L").rotate(90).resize((480, 360))
    emblem, walls = textured(17, (150, 110)), [(rising, 40, 3), (rising, 90, 4), (falling, 60, 4)]
    work, brighter, other = (
        cached_features(
            jpeg(paste_on(emblem, wall.point(lambda grey, least=least, part=part: least + grey // part).convert("RGB")))
        )
        for wall, least, part in walls
    )
    stranger = verify(other, work)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("shared-overlay",))
    assert verify(brighter, work).decision is Decision.CERTAIN


def drawn_device(
    content: Image.Image, body: tuple[int, int, int, int], screen: tuple[int, int, int, int]
) -> Image.Image:
    """Return a drawn laptop or phone with keys, on a plain background, that displays an image."""
    sheet = Image.new("RGB", (800, 600), (236, 238, 240))
    draw = ImageDraw.Draw(sheet)
    draw.rounded_rectangle(body, 24, fill=(44, 46, 50), outline=(120, 124, 130), width=4)
    draw.polygon([(60, 500), (740, 500), (790, 560), (10, 560)], fill=(180, 184, 190))
    for key in range(180):
        x, top = 90 + key % 36 * 17 + key % 5, 506 + key // 36 * 10
        draw.rectangle((x, top, x + 11, top + 6), fill=(30 + key % 7 * 9, 34, 40))
    sheet.paste(content.resize((screen[2] - screen[0], screen[3] - screen[1])), screen[:2])
    return sheet


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "screen"),
    [((100, 60, 700, 490), (150, 100, 650, 440)), ((250, 20, 550, 490), (285, 60, 515, 440))],
    ids=["laptop", "telephone"],
)
def test_different_pictures_on_same_device_mockup_have_no_probability(
    body: tuple[int, int, int, int], screen: tuple[int, int, int, int]
) -> None:
    first, other = (cached_features(jpeg(drawn_device(textured(seed, (600, 450)), body, screen))) for seed in (71, 72))
    result, calibration = verify(other, first), shipped_calibration()
    assert calibration is not None
    assert result.decision in {Decision.RELATED, Decision.REVIEW}
    assert not {"shared-overlay", "imprecise"}.isdisjoint(result.reasons)
    assert add_probability(result, calibration).probability is None


def test_bent_copy_is_not_mistaken_for_a_shared_overlay(registered: Features) -> None:
    rows, columns = np.mgrid[0:360, 0:480].astype(np.float32)
    bent = cv2.remap(
        np.asarray(PICTURE.resize((480, 360))),
        columns + 2 * np.sin(rows / 40),
        rows + 2 * np.cos(columns / 45),
        cv2.INTER_LINEAR,
    )
    result = verify(cached_features(jpeg(Image.fromarray(bent))), registered)
    assert result.decision is not Decision.NONE
    assert "shared-overlay" not in result.reasons


@pytest.mark.parametrize(("apart", "decision"), [(0.1, Decision.CERTAIN), (0.3, Decision.REVIEW)], ids=str)
def test_copy_with_independently_moved_parts_is_treated_as_a_different_exposure(
    registered: Features, apart: float, decision: Decision
) -> None:
    """Test that a bend is followed piece by piece up to noise, while objects that moved independently are not."""
    rows, columns = np.mgrid[0:360, 0:480].astype(np.float32)
    moves = cv2.resize(
        np.random.default_rng(3).normal(0, apart, (36, 48, 2)), (480, 360), interpolation=cv2.INTER_CUBIC
    )
    bend = 2 * np.sin(columns / 90) * np.cos(rows / 80)
    shift = (moves + bend[..., None]).astype(np.float32)
    displaced = cv2.remap(np.asarray(PICTURE), columns + shift[..., 0], rows + shift[..., 1], cv2.INTER_LINEAR)
    result = verify(cached_features(jpeg(Image.fromarray(displaced))), registered)
    assert (result.decision, result.hamming <= 30) == (decision, True)


@pytest.mark.parametrize(("size", "decision"), [(130, Decision.REVIEW), (240, Decision.CERTAIN)], ids=str)
def test_small_shared_part_of_two_scenes_is_not_a_copy(size: int, decision: Decision) -> None:
    """Test two garments on one floor: only the right side of one image equals the left side of the other."""
    floor, first, other = textured(71), textured(72), textured(73)
    first.paste(floor.crop((0, 0, size, 360)), (480 - size, 0))
    other.paste(floor.crop((0, 0, size, 360)), (0, 0))
    result = verify(cached_features(jpeg(first)), cached_features(jpeg(other)))
    assert result.decision is decision
    assert ("shared-overlay" in result.reasons) is (decision is Decision.REVIEW)


@pytest.mark.long
def test_unrelated_pictures_on_same_page_share_nothing_significant() -> None:
    first, other = (cached_features(jpeg(page_with(textured(seed)))) for seed in (31, 32))
    assert other.low_information == ("page",)
    assert verify(first, other).decision is Decision.NONE
    again = verify(cached_features(encoded(page_with(textured(32)), "JPEG", 60)), other)
    assert (again.decision, again.reasons[0]) == (Decision.REVIEW, "page")


@pytest.mark.long
def test_unrelated_pictures_under_same_caption_share_nothing_significant() -> None:
    first, other = (cached_features(jpeg(add_caption(textured(seed)))) for seed in (41, 42))
    assert [round(box.top) for box in other.masked_boxes] == [360]
    assert verify(first, other).decision is Decision.NONE
    assert verify(cached_features(jpeg(textured(42))), other).decision is Decision.CERTAIN


@pytest.mark.long
@pytest.mark.parametrize("overlay", ["meme", "news"])
def test_unrelated_pictures_under_one_text_bar_are_rarely_reviewed(overlay: str) -> None:
    pairs = [
        [cached_features(apply(overlay, textured(2 * number + index), [], seed=number).data) for index in (0, 1)]
        for number in range(50, 62)
    ]
    results = [verify(index, other) for index, other in pairs]
    assert {index.decision for index in results} <= {Decision.NONE, Decision.RELATED, Decision.REVIEW}
    assert sum(index.decision is Decision.REVIEW for index in results) <= 2
    assert all("shared-overlay" in index.reasons for index in results if index.decision is Decision.REVIEW)


@pytest.mark.long
def test_text_pages_are_distinguished_by_their_text(registered: Features) -> None:
    page, other = cached_features(encoded(text_page(1))), cached_features(encoded(text_page(2)))
    assert verify(cached_features(encoded(text_page(1))), page).decision is Decision.CERTAIN
    assert verify(cached_features(encoded(text_page(1), "JPEG", 90)), page).decision is Decision.CERTAIN
    assert verify(other, page).decision in {Decision.NONE, Decision.RELATED}


def test_flat_work_is_never_certain() -> None:
    plain = Image.linear_gradient("L").resize((300, 200)).convert("RGB")
    flat = cached_features(encoded(plain))
    assert flat.is_flat
    same = verify(cached_features(encoded(plain)), flat)
    assert (same.decision, same.reasons) == (Decision.REVIEW, ("same-bytes", "low-information"))
    again = verify(cached_features(encoded(plain, "JPEG", 95)), flat)
    assert (again.decision, again.reasons) == (Decision.REVIEW, ("low-information",))
    assert (
        verify(cached_features(encoded(plain.transpose(Image.Transpose.ROTATE_90))), flat).decision
        is not Decision.CERTAIN
    )


def test_flat_pictures_of_different_colours_are_not_reviewed() -> None:
    grey, black = (cached_features(encoded(Image.new("RGB", (300, 200), colour))) for colour in ("grey", "black"))
    assert verify(black, grey).decision is Decision.NONE


def test_pictures_without_keypoints_are_handled(registered: Features) -> None:
    flat = cached_features(encoded(Image.new("RGB", (300, 200), "grey")))
    tiny = cached_features(encoded(Image.new("RGB", (1, 1), "grey")))
    assert {verify(features, registered).decision for features in (flat, tiny)} == {Decision.NONE}
    assert verify(registered, tiny).decision is Decision.NONE


@pytest.mark.parametrize(("radius", "decision"), [(4, Decision.CERTAIN), (6, Decision.REVIEW)], ids=str)
def test_copy_is_reviewed_if_blur_hides_whether_its_parts_moved(
    registered: Features, radius: int, decision: Decision
) -> None:
    result = verify(cached_features(jpeg(PICTURE.filter(ImageFilter.GaussianBlur(radius)))), registered)
    assert result.decision is decision
    assert result.hamming <= 30


def test_position_of_trimmed_copy_is_found_by_its_hash(registered: Features) -> None:
    match = find_nearest_hash(cached_features(edited_copy("bordered")), registered)
    assert match.hamming <= 12
    moved = match.transform @ (30, 30, 1)
    assert tuple(moved[:2]) == pytest.approx((0, 0), abs=2)


def test_decisions_are_deterministic(registered: Features) -> None:
    data = edited_copy("collage")
    assert verify(cached_features(data), registered) == verify(cached_features(data), registered)


@pytest.mark.shared_data
def test_lookalikes_are_never_certain() -> None:
    folder = shared_data("lookalikes")
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.jpg")):
        if not path.name.startswith(("vid_a", "vid_b")):  # labelled ambiguous
            groups.setdefault(path.stem.rsplit("_", 1)[0], []).append(path)
    selected = [members[:3] for members in groups.values() if len(members) > 1][::6]
    assert math.comb(3, 2) * len(selected) > 20
    for members in selected:
        group_features = [cached_features(path.read_bytes()) for path in members]
        decisions = {
            verify(first, other).decision for first in group_features for other in group_features if first is not other
        }
        assert Decision.CERTAIN not in decisions, members


def test_thin_pictures_are_handled() -> None:
    high, wide = (cached_features(encoded(textured(5, size))) for size in ((3, 700), (700, 3)))
    assert verify(high, wide).decision is not Decision.CERTAIN


def test_precise_positions_of_few_details_alone_are_not_certain(
    registered: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for two photographs of the night sky: few details in place, and neither hashes nor most windows agree."""
    pixels = np.asarray(PICTURE)
    crop = cached_features(encoded(Image.fromarray(np.ascontiguousarray(pixels[: pixels.shape[0] // 2]))))
    copy = verify(crop, registered)
    details = max(copy.figures["inliers"] or 0, copy.figures["agreeing"] or 0)
    assert (copy.decision, copy.hamming >= 100) == (Decision.CERTAIN, True)
    monkeypatch.setattr("indexer.compare.decision.MIN_CERTAIN_DENSE", 1.1)
    assert verify(crop, registered).decision is Decision.CERTAIN
    monkeypatch.setattr("indexer.compare.decision.MIN_CERTAIN_DETAILS", details + 1)
    sparse = verify(crop, registered)
    assert (sparse.decision, sparse.reasons) == (Decision.REVIEW, ("few-inliers",))


@pytest.mark.parametrize(
    ("changes", "is_kept"),
    [
        ({"inliers": 5, "dense": 0.3}, False),
        ({"inliers": 12, "dense": 0.3}, True),
        ({"inliers": 5, "dense": 0.5}, True),
        ({"decision": Decision.REVIEW, "inliers": 5, "dense": 0.3}, True),
    ],
)
def test_alignment_of_related_pictures_is_stated_only_if_details_or_pixels_confirm_it(
    registered: Features, changes: dict[str, object], *, is_kept: bool
) -> None:
    copy = verify(cached_features(edited_copy("mirrored")), registered)
    values: dict[str, Any] = {"decision": Decision.RELATED, **changes}
    result = withhold_unreliable_alignment(replace(copy, **values))
    assert (result.transform is not None, result.mirrored, result.overlap_work > 0) == (is_kept,) * 3
    assert result.dense == changes["dense"]
