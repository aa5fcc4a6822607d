"""The hash of EVM chains is that of other people's code."""

import pytest

from evidence.anchors.evm.rlp import keccak256


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"Transfer(address,address,uint256)", "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"),
    ],
)
def test_keccak_is_the_hash_that_ethereum_uses(data: bytes, known: str) -> None:
    assert keccak256(data).hex() == known
