"""Test that blocks from a node or an explorer are queried and trusted within limits."""

import base64
from pathlib import Path

import pytest

from evidence.anchors.opentimestamps import anchor as opentimestamps, proofs
from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.anchors.opentimestamps.blocks import EsploraBlocks, JsonRpcBlocks
from evidence.anchors.opentimestamps.proofs import parse_header
from evidence.development.chain import Chain
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.errors import ConfigError, ServiceMissingError
from exhibit.ports import ReceiptState
from tests.assets.ots import DIGEST, SESSION, anchor_to


def test_regtest_blocks_are_accepted_only_in_development(chain: Chain) -> None:
    blocks = JsonRpcBlocks(chain.url, SESSION, "regtest")
    with pytest.raises(ConfigError, match="anyone can create"):
        OpenTimestampsAnchor("local", [chain.url], blocks, development=False, session=SESSION)
    with pytest.raises(ConfigError, match="no calendar"):
        OpenTimestampsAnchor("local", [], blocks, development=True, session=SESSION)


def test_main_chain_needs_six_confirmations(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(opentimestamps.CONFIRMATIONS, "regtest", 6)
    anchor = anchor_to(chain)
    receipt = anchor.submit(DIGEST)
    chain.mine_block()
    attested = anchor.upgrade(DIGEST, receipt)
    assert attested.state is ReceiptState.PENDING
    assert attested.proof != receipt.proof
    for _ in range(5):
        chain.mine_block()
    assert anchor.upgrade(DIGEST, attested).state is ReceiptState.COMPLETE


def test_explorer_headers_equal_node_headers(chain: Chain) -> None:
    chain.mine_block()
    node = JsonRpcBlocks(chain.url, SESSION, "regtest")
    first = chain.blocks.get_header(1)
    assert first is not None

    def explorer(question: HttpRequest) -> HttpResponse:
        responses = {
            "/api/blocks/tip/height": "1",
            "/api/block-height/1": parse_header(first).display_hash,
            f"/api/block/{parse_header(first).display_hash}/header": first.hex(),
        }
        text = responses.get(question.path)
        return HttpResponse((text or "Block not found").encode(), "text/plain", 200 if text else 404)

    server = LoopbackServer()
    with server.serve(explorer):
        esplora = EsploraBlocks(f"{server.url}/api/", SESSION)
        assert (
            (esplora.get_tip_height(), esplora.fetch_header(1))
            == (node.get_tip_height(), node.fetch_header(1))
            == (1, first)
        )
        for source in (esplora, node):
            with pytest.raises(ServiceMissingError):
                source.fetch_header(2)


def test_node_credentials_are_reread_from_file(chain: Chain, tmp_path: Path) -> None:
    cookie = tmp_path / ".cookie"
    requests: list[str] = []

    def strict(question: HttpRequest) -> HttpResponse:
        requests.append(question.headers.get("authorization", ""))
        return chain.handle_request(question) if requests[-1] == expected else HttpResponse(b"", "text/plain", 401)

    server = LoopbackServer()
    with server.serve(strict):
        blocks = JsonRpcBlocks(server.url, SESSION, "regtest", cookie)
        with pytest.raises(ServiceMissingError, match=r"cookie cannot be read"):
            blocks.get_tip_height()
        for line in ("__cookie__:1a2b", "anna:with:colon"):
            cookie.write_text(f"{line}\n")
            expected = "Basic " + base64.b64encode(line.encode()).decode()
            assert blocks.get_tip_height() == chain.blocks.tip_height
        cookie.write_text("anna:guessed")
        with pytest.raises(ServiceMissingError, match="rejected the credentials") as raised:
            blocks.get_tip_height()
    assert "guessed" not in str(raised.value)


def test_proof_stays_pending_without_block_source(chain: Chain) -> None:
    alone = OpenTimestampsAnchor("local", [chain.url], None, development=True, session=SESSION)
    pending = alone.submit(DIGEST)
    chain.mine_block()
    grown = alone.upgrade(DIGEST, pending)
    assert proofs.parse_attestations(grown.proof).blocks
    assert alone.upgrade(DIGEST, grown) is grown
    assert grown.state is ReceiptState.PENDING


@pytest.mark.parametrize("answer", ["[]", "null", "{}", '{"error": null, "result": "00"}', "<html>", '{"error": 1}'])
def test_malformed_node_response_is_reported_as_missing_service(answer: str) -> None:
    server = LoopbackServer()
    with server.serve(lambda _: HttpResponse(answer.encode())), pytest.raises(ServiceMissingError):
        JsonRpcBlocks(server.url, SESSION, "regtest").fetch_header(1)
