"""Test that silent, verbose or lying calendars do not spoil another calendar's result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend
from opentimestamps.core.timestamp import Timestamp

from evidence.anchors import fetch
from evidence.anchors.opentimestamps import anchor as opentimestamps, proofs
from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.development.chain import Chain, run_chain
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.errors import ServiceMissingError
from exhibit.ports import ReceiptState
from tests.assets.ots import DIGEST, SESSION, anchor_to


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with run_chain(tmp_path / "chain") as running:
        yield running


@contextmanager
def calendar(answer: Callable[[bytes], Timestamp], asked: list[str] | None = None) -> Iterator[str]:
    """Run a calendar that responds to each commitment with this function, and yield its URL."""

    def serve(question: HttpRequest) -> HttpResponse:
        if asked is not None:
            asked.append(question.path)
        posted = question.method == "POST"
        return HttpResponse(
            proofs.write_timestamp(answer(question.body if posted else bytes.fromhex(question.path[11:])))
        )

    server = LoopbackServer()
    with server.serve(serve):
        yield server.url


def build_attested_stamp(message: bytes, height: int) -> Timestamp:
    stamp = Timestamp(message)
    stamp.attestations.add(BitcoinBlockHeaderAttestation(height))
    return stamp


def build_deep_stamp(message: bytes) -> Timestamp:
    stamp = tip = Timestamp(message)
    for _ in range(254):
        tip = tip.ops.add(OpAppend(b"x"))
    tip.attestations.add(PendingAttestation("https://a.example"))
    return stamp


def build_long_stamp(message: bytes) -> Timestamp:
    stamp = Timestamp(message)
    for number in range(10):
        tip = stamp.ops.add(OpAppend(bytes([number]) * 1500))
        tip.attestations.add(PendingAttestation("https://a.example"))
    return stamp


@pytest.mark.parametrize(
    "answer", [build_deep_stamp, build_long_stamp, lambda message: build_attested_stamp(message, 1)]
)
def test_invalid_response_of_one_calendar_does_not_affect_other_calendars(
    chain: Chain, answer: Callable[[bytes], Timestamp]
) -> None:
    with calendar(answer) as url:
        for calendars in ((url, chain.url), (chain.url, url)):
            anchor = anchor_to(chain, *calendars)
            receipt = anchor.submit(DIGEST)
            chain.mine_block()
            complete = anchor.upgrade(DIGEST, receipt)
            assert complete.state is ReceiptState.COMPLETE
            assert anchor.verify(DIGEST, complete) == complete.time


@pytest.mark.parametrize(
    ("answer", "words"), [(build_deep_stamp, "cannot be read"), (build_long_stamp, "did not respond")]
)
def test_calendar_response_that_is_too_long_or_too_deep_is_ignored(
    chain: Chain, answer: Callable[[bytes], Timestamp], words: str
) -> None:
    with calendar(answer) as url:
        pending = anchor_to(chain, url, chain.url).submit(DIGEST)
        assert proofs.parse_attestations(pending.proof).other_attestations == (chain.url,)
        with pytest.raises(ServiceMissingError, match=words):
            anchor_to(chain, url).submit(DIGEST)


def test_wrong_path_does_not_hide_valid_path_to_same_block(chain: Chain) -> None:
    height = chain.blocks.tip_height + 1
    with calendar(lambda message: build_attested_stamp(message, height)) as url:
        anchor = anchor_to(chain, url, chain.url)
        receipt = anchor.submit(DIGEST)
        assert chain.mine_block() == height
        complete = anchor.upgrade(DIGEST, receipt)
    heights = [at for at, _ in proofs.parse_attestations(complete.proof).blocks]
    assert heights == [height, height]
    assert anchor.verify(DIGEST, complete) == complete.time


def test_unresponsive_calendar_is_not_retried_immediately(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []
    real = fetch.send_request

    def watched(session: object, url: str, *args: object, **kwargs: object) -> tuple[int, bytes]:
        requested.append(url)
        return real(session, url, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(opentimestamps, "send_request", watched)
    stopped = LoopbackServer()
    stopped.close()
    anchor = anchor_to(chain, stopped.url, chain.url)
    for _ in range(3):
        anchor.submit(DIGEST)
    assert sum(url.startswith(stopped.url) for url in requested) == 1
    monkeypatch.setattr(opentimestamps, "RETRY_SECONDS", 0.0)
    anchor = anchor_to(chain, stopped.url, chain.url)
    for _ in range(2):
        anchor.submit(DIGEST)
    assert sum(url.startswith(stopped.url) for url in requested) == 3


def test_attested_branch_of_a_proof_is_not_requested_again(chain: Chain) -> None:
    requested: list[str] = []

    def watch(question: HttpRequest) -> HttpResponse:
        requested.append(question.method)
        return chain.handle_request(question)

    server = LoopbackServer()
    with server.serve(watch):
        chain.url, own = server.url, chain.url
        anchor = OpenTimestampsAnchor("local", [server.url], None, development=True, session=SESSION)
        receipt = anchor.submit(DIGEST)
        chain.mine_block()
        grown = anchor.upgrade(DIGEST, receipt)
        for _ in range(3):
            assert anchor.upgrade(DIGEST, grown) is grown
        chain.url = own
    assert requested == ["POST", "GET"]
