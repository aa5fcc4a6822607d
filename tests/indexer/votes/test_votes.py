import numpy as np
import pytest

from indexer.votes.index import count_votes
from tests.assets.local_feature_works import numbers


def test_each_descriptor_gives_one_vote_per_work() -> None:
    distances = np.array([[0.0, 0.01, 0.04, 0.16]], np.float32)
    (vote,) = count_votes(distances, numbers(5, 5, 5, 8)[None])
    assert vote.number == 5
    assert vote.weight == pytest.approx(0.4)
