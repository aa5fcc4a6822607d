"""What the descriptor is trained on: which pictures, which views, which works together."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from bench.primitives import PRIMITIVES
from bench.primitives.canvas import begun
from indexer.picture.descriptor import MODEL
from tests import CHECKOUT
from tests.assets.textured import encoded, textured
from training.batches import LOOK_ALIKES, Picker
from training.data import NOT_FOR_SHIPPED_WEIGHTS, Collection, Picture, collect
from training.places import overlaps
from training.views import COMPOSED_OF, Job, Recipe, Studio

COLUMNS = ("file", "source_repo", "source_path", "licence", "licence_clear", "category", "group", "expected", "phash64")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures with a list: only some may be trained on."""
    rows = [
        ("0.jpg", "a/one", "", "CC0 1.0", "yes", "street: day", "", "", ""),
        ("1.jpg", "a/one", "", "CC BY-SA 4.0", "yes", "street", "", "", ""),
        ("2.jpg", "a/one", "", "MIT", "no", "street", "", "", ""),
        ("3.jpg", "b/two", "", "CC0 1.0", "yes", "street", "", "", ""),
        ("4.jpg", "a/one", "", "Unsplash License", "yes", "food", "", "", ""),
        ("gone.jpg", "a/one", "", "CC0 1.0", "yes", "food", "", "", ""),
    ]
    with (tmp_path / "LICENSES.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(encoded(textured(number, (160, 120)), "JPEG"))
    return tmp_path


def made(count: int, groups: dict[int, str] | None = None) -> Collection:
    pictures = [
        Picture(Path(f"{number}.jpg"), "street", "a", (groups or {}).get(number, ""), one_work=False, phash=number)
        for number in range(count)
    ]
    pixels = [np.asarray(textured(number, (120, 90))) for number in range(count)]
    return Collection(pictures, pixels, np.arange(count), list(range(count)), [])


def test_only_pictures_with_a_clear_licence_that_asks_nothing_are_trained_on(folder: Path) -> None:
    found = collect([folder], ["b/two"], 10, 0)
    assert [found.pictures[one].path.name for one in found.training] == ["0.jpg", "4.jpg"]
    assert [found.pictures[one].path.name for one in found.held_out] == ["3.jpg"]
    assert {one.category for one in found.pictures} == {"street", "food"}


@pytest.mark.parametrize(
    ("licence", "good"),
    [("CC BY 4.0", True), ("CC0-1.0", True), ("MIT", True), ("CC-BY-SA-4.0", False), ("CC BY SA 4.0", False),
     ("CC BY-NC 4.0", False), ("GPLv2", False), ("GPL-3.0-or-later", False), ("LGPL-2.1", False), ("AGPLv3", False)],
)  # fmt: skip
def test_licences_that_ask_more_than_a_name_are_left_out(licence: str, *, good: bool) -> None:
    assert (NOT_FOR_SHIPPED_WEIGHTS.search(licence) is None) is good


def test_a_picture_like_one_that_is_held_out_is_not_trained_on(folder: Path) -> None:
    (folder / "4.jpg").write_bytes(encoded(textured(3, (160, 120)), "JPEG", 60))
    found = collect([folder], ["b/two"], 10, 0)
    assert [found.pictures[one].path.name for one in found.training] == ["0.jpg"]


def test_a_folder_without_a_list_gives_all_and_knows_near_same_pictures(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2), ("c", 1)):
        (tmp_path / f"{name}.jpg").write_bytes(encoded(textured(seed, (160, 120)), "JPEG", 70 if name == "c" else 90))
    assert collect([tmp_path], [], 0, 0).works.tolist() == [0, 1, 0]


def test_the_same_job_makes_the_same_views_and_says_what_they_show() -> None:
    studio = Studio(made(6).pixels, range(6), Recipe(on_picture=0.0, collage=1.0, page=0.0))
    job = Job(2, (0, 1, 2, 3, 4, 5), 3, 64, 7)
    views, again = studio.make(job), studio.make(job)
    assert (views.pixels == again.pixels).all()
    assert views.pixels.shape == (4, 64, 64, 3)
    assert (views.shown[:, 0] == 2).all()
    assert (views.shown[0, 1:] == -1).all()
    assert (views.shown[1:, 1] >= 0).all()
    other = studio.make(Job(2, job.partners, 3, 64, 8))
    assert (views.pixels != other.pixels).any()


def test_what_only_stands_behind_a_work_is_neither_shown_nor_strange() -> None:
    views = Studio(made(6).pixels, range(6), Recipe(on_picture=1.0, collage=0.0, page=0.0)).make(Job(1, (), 4, 64, 3))
    assert (views.shown[:, 1:] == -1).all()
    assert (views.behind[1:, 0] >= 0).all()


def test_batches_hold_different_works_and_look_alikes_together() -> None:
    shelf = set(range(LOOK_ALIKES + 2))
    picker = Picker(made(40, dict.fromkeys(shelf, "shelf")), 12, 0, 8)
    first = picker.pick()
    assert len(set(first)) == 12
    vectors = np.eye(8, dtype=np.float32)[np.arange(40) % 8]
    picker.remember(list(range(40)), vectors)
    batches = [picker.pick() for _ in range(20)]
    assert all(len(set(batch)) == 12 for batch in batches)
    assert all(len(shelf & set(batch)) >= LOOK_ALIKES for batch in batches)


def test_small_groups_of_look_alikes_share_a_batch_and_one_work_is_no_look_alike_of_itself() -> None:
    pairs = {number: f"pair {number // 2}" for number in range(2 * LOOK_ALIKES)}
    collection = made(60, pairs | {58: "frames", 59: "frames"})
    collection.works[59] = 58
    picker = Picker(collection, 24, 0, 8)
    picker.remember(list(range(60)), np.eye(8, dtype=np.float32)[np.arange(60) % 8])
    batches = [set(picker.pick()) for _ in range(10)]
    together = [sum({2 * pair, 2 * pair + 1} <= batch for pair in range(LOOK_ALIKES)) for batch in batches]
    assert min(together) >= LOOK_ALIKES // 2
    assert not any({58, 59} <= batch for batch in batches)


def test_cells_that_show_one_place_are_known_through_a_cut_and_a_mirror() -> None:
    origin = begun(np.zeros((120, 160, 3), np.uint8)).origin
    assert (overlaps(origin, origin, 64) == np.eye(4, dtype=np.float32)).all()
    assert (overlaps(origin[:, ::-1], origin, 64) == np.eye(4, dtype=np.float32)[[1, 0, 3, 2]]).all()
    left = overlaps(origin[:, :80], origin, 64)
    assert (left == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]).all()
    part = overlaps(origin, origin[:60, :80], 64)
    assert part[0] == pytest.approx([0.25] * 4)
    assert not part[1:].any()
    nothing = np.full_like(origin, np.nan)
    assert not overlaps(nothing, origin, 64).any()


def test_compositions_are_of_no_primitive_that_is_held_back_and_know_their_places() -> None:
    assert not any(primitive.held_out for primitive in COMPOSED_OF)
    assert len(COMPOSED_OF) == sum(not primitive.held_out for primitive in PRIMITIVES.values())
    views = Studio(made(6).pixels, range(6), Recipe(composed=1.0)).make(Job(1, (), 4, 64, 3))
    assert views.overlaps.shape == (5, 4, 4)
    assert views.overlaps[0] == pytest.approx(np.eye(4))
    assert views.overlaps[1:].any((1, 2)).all()
    assert (views.overlaps.sum(2) <= 1).all()
    assert (views.behind[1:] >= 0).all()


def test_of_the_other_views_no_places_are_known() -> None:
    views = Studio(made(6).pixels, range(6), Recipe()).make(Job(1, (), 4, 64, 3))
    assert not views.overlaps[1:].any()


def test_the_pictures_that_the_shipped_network_was_trained_on_can_be_left_out_of_a_benchmark() -> None:
    listed = (CHECKOUT / "training" / "descriptor.training.txt").read_text().split()
    assert listed == sorted(set(listed))
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in listed)
    assert f"all {len(listed):,}" in (MODEL.parent / "MODEL_CARD.md").read_text("utf-8")
