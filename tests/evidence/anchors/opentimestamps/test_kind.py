"""Test the settings of OpenTimestamps, and which pinned chain a proof leads to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from evidence.anchors.opentimestamps.blocks import EsploraBlocks, JsonRpcBlocks
from evidence.anchors.opentimestamps.kind import (
    CLOCK_TOLERANCE,
    OpenTimestampsConfig,
    TrustedChain,
    build,
    build_pins,
    verify,
)
from evidence.formats.errors import UntrustedIssuerError
from exhibit.digests import Digest
from exhibit.ports import Receipt
from tests.assets.ots import DIGEST, SESSION

CONFIG = OpenTimestampsConfig(kind="opentimestamps", name="Bit", urls=("https://a.example",))


def test_blocks_come_from_node_or_explorer_but_not_both() -> None:
    node = replace(CONFIG, bitcoin_source="https://node.example")
    explorer = replace(CONFIG, bitcoin_explorer="https://explorer.example")
    assert explorer.addresses == ("https://a.example", "https://explorer.example")
    kinds = [type(build(config, SESSION).blocks) for config in (CONFIG, node, explorer)]
    assert kinds == [type(None), JsonRpcBlocks, EsploraBlocks]
    assert not any(node.faults.values())
    assert any(replace(node, bitcoin_explorer="https://b.example").faults.values())


def test_development_block_is_accepted_by_hash_two_hours_later(complete_receipt: Receipt) -> None:
    material = dict(complete_receipt.material)
    [chain] = build_pins((), [(DIGEST, complete_receipt)], "", "made at will")
    attested = verify(DIGEST, complete_receipt.proof, material, (chain,), "seal")
    assert complete_receipt.time is not None
    assert attested.time == complete_receipt.time + CLOCK_TOLERANCE
    assert timedelta(hours=2) == CLOCK_TOLERANCE
    assert attested.label == "made at will"
    main = TrustedChain("Bitcoin", "main", 1.0, (), development=False, label="")
    for chains in (
        (),
        (main,),
        (replace(chain, blocks=(Digest.from_bytes(b"another"),)),),
        (replace(chain, blocks=()),),
    ):
        with pytest.raises(UntrustedIssuerError, match="a chain whose rules block 1 meets"):
            verify(DIGEST, complete_receipt.proof, material, chains, "seal")
    assert build_pins((), [(DIGEST, replace(complete_receipt, development=False))], "", "") == ()
