"""Test that sealed log proofs are read back, lead to the leaf, and are renewed by later checkpoints."""

import dataclasses
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.bundle.bag import Proofs
from evidence.formats.codec import FormatError, from_plain, to_plain
from evidence.log import merkle
from evidence.log.notes import parse_note
from evidence.log.proofs import RENEWALS_PATH, LogProof, SightingRecord, SliceTree, compute_record_leaf
from evidence.verdict.result import Check, State, Verdict
from evidence.verify.checks.proofs import MAX_RENEWALS
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.errors import ExitCode
from registry.log import proofs
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import AnchorReceipt, LogCheckpoint
from tests.assets.bundles import Scene
from tests.assets.renewed_bundles import RenewedBundle
from tests.assets.tampering import read_files, update_bag, write_zip
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_entry_round_trips_and_path_leads_to_checkpoint(scene: Scene) -> None:
    proof = scene.proofs.entry
    assert proof is not None
    assert from_plain(LogProof, to_plain(proof), location="entry") == proof
    root = parse_note(proof.checkpoint).root
    assert merkle.verify_inclusion(proof.entry.leaf_hash, proof.sequence, proof.size, proof.path, root)
    for changed in ({"time": datetime(2020, 1, 1, tzinfo=UTC)}, {"type": EntryType.CASE}, {"commitment": bytes(32)}):
        other = dataclasses.replace(proof, **changed)
        assert not merkle.verify_inclusion(other.entry.leaf_hash, proof.sequence, proof.size, proof.path, root)


@pytest.mark.parametrize("wrong", [{"salt": "00"}, {"sequence": -1}, {"size": 0}, {"path": ["zz"]}, {"more": 1}])
def test_malformed_proof_is_rejected(scene: Scene, wrong: dict[str, object]) -> None:
    plain = to_plain(scene.proofs.entry)
    with pytest.raises(FormatError):
        from_plain(LogProof, {**plain, **wrong}, location="entry")


LOG = LogProof(0, EntryType.SLICE, datetime(2026, 11, 20, tzinfo=UTC), bytes(32), bytes(32), {}, 1, (), "")
RECORDS = [
    SightingRecord(
        f"https://shop.example/{number}",
        "https://shop.example/a.jpg",
        "https://cdn.example/a.jpg",
        Digest.from_bytes(bytes([number])),
        200,
        (("Content-Type", "image/jpeg"),),
        "203.0.113.9",
        datetime(2026, 11, 20, 9, number, tzinfo=UTC),
    )
    for number in range(7)
]


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_inclusion_proof_of_a_record_is_valid_only_at_its_index(count: int) -> None:
    tree = SliceTree([compute_record_leaf(data) for data in RECORDS[:count]])
    opening = tree.build_opening({"crawl": "7"})
    assert opening == {"crawl": "7", "root": tree.root.hex(), "count": count}
    for index, record in enumerate(RECORDS[:count]):
        proof = tree.prove(index, record, LOG)
        assert (proof.index, proof.count, proof.record) == (index, count, record)
        for other in range(count):
            assert merkle.verify_inclusion(compute_record_leaf(record), other, count, proof.path, tree.root) is (
                other == index
            )


def test_changing_any_field_changes_the_record_leaf() -> None:
    record = RECORDS[0]
    changes: list[dict[str, Any]] = [
        {"page_url": ""},
        {"image_url": ""},
        {"final_url": ""},
        {"picture": Digest.from_bytes(b"x")},
        {"status": 404},
        {"headers": ()},
        {"peer": ""},
        {"seen": datetime(2026, 11, 21, tzinfo=UTC)},
        {"certificate": f"valid sha256:{'5e' * 32}"},
    ]
    leaves = {compute_record_leaf(replace(record, **change)) for change in changes}
    assert len(leaves | {compute_record_leaf(record)}) == len(changes) + 1


def find_check(verdict: Verdict, name: str) -> Check:
    [check] = [check for check in verdict.checks if check.name == name]
    return check


def get_first_time(proofs: Proofs) -> datetime:
    """Return the earliest time of receipts, except blocks, which count two hours after their date."""
    receipts = [anchor.receipt for anchor in proofs.anchors if anchor.receipt.kind != "opentimestamps"]
    return min(receipt.time for receipt in receipts if receipt.time is not None)


@pytest.mark.long
def test_consistent_later_checkpoint_passes(renewed_bundle: RenewedBundle, tmp_path: Path) -> None:
    verdict = Verifier(renewed_bundle.scene.trust).verify(renewed_bundle.write(tmp_path / "renewed.zip"))
    assert verdict.outcome is ExitCode.DONE
    assert find_check(verdict, f"renewal:{renewed_bundle.size}").state is State.PASSED
    stamp = find_check(verdict, f"anchor:later-{renewed_bundle.size}-second-look.tsr")
    assert (stamp.state, stamp.time) == (State.PASSED, renewed_bundle.later.receipt.time)
    assert f"{renewed_bundle.size} entries" in stamp.sentence


def test_oldest_valid_timestamp_is_used(renewed_bundle: RenewedBundle, tmp_path: Path) -> None:
    verdict = Verifier(renewed_bundle.scene.trust).verify(renewed_bundle.write(tmp_path / "both.zip"))
    assert find_check(verdict, "time").time == get_first_time(renewed_bundle.scene.proofs)
    alone = replace(renewed_bundle.proofs, anchors=(renewed_bundle.later,))
    verdict = Verifier(renewed_bundle.scene.trust).verify(renewed_bundle.write(tmp_path / "alone.zip", alone))
    assert verdict.outcome is ExitCode.DONE
    assert find_check(verdict, "time").time == renewed_bundle.later.receipt.time
    assert find_check(verdict, "time").sentence.endswith(f"(later-{renewed_bundle.size}-second-look.tsr).")


def test_inconsistent_later_checkpoint_and_its_receipt_fail(renewed_bundle: RenewedBundle, tmp_path: Path) -> None:
    [renewal] = renewed_bundle.proofs.renewals
    for path in ((), tuple(reversed(renewal.path)), renewal.path[:-1]):
        wrong = replace(renewed_bundle.proofs, renewals=(replace(renewal, path=path),), anchors=(renewed_bundle.later,))
        verdict = Verifier(renewed_bundle.scene.trust).verify(renewed_bundle.write(tmp_path / "wrong.zip", wrong))
        assert {check.name for check in verdict.failures} == {
            f"renewal:{renewed_bundle.size}",
            f"anchor:later-{renewed_bundle.size}-second-look.tsr",
        }
        assert find_check(verdict, "time").state is State.NOT_CHECKED


@pytest.mark.parametrize("what", ["junk", "twice", "another", "many", "missing"])
def test_invalid_renewals_are_reported(renewed_bundle: RenewedBundle, tmp_path: Path, what: str) -> None:
    files = read_files(renewed_bundle.write(tmp_path / "whole.zip"))
    [record] = json.loads(files[RENEWALS_PATH])
    lists = {
        "junk": b"[1]",
        "twice": encode_canonical([record, record]),
        "another": encode_canonical([{**record, "file": "proofs/log/checkpoint"}]),
        "many": encode_canonical([{**record, "size": record["size"] + more} for more in range(MAX_RENEWALS + 1)]),
        "missing": encode_canonical([{**record, "file": "proofs/log/checkpoint-1"}]),
    }
    files[RENEWALS_PATH] = lists[what]
    verdict = Verifier(renewed_bundle.scene.trust).verify(write_zip(tmp_path / "wrong.zip", update_bag(files)))
    assert {check.name.partition(":")[0] for check in verdict.failures} & {"renewals", "renewal"}


def test_bundle_sealed_later_contains_the_newest_timestamped_checkpoint(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    for number in range(4):
        submit_entry(EntryType.CASE, {"number": number})
        sequence_log(inline.services)
        rows.append(sign_checkpoint(inline.services))
    first, second, third, fourth = [row for row in rows if row is not None]
    for row in (first, second, third, fourth):
        digest = Digest.from_bytes(row.note.encode())
        AnchorReceipt.objects.create(
            kind="rfc3161", service="a", digest=digest, checkpoint=row, state="queued" if row == fourth else "done"
        )
    assert proofs.find_renewal(first) is None
    monkeypatch.setattr(proofs, "MIN_RENEWAL_AGE", timedelta(0))
    assert proofs.find_renewal(first) == third
    assert proofs.find_renewal(third) is None
    renewal = proofs._build_renewal(inline.services, first, third)
    assert renewal.checkpoint == LogCheckpoint.objects.get(size=3).note
