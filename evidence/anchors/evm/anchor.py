"""Timestamps on EVM chains: a small contract stores each digest.

The receipt contains the block header and a proof of the log entry that the contract wrote.

Each transaction is signed and stored before :meth:`EvmAnchor.upgrade` sends it, so that a killed process neither loses
it nor sends a second one. The contract ignores a digest that it already has.
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
MAX_SEARCH_BLOCKS = 200  # searched from the time of the contract: on fast chains, blocks share their second
CHECKPOINT_GAS = 46_000  # gas units for one checkpoint, rounded up
MAX_GAS = 4 * CHECKPOINT_GAS  # gas limit for one checkpoint; higher estimates by the node are rejected
MIN_AFFORDABLE_CHECKPOINTS = 10  # minimum number of checkpoints that the account should be able to pay for
_LEGACY_TRANSACTION = List([binary] * 9)  # nonce, price, gas, to, value, data, v, r, s
PRICE_INCREASE = 1.25  # increase of the node's gas price at which a pending transaction is replaced


@dataclass(eq=False, repr=False)
class EvmAnchor:
    """Timestamp service that uses a contract on an EVM chain (port ``Anchor``); see :class:`EvmConfig` for settings."""

    kind = KIND
    retry_interval = timedelta(seconds=15)
    qualified = ""

    name: str
    url: str
    _: KW_ONLY
    chain: int
    contract: bytes  # 20 bytes; empty before :meth:`deploy` has created it
    unlock: Callable[[], EvmAccount]  # loads the account when a signature is needed
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
        """Account that pays for transactions.

        Raises:
            ConfigError: There is no usable key.
            ServiceMissingError: The optional component ``evm`` is not installed.
        """
        return self.unlock()

    def submit(self, digest: Digest) -> Receipt:
        """Sign a transaction for the digest; :meth:`upgrade` sends it after the receipt has been stored."""
        self._check_contract()
        anchor_time = self._node.get_anchor_time(self.contract, digest)
        pending = EvmPending(self.chain, digest, b"" if anchor_time else self._sign_transaction(digest))
        return Receipt(KIND, self.name, self.development, ReceiptState.PENDING, pending.to_json())

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        """Send the transaction if needed, replace it if it was superseded or failed, and complete the receipt.

        The receipt is complete after the configured number of blocks.

        Raises:
            ServiceMissingError: The node does not respond or refuses the transaction, such as for lack of funds, or the
                transaction failed again with more gas.
            IntegrityError: The receipt is for another digest, or the node's data is inconsistent.
        """
        if receipt.state is ReceiptState.COMPLETE:
            return receipt
        pending = read_pending(receipt.proof)
        if pending.digest != digest:
            raise IntegrityError(Sentence("The timestamp receipt is for another digest."))
        self._check_contract()
        time = self._node.get_anchor_time(self.contract, digest)
        if not time:
            updated_pending = self._ensure_sent(pending)
            return receipt if updated_pending is pending else replace(receipt, proof=updated_pending.to_json())
        proof = self._find_confirmed_proof(pending, time)
        if proof is None:
            return receipt
        complete_proof = proof.to_json()
        return replace(
            receipt, state=ReceiptState.COMPLETE, proof=complete_proof, time=verify_proof(complete_proof, digest).time
        )

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Verify the proof and return the time of its block; does not check that the block is part of the chain."""
        block = verify_proof(receipt.proof, digest)
        if block.chain != self.chain:
            raise IntegrityError(f"The receipt is from the chain {block.chain}, not {self.chain}.")
        return block.time

    def describe_status(self) -> str:
        """Check that the contract exists, and return how many checkpoints the account can pay for."""
        self._check_contract()
        self._node.get_anchor_time(self.contract, Digest(bytes(32)))
        address = to_checksum_address(self.account.address)
        price = self._get_price()
        if price == 0:
            return f"The contract exists, and transactions of {address} cost nothing."
        affordable_count = self._node.call_number("eth_getBalance", "0x" + self.account.address.hex(), "latest") // (
            CHECKPOINT_GAS * price
        )
        if affordable_count < MIN_AFFORDABLE_CHECKPOINTS:
            message = Sentence(
                "The account %(account)s can pay for only %(count)s more checkpoints.",
                account=address,
                count=affordable_count,
            )
            raise ServiceMissingError(
                message, hint=Sentence("Transfer funds to the account to pay the gas fees of the chain.")
            )
        return (
            f"The contract exists; {address} can pay for about {affordable_count:,} checkpoints at the current price."
        )

    def deploy(self) -> str:
        """Send the transaction that creates the contract, and return its hash."""
        self._check_chain()
        transaction = self._create_transaction(b"", load_bytecode(), self._estimate_gas(b"", load_bytecode()))
        return str(self._node.call("eth_sendRawTransaction", "0x" + transaction.hex()))

    def find_deployed_contract(self, transaction: str) -> bytes | None:
        """Return the address of the contract that a transaction has created, or ``None`` while it is not in a block."""
        receipt = self._node.call("eth_getTransactionReceipt", transaction)
        if receipt is None:
            return None
        if receipt.get("status") == "0x0" or not receipt.get("contractAddress"):
            raise ServiceMissingError("The chain did not create the contract.", retry=False)
        return bytes.fromhex(str(receipt["contractAddress"]).removeprefix("0x"))

    def _ensure_sent(self, pending: EvmPending) -> EvmPending:
        """Send the transaction if the node does not have it, and return the receipt.

        If the nonce was used by another transaction, the returned receipt has a new transaction, which is not sent yet.
        """
        fields = _parse_transaction(pending.transaction)
        if fields is None or (pending.chain, fields.to) != (self.chain, self.contract):
            return self._replace_transaction(pending)  # also if the chain or the contract was changed in the settings
        if self._node.call("eth_getTransactionByHash", _compute_hash(pending.transaction)) is not None:
            outcome = self._node.get_outcome(_compute_hash(pending.transaction))
            if outcome is not None and outcome.is_failed:
                if 2 * fields.gas > MAX_GAS:
                    raise ServiceMissingError("The chain included the transaction, but it failed.")
                return self._replace_transaction(pending, gas=2 * fields.gas)
            return self._replace_if_too_cheap(pending, fields) if outcome is None else pending
        try:
            self._node.call("eth_sendRawTransaction", "0x" + pending.transaction.hex())
        except RefusedCallError:
            if self._count_transactions("latest") > fields.nonce:
                return self._replace_transaction(pending)
            if self._count_transactions("pending") > fields.nonce:
                return pending  # a pending transaction, possibly this one, has the nonce; another one would pay twice
            raise
        return pending

    def _replace_if_too_cheap(self, pending: EvmPending, fields: "_TransactionFields") -> EvmPending:
        """Replace a pending transaction by one with the same nonce if the gas price has increased."""
        if self.gas_price is not None:
            return pending
        suggested_price = self._node.call_number("eth_gasPrice")
        if self._exceeds_max_price(suggested_price) or not suggested_price >= PRICE_INCREASE * fields.price > 0:
            return pending
        return self._replace_transaction(pending, nonce=fields.nonce)

    def _find_confirmed_proof(self, pending: EvmPending, time: int) -> EvmProof | None:
        """Return the proof of the log entry with the digest, or ``None`` while it lacks confirmations."""
        outcome = self._node.get_outcome(_compute_hash(pending.transaction))
        if outcome is None or not outcome.has_logs:
            first = self._node.find_block_at(time)  # another account submitted the digest earlier
            last = min(first + MAX_SEARCH_BLOCKS, self._node.get_newest_block())
            outcome = self._node.find_log(self.contract, pending.digest, first, last)
        if outcome is None or self._node.get_newest_block() - outcome.block_number + 1 < self.confirmations:
            return None
        return self._node.build_proof(self.chain, pending.digest, outcome.transaction_hash)

    def _replace_transaction(self, pending: EvmPending, *, nonce: int | None = None, gas: int = 0) -> EvmPending:
        return replace(
            pending, chain=self.chain, transaction=self._sign_transaction(pending.digest, nonce=nonce, gas=gas)
        )

    def _sign_transaction(self, digest: Digest, *, nonce: int | None = None, gas: int = 0) -> bytes:
        data = keccak(b"anchor(bytes32)")[:4] + digest.raw
        needed_gas = self._estimate_gas(self.contract, data)
        if needed_gas > MAX_GAS:
            raise ServiceMissingError(
                f"According to the node, a checkpoint needs {needed_gas:,} gas, more than {MAX_GAS:,}."
            )
        return self._create_transaction(self.contract, data, max(needed_gas, gas), nonce)

    def _estimate_gas(self, to: bytes, data: bytes) -> int:
        """Return the gas units for a call, with a margin of 25%."""
        call = {"from": "0x" + self.account.address.hex(), "data": "0x" + data.hex()}
        if to:
            call["to"] = "0x" + to.hex()
        needed_gas = self._node.call_number("eth_estimateGas", call)
        return needed_gas + needed_gas // 4

    def _create_transaction(self, to: bytes, data: bytes, gas: int, nonce: int | None = None) -> bytes:
        used_nonce = self._count_transactions("pending") if nonce is None else nonce
        return self.account.sign(
            chain=self.chain, nonce=used_nonce, gas_price=self._get_price(), gas=gas, to=to, data=data
        )

    def _get_price(self) -> int:
        if self.gas_price is not None:
            return self.gas_price
        suggested_price = self._node.call_number("eth_gasPrice")
        if self._exceeds_max_price(suggested_price):
            details = {
                "name": self.name,
                "price": f"{suggested_price:,}",
                "limit": f"max_gas_price is {self.max_gas_price:,}",
            }
            message = Sentence("%(name)s is waiting: the gas price is %(price)s wei, and %(limit)s.", **details)
            raise ServiceMissingError(message)
        return suggested_price

    def _exceeds_max_price(self, price: int) -> bool:
        return self.max_gas_price is not None and price > self.max_gas_price

    def _count_transactions(self, block: str) -> int:
        return self._node.call_number("eth_getTransactionCount", "0x" + self.account.address.hex(), block)

    def _check_contract(self) -> None:
        if not self.contract:
            raise ConfigError(
                f"{self.name} has no contract yet.",
                hint=f"Create one: exhibit api POST /operator/timestamp-services/{self.name}/contract",
            )
        self._check_chain()

    def _check_chain(self) -> None:
        node_chain = self._node.call_number("eth_chainId")
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


class _TransactionFields(NamedTuple):
    nonce: int
    price: int
    gas: int
    to: bytes


def _parse_transaction(transaction: bytes) -> _TransactionFields | None:
    """Parse the fields of a signed legacy transaction; return ``None`` if the bytes are empty."""
    if not transaction:
        return None
    nonce, price, gas, to, *_ = decode(transaction, _LEGACY_TRANSACTION)
    return _TransactionFields(
        int.from_bytes(nonce, "big"), int.from_bytes(price, "big"), int.from_bytes(gas, "big"), to
    )
