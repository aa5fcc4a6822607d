"""A test chain with Exhibit's contract, and an account that pays for entries in it."""

import contextlib
from collections.abc import Iterator

from evidence.anchors.evm.account import EvmAccount
from evidence.anchors.evm.anchor import EvmAnchor
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from exhibit.ports import Receipt
from tests.assets.evm_chain import EvmChain, deploy_contract, running_evm_chain

DIGEST = Digest.from_bytes(b"checkpoint")
KEY = b"\x07" * 32
ACCOUNT = EvmAccount(KEY)
SESSION = create_guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)


class Ledger:
    """A chain with Exhibit's contract, and its URL on loopback.

    Args:
        chain: A chain that is already served.
        url: URL of its JSON-RPC interface.
        price: Gas price; queried from the node if None.
    """

    def __init__(self, chain: EvmChain, url: str, price: int | None = None) -> None:
        self.chain = chain
        self.url = url
        self.price = price
        self.contract = deploy_contract(chain, self.anchor(contract=b""))

    def anchor(
        self, *, confirmations: int = 1, contract: bytes | None = None, url: str = "", max_price: int | None = None
    ) -> EvmAnchor:
        """Return an anchor of the account, optionally for another URL or contract."""
        return EvmAnchor(
            "chain",
            url or self.url,
            chain=self.chain.chain_id,
            contract=self.contract if contract is None else contract,
            unlock=lambda: ACCOUNT,
            confirmations=confirmations,
            gas_price=self.price,
            max_gas_price=max_price,
            development=True,
            session=SESSION,
        )

    def complete(self, digest: Digest) -> Receipt:
        """Return a complete receipt for a digest, with one more block above it."""
        anchor = self.anchor()
        receipt = anchor.upgrade(digest, anchor.submit(digest))
        self.chain.mine_blocks()
        return anchor.upgrade(digest, receipt)


@contextlib.contextmanager
def running_ledger() -> Iterator[Ledger]:
    """Run a ledger during the ``with`` block."""
    chain = EvmChain([ACCOUNT.address])
    with running_evm_chain(chain) as url:
        yield Ledger(chain, url)
