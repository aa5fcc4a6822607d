from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from exhibit.errors import InvalidRequestError
from indexer.calibration.recall import measure, recall_from_dict, recall_to_dict
from indexer.picture.card import read_card
from indexer.picture.descriptor import BUILT_IN, Descriptor, examine_model
from tests.assets.networks import CARD, network
from tests.assets.textured import encoded, textured

PICTURE = textured(1, (300, 200))


@pytest.mark.long
def test_recall_separates_good_network_from_poor_network() -> None:
    photos = [partial(encoded, textured(seed, (240, 180)), "JPEG") for seed in range(22)]
    descriptor = examine_model(read_card(CARD), network())
    edits = ("jpeg70", "crop50", "mirror")
    own_recall, other = measure([BUILT_IN, descriptor], photos, max_photos=4, edits=edits)
    assert own_recall.by_edit["jpeg70"].first == other.by_edit["jpeg70"].first == 1
    assert own_recall.overall.first > other.overall.first
    assert (own_recall.photos, own_recall.references, own_recall.pairs) == (4, 14, 4 * 13 * len(edits))
    assert other.overall.never <= other.overall.rare <= other.overall.few
    assert recall_from_dict(recall_to_dict(own_recall)) == own_recall


@pytest.mark.long
def test_near_duplicate_pictures_are_not_negatives() -> None:
    twice = [
        partial(encoded, textured(seed // 2, (240, 180)), "JPEG", quality) for seed in range(44) for quality in (80,)
    ]
    recall = measure([BUILT_IN], twice, max_photos=3, edits=("jpeg70",))[0]
    assert recall.overall.first == 1
    assert recall.pairs < 3 * (recall.references - 1)


@pytest.mark.long
def test_photographs_of_one_picture_are_refused() -> None:
    same = [partial(encoded, PICTURE, "JPEG", quality) for quality in range(60, 82)]
    with pytest.raises(InvalidRequestError, match="the same picture"):
        measure([BUILT_IN], same, max_photos=3, edits=("jpeg70",))


def test_too_few_photographs_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="at least 20"):
        measure([BUILT_IN], [partial(encoded, PICTURE)] * 5, max_photos=3, edits=("jpeg70",))


class Indifferent(Descriptor):
    """A network that returns the same vector for every image."""

    def run(self, ready: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ones(self.card.width, ready.dtype)


class Broken(Indifferent):
    """A network that returns NaN."""

    def run(self, ready: NDArray[np.float32]) -> NDArray[np.float32]:
        return super().run(ready) * np.nan


@pytest.mark.long
@pytest.mark.parametrize("kind", [Indifferent, Broken])
def test_network_with_constant_vectors_finds_nothing(kind: type[Descriptor]) -> None:
    photos = [partial(encoded, textured(seed, (240, 180)), "JPEG") for seed in range(22)]
    recall = measure([kind(BUILT_IN.card, BUILT_IN.space, bytes)], photos, max_photos=3, edits=("jpeg70",))[0]
    assert (recall.overall.first, recall.overall.few, recall.overall.never) == (0, 0, 0)
