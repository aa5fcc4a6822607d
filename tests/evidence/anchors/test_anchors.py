"""Test the contract of the port ``Anchor`` with every adapter.

To add an adapter, define a fixture that returns a ``AnchorSetup`` and add its name to ``ANCHORS``.
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
from evidence.development.authority import run_authority
from evidence.development.chain import run_chain
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.ports import Anchor, ReceiptState
from tests.assets.error_counts import log_of
from tests.assets.evm_ledger import running_ledger
from tests.assets.local_witness import running_witness

DIGEST = Digest.of(b"checkpoint")
SESSION = guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)

ANCHORS = ["timestamp_authority", "calendar", "evm_chain", "cosigner"]


@dataclass(frozen=True)
class AnchorSetup:
    """An anchor, a function that makes its service respond, and the same anchor without a running service."""

    anchor: Anchor
    speak: Callable[[], object]
    absent: Anchor


@pytest.fixture
def timestamp_authority(tmp_path: Path) -> Iterator[AnchorSetup]:
    def anchor(url: str) -> Anchor:
        return Rfc3161Anchor("authority", url, [authority.root_pem], development=True, session=SESSION)

    with run_authority(tmp_path) as authority:
        yield AnchorSetup(anchor(authority.url), lambda: None, anchor("http://127.0.0.1:9/"))


@pytest.fixture
def calendar(tmp_path: Path) -> Iterator[AnchorSetup]:
    def anchor(url: str) -> Anchor:
        blocks = JsonRpcBlocks(chain.url, SESSION, "regtest")
        return OpenTimestampsAnchor("calendar", [url], blocks, development=True, session=SESSION)

    with run_chain(tmp_path) as chain:
        yield AnchorSetup(anchor(chain.url), chain.mine_block, anchor("http://127.0.0.1:9"))


@pytest.fixture
def evm_chain() -> Iterator[AnchorSetup]:
    with running_ledger() as ledger:
        present, absent = ledger.anchor(), ledger.anchor(url="http://127.0.0.1:9")

        def speak() -> None:
            present.upgrade(DIGEST, present.submit(DIGEST))
            ledger.chain.mine_blocks()

        yield AnchorSetup(present, speak, absent)


class SingleCheckpointLog:
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
def cosigner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AnchorSetup]:
    log = log_of(tmp_path)
    log.append([Entry(EntryType.SLICE, now(), b"\x01" * 32)])
    note = log.checkpoint().note
    monkeypatch.setattr(sys.modules[__name__], "DIGEST", Digest.of(note.encode()))

    def anchor(url: str) -> Anchor:
        return WitnessAnchor(
            "cosigner", url, witness.vkey, SingleCheckpointLog(note), development=True, session=SESSION
        )

    with running_witness() as witness:
        witness.add_log(log.vkey())
        witness.time = int(now().timestamp())
        yield AnchorSetup(anchor(witness.url), lambda: None, anchor("http://127.0.0.1:9"))


@pytest.fixture(params=ANCHORS)
def timestamped(request: pytest.FixtureRequest) -> AnchorSetup:
    fixture: AnchorSetup = request.getfixturevalue(request.param)
    return fixture


def test_a_digest_is_timestamped_in_the_end_and_the_time_is_close(timestamped: AnchorSetup) -> None:
    anchor = timestamped.anchor
    receipt = anchor.submit(DIGEST)
    assert (receipt.kind, receipt.witness, receipt.development) == (anchor.kind, anchor.name, anchor.development)
    timestamped.speak()
    receipt = anchor.upgrade(DIGEST, receipt)
    assert receipt.state is ReceiptState.COMPLETE
    assert receipt.time is not None
    assert receipt.time == anchor.verify(DIGEST, receipt)
    assert receipt.time.utcoffset() == timedelta(0)
    assert abs(now() - receipt.time) < timedelta(minutes=5)
    assert anchor.upgrade(DIGEST, receipt) == receipt


def test_nothing_new_gives_the_same_receipt(timestamped: AnchorSetup) -> None:
    receipt = timestamped.anchor.submit(DIGEST)
    assert timestamped.anchor.upgrade(DIGEST, receipt) == receipt


def test_a_receipt_says_nothing_about_another_digest(timestamped: AnchorSetup) -> None:
    receipt = timestamped.anchor.submit(DIGEST)
    timestamped.speak()
    receipt = timestamped.anchor.upgrade(DIGEST, receipt)
    with pytest.raises(IntegrityError):
        timestamped.anchor.verify(Digest.of(b"another"), receipt)


def test_a_damaged_receipt_fails_with_a_sentence(timestamped: AnchorSetup) -> None:
    receipt = timestamped.anchor.submit(DIGEST)
    timestamped.speak()
    receipt = timestamped.anchor.upgrade(DIGEST, receipt)
    for proof in (b"", receipt.proof[:-1], receipt.proof[: len(receipt.proof) // 2], b"\x00" * 100):
        with pytest.raises(IntegrityError):
            timestamped.anchor.verify(DIGEST, dataclasses.replace(receipt, proof=proof))


def test_an_unreachable_timestamp_service_is_a_missing_service_that_may_come_back(timestamped: AnchorSetup) -> None:
    with pytest.raises(ServiceMissingError) as raised:
        timestamped.absent.submit(DIGEST)
    assert raised.value.retry


def test_material_has_names_that_can_lie_in_one_folder(timestamped: AnchorSetup) -> None:
    receipt = timestamped.anchor.submit(DIGEST)
    timestamped.speak()
    names = [name for name, _ in timestamped.anchor.upgrade(DIGEST, receipt).material]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and not name.startswith(".") for name in names)
