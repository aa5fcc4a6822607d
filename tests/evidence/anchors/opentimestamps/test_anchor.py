"""Test the OpenTimestamps anchor with the development calendar and chain, and with the standard client."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.timestamp import Timestamp

from evidence.anchors.opentimestamps import proofs
from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.anchors.opentimestamps.blocks import JsonRpcBlocks
from evidence.anchors.opentimestamps.proofs import extract_headers
from evidence.development.chain import Chain, run_chain
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from evidence.formats.errors import PendingProofError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from tests.assets.ots import DATA, DIGEST, SESSION, anchor_to

CLIENT = Path(sys.executable).with_name("ots")


def run_ots(chain: Chain, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    node = chain.url.replace("http://", "http://user:password@")
    options = ["--no-cache", "--btc-regtest", "--bitcoin-node", node, "--no-default-whitelist", "-l", chain.url]
    return subprocess.run([CLIENT, *options, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_receipt_is_pending_until_a_block_attests_it(anchor: OpenTimestampsAnchor, chain: Chain) -> None:
    pending = anchor.submit(DIGEST)
    assert (pending.state, pending.time, pending.development) == (ReceiptState.PENDING, None, True)
    assert anchor.upgrade(DIGEST, pending) is pending
    with pytest.raises(PendingProofError):
        anchor.verify(DIGEST, pending)
    height = chain.mine_block()
    complete = anchor.upgrade(DIGEST, pending)
    assert complete.state is ReceiptState.COMPLETE
    assert [name for name, _ in complete.material] == [f"block-{height}.header"]
    assert complete.time == anchor.verify(DIGEST, complete)
    assert anchor.upgrade(DIGEST, complete) is complete


def test_complete_receipt_verifies_offline(complete_receipt: Receipt) -> None:
    height, time = proofs.verify_proof(
        complete_receipt.proof, DIGEST, extract_headers(complete_receipt.material), "regtest"
    )
    assert (height, time) == (1, complete_receipt.time)


@pytest.mark.long
def test_standard_client_verifies_proof(anchor: OpenTimestampsAnchor, chain: Chain, tmp_path: Path) -> None:
    pending = anchor.submit(DIGEST)
    height = chain.mine_block()
    (tmp_path / "manifest.json").write_bytes(DATA)
    (tmp_path / "manifest.json.ots").write_bytes(anchor.upgrade(DIGEST, pending).proof)
    done = run_ots(chain, "verify", "manifest.json.ots", cwd=tmp_path)
    assert f"Bitcoin block {height} attests existence" in done.stdout + done.stderr
    assert done.returncode == 0
    (tmp_path / "manifest.json").write_bytes(DATA + b" ")
    assert run_ots(chain, "verify", "manifest.json.ots", cwd=tmp_path).returncode != 0


def test_proof_of_standard_client_is_read(anchor: OpenTimestampsAnchor, chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(DATA)
    stamped = run_ots(chain, "stamp", "-c", chain.url, "-m", "1", "manifest.json", cwd=tmp_path)
    assert stamped.returncode == 0, stamped.stderr
    made_by_client = dataclasses.replace(anchor.submit(DIGEST), proof=(tmp_path / "manifest.json.ots").read_bytes())
    chain.mine_block()
    assert anchor.upgrade(DIGEST, made_by_client).state is ReceiptState.COMPLETE


def test_digest_is_never_sent_to_calendars(chain: Chain) -> None:
    received: list[bytes] = []

    def watch(question: HttpRequest) -> HttpResponse:
        received.append(question.body)
        return chain.handle_request(question)

    server = LoopbackServer()
    with server.serve(watch):
        for _ in range(2):
            anchor_to(chain, server.url).submit(DIGEST)
    assert len(set(received)) == 2
    assert DIGEST.raw not in received


def test_single_responding_calendar_is_enough(chain: Chain) -> None:
    stopped = LoopbackServer()
    stopped.close()
    receipt = anchor_to(chain, stopped.url, chain.url).submit(DIGEST)
    chain.mine_block()
    assert anchor_to(chain).upgrade(DIGEST, receipt).state is ReceiptState.COMPLETE
    with pytest.raises(ServiceMissingError, match="No calendar"):
        anchor_to(chain, stopped.url).submit(DIGEST)


def test_malformed_calendar_response_is_reported_as_missing_service(chain: Chain) -> None:
    server = LoopbackServer()
    with (
        server.serve(lambda _: HttpResponse(b"nonsense")),
        pytest.raises(ServiceMissingError, match="cannot be read"),
    ):
        anchor_to(chain, server.url).submit(DIGEST)


def test_unresponsive_calendar_leaves_receipt_unchanged(tmp_path: Path) -> None:
    with run_chain(tmp_path) as chain:
        anchor = anchor_to(chain)
        receipt = anchor.submit(DIGEST)
    assert anchor.upgrade(DIGEST, receipt) is receipt


def test_only_configured_calendars_are_queried(anchor: OpenTimestampsAnchor) -> None:
    requested: list[str] = []

    def watch(question: HttpRequest) -> HttpResponse:
        requested.append(question.path)
        return HttpResponse(b"", status=404)

    server = LoopbackServer()
    with server.serve(watch):
        stamp = Timestamp(DIGEST.raw)
        stamp.attestations.add(PendingAttestation(server.url))
        receipt = dataclasses.replace(anchor.submit(DIGEST), proof=proofs.write_proof(stamp))
        assert anchor.upgrade(DIGEST, receipt) is receipt
    assert requested == []


def test_false_block_attestation_is_rejected(chain: Chain) -> None:
    height = chain.mine_block()

    def lie(question: HttpRequest) -> HttpResponse:
        if question.method == "POST":
            stamp = Timestamp(question.body)
            stamp.attestations.add(BitcoinBlockHeaderAttestation(height))
            return HttpResponse(proofs.write_timestamp(stamp))
        return HttpResponse(b"", status=404)

    server = LoopbackServer()
    with server.serve(lie):
        anchor = anchor_to(chain, server.url)
        receipt = anchor.submit(DIGEST)
        with pytest.raises(IntegrityError, match="does not contain"):
            anchor.upgrade(DIGEST, receipt)


def test_receipt_of_other_digest_is_not_upgraded(anchor: OpenTimestampsAnchor) -> None:
    receipt = anchor.submit(DIGEST)
    with pytest.raises(IntegrityError, match="digest"):
        anchor.upgrade(Digest.from_bytes(b"other"), receipt)


def test_calendar_responses_are_stored_while_bitcoin_node_is_unresponsive(chain: Chain) -> None:
    stopped = LoopbackServer()
    stopped.close()
    blocks = JsonRpcBlocks(stopped.url, SESSION, "regtest")
    blind = OpenTimestampsAnchor("local", [chain.url], blocks, development=True, session=SESSION)
    pending = blind.submit(DIGEST)
    chain.mine_block()
    grown = blind.upgrade(DIGEST, pending)
    assert grown.state is ReceiptState.PENDING
    assert grown.proof != pending.proof
    with pytest.raises(ServiceMissingError):
        blind.upgrade(DIGEST, grown)
    assert anchor_to(chain, stopped.url).upgrade(DIGEST, grown).state is ReceiptState.COMPLETE
