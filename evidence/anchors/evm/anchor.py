"""Timestamps in EVM chains: a small contract stores each digest.

The receipt is a proof of its log with the block header.

A transaction is signed and stored before :meth:`EvmAnchor.upgrade` sends it: a process that is killed neither loses it
nor sends a second one. The contract ignores a digest that it already has.
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
SEARCHED_BLOCKS = 200  # after the block with the contract's time: blocks of fast chains share their seconds
GAS = 46_000  # units of gas for a checkpoint, rounded up
MAX_GAS = 4 * GAS  # gas limit for a checkpoint, whatever the node says
MIN_AFFORDABLE = 10  # least number of checkpoints that the account should be able to pay for
_LEGACY = List([binary] * 9)  # nonce, price, gas, to, value, data, v, r, s
PRICE_INCREASE = 1.25  # rise of the node's price at which a waiting transaction is re-signed


@dataclass(eq=False, repr=False)
class EvmAnchor:
    """A contract on an EVM chain (port ``Anchor``); :class:`EvmConfig` describes its settings."""

    kind = KIND
    patience = timedelta(seconds=15)
    qualified = ""

    name: str
    url: str
    _: KW_ONLY
    chain: int
    contract: bytes  # 20 bytes; empty before :meth:`deploy` has created it
    unlock: Callable[[], EvmAccount]  # called when a signature is needed
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
        """The paying account.

        Raises ``ConfigError`` without a usable key, ``ServiceMissingError`` without the part evm.
        """
        return self.unlock()

    def submit(self, digest: Digest) -> Receipt:
        """Sign a transaction for the digest; :meth:`upgrade` sends it after the receipt has been stored."""
        self._check_contract()
        anchored_at = self._node.anchored_at(self.contract, digest)
        pending = EvmPending(self.chain, digest, b"" if anchored_at else self._sign_transaction(digest))
        return Receipt(KIND, self.name, self.development, ReceiptState.PENDING, pending.to_json())

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        """Send an unsent transaction, re-sign one that was superseded or failed, and complete it after enough blocks.

        Raises:
            ServiceMissingError: The node does not respond or refuses the transaction, such as for lack of funds, or the
                transaction failed again with more gas.
            IntegrityError: The receipt is about another digest, or the node's data is inconsistent.
        """
        if receipt.state is ReceiptState.COMPLETE:
            return receipt
        pending = read_pending(receipt.proof)
        if pending.digest != digest:
            raise IntegrityError(Sentence("The timestamp receipt is for another digest."))
        self._check_contract()
        time = self._node.anchored_at(self.contract, digest)
        if not time:
            renewed = self._ensure_sent(pending)
            return receipt if renewed is pending else replace(receipt, proof=renewed.to_json())
        proof = self._find_confirmed_proof(pending, time)
        if proof is None:
            return receipt
        complete = proof.to_json()
        return replace(receipt, state=ReceiptState.COMPLETE, proof=complete, time=verify_proof(complete, digest).time)

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Return the time of the proof's block; whether that block is part of the chain is not checked here."""
        block = verify_proof(receipt.proof, digest)
        if block.chain != self.chain:
            raise IntegrityError(f"The receipt is of the chain {block.chain}, not {self.chain}.")
        return block.time

    def examine(self) -> str:
        """Check that the contract exists, and return how many checkpoints the account can pay for."""
        self._check_contract()
        self._node.anchored_at(self.contract, Digest(bytes(32)))
        address = to_checksum_address(self.account.address)
        price = self._get_price()
        if price == 0:
            return f"The contract is there, and transactions of {address} cost nothing."
        affordable = self._node.number("eth_getBalance", "0x" + self.account.address.hex(), "latest") // (GAS * price)
        if affordable < MIN_AFFORDABLE:
            message = Sentence(
                "The account %(account)s can pay for only %(count)s more checkpoints.",
                account=address,
                count=affordable,
            )
            raise ServiceMissingError(message, hint=Sentence("Transfer funds to it for the chain's gas fees."))
        return f"The contract is there; {address} can pay for some {affordable:,} checkpoints at today's price."

    def deploy(self) -> str:
        """Send the transaction that creates the contract; returns its hash."""
        self._check_chain()
        raw = self._create_transaction(b"", load_bytecode(), self._estimate_gas(b"", load_bytecode()))
        return str(self._node.call("eth_sendRawTransaction", "0x" + raw.hex()))

    def find_deployed_contract(self, transaction: str) -> bytes | None:
        """Return the address of the contract that a transaction has created, or ``None`` while it is not in a block."""
        receipt = self._node.call("eth_getTransactionReceipt", transaction)
        if receipt is None:
            return None
        if receipt.get("status") == "0x0" or not receipt.get("contractAddress"):
            raise ServiceMissingError("The chain didn't make the contract.", retry=False)
        return bytes.fromhex(str(receipt["contractAddress"]).removeprefix("0x"))

    def _ensure_sent(self, pending: EvmPending) -> EvmPending:
        """Return the same receipt once the node has its transaction.

        If its nonce is used, the receipt has a new transaction, which is not sent yet.
        """
        terms = _parse_terms(pending.transaction)
        if terms is None or (pending.chain, terms.to) != (self.chain, self.contract):
            return self._renew(pending)  # also if the settings now name another chain or contract
        if self._node.call("eth_getTransactionByHash", _compute_hash(pending.transaction)) is not None:
            outcome = self._node.get_outcome(_compute_hash(pending.transaction))
            if outcome is not None and outcome.failed:
                if 2 * terms.gas > MAX_GAS:
                    raise ServiceMissingError("The chain included the transaction, and it failed.")
                return self._renew(pending, gas=2 * terms.gas)
            return self._renew_if_too_cheap(pending, terms) if outcome is None else pending
        try:
            self._node.call("eth_sendRawTransaction", "0x" + pending.transaction.hex())
        except RefusedCallError:
            if self._count_transactions("latest") > terms.nonce:
                return self._renew(pending)
            if self._count_transactions("pending") > terms.nonce:
                return pending  # a waiting transaction, maybe this one, has the nonce; a second one would pay twice
            raise
        return pending

    def _renew_if_too_cheap(self, pending: EvmPending, terms: "_Terms") -> EvmPending:
        """Re-sign a waiting transaction with the same nonce if gas has become more expensive."""
        if self.gas_price is not None:
            return pending
        suggested = self._node.number("eth_gasPrice")
        if self._exceeds_max_price(suggested) or not suggested >= PRICE_INCREASE * terms.price > 0:
            return pending
        return self._renew(pending, nonce=terms.nonce)

    def _find_confirmed_proof(self, pending: EvmPending, time: int) -> EvmProof | None:
        """Return the proof of the log entry with the digest, or ``None`` while it lacks confirmations."""
        outcome = self._node.get_outcome(_compute_hash(pending.transaction))
        if outcome is None or not outcome.logged:
            first = self._node.find_block_at(time)  # somebody else submitted the digest to the contract earlier
            last = min(first + SEARCHED_BLOCKS, self._node.newest_block())
            outcome = self._node.find_log(self.contract, pending.digest, first, last)
        if outcome is None or self._node.newest_block() - outcome.block + 1 < self.confirmations:
            return None
        return self._node.build_proof(self.chain, pending.digest, outcome.transaction)

    def _renew(self, pending: EvmPending, *, nonce: int | None = None, gas: int = 0) -> EvmPending:
        return replace(
            pending, chain=self.chain, transaction=self._sign_transaction(pending.digest, nonce=nonce, gas=gas)
        )

    def _sign_transaction(self, digest: Digest, *, nonce: int | None = None, gas: int = 0) -> bytes:
        data = keccak(b"anchor(bytes32)")[:4] + digest.raw
        needed = self._estimate_gas(self.contract, data)
        if needed > MAX_GAS:
            raise ServiceMissingError(f"The node says that a checkpoint needs {needed:,} gas, more than {MAX_GAS:,}.")
        return self._create_transaction(self.contract, data, max(needed, gas), nonce)

    def _estimate_gas(self, to: bytes, data: bytes) -> int:
        """Return the units of gas for a call, with a margin of a quarter."""
        call = {"from": "0x" + self.account.address.hex(), "data": "0x" + data.hex()}
        if to:
            call["to"] = "0x" + to.hex()
        needed = self._node.number("eth_estimateGas", call)
        return needed + needed // 4

    def _create_transaction(self, to: bytes, data: bytes, gas: int, nonce: int | None = None) -> bytes:
        used_nonce = self._count_transactions("pending") if nonce is None else nonce
        return self.account.sign(
            chain=self.chain, nonce=used_nonce, gas_price=self._get_price(), gas=gas, to=to, data=data
        )

    def _get_price(self) -> int:
        if self.gas_price is not None:
            return self.gas_price
        suggested = self._node.number("eth_gasPrice")
        if self._exceeds_max_price(suggested):
            details = {
                "name": self.name,
                "price": f"{suggested:,}",
                "limit": f"max_gas_price is {self.max_gas_price:,}",
            }
            message = Sentence("%(name)s is waiting: the gas price is %(price)s wei, and %(limit)s.", **details)
            raise ServiceMissingError(message)
        return suggested

    def _exceeds_max_price(self, price: int) -> bool:
        return self.max_gas_price is not None and price > self.max_gas_price

    def _count_transactions(self, block: str) -> int:
        return self._node.number("eth_getTransactionCount", "0x" + self.account.address.hex(), block)

    def _check_contract(self) -> None:
        if not self.contract:
            raise ConfigError(
                f"{self.name} has no contract yet.",
                hint=f"Create one: exhibit api POST /operator/witnesses/{self.name}/contract",
            )
        self._check_chain()

    def _check_chain(self) -> None:
        node_chain = self._node.number("eth_chainId")
        if node_chain != self.chain:
            details = {"name": self.name, "found": node_chain, "chain": self.chain}
            raise ConfigError(
                Sentence("The node of %(name)s belongs to chain %(found)s instead of %(chain)s.", **details)
            )


@cache
def load_bytecode() -> bytes:
    """Return the bytecode that creates the contract, compiled from ``anchor.vy``."""
    return bytes.fromhex(json.loads(CONTRACT.read_text("utf-8"))["bytecode"].removeprefix("0x"))


def _compute_hash(transaction: bytes) -> str:
    return "0x" + keccak(transaction).hex()


class _Terms(NamedTuple):
    nonce: int
    price: int
    gas: int
    to: bytes


def _parse_terms(transaction: bytes) -> _Terms | None:
    """Return the terms of a signed legacy transaction; ``None`` if there is none."""
    if not transaction:
        return None
    nonce, price, gas, to, *_ = decode(transaction, _LEGACY)
    return _Terms(int.from_bytes(nonce, "big"), int.from_bytes(price, "big"), int.from_bytes(gas, "big"), to)
