"""Test why a copy is found or not: the stage that rejects it, and the measurements beside their limits."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from exhibit.types import Decision, Verification
from indexer.picture.features import Features, extract
from indexer.search.search import compare_alone, find_works
from indexer.search.why import FIGURES, Explanation, Gate, explain
from indexer.search.within import hold_back_weak
from tests.assets.textured import encoded, textured
from tests.indexer.search.test_search import SIZE, Shelf

WORK = 3


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("votes"))


def asked(shelf: Shelf, picture: Image.Image | bytes, work: int = WORK) -> Explanation[int]:
    """Return why an image is found to show a work, or is not."""
    data = picture if isinstance(picture, bytes) else encoded(picture, "JPEG")
    return explain(data, {work: shelf.works[work]}, shelf)


def gate(explained: Explanation[int], name: str) -> Gate:
    (found,) = [one for one in explained.gates if one.name == name]
    return found


def figures(explained: Explanation[int], name: str) -> dict[str, tuple[float, float | None, bool]]:
    return {one.name: (one.figure or 0.0, one.limit, one.holds) for one in gate(explained, name).figures}


def wavy(picture: Image.Image, pixels: float, period: float) -> Image.Image:
    """Bend an image by this many pixels, which no single transform can describe."""
    down, across = np.mgrid[: picture.height, : picture.width].astype(np.float32)
    places = across + pixels * np.sin(down / period), down + pixels * np.cos(across / period)
    return Image.fromarray(cv2.remap(np.asarray(picture), *places, cv2.INTER_LINEAR))


@pytest.mark.long
def test_a_copy_passes_every_gate_with_the_figures_of_its_own_comparison(shelf: Shelf) -> None:
    data = encoded(textured(WORK, SIZE).crop((60, 40, 330, 250)), "JPEG")
    explained = asked(shelf, data)
    assert explained.decision is Decision.CERTAIN
    assert not explained.fell
    assert [one.name for one in explained.gates] == [
        "reading", "information", "naming", "related", "exposure", "certainty",
    ]  # fmt: skip
    assert all(one.passed for one in explained.gates)
    assert explained.examined == dict(find_works(extract(data), lambda: data, shelf))[WORK]
    named = figures(explained, "naming")
    assert not named["hamming"][2]  # a crop has another hash
    assert named["votes"][0] > (named["votes"][1] or 0) == 1.7
    assert named["place"][:2] == (1, 12)
    assert explained.examined is not None
    assert figures(explained, "related")["inliers"][0] == explained.examined.inliers
    for name in ("related", "exposure"):
        odds, *terms = gate(explained, name).figures
        assert odds.figure == pytest.approx(sum(one.adds or 0 for one in terms)), "the sum can be done by hand"
    assert explained.sentences == ("The copy is found.",)


@pytest.mark.long
def test_a_stranger_was_never_compared_and_it_is_said_which_places_were_missing(shelf: Shelf) -> None:
    explained = asked(shelf, textured(77, SIZE))
    assert explained.decision is Decision.NONE
    assert explained.fell is gate(explained, "naming")
    named = figures(explained, "naming")
    assert named["similarity"][2]
    assert not named["place_by_descriptor"][2]
    assert not named["votes"][2]
    assert "place" not in named
    assert explained.sentences[-1] == gate(explained, "glance").sentences[0]  # the stage that would reject the two


@pytest.mark.long
def test_a_copy_that_is_laid_in_pieces_is_told_by_what_they_need(shelf: Shelf) -> None:
    strips = Image.new("RGB", (SIZE[0], SIZE[1] + 60), "white")
    for number, lower in enumerate((40, 5, 60)):
        part = textured(WORK, SIZE).crop((number * SIZE[0] // 3, 0, (number + 1) * SIZE[0] // 3, SIZE[1]))
        strips.paste(part, (number * SIZE[0] // 3, lower))
    explained = asked(shelf, strips)
    assert explained.decision is not Decision.NONE
    assert explained.examined is not None
    assert explained.examined.pieces
    assert "pieces" in explained.reasons
    assert figures(explained, "related")["cover"][0] > 0.5


@pytest.mark.long
def test_what_keeps_a_find_from_being_certain_is_said(shelf: Shelf) -> None:
    explained = asked(shelf, textured(WORK, SIZE).filter(ImageFilter.GaussianBlur(9)))
    assert explained.decision is not Decision.CERTAIN
    assert explained.fell is None
    assert not gate(explained, "certainty").passed
    assert explained.decision is not Decision.NONE
    assert explained.sentences[2].startswith(FIGURES["odds"])


@pytest.mark.long
def test_of_an_icon_nothing_but_the_hash_is_asked(shelf: Shelf) -> None:
    icon = asked(shelf, textured(WORK, SIZE).resize((44, 33)).rotate(30))
    assert figures(icon, "naming")["side"] == (33, 40, False)
    assert "similarity" not in figures(icon, "naming")


@pytest.mark.long
def test_a_flat_work_is_held_to_nearly_exact_copies() -> None:
    plain = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    files = encoded(plain, "JPEG"), encoded(plain.transpose(Image.Transpose.ROTATE_90), "JPEG")
    found, lost = (explain(data, {0: extract(encoded(plain))}) for data in files)
    assert found.decision is Decision.REVIEW
    assert gate(found, "information").passed
    assert lost.fell is gate(lost, "information")
    assert "carries too little" in lost.sentences[1]
    assert [one.name for one in lost.gates] == ["reading", "information"]


@pytest.mark.long
def test_what_cannot_be_read_falls_first() -> None:
    explained = explain(b"no picture", {0: extract(encoded(textured(1)))})
    assert explained.fell is explained.gates[0]
    assert (explained.decision, explained.fell.name) == (Decision.NONE, "reading")
    assert explained.examined is None


@pytest.mark.long
def test_two_files_alone_are_decided_as_a_pair_is(shelf: Shelf) -> None:
    for picture in (textured(WORK, SIZE), wavy(textured(WORK, SIZE), 6, 20), textured(9, SIZE)):
        data = encoded(picture, "JPEG")
        work = shelf.works[WORK]
        assert explain(data, {0: work}).examined == compare_alone(extract(data), lambda data=data: data, work)  # type: ignore[misc]


@pytest.mark.long
def test_of_several_pictures_of_a_work_the_one_that_came_farthest_is_told(shelf: Shelf) -> None:
    data = encoded(textured(8, SIZE), "JPEG")
    explained = explain(data, {number: shelf.works[number] for number in (2, 8, 9)}, shelf)
    assert (explained.original, explained.decision) == (8, Decision.CERTAIN)


@pytest.mark.long
def test_what_stood_before_it_is_told(shelf: Shelf) -> None:
    both = Image.new("RGB", (800, 300))
    both.paste(textured(4, SIZE), (0, 0))
    both.paste(textured(WORK, SIZE).crop((0, 0, 300, 225)).resize((400, 300)), (400, 0))
    places = {work: asked(shelf, both, work) for work in (4, WORK)}
    assert places[4].before == ()
    assert places[WORK].before[0] == 4  # what else resembles it depends on the processor
    assert WORK not in places[WORK].before
    for one in places.values():
        assert figures(one, "naming")["place"][0] == len(one.before) + 1


@pytest.mark.long
def test_nothing_is_written_where_two_files_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    explain(encoded(textured(1), "JPEG"), {0: extract(encoded(textured(1)))})
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_what_agrees_too_little_to_be_certain_is_told_beside_its_limit(shelf: Shelf) -> None:
    data = encoded(textured(WORK, SIZE), "JPEG")

    def weak(_: Features, compared: Mapping[int, Verification]) -> dict[int, Verification]:
        return {work: hold_back_weak(replace(said, dense=0.34)) for work, said in compared.items()}

    explained = explain(data, {WORK: shelf.works[WORK]}, shelf, settled=weak)
    assert (explained.decision, explained.reasons) == (Decision.REVIEW, ("weak-agreement",))
    assert not gate(explained, "certainty").passed
    assert figures(explained, "certainty")["dense"] == (0.34, 0.5, False)
