"""A local EVM chain with the contract, and a receipt from it."""

from collections.abc import Iterator

import pytest

from exhibit.digests import Digest
from exhibit.ports import Receipt
from tests.assets.evm_ledger import DIGEST, Ledger, running_ledger


@pytest.fixture
def local_ledger() -> Iterator[Ledger]:
    with running_ledger() as ledger:
        yield ledger


@pytest.fixture(scope="module")
def evm_receipt() -> Receipt:
    with running_ledger() as ledger:
        for number in range(5):
            other = Digest.from_bytes(bytes([number]))
            ledger.anchor().upgrade(other, ledger.anchor().submit(other))
        return ledger.complete(DIGEST)
