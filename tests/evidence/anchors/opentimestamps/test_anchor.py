"""The anchor of OpenTimestamps against the development calendar and chain, and against the usual client."""

import base64
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.timestamp import Timestamp

from evidence.anchors.opentimestamps import anchor as opentimestamps
from evidence.anchors.opentimestamps import proofs
from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.anchors.opentimestamps.blocks import EsploraBlocks, JsonRpcBlocks
from evidence.anchors.opentimestamps.headers import parse_header
from evidence.anchors.opentimestamps.proofs import headers_in
from evidence.development.chain import Chain, running_chain
from evidence.development.server import Answer, LoopbackServer, Question
from evidence.formats.errors import PendingProofError, UnknownWitnessError
from exhibit.digests import Digest
from exhibit.errors import ConfigError, IntegrityError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.ports import Receipt, ReceiptState

DATA = b'{"manifest": true}'
DIGEST = Digest.of(DATA)
SESSION = guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)
CLIENT = Path(sys.executable).with_name("ots")


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with running_chain(tmp_path / "chain") as running:
        yield running


@pytest.fixture
def anchor(chain: Chain) -> OpenTimestampsAnchor:
    return anchor_to(chain)


def anchor_to(chain: Chain, *calendars: str) -> OpenTimestampsAnchor:
    blocks = JsonRpcBlocks(chain.url, SESSION, "regtest")
    return OpenTimestampsAnchor("local", calendars or (chain.url,), blocks, development=True, session=SESSION)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Receipt:
    with running_chain(tmp_path_factory.mktemp("chain")) as chain:
        anchor = anchor_to(chain)
        for other in range(4):
            anchor.submit(Digest.of(bytes([other])))
        receipt = anchor.submit(DIGEST)
        chain.mine()
        return anchor.upgrade(DIGEST, receipt)


def ots(chain: Chain, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    node = chain.url.replace("http://", "http://user:password@")
    options = ["--no-cache", "--btc-regtest", "--bitcoin-node", node, "--no-default-whitelist", "-l", chain.url]
    return subprocess.run([CLIENT, *options, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_a_receipt_is_pending_until_a_block_attests_it(anchor: OpenTimestampsAnchor, chain: Chain) -> None:
    pending = anchor.submit(DIGEST)
    assert (pending.state, pending.time, pending.development) == (ReceiptState.PENDING, None, True)
    assert anchor.upgrade(DIGEST, pending) is pending
    with pytest.raises(PendingProofError):
        anchor.verify(DIGEST, pending)
    height = chain.mine()
    complete = anchor.upgrade(DIGEST, pending)
    assert complete.state is ReceiptState.COMPLETE
    assert [name for name, _ in complete.material] == [f"block-{height}.header"]
    assert complete.time == anchor.verify(DIGEST, complete)
    assert anchor.upgrade(DIGEST, complete) is complete


def test_a_complete_receipt_is_checked_without_any_server(complete: Receipt) -> None:
    height, time = proofs.verify_proof(complete.proof, DIGEST, headers_in(complete.material), "regtest")
    assert (height, time) == (1, complete.time)


def test_the_usual_client_verifies_the_proof(anchor: OpenTimestampsAnchor, chain: Chain, tmp_path: Path) -> None:
    pending = anchor.submit(DIGEST)
    height = chain.mine()
    (tmp_path / "manifest.json").write_bytes(DATA)
    (tmp_path / "manifest.json.ots").write_bytes(anchor.upgrade(DIGEST, pending).proof)
    done = ots(chain, "verify", "manifest.json.ots", cwd=tmp_path)
    assert f"Bitcoin block {height} attests existence" in done.stdout + done.stderr
    assert done.returncode == 0
    (tmp_path / "manifest.json").write_bytes(DATA + b" ")
    assert ots(chain, "verify", "manifest.json.ots", cwd=tmp_path).returncode != 0


def test_a_proof_that_the_usual_client_made_is_read(anchor: OpenTimestampsAnchor, chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(DATA)
    stamped = ots(chain, "stamp", "-c", chain.url, "-m", "1", "manifest.json", cwd=tmp_path)
    assert stamped.returncode == 0, stamped.stderr
    made = dataclasses.replace(anchor.submit(DIGEST), proof=(tmp_path / "manifest.json.ots").read_bytes())
    chain.mine()
    assert anchor.upgrade(DIGEST, made).state is ReceiptState.COMPLETE


def test_calendars_never_see_the_digest_itself(chain: Chain) -> None:
    seen: list[bytes] = []

    def watch(question: Question) -> Answer:
        seen.append(question.body)
        return chain.answer(question)

    server = LoopbackServer()
    with server.running(watch):
        for _ in range(2):
            anchor_to(chain, server.url).submit(DIGEST)
    assert len(set(seen)) == 2
    assert DIGEST.raw not in seen


def test_one_calendar_of_several_is_enough(chain: Chain) -> None:
    gone = LoopbackServer()
    gone.close()
    receipt = anchor_to(chain, gone.url, chain.url).submit(DIGEST)
    chain.mine()
    assert anchor_to(chain).upgrade(DIGEST, receipt).state is ReceiptState.COMPLETE
    with pytest.raises(ServiceMissingError, match="No calendar"):
        anchor_to(chain, gone.url).submit(DIGEST)


def test_a_calendar_that_talks_nonsense_is_a_missing_service(chain: Chain) -> None:
    server = LoopbackServer()
    with server.running(lambda _: Answer(b"nonsense")), pytest.raises(ServiceMissingError, match="can't be read"):
        anchor_to(chain, server.url).submit(DIGEST)


def test_a_silent_calendar_counts_as_nothing_new(tmp_path: Path) -> None:
    with running_chain(tmp_path) as chain:
        anchor = anchor_to(chain)
        receipt = anchor.submit(DIGEST)
    assert anchor.upgrade(DIGEST, receipt) is receipt


def test_only_known_calendars_are_asked(anchor: OpenTimestampsAnchor) -> None:
    asked: list[str] = []

    def watch(question: Question) -> Answer:
        asked.append(question.path)
        return Answer(b"", status=404)

    server = LoopbackServer()
    with server.running(watch):
        stamp = Timestamp(DIGEST.raw)
        stamp.attestations.add(PendingAttestation(server.url))
        receipt = dataclasses.replace(anchor.submit(DIGEST), proof=proofs.write_proof(stamp))
        assert anchor.upgrade(DIGEST, receipt) is receipt
    assert asked == []


def test_a_calendar_that_names_a_block_without_the_digest_is_found_out(chain: Chain) -> None:
    height = chain.mine()

    def lie(question: Question) -> Answer:
        if question.method == "POST":
            stamp = Timestamp(question.body)
            stamp.attestations.add(BitcoinBlockHeaderAttestation(height))
            return Answer(proofs.write_stamp(stamp))
        return Answer(b"", status=404)

    server = LoopbackServer()
    with server.running(lie):
        anchor = anchor_to(chain, server.url)
        receipt = anchor.submit(DIGEST)
        with pytest.raises(IntegrityError, match="doesn't hold"):
            anchor.upgrade(DIGEST, receipt)


def test_a_receipt_of_another_digest_is_not_upgraded(anchor: OpenTimestampsAnchor) -> None:
    receipt = anchor.submit(DIGEST)
    with pytest.raises(IntegrityError, match="another digest"):
        anchor.upgrade(Digest.of(b"other"), receipt)


def test_a_restarted_chain_continues(tmp_path: Path) -> None:
    with running_chain(tmp_path) as first:
        port = int(first.url.rpartition(":")[2])
        first.mine()
        receipt = anchor_to(first).submit(DIGEST)
    with (tmp_path / "headers").open("ab") as file:
        file.write(b"torn")
    with running_chain(tmp_path, port) as second:
        assert (second.blocks.tip, second.pending) == (1, 1)
        second.mine()
        complete = anchor_to(second).upgrade(DIGEST, receipt)
    assert complete.state is ReceiptState.COMPLETE


def test_a_chain_with_a_foreign_block_does_not_start(tmp_path: Path) -> None:
    with running_chain(tmp_path) as chain:
        chain.mine()
    header = (tmp_path / "headers").read_bytes()[80:]
    (tmp_path / "headers").write_bytes(header)
    with pytest.raises(ConfigError, match="can't be read"):
        Chain(tmp_path, "http://127.0.0.1:9")


def test_blocks_come_by_themselves_when_asked_to(tmp_path: Path) -> None:
    with running_chain(tmp_path, every=0.01) as chain:
        anchor = anchor_to(chain)
        receipt = anchor.submit(DIGEST)
        while receipt.state is ReceiptState.PENDING:
            receipt = anchor.upgrade(DIGEST, receipt)
    assert receipt.time is not None


def test_a_block_of_the_trial_chain_is_an_unknown_witness_on_the_main_chain(complete: Receipt) -> None:
    with pytest.raises(UnknownWitnessError, match="too easy"):
        proofs.verify_proof(complete.proof, DIGEST, headers_in(complete.material), "main")


def test_a_missing_header_leaves_the_proof_open(complete: Receipt) -> None:
    with pytest.raises(PendingProofError, match="block 1 isn't at hand"):
        proofs.verify_proof(complete.proof, DIGEST, {2: bytes(80)}, "regtest")


def test_another_blocks_header_fails(complete: Receipt, chain: Chain) -> None:
    chain.mine()
    header = chain.blocks.header(1)
    assert header is not None
    with pytest.raises(IntegrityError, match="doesn't hold what"):
        proofs.verify_proof(complete.proof, DIGEST, {1: header}, "regtest")


def test_another_digest_fails(complete: Receipt) -> None:
    with pytest.raises(IntegrityError, match="another digest"):
        proofs.verify_proof(complete.proof, Digest.of(b""), headers_in(complete.material), "regtest")


@given(data=st.data())
def test_a_flipped_bit_of_the_proof_never_goes_through(complete: Receipt, data: st.DataObject) -> None:
    changed = bytearray(complete.proof)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = proofs.verify_proof(bytes(changed), DIGEST, headers_in(complete.material), "regtest")
        assert found == (1, complete.time)
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - the calendar's address isn't part of what is proved


@given(data=st.data())
def test_a_flipped_bit_of_the_header_never_moves_the_time(complete: Receipt, data: st.DataObject) -> None:
    changed = bytearray(headers_in(complete.material)[1])
    position = data.draw(st.integers(4, 79).filter(lambda each: not 36 <= each < 68))
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    header = parse_header(bytes(changed))
    if int.from_bytes(header.hash, "little") <= header.target:
        return  # one in two: on the trial chain work is free
    with pytest.raises(IntegrityError, match="no proof of work"):
        proofs.verify_proof(complete.proof, DIGEST, {1: bytes(changed)}, "regtest")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(junk=st.binary(max_size=300))
def test_bytes_that_are_no_proof_are_refused_with_a_sentence(junk: bytes) -> None:
    magic = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"
    for data in (junk, magic + junk, magic + DIGEST.raw + junk, magic + DIGEST.raw + b"\xf2" + junk):
        with pytest.raises(IntegrityError):
            proofs.verify_proof(data, DIGEST, {}, "main")


def test_a_number_of_any_length_is_refused_at_once() -> None:
    magic = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08" + DIGEST.raw
    giant = Timestamp(DIGEST.raw)
    giant.attestations.add(BitcoinBlockHeaderAttestation(10**6000))
    with pytest.raises(IntegrityError, match="can't be read"):
        proofs.verify_proof(proofs.write_proof(giant), DIGEST, {}, "main")
    with pytest.raises(IntegrityError, match="can't be read"):
        proofs.read_stamp(proofs.write_stamp(giant), DIGEST.raw)
    began = time.monotonic()
    with pytest.raises(IntegrityError, match="can't be read"):
        proofs.verify_proof(magic + b"\xf0" + b"\xff" * 200_000, DIGEST, {}, "main")
    assert time.monotonic() - began < 0.5


def test_blocks_that_anybody_can_make_count_in_development_only(chain: Chain) -> None:
    blocks = JsonRpcBlocks(chain.url, SESSION, "regtest")
    with pytest.raises(ConfigError, match="anybody can make"):
        OpenTimestampsAnchor("local", [chain.url], blocks, development=False, session=SESSION)
    with pytest.raises(ConfigError, match="no calendar"):
        OpenTimestampsAnchor("local", [], blocks, development=True, session=SESSION)


def test_the_main_chain_needs_six_confirmations(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(opentimestamps.CONFIRMATIONS, "regtest", 6)
    anchor = anchor_to(chain)
    receipt = anchor.submit(DIGEST)
    chain.mine()
    attested = anchor.upgrade(DIGEST, receipt)
    assert attested.state is ReceiptState.PENDING
    assert attested.proof != receipt.proof
    for _ in range(5):
        chain.mine()
    assert anchor.upgrade(DIGEST, attested).state is ReceiptState.COMPLETE


def test_headers_come_from_an_explorer_as_from_a_node(chain: Chain) -> None:
    chain.mine()
    node = JsonRpcBlocks(chain.url, SESSION, "regtest")
    first = chain.blocks.header(1)
    assert first is not None

    def explorer(question: Question) -> Answer:
        known = {
            "/api/blocks/tip/height": "1",
            "/api/block-height/1": parse_header(first).text,
            f"/api/block/{parse_header(first).text}/header": first.hex(),
        }
        found = known.get(question.path)
        return Answer((found or "Block not found").encode(), "text/plain", 200 if found else 404)

    server = LoopbackServer()
    with server.running(explorer):
        esplora = EsploraBlocks(f"{server.url}/api/", SESSION)
        assert (esplora.tip(), esplora.header(1)) == (node.tip(), node.header(1)) == (1, first)
        for source in (esplora, node):
            with pytest.raises(ServiceMissingError):
                source.header(2)


def test_a_node_is_asked_with_the_credentials_that_its_file_holds_at_that_moment(chain: Chain, tmp_path: Path) -> None:
    cookie = tmp_path / ".cookie"
    asked: list[str] = []

    def strict(question: Question) -> Answer:
        asked.append(question.headers.get("authorization", ""))
        return chain.answer(question) if asked[-1] == wanted else Answer(b"", "text/plain", 401)

    server = LoopbackServer()
    with server.running(strict):
        blocks = JsonRpcBlocks(server.url, SESSION, "regtest", cookie)
        with pytest.raises(ServiceMissingError, match=r"cookie can't be read"):
            blocks.tip()
        for line in ("__cookie__:1a2b", "anna:with:colon"):
            cookie.write_text(f"{line}\n")
            wanted = "Basic " + base64.b64encode(line.encode()).decode()
            assert blocks.tip() == chain.blocks.tip
        cookie.write_text("anna:guessed")
        with pytest.raises(ServiceMissingError, match="other credentials") as raised:
            blocks.tip()
    assert "guessed" not in str(raised.value)


def test_what_the_calendars_gave_is_kept_while_the_node_is_silent(chain: Chain) -> None:
    gone = LoopbackServer()
    gone.close()
    blocks = JsonRpcBlocks(gone.url, SESSION, "regtest")
    blind = OpenTimestampsAnchor("local", [chain.url], blocks, development=True, session=SESSION)
    pending = blind.submit(DIGEST)
    chain.mine()
    grown = blind.upgrade(DIGEST, pending)
    assert grown.state is ReceiptState.PENDING
    assert grown.proof != pending.proof
    with pytest.raises(ServiceMissingError):
        blind.upgrade(DIGEST, grown)
    assert anchor_to(chain, gone.url).upgrade(DIGEST, grown).state is ReceiptState.COMPLETE


def test_without_a_source_of_blocks_a_proof_names_its_block_and_stays_pending(chain: Chain) -> None:
    alone = OpenTimestampsAnchor("local", [chain.url], None, development=True, session=SESSION)
    pending = alone.submit(DIGEST)
    chain.mine()
    grown = alone.upgrade(DIGEST, pending)
    assert proofs.block_attestations(proofs.read_proof(grown.proof))
    assert alone.upgrade(DIGEST, grown) is grown
    assert grown.state is ReceiptState.PENDING


@pytest.mark.parametrize("answer", ["[]", "null", "{}", '{"error": null, "result": "00"}', "<html>", '{"error": 1}'])
def test_a_node_that_talks_nonsense_is_a_missing_service(answer: str) -> None:
    server = LoopbackServer()
    with server.running(lambda _: Answer(answer.encode())), pytest.raises(ServiceMissingError):
        JsonRpcBlocks(server.url, SESSION, "regtest").header(1)


@pytest.mark.parametrize("call", [{"method": "nothing"}, {"method": "getblockhash", "params": []}, [], {"params": 1}])
def test_the_development_node_answers_odd_calls_with_an_error(chain: Chain, call: object) -> None:
    answer = chain.answer(Question("POST", "/", json.dumps(call).encode()))
    assert answer.status == 500
    assert json.loads(answer.body)["error"] is not None
