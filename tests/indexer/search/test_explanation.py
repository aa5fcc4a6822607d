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
from indexer.search.comparison import compare_pair
from indexer.search.explanation import FIGURES, Explanation, Gate, explain
from indexer.search.parts import downgrade_weak_match
from indexer.search.search import find_works
from tests.assets.textured import encoded, textured
from tests.indexer.search.test_search import SIZE, Shelf

WORK = 3


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("votes"))


def explain_picture(shelf: Shelf, picture: Image.Image | bytes, work: int = WORK) -> Explanation[int]:
    """Return why an image is found to show a work, or is not."""
    data = picture if isinstance(picture, bytes) else encoded(picture, "JPEG")
    return explain(data, {work: shelf.works[work]}, shelf)


def gate(explained: Explanation[int], name: str) -> Gate:
    (match,) = [candidate for candidate in explained.gates if candidate.name == name]
    return match


def figures(explained: Explanation[int], name: str) -> dict[str, tuple[float, float | None, bool]]:
    return {
        figure.name: (figure.figure or 0.0, figure.limit, figure.is_met) for figure in gate(explained, name).figures
    }


def bend(picture: Image.Image, pixels: float, period: float) -> Image.Image:
    """Bend an image by this many pixels, which no single transform can describe."""
    down, across = np.mgrid[: picture.height, : picture.width].astype(np.float32)
    places = across + pixels * np.sin(down / period), down + pixels * np.cos(across / period)
    return Image.fromarray(cv2.remap(np.asarray(picture), *places, cv2.INTER_LINEAR))


@pytest.mark.long
def test_explanation_of_a_copy_passes_every_gate_with_its_measurements(shelf: Shelf) -> None:
    data = encoded(textured(WORK, SIZE).crop((60, 40, 330, 250)), "JPEG")
    explained = explain_picture(shelf, data)
    assert explained.decision is Decision.CERTAIN
    assert not explained.failed_gate
    assert [step.name for step in explained.gates] == [
        "reading", "information", "naming", "related", "exposure", "certainty",
    ]  # fmt: skip
    assert all(step.passed for step in explained.gates)
    assert explained.examined == dict(find_works(extract(data), lambda: data, shelf))[WORK]
    values = figures(explained, "naming")
    assert not values["hamming"][2]  # a crop has another hash
    assert values["votes"][0] > (values["votes"][1] or 0) == 1.7
    assert values["place"][:2] == (1, 12)
    assert explained.examined is not None
    assert figures(explained, "related")["inliers"][0] == explained.examined.inliers
    for name in ("related", "exposure"):
        odds, *terms = gate(explained, name).figures
        assert odds.figure == pytest.approx(sum(step.adds or 0 for step in terms)), "the sum can be done by hand"
    assert explained.sentences == ("The copy is found.",)


@pytest.mark.long
def test_explanation_of_uncompared_picture_omits_ranks_it_did_not_reach(shelf: Shelf) -> None:
    explained = explain_picture(shelf, textured(77, SIZE))
    assert explained.decision is Decision.NONE
    assert explained.failed_gate is gate(explained, "naming")
    values = figures(explained, "naming")
    assert values["similarity"][2]
    assert not values["place_by_descriptor"][2]
    assert not values["votes"][2]
    assert "place" not in values
    assert explained.sentences[-1] == gate(explained, "related").sentences[0]  # the stage that would reject the two


@pytest.mark.long
def test_copy_matched_in_pieces_is_explained_by_conditions_for_pieces(shelf: Shelf) -> None:
    strips = Image.new("RGB", (SIZE[0], SIZE[1] + 60), "white")
    for number, lower in enumerate((40, 5, 60)):
        part = textured(WORK, SIZE).crop((number * SIZE[0] // 3, 0, (number + 1) * SIZE[0] // 3, SIZE[1]))
        strips.paste(part, (number * SIZE[0] // 3, lower))
    explained = explain_picture(shelf, strips)
    assert explained.decision is not Decision.NONE
    assert explained.examined is not None
    assert explained.examined.pieces
    assert "pieces" in explained.reasons
    assert figures(explained, "related")["cover"][0] > 0.5


@pytest.mark.long
def test_reasons_against_certainty_are_reported(shelf: Shelf) -> None:
    explained = explain_picture(shelf, textured(WORK, SIZE).filter(ImageFilter.GaussianBlur(9)))
    assert explained.decision is not Decision.CERTAIN
    assert explained.failed_gate is None
    assert not gate(explained, "certainty").passed
    assert explained.decision is not Decision.NONE
    assert explained.sentences[2].startswith(FIGURES["odds"])


@pytest.mark.long
def test_icon_explanation_uses_only_the_hash(shelf: Shelf) -> None:
    icon = explain_picture(shelf, textured(WORK, SIZE).resize((44, 33)).rotate(30))
    assert figures(icon, "naming")["side"] == (33, 40, False)
    assert "similarity" not in figures(icon, "naming")


@pytest.mark.long
def test_flat_work_requires_nearly_exact_copies() -> None:
    plain = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    files = encoded(plain, "JPEG"), encoded(plain.transpose(Image.Transpose.ROTATE_90), "JPEG")
    explanation, lost = (explain(data, {0: extract(encoded(plain))}) for data in files)
    assert explanation.decision is Decision.REVIEW
    assert gate(explanation, "information").passed
    assert lost.failed_gate is gate(lost, "information")
    assert "too little detail" in lost.sentences[1]
    assert [step.name for step in lost.gates] == ["reading", "information"]


@pytest.mark.long
def test_explanation_of_unreadable_picture_fails_at_the_first_gate() -> None:
    explained = explain(b"no picture", {0: extract(encoded(textured(1)))})
    assert explained.failed_gate is explained.gates[0]
    assert (explained.decision, explained.failed_gate.name) == (Decision.NONE, "reading")
    assert explained.examined is None


@pytest.mark.long
def test_explanation_of_two_files_gives_the_same_decision_as_comparing_them(shelf: Shelf) -> None:
    for picture in (textured(WORK, SIZE), bend(textured(WORK, SIZE), 6, 20), textured(9, SIZE)):
        data = encoded(picture, "JPEG")
        work = shelf.works[WORK]
        assert explain(data, {0: work}).examined == compare_pair(extract(data), lambda data=data: data, work)  # type: ignore[misc]


@pytest.mark.long
def test_explanation_uses_the_closest_picture_of_a_work(shelf: Shelf) -> None:
    data = encoded(textured(8, SIZE), "JPEG")
    explained = explain(data, {number: shelf.works[number] for number in (2, 8, 9)}, shelf)
    assert (explained.original, explained.decision) == (8, Decision.CERTAIN)


@pytest.mark.long
def test_explanation_lists_earlier_candidates(shelf: Shelf) -> None:
    both = Image.new("RGB", (800, 300))
    both.paste(textured(4, SIZE), (0, 0))
    both.paste(textured(WORK, SIZE).crop((0, 0, 300, 225)).resize((400, 300)), (400, 0))
    places = {work: explain_picture(shelf, both, work) for work in (4, WORK)}
    assert places[4].works_before == ()
    assert places[WORK].works_before[0] == 4  # what else resembles it depends on the processor
    assert WORK not in places[WORK].works_before
    for place in places.values():
        assert figures(place, "naming")["place"][0] == len(place.works_before) + 1


@pytest.mark.long
def test_explanation_of_two_files_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    explain(encoded(textured(1), "JPEG"), {0: extract(encoded(textured(1)))})
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_match_with_insufficient_agreement_fails_the_certainty_gate(shelf: Shelf) -> None:
    data = encoded(textured(WORK, SIZE), "JPEG")

    def weak(_: Features, verifications: Mapping[int, Verification]) -> dict[int, Verification]:
        return {
            work: downgrade_weak_match(replace(verification, dense=0.34))
            for work, verification in verifications.items()
        }

    explained = explain(data, {WORK: shelf.works[WORK]}, shelf, adjust=weak)
    assert (explained.decision, explained.reasons) == (Decision.REVIEW, ("weak-agreement",))
    assert not gate(explained, "certainty").passed
    assert figures(explained, "certainty")["dense"] == (0.34, 0.5, False)
