"""Test that timestamps count only by the pinned list, and that it may require a number of them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.anchors.evm.proofs import EvmPending
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.bundle.bag import AnchorProof, Proofs, compute_checkpoint_digest
from evidence.development.authority import run_authority
from evidence.facts.case import TimestampFacts
from evidence.formats.codec import FormatError
from evidence.log.notes import format_cosigner_key
from evidence.verdict.result import UNLISTED, State
from evidence.verdict.trust import Requirements, Trust
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.errors import ExitCode
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from exhibit.ports import Receipt, ReceiptState
from tests.assets.bundles import Scene, reseal
from tests.assets.partners import new_signer
from tests.assets.timestamp_services import add_cosignature, request_ledger_entry, request_timestamps


def test_pinned_block_hash_is_accepted_only_for_its_own_chain(scene: Scene, bundle: Path) -> None:
    [ledger] = scene.trust.ledgers
    name = "anchor:evm-checkpoint-test-ledger.json"
    checks = {check.name: check for check in Verifier(scene.trust).verify(bundle).checks}
    assert checks[name].state is State.PASSED
    assert checks[name].sentence.startswith("Block 2 of Test")
    other = replace(ledger, blocks=(Digest.from_bytes(b"another block"),))
    for pinned in ((), (other,), (replace(ledger, chain=1),)):
        verdict = Verifier(replace(scene.trust, ledgers=pinned)).verify(bundle)
        [check] = [check for check in verdict.checks if check.name == name]
        assert check.state is State.NOT_CHECKED
        assert f"1337, 0x{ledger.blocks[0].hex}" in check.sentence
        assert not verdict.failures


def test_unconfirmed_transaction_is_pending(scene: Scene, tmp_path: Path) -> None:
    assert scene.proofs.entry is not None
    digest = compute_checkpoint_digest(scene.proofs.entry.checkpoint)
    pending = EvmPending(1337, digest, b"signed").to_json()
    receipt = Receipt("evm", "ledger", True, ReceiptState.PENDING, pending)  # noqa: FBT003 - a field
    proofs = replace(scene.proofs, anchors=(AnchorProof(digest, receipt),))
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "pending.zip", proofs))
    [check] = [check for check in verdict.checks if check.name == "anchor:evm-checkpoint-ledger.json"]
    assert check.state is State.NOT_CHECKED
    assert check.sentence.startswith("pending: ")
    assert verdict.outcome is ExitCode.INCOMPLETE


def test_chain_that_anyone_can_extend_is_accepted_only_by_pinned_blocks(scene: Scene, bundle: Path) -> None:
    [chain] = scene.trust.chains
    for blocks in ((), (scene.sealed_case.seal_digest,)):
        trust = replace(scene.trust, chains=(replace(chain, blocks=blocks),))
        [check] = [check for check in Verifier(trust).verify(bundle).checks if check.name.endswith(".ots")]
        assert (check.state, check.time) == (State.NOT_CHECKED, None)
    easy = replace(chain, network="main", blocks=(), minimum_difficulty=5e13)
    verdict = Verifier(replace(scene.trust, chains=(easy,))).verify(bundle)
    [check] = [check for check in verdict.checks if check.name.endswith(".ots")]
    assert check.sentence.startswith(UNLISTED)


def test_bundle_meets_required_number_of_timestamp_services(scene: Scene, bundle: Path) -> None:
    for required in (1, 2, 3):
        trust = replace(scene.trust, requires=Requirements(required, ("match",)))
        assert Verifier(trust).verify(bundle).outcome is ExitCode.DONE


def test_required_number_of_cosigners_is_enforced(scene: Scene, tmp_path: Path) -> None:
    cosigned, trust = add_cosignature(scene.log, scene.proofs, scene.trust)
    path = scene.write(tmp_path / "cosigned.zip", cosigned)
    assert Verifier(scene.trust).verify(path).outcome is ExitCode.DONE  # not required
    checks = {check.name: check for check in Verifier(trust).verify(path).checks}
    assert checks["anchor:checkpoint-test-witness.cosigned"].sentence.startswith("Test witness ")
    assert checks["cosigned"].sentence.endswith(": 1 of 1: Test witness.")
    assert Verifier(trust).verify(path).outcome is ExitCode.DONE
    other = replace(trust.cosigners[0], name="Other", vkey=format_cosigner_key("o.example", new_signer().public_key))
    more = replace(trust, cosigners=(*trust.cosigners, other), requires=Requirements(1, cosigners=2))
    verdict = Verifier(more).verify(path)
    assert verdict.outcome is ExitCode.INCOMPLETE
    [check] = [check for check in verdict.checks if check.name == "cosigned"]
    assert ": 1 of 2" in check.sentence
    assert Verifier(trust).verify(scene.write(tmp_path / "without.zip")).outcome is ExitCode.INCOMPLETE


def test_list_requiring_more_cosigners_than_pinned_is_rejected(scene: Scene) -> None:
    wrong = replace(scene.trust, requires=Requirements(1, cosigners=1))
    with pytest.raises(FormatError, match="1 cosigners but lists 0"):
        Trust.from_json(wrong.to_json())


def test_timestamps_of_same_authority_count_once(scene: Scene, tmp_path: Path) -> None:
    stamps = tuple(anchor for anchor in scene.proofs.anchors if anchor.receipt.kind == "rfc3161")
    assert len(stamps) == 2
    path = scene.write(tmp_path / "b.zip", replace(scene.proofs, anchors=stamps))
    assert Verifier(scene.trust).verify(path).outcome is ExitCode.DONE
    verdict = Verifier(replace(scene.trust, requires=Requirements(2, ("match",)))).verify(path)
    assert verdict.outcome is ExitCode.INCOMPLETE
    assert [check.state for check in verdict.checks if check.name == "time"] == [State.NOT_CHECKED]


def test_earlier_checkpoint_timestamp_does_not_cover_bundle(scene: Scene, tmp_path: Path) -> None:
    [sighting] = scene.facts.sightings
    assert sighting.slice is not None
    early = compute_checkpoint_digest(sighting.slice.log.checkpoint)
    with run_authority(scene.folder / "authority") as authority:
        session = create_guarded_session(Guard(("127.0.0.0/8",)))
        anchor = Rfc3161Anchor("Early", authority.url, [scene.root_pem], development=True, session=session)
        proofs = replace(scene.proofs, anchors=(AnchorProof(early, anchor.submit(early)),))
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "early.zip", proofs))
    [check] = [check for check in verdict.checks if check.name.startswith("anchor:")]
    assert check.state is State.PASSED
    assert "checkpoint of slice:01" in check.sentence
    assert verdict.outcome is ExitCode.INCOMPLETE


def test_pending_receipt_is_not_checked(scene: Scene, tmp_path: Path) -> None:
    [ots] = [anchor for anchor in scene.proofs.anchors if anchor.receipt.kind == "opentimestamps"]
    pending = replace(ots, receipt=replace(ots.receipt, material=()))
    proofs = Proofs(scene.proofs.entry, scene.proofs.consistency, (pending,))
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "young.zip", proofs))
    [check] = [check for check in verdict.checks if check.name.endswith(".ots")]
    assert check.sentence.startswith("pending")
    assert verdict.outcome is ExitCode.INCOMPLETE


@pytest.mark.parametrize(
    ("hours", "development", "state"),
    [(0, True, State.PASSED), (0, False, State.FAILED), (-1, True, State.FAILED), (None, True, State.NOT_CHECKED)],
)
def test_timestamp_in_facts_is_compared_with_its_receipt(
    scene: Scene, tmp_path: Path, hours: int | None, *, development: bool, state: State
) -> None:
    registration = scene.facts.work.registration
    assert registration is not None
    head = compute_checkpoint_digest(registration.checkpoint)
    with run_authority(scene.folder / "authority") as authority:
        session = create_guarded_session(Guard(("127.0.0.0/8",)))
        receipt = Rfc3161Anchor("Early", authority.url, [scene.root_pem], development=True, session=session).submit(
            head
        )
    assert receipt.time is not None
    stated_time = receipt.time + timedelta(hours=hours or 0)
    timestamp_facts = TimestampFacts("rfc3161", "Early", development, "complete", "checkpoint", stated_time)
    other = reseal(scene, replace(scene.facts, timestamps=(timestamp_facts,)))
    proofs = replace(other.proofs, anchors=() if hours is None else (AnchorProof(head, receipt),))
    verdict = Verifier(scene.trust).verify(other.write(tmp_path / "b.zip", proofs))
    [check] = [check for check in verdict.checks if check.name == "timestamps"]
    assert check.state is state, check.sentence


def test_every_kind_of_timestamp_may_appear_in_facts(scene: Scene, tmp_path: Path) -> None:
    registration = scene.facts.work.registration
    assert registration is not None
    head = compute_checkpoint_digest(registration.checkpoint)
    anchors, _, block = request_timestamps(scene.folder / "registration", head, head)
    logged_on_chain, ledger = request_ledger_entry(head)
    anchors_used = (*anchors[1:], logged_on_chain)
    timestamp_facts = tuple(
        TimestampFacts(proof.receipt.kind, proof.receipt.service, True, "complete", "checkpoint", proof.receipt.time)  # noqa: FBT003 - a field
        for proof in anchors_used
    )
    (chain,) = scene.trust.chains
    trust = replace(scene.trust, chains=(replace(chain, blocks=(block,)),), ledgers=(ledger,))
    other = reseal(scene, replace(scene.facts, timestamps=timestamp_facts))
    verdict = Verifier(trust).verify(other.write(tmp_path / "b.zip", replace(other.proofs, anchors=anchors_used)))
    [check] = [check for check in verdict.checks if check.name == "timestamps"]
    assert check.state is not State.FAILED, check.sentence


def test_cosigners_require_consistency_with_registration(scene: Scene, tmp_path: Path) -> None:
    proofs, trust = add_cosignature(scene.log, scene.proofs, scene.trust)
    proofs = replace(proofs, consistency=())
    verdict = Verifier(trust).verify(scene.write(tmp_path / "b.zip", proofs))
    states = {check.name: check.state for check in verdict.checks}
    assert (states["consistency"], states["cosigned"]) == (State.FAILED, State.NOT_CHECKED)
