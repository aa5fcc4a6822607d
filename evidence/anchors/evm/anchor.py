"""The anchor of EVM chains: a small contract remembers each digest; kept are a proof of its log and the block's header.

A transaction is signed first, and sent by :meth:`EvmAnchor.upgrade` when it has been kept: a process that dies neither
loses it nor sends a second one. The contract ignores a digest that it has already.
"""

import json
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import requests
from eth_hash.auto import keccak
from eth_utils import to_checksum_address
from rlp.sedes import List, binary

from evidence.anchors.evm.account import EvmAccount
from evidence.anchors.evm.node import EvmNode, RefusedCallError
from evidence.anchors.evm.proofs import EvmPending, EvmProof, decode, read_pending, verify_proof
from exhibit.digests import Digest
from exhibit.errors import ConfigError, IntegrityError, ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from exhibit.sentences import Sentence

KIND = "evm"
CONTRACT = Path(__file__).parent / "contract" / "anchor.json"
SEARCHED_BLOCKS = 200  # after the block whose time the contract names: blocks of fast chains share their seconds
GAS = 46_000  # units of gas for a checkpoint, rounded up
MAX_GAS = 4 * GAS  # what no transaction for a checkpoint may use, whatever the node says
FEW = 10  # checkpoints that the account should be able to pay for; fewer is a lack
_LEGACY = List([binary] * 9)  # nonce, price, gas, to, value, data, v, r, s
DEARER = 1.25  # a waiting transaction is signed anew when the node's price has risen by so much


@dataclass(eq=False, repr=False)
class EvmAnchor:
    """A contract on an EVM chain (port ``Anchor``), as :class:`EvmConfig` describes its settings."""

    kind = KIND
    patience = timedelta(seconds=15)
    qualified = ""

    name: str
    url: str
    _: KW_ONLY
    chain: int
    contract: bytes  # 20 bytes; empty before :meth:`deploy` has made it
    unlock: Callable[[], EvmAccount]  # called when something has to be signed
    confirmations: int
    gas_price: int | None = None
    max_gas_price: int | None = None
    development: bool
    session: requests.Session

    @cached_property
    def _node(self) -> EvmNode:
        return EvmNode(self.url, self.session)

    @cached_property
    def account(self) -> EvmAccount:
        """Who pays; raises ``ConfigError`` when the key can't be had, ``ServiceMissingError`` without the part evm."""
        return self.unlock()

    def submit(self, digest: Digest) -> Receipt:
        """Sign a transaction for the digest; :meth:`upgrade` sends it, once the receipt has been kept."""
        self._check_contract()
        known = self._node.anchored_at(self.contract, digest)
        pending = EvmPending(self.chain, digest, b"" if known else self._signed(digest))
        return Receipt(KIND, self.name, self.development, ReceiptState.PENDING, pending.to_json())

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        """Send what wasn't sent, sign anew what was overtaken or failed, and complete once enough blocks lie above.

        Raises ``ServiceMissingError``, also when the node refuses the transaction, such as for want of funds, or the
        chain has included it and it failed again with more gas; and ``IntegrityError`` when the receipt is about
        another digest or what the node gives doesn't fit together.
        """
        if receipt.state is ReceiptState.COMPLETE:
            return receipt
        pending = read_pending(receipt.proof)
        if pending.digest != digest:
            raise IntegrityError(Sentence("The receipt is about another digest."))
        self._check_contract()
        time = self._node.anchored_at(self.contract, digest)
        if not time:
            renewed = self._sent(pending)
            return receipt if renewed is pending else replace(receipt, proof=renewed.to_json())
        proof = self._confirmed(pending, time)
        if proof is None:
            return receipt
        complete = proof.to_json()
        return replace(receipt, state=ReceiptState.COMPLETE, proof=complete, time=verify_proof(complete, digest).time)

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """The time of the block that the proof leads to; that the block is the chain's, is for others to say."""
        block = verify_proof(receipt.proof, digest)
        if block.chain != self.chain:
            raise IntegrityError(f"The receipt is of the chain {block.chain}, not {self.chain}.")
        return block.time

    def examine(self) -> str:
        """Whether the contract is there, and for how many checkpoints the account can pay."""
        self._check_contract()
        self._node.anchored_at(self.contract, Digest(bytes(32)))
        who = to_checksum_address(self.account.address)
        price = self._price()
        if price == 0:
            return f"The contract is there, and transactions of {who} cost nothing."
        left = self._node.number("eth_getBalance", "0x" + self.account.address.hex(), "latest") // (GAS * price)
        if left < FEW:
            few = Sentence("The account %(account)s can pay for %(count)s more checkpoints.", account=who, count=left)
            raise ServiceMissingError(few, hint=Sentence("Send it what the chain asks for gas."))
        return f"The contract is there; {who} can pay for some {left:,} checkpoints at today's price."

    def deploy(self) -> str:
        """Send the transaction that makes the contract; returns its hash."""
        self._check_chain()
        raw = self._transaction(b"", bytecode(), self._needed(b"", bytecode()))
        return str(self._node.call("eth_sendRawTransaction", "0x" + raw.hex()))

    def deployed(self, transaction: str) -> bytes | None:
        """The address of the contract that a transaction has made, or ``None`` while it isn't in a block."""
        receipt = self._node.call("eth_getTransactionReceipt", transaction)
        if receipt is None:
            return None
        if receipt.get("status") == "0x0" or not receipt.get("contractAddress"):
            raise ServiceMissingError("The chain didn't make the contract.", retry=False)
        return bytes.fromhex(str(receipt["contractAddress"]).removeprefix("0x"))

    def _sent(self, pending: EvmPending) -> EvmPending:
        """The same once the node has its transaction; another one, not sent yet, when its turn is past."""
        sent = _terms_of(pending.transaction)
        if sent is None or (pending.chain, sent.to) != (self.chain, self.contract):
            return self._renewed(pending)  # also when the settings name another chain or contract by now
        if self._node.call("eth_getTransactionByHash", _hash_of(pending.transaction)) is not None:
            fate = self._node.fate_of(_hash_of(pending.transaction))
            if fate is not None and fate.failed:
                if 2 * sent.gas > MAX_GAS:
                    raise ServiceMissingError("The chain included the transaction, and it failed.")
                return self._renewed(pending, gas=2 * sent.gas)
            return self._at_todays_price(pending, sent) if fate is None else pending
        try:
            self._node.call("eth_sendRawTransaction", "0x" + pending.transaction.hex())
        except RefusedCallError:
            if self._count("latest") > sent.nonce:
                return self._renewed(pending)
            if self._count("pending") > sent.nonce:
                return pending  # its turn is taken by one that waits, perhaps by itself: a second one would pay twice
            raise
        return pending

    def _at_todays_price(self, pending: EvmPending, sent: "_Terms") -> EvmPending:
        """One that waits, signed anew for the same turn when gas has become dearer."""
        if self.gas_price is not None:
            return pending
        suggested = self._node.number("eth_gasPrice")
        if self._is_too_dear(suggested) or not suggested >= DEARER * sent.price > 0:
            return pending
        return self._renewed(pending, nonce=sent.nonce)

    def _confirmed(self, pending: EvmPending, time: int) -> EvmProof | None:
        """The proof of the log that tells of the digest, or ``None`` while it isn't deep enough."""
        told = self._node.fate_of(_hash_of(pending.transaction))
        if told is None or not told.logged:
            first = self._node.block_at(time)  # somebody else gave the digest to the contract before
            last = min(first + SEARCHED_BLOCKS, self._node.head())
            told = self._node.find_log(self.contract, pending.digest, first, last)
        if told is None or self._node.head() - told.block + 1 < self.confirmations:
            return None
        return self._node.proof_of(self.chain, pending.digest, told.transaction)

    def _renewed(self, pending: EvmPending, *, nonce: int | None = None, gas: int = 0) -> EvmPending:
        return replace(pending, chain=self.chain, transaction=self._signed(pending.digest, nonce=nonce, gas=gas))

    def _signed(self, digest: Digest, *, nonce: int | None = None, gas: int = 0) -> bytes:
        data = keccak(b"anchor(bytes32)")[:4] + digest.raw
        needed = self._needed(self.contract, data)
        if needed > MAX_GAS:
            raise ServiceMissingError(f"The node says that a checkpoint needs {needed:,} gas, more than {MAX_GAS:,}.")
        return self._transaction(self.contract, data, max(needed, gas), nonce)

    def _needed(self, to: bytes, data: bytes) -> int:
        """Units of gas for a call, with a quarter to spare."""
        asked = {"from": "0x" + self.account.address.hex(), "data": "0x" + data.hex()}
        if to:
            asked["to"] = "0x" + to.hex()
        needed = self._node.number("eth_estimateGas", asked)
        return needed + needed // 4

    def _transaction(self, to: bytes, data: bytes, gas: int, nonce: int | None = None) -> bytes:
        turn = self._count("pending") if nonce is None else nonce
        return self.account.sign(chain=self.chain, nonce=turn, gas_price=self._price(), gas=gas, to=to, data=data)

    def _price(self) -> int:
        if self.gas_price is not None:
            return self.gas_price
        suggested = self._node.number("eth_gasPrice")
        if self._is_too_dear(suggested):
            told = {"name": self.name, "price": f"{suggested:,}", "limit": f"max_gas_price is {self.max_gas_price:,}"}
            dear = Sentence("%(name)s waits: a unit of gas costs %(price)s wei, and %(limit)s.", **told)
            raise ServiceMissingError(dear)
        return suggested

    def _is_too_dear(self, price: int) -> bool:
        return self.max_gas_price is not None and price > self.max_gas_price

    def _count(self, block: str) -> int:
        return self._node.number("eth_getTransactionCount", "0x" + self.account.address.hex(), block)

    def _check_contract(self) -> None:
        if not self.contract:
            raise ConfigError(
                f"{self.name} has no contract yet.",
                hint=f"Create one: exhibit api POST /operator/witnesses/{self.name}/contract",
            )
        self._check_chain()

    def _check_chain(self) -> None:
        found = self._node.number("eth_chainId")
        if found != self.chain:
            told = {"name": self.name, "found": found, "chain": self.chain}
            raise ConfigError(Sentence("The node of %(name)s is of the chain %(found)s, not %(chain)s.", **told))


@cache
def bytecode() -> bytes:
    """What makes the contract, compiled from ``anchor.vy``."""
    return bytes.fromhex(json.loads(CONTRACT.read_text("utf-8"))["bytecode"].removeprefix("0x"))


def _hash_of(transaction: bytes) -> str:
    return "0x" + keccak(transaction).hex()


class _Terms(NamedTuple):
    nonce: int
    price: int
    gas: int
    to: bytes


def _terms_of(transaction: bytes) -> _Terms | None:
    """What a signed legacy transaction says; ``None`` of an absent one."""
    if not transaction:
        return None
    nonce, price, gas, to, *_ = decode(transaction, _LEGACY)
    return _Terms(int.from_bytes(nonce, "big"), int.from_bytes(price, "big"), int.from_bytes(gas, "big"), to)
