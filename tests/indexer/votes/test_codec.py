import numpy as np
import pytest

from exhibit.errors import InvalidRequestError
from indexer.votes.codec import choose_list_count, compute_codec_digest, train_codec
from tests.assets.local_feature_works import descriptors


def test_codec_training_requires_more_descriptors_than_lists() -> None:
    with pytest.raises(InvalidRequestError):
        train_codec(descriptors(1, 10), 16)
    assert [choose_list_count(works) for works in (1, 2_000, 2_001, 10**6)] == [1024, 1024, 4096, 65536]


def test_equal_samples_give_equal_codecs() -> None:
    sample = np.concatenate([descriptors(seed, 200) for seed in range(3)])
    assert compute_codec_digest(train_codec(sample, 8)) == compute_codec_digest(train_codec(sample, 8))
