import numpy as np

from indexer.vectors.robust_bits import (
    MAX_BITS,
    ROBUST_BITS,
    choose_lists,
    compute_keys,
    count_key_bits,
    find_likeliest_flips,
)


def test_list_keys_use_robust_bits_and_the_unchanged_key_is_searched_first() -> None:
    square = np.zeros((16, 16), np.uint8)
    for place, _ in ROBUST_BITS[:3]:
        square[place] = 1
    packed = np.packbits(square.reshape(1, 256), axis=1)
    assert compute_keys(packed, MAX_BITS).tolist() == [0b111]
    assert find_likeliest_flips(10, 1).tolist() == [0]
    assert sorted(find_likeliest_flips(5, 32).tolist()) == list(range(32))


def test_list_of_the_hash_is_searched_first_and_a_fixed_share_of_lists_follows() -> None:
    hashes = np.random.default_rng(1).integers(0, 256, (5, 32), np.uint8)
    lists = choose_lists(hashes, 6, 0.42)
    assert (lists[:, 0] == compute_keys(hashes, 6)).all()
    assert [len(set(row)) for row in lists.tolist()] == [27] * 5
    assert (np.sort(choose_lists(hashes, 6, 1)) == np.arange(64)).all()


def test_larger_segments_have_more_lists() -> None:
    assert [count_key_bits(rows) for rows in (1_000, 2_000_000, 10**9)] == [1, 9, MAX_BITS]
