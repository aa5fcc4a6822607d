"""Test the contract of the port ``Anchor`` with every adapter.

To add an adapter, define a fixture that returns an ``AnchorSetup`` and add its name to ``ANCHORS``.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.anchors.cosignature.anchor import LogWitnessAnchor
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
from exhibit.network.http import create_guarded_session
from exhibit.ports import Anchor, ReceiptState
from tests.assets.error_counts import log_of
from tests.assets.evm_ledger import running_ledger
from tests.assets.local_witness import running_witness

DIGEST = Digest.from_bytes(b"checkpoint")
SESSION = create_guarded_session(Guard(allowed_networks=("127.0.0.0/8",)), timeout=5)

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
    note = log.sign_checkpoint().note
    monkeypatch.setattr(sys.modules[__name__], "DIGEST", Digest.from_bytes(note.encode()))

    def anchor(url: str) -> Anchor:
        return LogWitnessAnchor(
            "cosigner", url, witness.vkey, SingleCheckpointLog(note), development=True, session=SESSION
        )

    with running_witness() as witness:
        witness.add_log(log.get_verifier_key())
        witness.time = int(now().timestamp())
        yield AnchorSetup(anchor(witness.url), lambda: None, anchor("http://127.0.0.1:9"))


@pytest.fixture(params=ANCHORS)
def anchor_setup(request: pytest.FixtureRequest) -> AnchorSetup:
    fixture: AnchorSetup = request.getfixturevalue(request.param)
    return fixture


def test_digest_is_timestamped_close_to_now(anchor_setup: AnchorSetup) -> None:
    anchor = anchor_setup.anchor
    receipt = anchor.submit(DIGEST)
    assert (receipt.kind, receipt.service, receipt.development) == (anchor.kind, anchor.name, anchor.development)
    anchor_setup.speak()
    receipt = anchor.upgrade(DIGEST, receipt)
    assert receipt.state is ReceiptState.COMPLETE
    assert receipt.time is not None
    assert receipt.time == anchor.verify(DIGEST, receipt)
    assert receipt.time.utcoffset() == timedelta(0)
    assert abs(now() - receipt.time) < timedelta(minutes=5)
    assert anchor.upgrade(DIGEST, receipt) == receipt


def test_upgrade_without_new_data_returns_same_receipt(anchor_setup: AnchorSetup) -> None:
    receipt = anchor_setup.anchor.submit(DIGEST)
    assert anchor_setup.anchor.upgrade(DIGEST, receipt) == receipt


def test_receipt_fails_for_other_digest(anchor_setup: AnchorSetup) -> None:
    receipt = anchor_setup.anchor.submit(DIGEST)
    anchor_setup.speak()
    receipt = anchor_setup.anchor.upgrade(DIGEST, receipt)
    with pytest.raises(IntegrityError):
        anchor_setup.anchor.verify(Digest.from_bytes(b"another"), receipt)


def test_damaged_receipt_fails(anchor_setup: AnchorSetup) -> None:
    receipt = anchor_setup.anchor.submit(DIGEST)
    anchor_setup.speak()
    receipt = anchor_setup.anchor.upgrade(DIGEST, receipt)
    for proof in (b"", receipt.proof[:-1], receipt.proof[: len(receipt.proof) // 2], b"\x00" * 100):
        with pytest.raises(IntegrityError):
            anchor_setup.anchor.verify(DIGEST, dataclasses.replace(receipt, proof=proof))


def test_unreachable_timestamp_service_can_be_retried(anchor_setup: AnchorSetup) -> None:
    with pytest.raises(ServiceMissingError) as raised:
        anchor_setup.absent.submit(DIGEST)
    assert raised.value.retry


def test_file_names_of_timestamp_material_are_unique_and_safe(anchor_setup: AnchorSetup) -> None:
    receipt = anchor_setup.anchor.submit(DIGEST)
    anchor_setup.speak()
    names = [name for name, _ in anchor_setup.anchor.upgrade(DIGEST, receipt).material]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and not name.startswith(".") for name in names)
