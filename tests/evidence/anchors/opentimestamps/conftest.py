"""A development calendar with its chain, and a complete receipt from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.development.chain import Chain, run_chain
from exhibit.digests import Digest
from exhibit.ports import Receipt
from tests.assets.ots import DIGEST, anchor_to


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with run_chain(tmp_path / "chain") as running:
        yield running


@pytest.fixture
def anchor(chain: Chain) -> OpenTimestampsAnchor:
    return anchor_to(chain)


@pytest.fixture(scope="module")
def complete_receipt(tmp_path_factory: pytest.TempPathFactory) -> Receipt:
    with run_chain(tmp_path_factory.mktemp("chain")) as chain:
        anchor = anchor_to(chain)
        for other in range(4):
            anchor.submit(Digest.from_bytes(bytes([other])))
        receipt = anchor.submit(DIGEST)
        chain.mine_block()
        return anchor.upgrade(DIGEST, receipt)
