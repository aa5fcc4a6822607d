"""Test the anchor of EVM chains with a real EVM (py-evm), and with anvil where it is installed."""

import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import rlp
from eth_hash.auto import keccak
from trie import HexaryTrie

from evidence.anchors.evm.account import EvmAccount
from evidence.anchors.evm.anchor import CONTRACT, EvmAnchor, load_bytecode
from evidence.anchors.evm.proofs import EVENT_TOPIC, read_pending, verify_proof
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConfigError, RefusedError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from exhibit.ports import Receipt, ReceiptState
from tests.assets.evm_chain import FORKS, EvmChain, running_evm_chain
from tests.assets.evm_ledger import ACCOUNT, DIGEST, SESSION, Ledger
from tests.assets.processes import wait_until

ANVIL = os.environ.get("ANVIL") or shutil.which("anvil")
ANVIL_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The first account of every anvil. The key is in anvil's own documentation; the account owns nothing."""


@pytest.mark.long
@pytest.mark.parametrize("fork", FORKS)
def test_receipt_completes_after_enough_confirmations(fork: str) -> None:
    chain = EvmChain([ACCOUNT.address], fork)
    with running_evm_chain(chain) as url:
        running = Ledger(chain, url, 0 if fork == "berlin" else None)
        anchor = running.anchor(confirmations=3)
        receipt = anchor.submit(DIGEST)
        assert (receipt.kind, receipt.state, receipt.development) == ("evm", ReceiptState.PENDING, True)
        for _ in range(3):
            assert anchor.upgrade(DIGEST, receipt) is receipt
            chain.mine_blocks()
        complete = anchor.upgrade(DIGEST, receipt)
    assert complete.state is ReceiptState.COMPLETE
    assert complete.time == anchor.verify(DIGEST, complete)
    assert complete.time is not None
    assert abs(now() - complete.time) < timedelta(minutes=5)
    assert anchor.upgrade(DIGEST, complete) is complete


def test_receipt_completes_on_chain_without_fees_and_with_sealed_headers() -> None:
    chain = EvmChain([], "berlin", chain_id=20261, seal=bytes(32))
    with running_evm_chain(chain) as url:
        complete = Ledger(chain, url, 0).complete(DIGEST)
    assert complete.state is ReceiptState.COMPLETE
    assert chain.chain.get_vm().state.get_balance(ACCOUNT.address) == 0


@pytest.mark.long
def test_independent_code_verifies_the_proof(evm_receipt: Receipt) -> None:
    proof = json.loads(evm_receipt.proof)
    header = bytes.fromhex(proof["header"])
    nodes = [rlp.decode(bytes.fromhex(node)) for node in proof["nodes"]]
    root, key = rlp.decode(header)[5], rlp.encode(proof["transaction"])
    receipt = HexaryTrie.get_from_proof(root, key, nodes)
    status, _, _, logs = rlp.decode(receipt)
    address, topics, _ = logs[proof["log"]]
    event = keccak(b"Anchored(bytes32,uint256)")
    assert (status, topics, len(address)) == (b"\x01", [event, DIGEST.raw], 20)
    assert verify_proof(evm_receipt.proof, DIGEST).hash == Digest(keccak(header))
    assert len(nodes) > 1


def test_nothing_is_sent_before_receipt_is_stored(local_ledger: Ledger) -> None:
    local_ledger.anchor().submit(DIGEST)
    assert "eth_sendRawTransaction" not in local_ledger.chain.asked[local_ledger.chain.asked.index("eth_call") :]
    assert local_ledger.chain.pool == {}


def test_restarted_process_resends_same_transaction(local_ledger: Ledger) -> None:
    receipt = local_ledger.anchor().submit(DIGEST)
    for _ in range(3):
        local_ledger.anchor().upgrade(DIGEST, receipt)
    assert len(local_ledger.chain.pool) == 1
    local_ledger.chain.pool.clear()  # the node has dropped it
    local_ledger.anchor().upgrade(DIGEST, receipt)
    assert len(local_ledger.chain.pool) == 1


def test_duplicate_digest_has_a_single_log_entry(local_ledger: Ledger) -> None:
    first, second = local_ledger.anchor(), local_ledger.anchor()
    first_receipt = first.submit(DIGEST)
    first.upgrade(DIGEST, first_receipt)
    other = second.submit(DIGEST)
    second.upgrade(DIGEST, other)
    local_ledger.chain.mine_blocks()
    later = local_ledger.anchor().submit(DIGEST)
    assert read_pending(later.proof).transaction == b""
    done = [local_ledger.anchor().upgrade(DIGEST, receipt) for receipt in (first_receipt, other, later)]
    assert {receipt.proof for receipt in done} == {done[0].proof}
    assert [receipt.state for receipt in done] == [ReceiptState.COMPLETE] * 3


@pytest.mark.long
def test_receipts_with_same_nonce_complete_in_turn(local_ledger: Ledger) -> None:
    digests = [Digest.from_bytes(bytes([number])) for number in range(4)]
    anchor = local_ledger.anchor()
    receipts = [anchor.submit(digest) for digest in digests]
    for _ in range(9):
        receipts = [anchor.upgrade(digest, receipt) for digest, receipt in zip(digests, receipts, strict=True)]
        local_ledger.chain.mine_blocks()
    assert [receipt.state for receipt in receipts] == [ReceiptState.COMPLETE] * 4
    assert local_ledger.chain.chain.get_vm().state.get_nonce(ACCOUNT.address) == 1 + 4


def test_underpriced_transaction_is_replaced_with_same_nonce(
    local_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = local_ledger.anchor()
    receipt = anchor.submit(DIGEST)
    anchor.upgrade(DIGEST, receipt)
    dearer = 3 * int(local_ledger.chain.eth_gasPrice(), 16)
    monkeypatch.setattr(local_ledger.chain, "eth_gasPrice", lambda: hex(dearer))
    renewed = anchor.upgrade(DIGEST, receipt)
    assert renewed.proof != receipt.proof
    assert anchor.upgrade(DIGEST, renewed) is renewed
    assert [pending.gas_price for pending in local_ledger.chain.pool.values()] == [dearer]
    local_ledger.chain.mine_blocks()
    assert anchor.upgrade(DIGEST, renewed).state is ReceiptState.COMPLETE


def test_missing_contract_error_explains_deployment(local_ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="/operator/timestamp-services/chain/contract"):
        local_ledger.anchor(contract=b"").submit(DIGEST)
    with pytest.raises(ServiceMissingError, match="no contract of Exhibit"):
        local_ledger.anchor(contract=bytes(20)).submit(DIGEST)


def test_unfunded_account_gets_node_error() -> None:
    chain = EvmChain([])
    with running_evm_chain(chain) as url, pytest.raises(ServiceMissingError, match="The node refused"):
        Ledger(chain, url, None)


def test_private_address_is_rejected_by_default(local_ledger: Ledger) -> None:
    anchor = local_ledger.anchor()
    anchor.session = create_guarded_session(Guard(), timeout=5)
    with pytest.raises(RefusedError):
        anchor.submit(DIGEST)


def test_contract_bytecode_matches_source(local_ledger: Ledger) -> None:
    described = json.loads(CONTRACT.read_text("utf-8"))
    code = local_ledger.chain.chain.get_vm().state.get_code(local_ledger.contract)
    assert code.hex() == described["runtime_bytecode"].removeprefix("0x")
    vyper = shutil.which("vyper")
    if vyper is None:
        pytest.skip("the rest needs the compiler: pip install vyper==0.4.3 in an environment of its own")
    done = subprocess.run([vyper, "-f", "bytecode", CONTRACT.parent / "anchor.vy"], capture_output=True, check=True)
    assert bytes.fromhex(done.stdout.decode().strip().removeprefix("0x")) == load_bytecode()


@pytest.mark.skipif(
    ANVIL is None, reason="anvil isn't installed (npm install @foundry-rs/anvil; ANVIL names the program)"
)
@pytest.mark.parametrize("fork", ["berlin", "london", "prague"])
def test_anvil_accepts_receipts(fork: str, tmp_path: Path) -> None:
    account = EvmAccount(ANVIL_KEY)
    price = 0 if fork == "berlin" else None
    with (tmp_path / "log").open("w") as log:
        command = [str(ANVIL), "--port", "0", "--no-mining", "--hardfork", fork]
        process = subprocess.Popen([*command, *(["--gas-price", "0"] if price == 0 else [])], stdout=log, stderr=log)
    try:
        wait_until(lambda: _read_listening_address(tmp_path / "log"))
        url = f"http://{_read_listening_address(tmp_path / 'log')}"
        settings = {"chain": 31337, "unlock": lambda: account, "confirmations": 2, "gas_price": price}
        maker = EvmAnchor("anvil", url, contract=b"", development=True, session=SESSION, **settings)  # type: ignore[arg-type]
        transaction = maker.deploy()
        maker._node.call("evm_mine")
        contract = maker.find_deployed_contract(transaction)
        assert contract is not None
        anchor = EvmAnchor("anvil", url, contract=contract, development=True, session=SESSION, **settings)  # type: ignore[arg-type]
        receipt = anchor.submit(DIGEST)
        for _ in range(2):
            assert anchor.upgrade(DIGEST, receipt) is receipt
            anchor._node.call("evm_mine")
        receipt = anchor.upgrade(DIGEST, receipt)
        assert receipt.state is ReceiptState.COMPLETE
        assert verify_proof(receipt.proof, DIGEST).number == 2
    finally:
        process.terminate()
        process.wait(10)


def _read_listening_address(log: Path) -> str:
    return next((line.split()[-1] for line in log.read_text().splitlines() if line.startswith("Listening on")), "")


def test_contract_files_are_consistent() -> None:
    described = json.loads(CONTRACT.read_text("utf-8"))
    source = (CONTRACT.parent / described["source"]).read_text("utf-8")
    assert f"# pragma version {described['compiler'].removeprefix('vyper ').partition('+')[0]}" in source
    assert f"# pragma evm-version {described['evm_version']}" in source
    assert described["runtime_bytecode"].removeprefix("0x") in described["bytecode"]
    assert EVENT_TOPIC.hex() in described["runtime_bytecode"]
    [event] = [each for each in described["abi"] if each["type"] == "event"]
    assert [(each["type"], each["indexed"]) for each in event["inputs"]] == [("bytes32", True), ("uint256", False)]
