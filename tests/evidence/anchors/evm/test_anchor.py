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
from evidence.anchors.evm.proofs import EVENT, read_pending, verify_proof
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConfigError, RefusedError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.ports import Receipt, ReceiptState
from tests.assets.evm_chain import FORKS, EvmChain, running_evm_chain
from tests.assets.evm_ledger import ACCOUNT, DIGEST, SESSION, Ledger
from tests.assets.processes import wait_until

ANVIL = os.environ.get("ANVIL") or shutil.which("anvil")
ANVIL_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The first account of every anvil. The key is in anvil's own documentation; the account owns nothing."""


@pytest.mark.long
@pytest.mark.parametrize("fork", FORKS)
def test_a_receipt_is_complete_when_enough_blocks_lie_above(fork: str) -> None:
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


def test_a_chain_without_fees_and_with_a_seal_in_its_headers_is_served() -> None:
    chain = EvmChain([], "berlin", chain_id=20261, seal=bytes(32))
    with running_evm_chain(chain) as url:
        complete = Ledger(chain, url, 0).complete(DIGEST)
    assert complete.state is ReceiptState.COMPLETE
    assert chain.chain.get_vm().state.get_balance(ACCOUNT.address) == 0


@pytest.mark.long
def test_other_code_finds_the_same_log_by_the_same_proof(evm_receipt: Receipt) -> None:
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


def test_nothing_is_sent_before_the_receipt_has_been_kept(running: Ledger) -> None:
    running.anchor().submit(DIGEST)
    assert "eth_sendRawTransaction" not in running.chain.asked[running.chain.asked.index("eth_call") :]
    assert running.chain.pool == {}


def test_a_process_that_died_after_sending_sends_the_same_again(running: Ledger) -> None:
    receipt = running.anchor().submit(DIGEST)
    for _ in range(3):
        running.anchor().upgrade(DIGEST, receipt)
    assert len(running.chain.pool) == 1
    running.chain.pool.clear()  # the node has dropped it
    running.anchor().upgrade(DIGEST, receipt)
    assert len(running.chain.pool) == 1


def test_a_digest_that_was_given_twice_has_one_log_and_two_good_receipts(running: Ledger) -> None:
    first, second = running.anchor(), running.anchor()
    first_receipt = first.submit(DIGEST)
    first.upgrade(DIGEST, first_receipt)
    other = second.submit(DIGEST)
    second.upgrade(DIGEST, other)
    running.chain.mine_blocks()
    later = running.anchor().submit(DIGEST)
    assert read_pending(later.proof).transaction == b""
    done = [running.anchor().upgrade(DIGEST, receipt) for receipt in (first_receipt, other, later)]
    assert {receipt.proof for receipt in done} == {done[0].proof}
    assert [receipt.state for receipt in done] == [ReceiptState.COMPLETE] * 3


@pytest.mark.long
def test_receipts_that_wanted_the_same_turn_come_one_after_the_other(running: Ledger) -> None:
    digests = [Digest.of(bytes([number])) for number in range(4)]
    anchor = running.anchor()
    receipts = [anchor.submit(digest) for digest in digests]
    for _ in range(9):
        receipts = [anchor.upgrade(digest, receipt) for digest, receipt in zip(digests, receipts, strict=True)]
        running.chain.mine_blocks()
    assert [receipt.state for receipt in receipts] == [ReceiptState.COMPLETE] * 4
    assert running.chain.chain.get_vm().state.get_nonce(ACCOUNT.address) == 1 + 4


def test_a_transaction_that_pays_too_little_is_signed_again_with_the_same_nonce(
    running: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = running.anchor()
    receipt = anchor.submit(DIGEST)
    anchor.upgrade(DIGEST, receipt)
    dearer = 3 * int(running.chain.eth_gasPrice(), 16)
    monkeypatch.setattr(running.chain, "eth_gasPrice", lambda: hex(dearer))
    renewed = anchor.upgrade(DIGEST, receipt)
    assert renewed.proof != receipt.proof
    assert anchor.upgrade(DIGEST, renewed) is renewed
    assert [pending.gas_price for pending in running.chain.pool.values()] == [dearer]
    running.chain.mine_blocks()
    assert anchor.upgrade(DIGEST, renewed).state is ReceiptState.COMPLETE


def test_without_a_contract_it_is_said_how_to_make_one(running: Ledger) -> None:
    with pytest.raises(ConfigError, match="/operator/witnesses/chain/contract"):
        running.anchor(contract=b"").submit(DIGEST)
    with pytest.raises(ServiceMissingError, match="no contract of ours"):
        running.anchor(contract=bytes(20)).submit(DIGEST)


def test_an_account_without_money_hears_what_the_node_says() -> None:
    chain = EvmChain([])
    with running_evm_chain(chain) as url, pytest.raises(ServiceMissingError, match="The node refused"):
        Ledger(chain, url, None)


def test_a_private_address_is_refused_without_a_setting(running: Ledger) -> None:
    anchor = running.anchor()
    anchor.session = guarded_session(Guard(), timeout=5)
    with pytest.raises(RefusedError):
        anchor.submit(DIGEST)


def test_the_contract_is_the_one_whose_source_lies_beside_it(running: Ledger) -> None:
    described = json.loads(CONTRACT.read_text("utf-8"))
    code = running.chain.chain.get_vm().state.get_code(running.contract)
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
def test_anvil_agrees(fork: str, tmp_path: Path) -> None:
    account = EvmAccount(ANVIL_KEY)
    price = 0 if fork == "berlin" else None
    with (tmp_path / "log").open("w") as log:
        command = [str(ANVIL), "--port", "0", "--no-mining", "--hardfork", fork]
        process = subprocess.Popen([*command, *(["--gas-price", "0"] if price == 0 else [])], stdout=log, stderr=log)
    try:
        wait_until(lambda: _listening(tmp_path / "log"))
        url = f"http://{_listening(tmp_path / 'log')}"
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


def _listening(log: Path) -> str:
    return next((line.split()[-1] for line in log.read_text().splitlines() if line.startswith("Listening on")), "")


def test_the_contracts_files_belong_together() -> None:
    described = json.loads(CONTRACT.read_text("utf-8"))
    source = (CONTRACT.parent / described["source"]).read_text("utf-8")
    assert f"# pragma version {described['compiler'].removeprefix('vyper ').partition('+')[0]}" in source
    assert f"# pragma evm-version {described['evm_version']}" in source
    assert described["runtime_bytecode"].removeprefix("0x") in described["bytecode"]
    assert EVENT.hex() in described["runtime_bytecode"]
    [event] = [each for each in described["abi"] if each["type"] == "event"]
    assert [(each["type"], each["indexed"]) for each in event["inputs"]] == [("bytes32", True), ("uint256", False)]
