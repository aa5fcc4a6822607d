"""A real EVM with its tries and headers (py-evm), behind the JSON-RPC interface of a node on loopback.

Blocks are mined by call only, so that tests control when the chain advances. No product code is used: headers,
receipts and their tries come from py-evm.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from eth import constants
from eth.chains.base import MiningChain
from eth.consensus.noproof import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.exceptions import TransactionNotFound
from eth.vm.base import VM
from eth.vm.forks.berlin import BerlinVM
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.london import LondonVM
from eth.vm.spoof import SpoofTransaction
from eth_utils import ValidationError

from evidence.anchors.evm.anchor import EvmAnchor
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.clock import now

# Importing eth raises the recursion limit of the whole process; deeply nested JSON then crashes CPython 3.11.2.
sys.setrecursionlimit(1000)

FORKS: dict[str, type[VM]] = {"berlin": BerlinVM, "london": LondonVM, "cancun": CancunVM}
INITIAL_BALANCE = 10**24
ANYBODY = bytes(19) + b"\x01"


class EvmChain:
    """A chain controlled by its caller.

    Args:
        rich: Addresses that own ether in the genesis block.
        fork: Name of the protocol rules; ``berlin`` has no base fee, so that transactions may be free.
        chain_id: Chain ID (EIP-155).
        seal: Extra data of the headers, as in consortium chains.
    """

    def __init__(self, rich: list[bytes], fork: str = "london", chain_id: int = 1337, seal: bytes = b"") -> None:
        vm = FORKS[fork].configure(consensus_class=NoProofConsensus)
        kind = MiningChain.configure(vm_configuration=((constants.GENESIS_BLOCK_NUMBER, vm),), chain_id=chain_id)
        self.chain_id = chain_id
        self.fork = fork
        self.seal = seal
        self.pool: dict[bytes, Any] = {}
        self.asked: list[str] = []
        self.mutes: set[str] = set()
        genesis: dict[str, Any] = {
            "difficulty": int(fork != "cancun"),
            "gas_limit": 30_000_000,
            "timestamp": int(now().timestamp()) - 3600,
        }
        accounts = {address: {"balance": INITIAL_BALANCE, "nonce": 0, "code": b"", "storage": {}} for address in rich}
        self.chain = kind.from_genesis(AtomicDB(), genesis, accounts)

    @property
    def tip(self) -> int:
        """Number of the newest block."""
        return int(self.chain.get_canonical_head().block_number)

    def mine_blocks(self, blocks: int = 1) -> None:
        """Mine blocks. The first contains the pending transactions."""
        for _ in range(blocks):
            pending = sorted(self.pool.values(), key=lambda each: (each.sender, each.nonce))
            self.pool.clear()
            before = self.chain.get_canonical_head().timestamp
            moment = max(int(now().timestamp()), before + 1)
            self.chain.mine_all(pending, timestamp=moment, extra_data=self.seal)

    def answer(self, question: HttpRequest) -> HttpResponse:
        """Respond to a JSON-RPC call as a node does."""
        call = json.loads(question.body)
        self.asked.append(call["method"])
        try:
            handler = object() if call["method"] in self.mutes else self
            result, error = getattr(handler, call["method"])(*call["params"]), None
        except (ValidationError, AttributeError, TransactionNotFound) as problem:
            result, error = None, {"code": -32000, "message": str(problem)}
        response = {"jsonrpc": "2.0", "id": call["id"], **({"error": error} if error else {"result": result})}
        return HttpResponse(json.dumps(response).encode(), "application/json")

    def eth_chainId(self) -> str:  # noqa: N802 - the names of JSON-RPC, here and below
        return hex(self.chain_id)

    def eth_blockNumber(self) -> str:  # noqa: N802
        return hex(self.tip)

    def eth_gasPrice(self) -> str:  # noqa: N802
        return hex(0 if self.fork == "berlin" else 2 * (self.chain.get_canonical_head().base_fee_per_gas or 0))

    def eth_getBalance(self, address: str, _block: str) -> str:  # noqa: N802
        return hex(self.chain.get_vm().state.get_balance(_bytes(address)))

    def eth_getTransactionCount(self, address: str, block: str) -> str:  # noqa: N802
        who = _bytes(address)
        mined = self.chain.get_vm().state.get_nonce(who)
        nonces = [each.nonce + 1 for each in self.pool.values() if each.sender == who]
        return hex(max([mined, *nonces]) if block == "pending" else mined)

    def eth_estimateGas(self, call: dict[str, str]) -> str:  # noqa: N802
        return hex(self.chain.estimate_gas(self._spoof_transaction(call), self.chain.get_canonical_head()))

    def eth_call(self, call: dict[str, str], _block: str) -> str:
        return _hex(self.chain.get_transaction_result(self._spoof_transaction(call), self.chain.get_canonical_head()))

    def eth_sendRawTransaction(self, raw: str) -> str:  # noqa: N802
        sent = self.chain.get_vm().get_transaction_builder().decode(_bytes(raw))
        sent.validate()
        if sent.nonce < int(self.eth_getTransactionCount(_hex(sent.sender), "latest"), 16):
            raise ValidationError("nonce too low")
        same = [key for key, each in self.pool.items() if (each.sender, each.nonce) == (sent.sender, sent.nonce)]
        if same and self.pool[same[0]].gas_price * 1.1 > sent.gas_price:
            raise ValidationError("replacement transaction underpriced")
        for key in same:
            del self.pool[key]
        self.pool[sent.hash] = sent
        return _hex(sent.hash)

    def eth_getTransactionByHash(self, text: str) -> dict[str, str] | None:  # noqa: N802
        is_known = _bytes(text) in self.pool or self._place(text) is not None
        return {"hash": text} if is_known else None

    def eth_getTransactionReceipt(self, text: str) -> dict[str, Any] | None:  # noqa: N802
        place = self._place(text)
        return None if place is None else self._receipts(place[0])[place[1]]

    def eth_getBlockReceipts(self, text: str) -> list[dict[str, Any]]:  # noqa: N802
        header = self.chain.get_block_header_by_hash(_bytes(text))
        return self._receipts(header.block_number)

    def eth_getBlockByHash(self, text: str, _full: bool) -> dict[str, Any]:  # noqa: N802, FBT001
        return self._block(self.chain.get_block_by_hash(_bytes(text)))

    def eth_getBlockByNumber(self, number: str, _full: bool) -> dict[str, Any]:  # noqa: N802, FBT001
        return self._block(self.chain.get_canonical_block_by_number(int(number, 16)))

    def eth_getLogs(self, criteria: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: N802
        first, last = int(criteria["fromBlock"], 16), int(criteria["toBlock"], 16)
        if last > self.tip:
            raise ValidationError("block range extends beyond current head block")
        logs = [
            log for number in range(first, last + 1) for receipt in self._receipts(number) for log in receipt["logs"]
        ]
        return [log for log in logs if log["address"] == criteria["address"] and log["topics"] == criteria["topics"]]

    def _place(self, text: str) -> tuple[int, int] | None:
        with contextlib.suppress(TransactionNotFound):
            number, index = self.chain.chaindb.get_transaction_index(_bytes(text))
            return int(number), int(index)
        return None

    def _spoof_transaction(self, call: dict[str, str]) -> SpoofTransaction:
        sender = _bytes(call.get("from", _hex(ANYBODY)))
        transaction = self.chain.create_unsigned_transaction(
            nonce=self.chain.get_vm().state.get_nonce(sender),
            gas_price=self.chain.get_canonical_head().base_fee_per_gas if self.fork != "berlin" else 0,
            gas=1_000_000,
            to=_bytes(call.get("to", "")),
            value=0,
            data=_bytes(call.get("data", "")),
        )
        return SpoofTransaction(
            transaction, from_=sender, gas_price=0 if self.fork == "berlin" else transaction.gas_price
        )

    def _block(self, block: Any) -> dict[str, Any]:  # noqa: ANN401 - of py-evm
        header = block.header
        names = {
            "parentHash": "parent_hash",
            "sha3Uncles": "uncles_hash",
            "miner": "coinbase",
            "stateRoot": "state_root",
            "transactionsRoot": "transaction_root",
            "receiptsRoot": "receipt_root",
            "logsBloom": "bloom",
            "difficulty": "difficulty",
            "number": "block_number",
            "gasLimit": "gas_limit",
            "gasUsed": "gas_used",
            "timestamp": "timestamp",
            "extraData": "extra_data",
            "mixHash": "mix_hash",
            "nonce": "nonce",
            "baseFeePerGas": "base_fee_per_gas",
            "withdrawalsRoot": "withdrawals_root",
            "blobGasUsed": "blob_gas_used",
            "excessBlobGas": "excess_blob_gas",
            "parentBeaconBlockRoot": "parent_beacon_block_root",
        }
        fields = {
            name: getattr(header, source) for name, source in names.items() if source in type(header)._meta.field_names
        }
        fields["logsBloom"] = int(fields["logsBloom"]).to_bytes(256, "big")
        plain = {name: hex(value) if isinstance(value, int) else _hex(value) for name, value in fields.items()}
        return {**plain, "hash": _hex(header.hash), "transactions": [_hex(each.hash) for each in block.transactions]}

    def _receipts(self, number: int) -> list[dict[str, Any]]:
        block = self.chain.get_canonical_block_by_number(number)
        receipts = self.chain.chaindb.get_receipts(block.header, self.chain.get_vm(block.header).get_receipt_builder())
        pairs = zip(block.transactions, receipts, strict=True)
        return [self._receipt(block, index, sent, receipt) for index, (sent, receipt) in enumerate(pairs)]

    def _receipt(self, block: Any, index: int, sent: Any, receipt: Any) -> dict[str, Any]:  # noqa: ANN401 - of py-evm
        where = {"blockNumber": hex(block.number), "transactionHash": _hex(sent.hash)}
        contract_address = None
        if sent.to == b"":
            from eth._utils.address import generate_contract_address

            contract_address = _hex(generate_contract_address(sent.sender, sent.nonce))
        return {
            **where,
            "blockHash": _hex(block.hash),
            "transactionIndex": hex(index),
            "status": hex(int.from_bytes(receipt.state_root, "big")),
            "cumulativeGasUsed": hex(receipt.gas_used),
            "logsBloom": _hex(int(receipt.bloom).to_bytes(256, "big")),
            "contractAddress": contract_address,
            "type": "0x0",
            "logs": [
                {
                    **where,
                    "address": _hex(log.address),
                    "topics": [_hex(topic.to_bytes(32, "big")) for topic in log.topics],
                    "data": _hex(log.data),
                }
                for log in receipt.logs
            ],
        }


@contextlib.contextmanager
def running_evm_chain(chain: EvmChain) -> Iterator[str]:
    """Serve a chain on loopback during the ``with`` block, and yield its URL."""
    server = LoopbackServer()
    serve: Callable[[HttpRequest], HttpResponse] = chain.answer
    with server.serve(serve):
        yield server.url


def deploy_contract(chain: EvmChain, anchor: EvmAnchor) -> bytes:
    """Deploy an anchor's contract on a chain and return its address."""
    transaction = anchor.deploy()
    chain.mine_blocks()
    address = anchor.find_deployed_contract(transaction)
    assert address is not None
    return address


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _hex(data: bytes) -> str:
    return "0x" + bytes(data).hex()
