"""Test decisions about pairs: each edit of an image, and pairs that must never be certain."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from exhibit.comparison.calibration import calibrated
from exhibit.types import Decision, Verification
from indexer.calibration.shipped import shipped_calibration
from indexer.compare.decision import promises, verify
from indexer.compare.figures import Figures
from indexer.compare.nearest_hash import nearest_hash
from indexer.compare.weighing import shipped
from indexer.edits import apply
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, Lazy
from indexer.picture.local_features import LocalFeatures
from tests.assets.edited import EDITS, PICTURE, captioned, edited, jpeg, measured, watermarked
from tests.assets.shared import shared_data
from tests.assets.textured import collage_with, encoded, page_with, text_page, textured, with_inset


@pytest.fixture(scope="module")
def registered() -> Features:
    return measured(encoded(PICTURE))


@pytest.mark.parametrize("edit", EDITS)
def test_a_copy_in_each_edit_is_certain(registered: Features, edit: str) -> None:
    found = verify(measured(edited(edit)), registered)
    assert found.decision is Decision.CERTAIN, found
    assert found.inliers >= 12 or found.hamming <= 30
    assert found.dense >= 0.5
    assert found.mirrored is (edit == "mirrored")
    assert found.rotation == (90 if edit == "turned" else 0)
    assert found.reasons == ()
    assert found.probability is None


def test_the_figures_that_decided_come_along_and_whoever_has_them_can_do_the_sums(registered: Features) -> None:
    crop = measured(edited("cropped"))
    seen = verify(crop, registered)
    assert (seen.figures["hamming"], seen.figures["inliers"]) == (seen.hamming, seen.inliers)
    assert (round(seen.figures["in_place"] or 0, 4), round(seen.figures["drift"] or 0, 4)) == (
        seen.in_place,
        seen.drift,
    )
    figures = Figures.told(json.loads(json.dumps(seen.figures)))
    assert seen.related == pytest.approx(shipped().related.odds(figures), abs=1e-4)
    assert seen.exposure == pytest.approx(shipped().exposure.odds(figures), abs=1e-4)
    assert promises(crop, registered) is None
    stranger = promises(measured(jpeg(textured(77))), registered)
    assert stranger is not None
    assert (stranger.glance, stranger.decision, stranger.related) == (True, Decision.NONE, None)


def never() -> LocalFeatures:
    raise AssertionError("quick features were measured")


def test_a_pair_whose_hash_alone_suffices_is_taken_up_without_measuring_quick_features(registered: Features) -> None:
    mirrored = replace(measured(edited("mirrored")), later_quick=Lazy(never))
    assert promises(mirrored, registered) is None
    with pytest.raises(AssertionError, match="quick features"):
        promises(replace(measured(jpeg(textured(77))), later_quick=Lazy(never)), registered)


def test_a_hash_by_which_nothing_would_be_laid_says_nothing_at_a_glance(registered: Features) -> None:
    stranger = measured(jpeg(textured(66)))
    said = promises(stranger, registered)
    assert said is not None
    assert (said.hamming, said.figures["hamming"], said.figures["agreeing"]) == (104, 256, 0)


def corner(found: Verification, point: tuple[float, float]) -> tuple[float, float]:
    assert found.transform is not None
    moved = np.array(found.transform) @ (*point, 1)
    return float(moved[0] / moved[2]), float(moved[1] / moved[2])


def test_the_transform_maps_found_pixels_to_registered_ones(registered: Features) -> None:
    crop = verify(measured(edited("cropped")), registered)
    assert corner(crop, (0, 0)) == pytest.approx((90, 40), abs=1)
    assert corner(crop, (339, 254)) == pytest.approx((429, 294), abs=1)
    mirrored = verify(measured(edited("mirrored")), registered)
    assert corner(mirrored, (10, 20)) == pytest.approx((469, 20), abs=1)
    turned = verify(measured(edited("turned")), registered)
    assert corner(turned, (0, 0)) == pytest.approx((479, 0), abs=1)
    page = verify(measured(edited("page")), registered)
    assert corner(page, (60 + 256, 180 + 192)) == pytest.approx((240, 180), abs=1)


def test_the_overlaps_say_how_much_of_each_picture_is_shared(registered: Features) -> None:
    crop = verify(measured(edited("cropped")), registered)
    assert (crop.overlap_work, crop.overlap_picture) == pytest.approx((340 * 255 / (480 * 360), 1), abs=0.02)
    page = verify(measured(edited("page")), registered)
    assert (page.overlap_work, page.overlap_picture) == pytest.approx((1, 512 * 384 / (1280 * 800)), abs=0.02)


@pytest.mark.parametrize("degrees", [30, -45, 120])
def test_a_turn_is_told_counter_clockwise_as_seen(registered: Features, degrees: int) -> None:
    found = verify(measured(jpeg(PICTURE.rotate(degrees, Image.Resampling.BICUBIC, expand=True))), registered)
    assert found.rotation == pytest.approx(degrees, abs=1)


def test_mirrored_comes_before_turned(registered: Features) -> None:
    found = verify(measured(jpeg(ImageOps.mirror(PICTURE).transpose(Image.Transpose.ROTATE_90))), registered)
    assert (found.mirrored, found.rotation) == (True, 90)


def test_the_same_bytes_are_certain_with_the_identity(registered: Features) -> None:
    found = verify(measured(encoded(PICTURE)), registered)
    assert (found.decision, found.hamming, found.dense, found.reasons) == (Decision.CERTAIN, 0, 1.0, ("same-bytes",))
    assert (np.array(found.transform) == np.eye(3)).all()
    assert (found.overlap_work, found.overlap_picture) == (1, 1)


@pytest.mark.parametrize("seed", range(2, 8))
def test_another_picture_is_nothing(registered: Features, seed: int) -> None:
    found = verify(measured(encoded(textured(seed))), registered)
    assert (found.decision, found.transform is None or found.dense < 0.3) == (Decision.NONE, True)


@pytest.mark.parametrize("overlay", [watermarked, captioned], ids=lambda edit: edit.__name__)
def test_two_pictures_under_the_same_overlay_are_not_certain(overlay: Callable[[Image.Image], Image.Image]) -> None:
    one, other = (measured(jpeg(overlay(textured(seed)))) for seed in (11, 12))
    assert verify(one, other).decision is not Decision.CERTAIN


def test_another_view_of_the_same_things_is_not_certain(registered: Features) -> None:
    """Test shapes that move relative to each other, as for a camera that was moved, and so align only roughly."""
    height, width = 360, 480
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    shift = 9 * np.sin(columns / 40) * np.cos(rows / 30)
    source = np.asarray(PICTURE)
    moved = source[
        np.clip((rows + shift).round().astype(int), 0, height - 1),
        np.clip((columns - shift).round().astype(int), 0, width - 1),
    ]
    found = verify(measured(encoded(Image.fromarray(moved))), registered)
    assert found.decision is not Decision.CERTAIN
    assert (found.inliers > 50, found.dense > 0.5) == (True, True)


def test_an_untouched_part_is_certain_however_small(registered: Features) -> None:
    found = verify(measured(jpeg(PICTURE.crop((150, 100, 270, 190)))), registered)
    assert found.decision is Decision.CERTAIN
    assert found.in_place == pytest.approx(1, abs=0.1)
    assert found.drift == pytest.approx(0, abs=0.3)


def test_each_copy_in_one_picture_has_its_transform(registered: Features) -> None:
    sheet = Image.new("RGB", (1100, 700), "white")
    for number, place in enumerate([(20, 20), (560, 20), (300, 360)]):
        copy = PICTURE.resize((400, 300), Image.Resampling.LANCZOS)
        sheet.paste(ImageOps.mirror(copy) if number == 1 else copy, place)
    found = verify(measured(jpeg(sheet)), registered)
    assert found.decision is Decision.CERTAIN
    assert found.transform is not None
    centres = [np.linalg.inv(np.array(one)) @ (239.5, 179.5, 1) for one in (found.transform, *found.further)]
    assert sorted((round(x / w, -1), round(y / w, -1)) for x, y, w in centres) == [(220, 170), (500, 510), (760, 170)]
    mirrored = [np.linalg.det(np.array(one)[:2, :2]) < 0 for one in (found.transform, *found.further)]
    assert sorted(mirrored) == [False, False, True]


@pytest.mark.parametrize("edit", ["recompressed", "cropped", "page"])
def test_one_copy_has_no_further_ones(registered: Features, edit: str) -> None:
    assert verify(measured(edited(edit)), registered).further == ()


@pytest.mark.long
def test_strangers_in_the_same_collage_are_at_most_reviewed() -> None:
    one, other = (measured(jpeg(collage_with(textured(seed)))) for seed in (21, 22))
    assert other.low_information == ("collage",)
    found = verify(one, other)
    assert found.decision is not Decision.CERTAIN
    assert verify(
        measured(
            jpeg(
                collage_with(textured(22)),
            )
        ),
        other,
    ).reasons == ("same-bytes", "collage")


@pytest.mark.long
def test_a_collage_that_was_not_recognised_is_told_by_the_panel_that_shows_something_else() -> None:
    sheet = collage_with(textured(22))
    one, same = (measured(jpeg(picture)) for picture in (collage_with(textured(21)), sheet.resize((790, 595))))
    unrecognised = replace(measured(jpeg(sheet)), later_low_information=Lazy(lambda: ()))
    stranger, copy = verify(one, unrecognised), verify(same, unrecognised)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("collage",))
    assert copy.decision is Decision.CERTAIN


@pytest.mark.long
def test_another_picture_upon_the_same_ground_is_not_certain() -> None:
    one, same, other = (
        measured(jpeg(laid_on(textured(seed, (300, 225)), ground)))
        for seed, ground in ((61, textured(50)), (61, textured(50).rotate(3)), (62, textured(50)))
    )
    stranger = verify(other, one)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("shared-overlay",))
    assert verify(same, one).decision is Decision.CERTAIN


def laid_on(picture: Image.Image, ground: Image.Image) -> Image.Image:
    sheet = ground.copy()
    sheet.paste(picture, (90, 70))
    return sheet


@pytest.mark.long
def test_another_inset_in_the_place_of_a_small_one_is_told() -> None:
    one, other = (measured(jpeg(with_inset(7, textured(seed, (300, 225))))) for seed in (61, 62))
    assert one.inset is not None
    stranger = verify(other, one)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("collage",))
    assert verify(measured(jpeg(textured(7, (900, 675)))), one).decision is not Decision.CERTAIN


def test_the_same_emblem_before_another_wall_is_not_certain() -> None:
    falling = Image.linear_gradient("L").resize((480, 360))
    rising = Image.linear_gradient("L").rotate(90).resize((480, 360))
    emblem, walls = textured(17, (150, 110)), [(rising, 40, 3), (rising, 90, 4), (falling, 60, 4)]
    work, brighter, other = (
        measured(
            jpeg(laid_on(emblem, wall.point(lambda grey, least=least, part=part: least + grey // part).convert("RGB")))
        )
        for wall, least, part in walls
    )
    stranger = verify(other, work)
    assert (stranger.decision, stranger.reasons) == (Decision.REVIEW, ("shared-overlay",))
    assert verify(brighter, work).decision is Decision.CERTAIN


def drawn_device(shown: Image.Image, body: tuple[int, int, int, int], screen: tuple[int, int, int, int]) -> Image.Image:
    """Return a drawn laptop or phone with keys, on a plain background, that displays an image."""
    sheet = Image.new("RGB", (800, 600), (236, 238, 240))
    draw = ImageDraw.Draw(sheet)
    draw.rounded_rectangle(body, 24, fill=(44, 46, 50), outline=(120, 124, 130), width=4)
    draw.polygon([(60, 500), (740, 500), (790, 560), (10, 560)], fill=(180, 184, 190))
    for key in range(180):
        left, top = 90 + key % 36 * 17 + key % 5, 506 + key // 36 * 10
        draw.rectangle((left, top, left + 11, top + 6), fill=(30 + key % 7 * 9, 34, 40))
    sheet.paste(shown.resize((screen[2] - screen[0], screen[3] - screen[1])), screen[:2])
    return sheet


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "screen"),
    [((100, 60, 700, 490), (150, 100, 650, 440)), ((250, 20, 550, 490), (285, 60, 515, 440))],
    ids=["laptop", "telephone"],
)
def test_two_drawings_of_one_device_that_show_different_pictures_share_an_overlay_and_have_no_probability(
    body: tuple[int, int, int, int], screen: tuple[int, int, int, int]
) -> None:
    one, other = (measured(jpeg(drawn_device(textured(seed, (600, 450)), body, screen))) for seed in (71, 72))
    found, calibration = verify(other, one), shipped_calibration()
    assert calibration is not None
    assert found.decision in {Decision.RESEMBLES, Decision.REVIEW}
    assert not {"shared-overlay", "imprecise"}.isdisjoint(found.reasons)
    assert calibrated(found, calibration).probability is None


def test_a_copy_that_is_only_imprecise_shares_more_than_an_overlay(registered: Features) -> None:
    rows, columns = np.mgrid[0:360, 0:480].astype(np.float32)
    bent = cv2.remap(
        np.asarray(PICTURE.resize((480, 360))),
        columns + 2 * np.sin(rows / 40),
        rows + 2 * np.cos(columns / 45),
        cv2.INTER_LINEAR,
    )
    found = verify(measured(jpeg(Image.fromarray(bent))), registered)
    assert found.decision is not Decision.NONE
    assert "shared-overlay" not in found.reasons


@pytest.mark.parametrize(("apart", "decision"), [(0.1, Decision.CERTAIN), (0.23, Decision.REVIEW)], ids=str)
def test_what_moves_a_little_here_and_there_is_another_moment(
    registered: Features, apart: float, decision: Decision
) -> None:
    """Test that a bend is followed piece by piece up to noise, while objects that moved independently are not."""
    rows, columns = np.mgrid[0:360, 0:480].astype(np.float32)
    moves = cv2.resize(
        np.random.default_rng(3).normal(0, apart, (36, 48, 2)), (480, 360), interpolation=cv2.INTER_CUBIC
    )
    bend = 2 * np.sin(columns / 90) * np.cos(rows / 80)
    shift = (moves + bend[..., None]).astype(np.float32)
    seen = cv2.remap(np.asarray(PICTURE), columns + shift[..., 0], rows + shift[..., 1], cv2.INTER_LINEAR)
    found = verify(measured(jpeg(Image.fromarray(seen))), registered)
    assert (found.decision, found.hamming <= 30) == (decision, True)


@pytest.mark.parametrize(("shown", "decision"), [(130, Decision.REVIEW), (240, Decision.CERTAIN)], ids=str)
def test_a_small_part_of_two_scenes_is_no_copy_of_either(shown: int, decision: Decision) -> None:
    """Test two garments on one floor: only the right side of one image equals the left side of the other."""
    floor, one, other = textured(71), textured(72), textured(73)
    one.paste(floor.crop((0, 0, shown, 360)), (480 - shown, 0))
    other.paste(floor.crop((0, 0, shown, 360)), (0, 0))
    found = verify(measured(jpeg(one)), measured(jpeg(other)))
    assert found.decision is decision
    assert ("shared-overlay" in found.reasons) is (decision is Decision.REVIEW)


@pytest.mark.long
def test_strangers_on_the_same_page_share_nothing_that_counts() -> None:
    one, other = (measured(jpeg(page_with(textured(seed)))) for seed in (31, 32))
    assert other.low_information == ("page",)
    assert verify(one, other).decision is Decision.NONE
    again = verify(measured(encoded(page_with(textured(32)), "JPEG", 60)), other)
    assert (again.decision, again.reasons[0]) == (Decision.REVIEW, "page")


@pytest.mark.long
def test_strangers_under_the_same_caption_share_nothing_that_counts() -> None:
    one, other = (measured(jpeg(captioned(textured(seed)))) for seed in (41, 42))
    assert [round(box.top) for box in other.masked] == [360]
    assert verify(one, other).decision is Decision.NONE
    assert verify(measured(jpeg(textured(42))), other).decision is Decision.CERTAIN


@pytest.mark.long
@pytest.mark.parametrize("overlay", ["meme", "news"])
def test_strangers_under_one_bar_of_words_are_never_certain_and_seldom_worth_a_look(overlay: str) -> None:
    pairs = [
        [measured(apply(overlay, textured(2 * number + one), [], seed=number).data) for one in (0, 1)]
        for number in range(50, 62)
    ]
    said = [verify(one, other) for one, other in pairs]
    assert {one.decision for one in said} <= {Decision.NONE, Decision.RESEMBLES, Decision.REVIEW}
    assert sum(one.decision is Decision.REVIEW for one in said) <= 2
    assert all("shared-overlay" in one.reasons for one in said if one.decision is Decision.REVIEW)


@pytest.mark.long
def test_pages_of_text_are_told_apart_by_what_they_say(registered: Features) -> None:
    page, other = measured(encoded(text_page(1))), measured(encoded(text_page(2)))
    assert verify(measured(encoded(text_page(1))), page).decision is Decision.CERTAIN
    assert verify(measured(encoded(text_page(1), "JPEG", 90)), page).decision is Decision.CERTAIN
    assert verify(other, page).decision in {Decision.NONE, Decision.RESEMBLES}


def test_a_flat_work_is_never_certain() -> None:
    plain = Image.linear_gradient("L").resize((300, 200)).convert("RGB")
    flat = measured(encoded(plain))
    assert flat.is_flat
    same = verify(measured(encoded(plain)), flat)
    assert (same.decision, same.reasons) == (Decision.REVIEW, ("same-bytes", "low-information"))
    again = verify(measured(encoded(plain, "JPEG", 95)), flat)
    assert (again.decision, again.reasons) == (Decision.REVIEW, ("low-information",))
    assert verify(measured(encoded(plain.transpose(Image.Transpose.ROTATE_90))), flat).decision is not Decision.CERTAIN


def test_flat_pictures_of_different_colours_are_not_even_reviewed() -> None:
    grey, black = (measured(encoded(Image.new("RGB", (300, 200), colour))) for colour in ("grey", "black"))
    assert verify(black, grey).decision is Decision.NONE


def test_pictures_without_a_keypoint_do_no_harm(registered: Features) -> None:
    flat = measured(encoded(Image.new("RGB", (300, 200), "grey")))
    tiny = measured(encoded(Image.new("RGB", (1, 1), "grey")))
    assert {verify(one, registered).decision for one in (flat, tiny)} == {Decision.NONE}
    assert verify(registered, tiny).decision is Decision.NONE


@pytest.mark.parametrize(("radius", "decision"), [(4, Decision.REVIEW), (6, Decision.RESEMBLES)], ids=str)
def test_a_blurred_copy_is_not_certain_for_another_moment_would_be_as_blurred(
    registered: Features, radius: int, decision: Decision
) -> None:
    found = verify(measured(jpeg(PICTURE.filter(ImageFilter.GaussianBlur(radius)))), registered)
    assert found.decision is decision
    assert found.hamming <= 30


def test_the_hash_says_how_a_trimmed_copy_lies(registered: Features) -> None:
    match = nearest_hash(measured(edited("bordered")), registered)
    assert match.hamming <= 12
    moved = match.transform @ (30, 30, 1)
    assert tuple(moved[:2]) == pytest.approx((0, 0), abs=2)


def test_decisions_do_not_depend_on_the_run(registered: Features) -> None:
    data = edited("collage")
    assert verify(measured(data), registered) == verify(measured(data), registered)


@pytest.mark.shared_data
def test_lookalikes_are_never_certain() -> None:
    folder = shared_data("lookalikes")
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.jpg")):
        if not path.name.startswith(("vid_a", "vid_b")):  # labelled ambiguous
            groups.setdefault(path.stem.rsplit("_", 1)[0], []).append(path)
    chosen = [members[:3] for members in groups.values() if len(members) > 1][::6]
    assert math.comb(3, 2) * len(chosen) > 20
    for members in chosen:
        measured = [measured(path.read_bytes()) for path in members]
        decisions = {verify(one, other).decision for one in measured for other in measured if one is not other}
        assert Decision.CERTAIN not in decisions, members


def test_thin_pictures_do_no_harm() -> None:
    high, wide = (measured(encoded(textured(5, size))) for size in ((3, 700), (700, 3)))
    assert verify(high, wide).decision is not Decision.CERTAIN
