"""Test the contract of the port ``Anchor`` with every adapter.

To add an adapter, define a fixture that returns a ``Witnessed`` and add its name to ``ANCHORS``.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.anchors.cosignature.anchor import WitnessAnchor
from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.anchors.opentimestamps.blocks import JsonRpcBlocks
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.development.authority import running_authority
from evidence.development.chain import running_chain
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.ports import Anchor, ReceiptState
from tests.assets.counted import log_of
from tests.assets.evm_ledger import running_ledger
from tests.assets.local_witness import running_witness

DIGEST = Digest.of(b"checkpoint")
SESSION = guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)

ANCHORS = ["timestamp_authority", "calendar", "evm_chain", "cosigner"]


@dataclass(frozen=True)
class Witnessed:
    """An anchor, a function that makes its service respond, and the same anchor without a running service."""

    anchor: Anchor
    speak: Callable[[], object]
    absent: Anchor


@pytest.fixture
def timestamp_authority(tmp_path: Path) -> Iterator[Witnessed]:
    def anchor(url: str) -> Anchor:
        return Rfc3161Anchor("authority", url, [authority.root_pem], development=True, session=SESSION)

    with running_authority(tmp_path) as authority:
        yield Witnessed(anchor(authority.url), lambda: None, anchor("http://127.0.0.1:9/"))


@pytest.fixture
def calendar(tmp_path: Path) -> Iterator[Witnessed]:
    def anchor(url: str) -> Anchor:
        blocks = JsonRpcBlocks(chain.url, SESSION, "regtest")
        return OpenTimestampsAnchor("calendar", [url], blocks, development=True, session=SESSION)

    with running_chain(tmp_path) as chain:
        yield Witnessed(anchor(chain.url), chain.mine, anchor("http://127.0.0.1:9"))


@pytest.fixture
def evm_chain() -> Iterator[Witnessed]:
    with running_ledger() as ledger:
        present, absent = ledger.anchor(), ledger.anchor(url="http://127.0.0.1:9")

        def speak() -> None:
            present.upgrade(DIGEST, present.submit(DIGEST))
            ledger.chain.mine()

        yield Witnessed(present, speak, absent)


class OneHead:
    """A log with one checkpoint, whose text has :data:`DIGEST` (port ``OwnLog``)."""

    def __init__(self, note: str) -> None:
        self._note = note

    def note(self, _digest: Digest) -> str:
        return self._note

    def size(self) -> int:
        return 1

    def consistency(self, _old: int, _new: int) -> list[bytes]:
        return []


@pytest.fixture
def cosigner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Witnessed]:
    log = log_of(tmp_path)
    log.append([Entry(EntryType.SLICE, now(), b"\x01" * 32)])
    note = log.checkpoint().note
    monkeypatch.setattr(sys.modules[__name__], "DIGEST", Digest.of(note.encode()))

    def anchor(url: str) -> Anchor:
        return WitnessAnchor("cosigner", url, witness.vkey, OneHead(note), development=True, session=SESSION)

    with running_witness() as witness:
        witness.know(log.vkey())
        witness.time = int(now().timestamp())
        yield Witnessed(anchor(witness.url), lambda: None, anchor("http://127.0.0.1:9"))


@pytest.fixture(params=ANCHORS)
def witnessed(request: pytest.FixtureRequest) -> Witnessed:
    given: Witnessed = request.getfixturevalue(request.param)
    return given


def test_a_digest_is_witnessed_in_the_end_and_the_time_is_close(witnessed: Witnessed) -> None:
    anchor = witnessed.anchor
    receipt = anchor.submit(DIGEST)
    assert (receipt.kind, receipt.witness, receipt.development) == (anchor.kind, anchor.name, anchor.development)
    witnessed.speak()
    receipt = anchor.upgrade(DIGEST, receipt)
    assert receipt.state is ReceiptState.COMPLETE
    assert receipt.time is not None
    assert receipt.time == anchor.verify(DIGEST, receipt)
    assert receipt.time.utcoffset() == timedelta(0)
    assert abs(now() - receipt.time) < timedelta(minutes=5)
    assert anchor.upgrade(DIGEST, receipt) == receipt


def test_nothing_new_gives_the_same_receipt(witnessed: Witnessed) -> None:
    receipt = witnessed.anchor.submit(DIGEST)
    assert witnessed.anchor.upgrade(DIGEST, receipt) == receipt


def test_a_receipt_says_nothing_about_another_digest(witnessed: Witnessed) -> None:
    receipt = witnessed.anchor.submit(DIGEST)
    witnessed.speak()
    receipt = witnessed.anchor.upgrade(DIGEST, receipt)
    with pytest.raises(IntegrityError):
        witnessed.anchor.verify(Digest.of(b"another"), receipt)


def test_a_damaged_receipt_fails_with_a_sentence(witnessed: Witnessed) -> None:
    receipt = witnessed.anchor.submit(DIGEST)
    witnessed.speak()
    receipt = witnessed.anchor.upgrade(DIGEST, receipt)
    for proof in (b"", receipt.proof[:-1], receipt.proof[: len(receipt.proof) // 2], b"\x00" * 100):
        with pytest.raises(IntegrityError):
            witnessed.anchor.verify(DIGEST, dataclasses.replace(receipt, proof=proof))


def test_a_witness_that_is_not_there_is_a_missing_service_that_may_come_back(witnessed: Witnessed) -> None:
    with pytest.raises(ServiceMissingError) as raised:
        witnessed.absent.submit(DIGEST)
    assert raised.value.retry


def test_material_has_names_that_can_lie_in_one_folder(witnessed: Witnessed) -> None:
    receipt = witnessed.anchor.submit(DIGEST)
    witnessed.speak()
    names = [name for name, _ in witnessed.anchor.upgrade(DIGEST, receipt).material]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and not name.startswith(".") for name in names)
