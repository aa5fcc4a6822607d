import numpy as np
import pytest

from exhibit.comparison.similarity import dense_similarity
from exhibit.pictures.decode import decode
from indexer.compare.dense import dense_agreement
from indexer.compare.verify import verify
from indexer.picture.features import Features
from tests.assets.edited import EDITS, PICTURE, edited, measured
from tests.assets.textured import encoded


@pytest.fixture(scope="module")
def registered() -> Features:
    return measured(encoded(PICTURE))


@pytest.mark.parametrize("edit", EDITS)
def test_the_fast_dense_check_agrees_with_its_definition(registered: Features, edit: str) -> None:
    data = edited(edit)
    found = measured(data)
    transform = np.array(verify(found, registered).transform)
    fast = dense_agreement(found, registered, transform).share
    slow = dense_similarity(decode(data).pixels, np.asarray(PICTURE), transform)
    assert fast == pytest.approx(slow, abs=0.03)
