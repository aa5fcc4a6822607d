"""The anchor of EVM chains against a real EVM (py-evm), and against anvil where it is installed."""

import contextlib
import dataclasses
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rlp as other_rlp
from Crypto.Hash import keccak as other_keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from evidence.anchors.evm.account import EvmAccount
from evidence.anchors.evm.anchor import CONTRACT, EvmAnchor, bytecode
from evidence.anchors.evm.proofs import EvmProof, read_pending, verify_proof
from evidence.development.server import Answer, LoopbackServer, Question
from evidence.formats.errors import PendingProofError
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConfigError, ExhibitError, IntegrityError, RefusedError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.ports import Receipt, ReceiptState
from tests.assets.evm_chain import FORKS, EvmChain, running_evm_chain
from tests.assets.evm_ledger import ACCOUNT, SESSION, Ledger, running_ledger
from tests.assets.processes import wait_until

DIGEST = Digest.of(b"checkpoint")
ANVIL = os.environ.get("ANVIL") or shutil.which("anvil")
ANVIL_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The first account of every anvil; it is in anvil's own documentation and holds nothing."""


@pytest.fixture
def running() -> Iterator[Ledger]:
    with running_ledger() as ledger:
        yield ledger


@pytest.fixture(scope="module")
def kept() -> Receipt:
    with running_ledger() as ledger:
        for number in range(5):
            other = Digest.of(bytes([number]))
            ledger.anchor().upgrade(other, ledger.anchor().submit(other))
        return ledger.complete(DIGEST)


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
            chain.mine()
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


def test_other_code_finds_the_same_log_by_the_same_proof(kept: Receipt) -> None:
    proof = json.loads(kept.proof)
    header = bytes.fromhex(proof["header"])
    nodes = [other_rlp.decode(bytes.fromhex(node)) for node in proof["nodes"]]
    root, key = other_rlp.decode(header)[5], other_rlp.encode(proof["transaction"])
    receipt = HexaryTrie.get_from_proof(root, key, nodes)
    status, _, _, logs = other_rlp.decode(receipt)
    address, topics, _ = logs[proof["log"]]
    event = other_keccak.new(digest_bits=256, data=b"Anchored(bytes32,uint256)").digest()
    assert (status, topics, len(address)) == (b"\x01", [event, DIGEST.raw], 20)
    hashed = other_keccak.new(digest_bits=256, data=header).hexdigest()
    assert verify_proof(kept.proof, DIGEST).hash == Digest.from_hex(hashed)
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
    running.chain.pool.clear()  # the node has forgotten it
    running.anchor().upgrade(DIGEST, receipt)
    assert len(running.chain.pool) == 1


def test_a_digest_that_was_given_twice_has_one_log_and_two_good_receipts(running: Ledger) -> None:
    first, second = running.anchor(), running.anchor()
    one = first.submit(DIGEST)
    first.upgrade(DIGEST, one)
    other = second.submit(DIGEST)
    second.upgrade(DIGEST, other)
    running.chain.mine()
    later = running.anchor().submit(DIGEST)
    assert read_pending(later.proof).transaction == b""
    done = [running.anchor().upgrade(DIGEST, receipt) for receipt in (one, other, later)]
    assert {receipt.proof for receipt in done} == {done[0].proof}
    assert [receipt.state for receipt in done] == [ReceiptState.COMPLETE] * 3


def test_receipts_that_wanted_the_same_turn_come_one_after_the_other(running: Ledger) -> None:
    digests = [Digest.of(bytes([number])) for number in range(4)]
    anchor = running.anchor()
    receipts = [anchor.submit(digest) for digest in digests]
    for _ in range(9):
        receipts = [anchor.upgrade(digest, receipt) for digest, receipt in zip(digests, receipts, strict=True)]
        running.chain.mine()
    assert [receipt.state for receipt in receipts] == [ReceiptState.COMPLETE] * 4
    assert running.chain.chain.get_vm().state.get_nonce(ACCOUNT.address) == 1 + 4


def test_a_transaction_that_pays_too_little_is_signed_anew_for_the_same_turn(
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
    assert [waiting.gas_price for waiting in running.chain.pool.values()] == [dearer]
    running.chain.mine()
    assert anchor.upgrade(DIGEST, renewed).state is ReceiptState.COMPLETE


def test_an_older_node_that_gives_receipts_one_by_one_is_enough(running: Ledger) -> None:
    running.chain.mutes.add("eth_getBlockReceipts")
    assert running.complete(DIGEST).state is ReceiptState.COMPLETE


def test_a_node_of_another_chain_is_refused(running: Ledger) -> None:
    anchor = running.anchor()
    anchor._chain = 1
    with pytest.raises(ConfigError, match="of the chain 1337, not 1"):
        anchor.submit(DIGEST)


def test_without_a_contract_it_is_said_how_to_make_one(running: Ledger) -> None:
    with pytest.raises(ConfigError, match="exhibit anchor deploy chain"):
        running.anchor(contract=b"").submit(DIGEST)
    with pytest.raises(ServiceMissingError, match="no contract of ours"):
        running.anchor(contract=bytes(20)).submit(DIGEST)


def test_an_account_without_money_hears_what_the_node_says() -> None:
    chain = EvmChain([])
    with running_evm_chain(chain) as url, pytest.raises(ServiceMissingError, match="The node refused"):
        Ledger(chain, url, None)


@contextlib.contextmanager
def lying(chain: EvmChain, method: str, change: Callable[[Any], object]) -> Iterator[str]:
    def answer(question: Question) -> Answer:
        told = chain.answer(question)
        plain = json.loads(told.body)
        if json.loads(question.body)["method"] == method:
            change(plain["result"])
        return Answer(json.dumps(plain).encode(), "application/json")

    server = LoopbackServer()
    with server.running(answer):
        yield server.url


@pytest.mark.parametrize(
    ("method", "change", "words"),
    [
        ("eth_getBlockByHash", lambda block: block.update(timestamp="0x1"), "headers of its own form"),
        ("eth_getBlockByHash", lambda block: block.pop("hash"), "a form that is known"),
        ("eth_getBlockReceipts", lambda found: found[0].update(cumulativeGasUsed="0x1"), "receipts of its own form"),
    ],
)
def test_a_node_that_lies_or_has_blocks_of_another_form_is_found_out(
    running: Ledger, method: str, change: Callable[[Any], object], words: str
) -> None:
    receipt = running.anchor().submit(DIGEST)
    running.anchor().upgrade(DIGEST, receipt)
    running.chain.mine()
    with lying(running.chain, method, change) as url, pytest.raises(ExhibitError, match=words):
        running.anchor(url=url).upgrade(DIGEST, receipt)


@pytest.mark.parametrize(
    "answer", ["[]", "null", "{}", "<html>", '{"error": 1}', '{"result": "0xzz"}', '{"result": 7}']
)
def test_a_node_that_talks_nonsense_is_a_missing_service(running: Ledger, answer: str) -> None:
    server = LoopbackServer()
    with server.running(lambda _: Answer(answer.encode())), pytest.raises(ServiceMissingError):
        running.anchor(url=server.url).submit(DIGEST)


def test_a_providers_key_in_the_address_is_never_shown(running: Ledger) -> None:
    with pytest.raises(ServiceMissingError) as raised:
        running.anchor(url="http://127.0.0.1:9/v3/secret-of-mine").submit(DIGEST)
    assert "secret-of-mine" not in str(raised.value)


def test_a_private_address_is_refused_without_a_setting(running: Ledger) -> None:
    anchor = running.anchor()
    anchor._node._session = guarded_session(Guard(), timeout=5)
    with pytest.raises(RefusedError):
        anchor.submit(DIGEST)


def test_a_pending_receipt_says_so_and_another_digest_fails(running: Ledger, kept: Receipt) -> None:
    receipt = running.anchor().submit(DIGEST)
    with pytest.raises(PendingProofError):
        verify_proof(receipt.proof, DIGEST)
    other = Digest.of(b"other")
    for proof in (receipt.proof, kept.proof):
        with pytest.raises(IntegrityError, match="another digest"):
            verify_proof(proof, other)
    with pytest.raises(IntegrityError, match="another digest"):
        running.anchor().upgrade(other, receipt)
    alien = dataclasses.replace(kept, proof=dataclasses.replace(json_of(kept), chain=1).to_json())
    with pytest.raises(IntegrityError, match="of the chain 1"):
        running.anchor().verify(DIGEST, alien)


def json_of(receipt: Receipt) -> EvmProof:
    plain = json.loads(receipt.proof)
    nodes = tuple(bytes.fromhex(node) for node in plain["nodes"])
    return EvmProof(plain["chain"], DIGEST, bytes.fromhex(plain["header"]), plain["transaction"], plain["log"], nodes)


def test_a_log_of_another_transaction_or_of_another_digest_does_not_count(kept: Receipt) -> None:
    proof = json_of(kept)
    for changed in (
        dataclasses.replace(proof, transaction=0),
        dataclasses.replace(proof, log=1),
        dataclasses.replace(proof, log=-1),
        dataclasses.replace(proof, transaction=-1),
        dataclasses.replace(proof, chain=-1),
        dataclasses.replace(proof, nodes=()),
    ):
        with pytest.raises(IntegrityError):
            verify_proof(changed.to_json(), DIGEST)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_flipped_bit_never_gives_the_same_block_with_other_contents(kept: Receipt, data: st.DataObject) -> None:
    chain, header = (range(*one.span(1)) for one in re.finditer(rb'"(?:chain|header)":"?(\w+)', kept.proof))
    place = data.draw(st.sampled_from(header) | st.integers(0, len(kept.proof) - 1))
    changed = bytearray(kept.proof)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    good = verify_proof(kept.proof, DIGEST)
    try:
        found = verify_proof(bytes(changed), DIGEST)
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - what isn't refused is looked at below
    else:  # a header that says something else has another hash, which nobody has pinned
        assert place in header or place in chain
        assert (found.hash != good.hash) == (place in header)
        assert place in header or found == dataclasses.replace(good, chain=found.chain)


def test_the_contract_is_the_one_whose_source_lies_beside_it(running: Ledger) -> None:
    described = json.loads(CONTRACT.read_text("utf-8"))
    code = running.chain.chain.get_vm().state.get_code(running.contract)
    assert code.hex() == described["runtime_bytecode"].removeprefix("0x")
    vyper = shutil.which("vyper")
    if vyper is None:
        pytest.skip("the rest needs the compiler: pip install vyper==0.4.3 in an environment of its own")
    done = subprocess.run([vyper, "-f", "bytecode", CONTRACT.parent / "anchor.vy"], capture_output=True, check=True)
    assert bytes.fromhex(done.stdout.decode().strip().removeprefix("0x")) == bytecode()


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
        made = {"chain": 31337, "unlock": lambda: account, "confirmations": 2, "gas_price": price}
        maker = EvmAnchor("anvil", url, contract=b"", development=True, session=SESSION, **made)  # type: ignore[arg-type]
        transaction = maker.deploy()
        maker._node.call("evm_mine")
        contract = maker.deployed(transaction)
        assert contract is not None
        anchor = EvmAnchor("anvil", url, contract=contract, development=True, session=SESSION, **made)  # type: ignore[arg-type]
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
