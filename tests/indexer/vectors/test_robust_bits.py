import numpy as np

from indexer.vectors.inverted_lists import MAX_BITS, ROBUST, keys, likeliest_flips


def test_keys_are_the_robust_bits_and_no_flip_is_the_likeliest() -> None:
    square = np.zeros((16, 16), np.uint8)
    for place, _ in ROBUST[:3]:
        square[place] = 1
    packed = np.packbits(square.reshape(1, 256), axis=1)
    assert keys(packed, MAX_BITS).tolist() == [0b111]
    assert likeliest_flips(10, 1).tolist() == [0]
    assert sorted(likeliest_flips(5, 32).tolist()) == list(range(32))
