"""What witnesses cost: ``python -m bench.witnesses``, against development witnesses and a real EVM on this machine."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from bench.table import Row, keep, machine, show
from evidence.anchors import rlp
from evidence.anchors.blocks import JsonRpcBlocks
from evidence.anchors.evm import EvmAnchor
from evidence.anchors.evm_account import EvmAccount
from evidence.anchors.opentimestamps import OpenTimestampsAnchor
from evidence.anchors.patricia import check_proof, prove
from evidence.anchors.rfc3161 import Rfc3161Anchor
from evidence.development.authority import running_authority
from evidence.development.chain import running_chain
from exhibit.digests import Digest
from exhibit.guard import Guard
from exhibit.http import guarded_session
from exhibit.ports import Anchor, Receipt
from tests.assets.evm_chain import EvmChain, deployed, running_evm_chain

T = TypeVar("T")

SESSION = guarded_session(Guard(allowed_networks=("127.0.0.0/8",)))
BUSY_BLOCK = 300
"""Transactions of the block whose receipt proof is timed."""


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m bench.witnesses", description=__doc__)
    parser.add_argument("--stamps", type=int, default=300, help="digests that are given to each witness")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    options = parser.parse_args()
    print(machine())
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = [_authority(folder / "a", options.stamps), _calendar(folder / "c", options.stamps), _ledger()]
    show("Witnesses", rows)
    keep(options.out, "witnesses", rows)
    rows = [_busy_block()]
    show(f"A receipt proof in a block of {BUSY_BLOCK} transactions", rows)
    keep(options.out, "receipt-proof", rows)


def _authority(folder: Path, count: int) -> Row:
    with running_authority(folder) as authority:
        anchor = Rfc3161Anchor("a", authority.url, [authority.root_pem], development=True, session=SESSION)
        seconds, receipts = _submitted(anchor, count)
    return _row("RFC 3161 authority", anchor, seconds / count, receipts, "–")


def _calendar(folder: Path, count: int) -> Row:
    with running_chain(folder) as chain:
        blocks = JsonRpcBlocks(chain.url, SESSION, "regtest")
        anchor = OpenTimestampsAnchor("c", [chain.url], blocks, development=True, session=SESSION)
        seconds, receipts = _submitted(anchor, count)
        chain.mine()
        receipts = {digest: anchor.upgrade(digest, receipt) for digest, receipt in receipts.items()}
    return _row("OpenTimestamps calendar", anchor, seconds / count, receipts, "–")


def _ledger() -> Row:
    account = EvmAccount(b"\x07" * 32)
    chain = EvmChain([account.address])
    with running_evm_chain(chain) as url:
        anchor = _evm(chain, url, account, b"")
        anchor = _evm(chain, url, account, deployed(chain, anchor))
        begun = time.perf_counter()
        receipts = {}
        for number in range(20):
            digest = Digest.of(number.to_bytes(4, "big"))
            receipt = anchor.upgrade(digest, anchor.submit(digest))
            chain.mine()
            receipts[digest] = anchor.upgrade(digest, receipt)
        seconds = (time.perf_counter() - begun) / len(receipts)
        used = int(chain._receipts(chain.tip)[0]["cumulativeGasUsed"], 16)  # noqa: SLF001 - of the only transaction
    return _row("EVM chain (py-evm)", anchor, seconds, receipts, f"{used:,}")


def _evm(chain: EvmChain, url: str, account: EvmAccount, contract: bytes) -> EvmAnchor:
    return EvmAnchor(
        "e",
        url,
        chain=chain.chain_id,
        contract=contract,
        unlock=lambda: account,
        confirmations=1,
        development=True,
        session=SESSION,
    )


def _submitted(anchor: Anchor, count: int) -> tuple[float, dict[Digest, Receipt]]:
    digests = [Digest.of(number.to_bytes(4, "big")) for number in range(count)]
    return _timed(lambda: {digest: anchor.submit(digest) for digest in digests})


def _row(witness: str, anchor: Anchor, seconds: float, receipts: dict[Digest, Receipt], gas: str) -> Row:
    checking, _ = _timed(lambda: [anchor.verify(digest, receipt) for digest, receipt in receipts.items()])
    one = next(iter(receipts.values()))
    return {
        "witness": witness,
        "asked a second": 1 / seconds,
        "verify ms": 1000 * checking / len(receipts),
        "receipt bytes": len(one.proof),
        "material bytes": sum(len(data) for _, data in one.material),
        "gas": gas,
    }


def _busy_block() -> Row:
    pairs = {rlp.encode(rlp.whole_number(place)): bytes([place % 251 + 1]) * 560 for place in range(BUSY_BLOCK)}
    key = rlp.encode(rlp.whole_number(BUSY_BLOCK // 2))
    making, (root, nodes) = _timed(lambda: prove(pairs, key))
    checking, _ = _timed(lambda: check_proof(root, key, nodes))
    return {"make ms": 1000 * making, "check ms": 1000 * checking, "nodes": len(nodes), "bytes": sum(map(len, nodes))}


def _timed(act: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    found = act()
    return time.perf_counter() - begun, found


if __name__ == "__main__":
    main()
