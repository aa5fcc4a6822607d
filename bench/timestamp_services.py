"""Cost of timestamp services, measured with development services and a local EVM."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from bench.common import Row, TitledTable
from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.anchors.opentimestamps.blocks import JsonRpcBlocks
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.development.authority import run_authority
from evidence.development.chain import run_chain
from exhibit.digests import Digest
from exhibit.ports import Anchor, Receipt
from tests.assets.evm_ledger import SESSION, running_ledger

T = TypeVar("T")

CHAIN_DIGESTS = 20
"""Number of digests for the chain, each in a separate block."""


def measure(digest_count: int) -> Iterator[TitledTable]:
    """Yield each table when it is complete.

    Args:
        digest_count: Number of digests for each service; 20 for the EVM chain.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        yield (
            "timestamp-services",
            "Timestamp services",
            [
                _measure_authority(folder / "a", digest_count),
                _measure_calendar(folder / "c", digest_count),
                _measure_chain(),
            ],
        )


def _measure_authority(folder: Path, count: int) -> Row:
    with run_authority(folder) as authority:
        anchor = Rfc3161Anchor("a", authority.url, [authority.root_pem], development=True, session=SESSION)
        seconds, receipts = _measure_submission(anchor, count)
    return _build_row("RFC 3161 authority", anchor, seconds / count, receipts, "–")


def _measure_calendar(folder: Path, count: int) -> Row:
    with run_chain(folder) as chain:
        blocks = JsonRpcBlocks(chain.url, SESSION, "regtest")
        anchor = OpenTimestampsAnchor("c", [chain.url], blocks, development=True, session=SESSION)
        seconds, receipts = _measure_submission(anchor, count)
        chain.mine_block()
        receipts = {digest: anchor.upgrade(digest, receipt) for digest, receipt in receipts.items()}
    return _build_row("OpenTimestamps calendar", anchor, seconds / count, receipts, "–")


def _measure_chain() -> Row:
    with running_ledger() as ledger:
        start_time = time.perf_counter()
        digests = [Digest.from_bytes(number.to_bytes(4, "big")) for number in range(CHAIN_DIGESTS)]
        receipts = {digest: ledger.complete(digest) for digest in digests}
        seconds = (time.perf_counter() - start_time) / len(receipts)
        chain = ledger.chain
        used = int(chain._receipts(chain.tip - 1)[0]["cumulativeGasUsed"], 16)  # noqa: SLF001 - of the only transaction
        return _build_row("EVM chain (py-evm)", ledger.anchor(), seconds, receipts, f"{used:,}")


def _measure_submission(anchor: Anchor, count: int) -> tuple[float, dict[Digest, Receipt]]:
    digests = [Digest.from_bytes(number.to_bytes(4, "big")) for number in range(count)]
    return _measure_time(lambda: {digest: anchor.submit(digest) for digest in digests})


def _build_row(service: str, anchor: Anchor, seconds: float, receipts: dict[Digest, Receipt], gas: str) -> Row:
    checking_seconds, _ = _measure_time(
        lambda: [anchor.verify(digest, receipt) for digest, receipt in receipts.items()]
    )
    first_receipt = next(iter(receipts.values()))
    return {
        "service": service,
        "requests per second": 1 / seconds,
        "verify ms": 1000 * checking_seconds / len(receipts),
        "receipt bytes": len(first_receipt.proof),
        "material bytes": sum(len(data) for _, data in first_receipt.material),
        "gas": gas,
    }


def _measure_time(action: Callable[[], T]) -> tuple[float, T]:
    start_time = time.perf_counter()
    result = action()
    return time.perf_counter() - start_time, result
