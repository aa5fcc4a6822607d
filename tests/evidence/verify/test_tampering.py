"""Every way of changing a bundle is answered with the name of the check that fails, or with "unknown witness"."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.anchors.evm.proofs import EvmPending
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.bundle.bag import AnchorProof, ConsistencyProof, Proofs, checkpoint_digest
from evidence.development.authority import running_authority
from evidence.facts.case import CaseFacts
from evidence.formats.codec import FormatError
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.verdict.result import CONTAINER_CHANGED, State, Verdict, require
from evidence.verdict.trust import Requirements, Trust
from evidence.verify.verifier import Verifier
from exhibit.comparison.calibration import calibrated
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import ExitCode, IntegrityError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.ports import Receipt, ReceiptState
from tests.assets.bundles import CALIBRATION, Scene, logged, make_scene, resealed
from tests.assets.folder_log import FolderLogStore
from tests.assets.tampering import files_of, packed, rebagged

FLIPS = 1000


def failures(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.failures}


def test_each_of_a_thousand_random_byte_flips_is_noticed_and_named(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    draw = random.Random(20261120)
    original = bundle.read_bytes()
    path = tmp_path / "flipped.zip"
    path.write_bytes(original)
    only_container = 0
    with path.open("r+b", buffering=0) as file:
        for _ in range(FLIPS):
            place, bits = draw.randrange(len(original)), draw.randrange(1, 256)
            file.seek(place)
            file.write(bytes([original[place] ^ bits]))
            verdict = Verifier(scene.trust).verify(path)
            changed = verdict.checks[0].sentence.startswith(CONTAINER_CHANGED)
            assert failures(verdict) or (changed and verdict.outcome is ExitCode.DONE), (place, bits)
            only_container += changed
            file.seek(place)
            file.write(original[place : place + 1])
    assert only_container < FLIPS / 2  # or none: bytes that stand for nothing are few, and the next test flips those
    assert Verifier(scene.trust).verify(path).checks[0].sentence.startswith("The ZIP is byte for byte")


def test_a_flip_in_the_zips_own_fields_is_noticed_or_leaves_the_evidence_intact(
    scene: Scene, bundle: Path, tmp_path: Path
) -> None:
    original = bundle.read_bytes()
    directory = original.index(b"PK\x01\x02")
    fields = {"version": 4, "local time": 10, "local crc": 14, "crc": directory + 16, "date": directory + 14}
    harmless = {"version that packed": directory + 4, "kind of text": directory + 36, "mode": directory + 40}
    for name, place in {**fields, **harmless}.items():
        path = tmp_path / "flipped.zip"
        path.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :])
        verdict = Verifier(scene.trust).verify(path)
        assert verdict.outcome is (ExitCode.CHECK_FAILED if name in fields else ExitCode.DONE), name
        assert ("Container changed, evidence intact." in verdict.sentence) == (name in harmless), name


FITTED = {
    "data/facts.json": "file:data/facts.json",
    "data/sightings/01/image.jpg": "file:data/sightings/01/image.jpg",
    "data/work/documents/01.pdf": "file:data/work/documents/01.pdf",
    "data/manifest.json": "manifest",
    "proofs/signature": "signature",
    "proofs/key.json": "key",
    "proofs/key.pem": "key",
    "proofs/log/entry.json": "entry",
    "proofs/log/inclusion.json": "inclusion",
    "proofs/log/checkpoint": "inclusion",
    "proofs/log/consistency.json": "consistency",
    "proofs/anchors/index.json": "anchors",
    "proofs/anchors/manifest-test-authority.tsr": "anchor:manifest-test-authority.tsr",
    "proofs/anchors/checkpoint-test-chain.ots": "anchor:checkpoint-test-chain.ots",
    "proofs/anchors/evm-checkpoint-test-ledger.json": "anchor:evm-checkpoint-test-ledger.json",
}


def place_in(scene: Scene, name: str, data: bytes) -> int:
    """Where a change surely matters: the start of lists, the root of the checkpoint, what a receipt proves."""
    if name in {"data/manifest.json", "proofs/anchors/index.json"}:
        return 0
    if name == "proofs/log/checkpoint":
        return data.index(b"\n", data.index(b"\n") + 1) + 5
    if name.endswith("ledger.json"):  # a changed header makes another block, which nobody has pinned
        return data.index(b'"nodes":["') + 20
    return data.index(scene.sealed.seal.raw) if name.endswith(".tsr") else len(data) // 2


@pytest.mark.parametrize("name", sorted(FITTED))
def test_a_changed_file_is_named_although_bag_and_zip_were_made_to_fit(
    scene: Scene, bundle: Path, tmp_path: Path, name: str
) -> None:
    files = files_of(bundle)
    data = bytearray(files[name])
    data[place_in(scene, name, files[name])] ^= 1
    files[name] = bytes(data)
    assert FITTED[name] in failures(Verifier(scene.trust).verify(packed(tmp_path / "fitted.zip", rebagged(files))))


@pytest.mark.parametrize(
    "name",
    [
        "data/facts.json",
        "proofs/signature",
        "data/work/01.jpg",
        "data/work/documents/01.pdf",
        "bagit.txt",
        "verify.py",
    ],
)
def test_a_missing_file_is_named(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    files = files_of(bundle)
    del files[name]
    verdict = Verifier(scene.trust).verify(packed(tmp_path / "less.zip", files))
    assert any(name in check.sentence for check in verdict.failures if check.name == "files")


@pytest.mark.parametrize("name", ["data/extra.txt", "data/work/02.jpg", "READ-ME-FIRST.exe"])
def test_a_file_too_many_is_named(scene: Scene, bundle: Path, tmp_path: Path, name: str) -> None:
    files = {**files_of(bundle), name: b"x"}
    assert "files" in failures(Verifier(scene.trust).verify(packed(tmp_path / "more.zip", rebagged(files))))


def test_another_verifier_inside_is_not_vouched_for(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    files = {**files_of(bundle), "verify.py": b"print('all is well')\n"}
    verdict = Verifier(scene.trust).verify(packed(tmp_path / "other.zip", rebagged(files)))
    [tools] = [check for check in verdict.checks if check.name == "tools"]
    assert tools.state is State.NOT_CHECKED
    assert "don't run it" in tools.sentence


def test_a_block_of_a_ledger_counts_by_its_hash_for_its_chain_alone(scene: Scene, bundle: Path) -> None:
    [ledger] = scene.trust.ledgers
    name = "anchor:evm-checkpoint-test-ledger.json"
    found = {check.name: check for check in Verifier(scene.trust).verify(bundle).checks}
    assert found[name].state is State.PASSED
    assert found[name].sentence.startswith("Block 2 of Test ledger, dated ")
    other = replace(ledger, blocks=(Digest.of(b"another block"),))
    for pinned in ((), (other,), (replace(ledger, chain=1),)):
        verdict = Verifier(replace(scene.trust, ledgers=pinned)).verify(bundle)
        [check] = [check for check in verdict.checks if check.name == name]
        assert check.state is State.NOT_CHECKED
        assert f"block 2 of the chain 1337, 0x{ledger.blocks[0].hex}" in check.sentence
        assert not verdict.failures


def test_a_transaction_that_isnt_confirmed_yet_is_pending(scene: Scene, tmp_path: Path) -> None:
    assert scene.proofs.entry is not None
    digest = checkpoint_digest(scene.proofs.entry.checkpoint)
    pending = EvmPending(1337, digest, b"signed").to_json()
    receipt = Receipt("evm", "ledger", True, ReceiptState.PENDING, pending)  # noqa: FBT003 - a field
    proofs = replace(scene.proofs, anchors=(AnchorProof(digest, receipt),))
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "pending.zip", proofs))
    [check] = [check for check in verdict.checks if check.name == "anchor:evm-checkpoint-ledger.json"]
    assert check.state is State.NOT_CHECKED
    assert check.sentence == "pending: The transaction isn't confirmed yet."
    assert verdict.outcome is ExitCode.INCOMPLETE


def test_a_bundle_forged_as_a_whole_meets_unknown_witnesses_only(scene: Scene, tmp_path: Path) -> None:
    """New keys, a new log, a new authority and a new chain: everything fits together, and nobody is known."""
    (tmp_path / "forger").mkdir()
    forged = make_scene(tmp_path / "forger", seed=2)
    verdict = Verifier(scene.trust).verify(forged.write(tmp_path / "forged.zip"))
    unknown = {check.name for check in verdict.checks if check.sentence.startswith("unknown witness")}
    assert not verdict.failures
    assert verdict.outcome is ExitCode.INCOMPLETE
    dated = {"registration", "registration:01", "slice:01"}
    assert unknown >= {"key", "checkpoint", "time", "anchor:checkpoint-test-chain.ots", *dated}
    assert len(unknown) == 10
    [registration] = [check for check in verdict.checks if check.name == "registration"]
    assert "no pinned log signed its checkpoint, nor the bundle's own, which continues it" in registration.sentence


def test_receipts_and_log_of_another_bundle_do_not_help(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_scene(tmp_path / "other", seed=3)
    mixed = {**files_of(other.write(tmp_path / "other.zip"))}
    mixed.update({name: data for name, data in files_of(bundle).items() if name.startswith("proofs/")})
    failed = failures(Verifier(scene.trust).verify(packed(tmp_path / "mixed.zip", rebagged(mixed))))
    assert failed >= {"signature", "key", "entry", "anchor:manifest-test-authority.tsr"}


def test_a_signature_by_another_key_fails(scene: Scene, tmp_path: Path) -> None:
    wrong = replace(scene, sealed=replace(scene.sealed, signature=bytes(64)))
    assert failures(Verifier(scene.trust).verify(wrong.write(tmp_path / "wrong.zip"))) >= {"signature", "entry"}


def test_a_key_pinned_for_another_owner_fails(scene: Scene, bundle: Path) -> None:
    [key] = scene.trust.keys
    trust = replace(scene.trust, keys=(replace(key, owner="Somebody else"),))
    assert failures(Verifier(trust).verify(bundle)) == {"key"}


def test_a_log_that_does_not_continue_fails(scene: Scene, tmp_path: Path) -> None:
    wrong = tuple(ConsistencyProof(item.size, (bytes(32),) * 2) for item in scene.proofs.consistency)
    proofs = replace(scene.proofs, consistency=wrong)
    assert failures(Verifier(scene.trust).verify(scene.write(tmp_path / "wrong.zip", proofs))) == {"consistency"}


def _dense(facts: CaseFacts) -> CaseFacts:
    [match] = facts.matches
    lying = calibrated(replace(match.verification, dense=0.4), CALIBRATION)
    return replace(facts, matches=(replace(match, verification=lying),))


def _transform(facts: CaseFacts) -> CaseFacts:
    [match] = facts.matches
    straight = ((2.0, 0.0, 0.5), (0.0, 2.0, 0.5), (0.0, 0.0, 1.0))
    return replace(facts, matches=(replace(match, verification=replace(match.verification, transform=straight)),))


def _page(facts: CaseFacts) -> CaseFacts:
    [sighting] = facts.sightings
    return replace(facts, sightings=(replace(sighting, page_url="https://rival.example/"),))


def _seen(facts: CaseFacts) -> CaseFacts:
    [sighting] = facts.sightings
    return replace(facts, sightings=(replace(sighting, first_seen=sighting.last_seen),))


def _slice(facts: CaseFacts) -> CaseFacts:
    [sighting] = facts.sightings
    assert sighting.slice is not None
    return replace(facts, sightings=(replace(sighting, slice=replace(sighting.slice, index=1)),))


def _title(facts: CaseFacts) -> CaseFacts:
    return replace(facts, work=replace(facts.work, title="Another field"))


def _share(facts: CaseFacts) -> CaseFacts:
    [match] = facts.matches
    return replace(facts, matches=(replace(match, verification=replace(match.verification, overlap_work=0.9)),))


def _size(facts: CaseFacts) -> CaseFacts:
    [picture] = facts.work.pictures
    return replace(facts, work=replace(facts.work, pictures=(replace(picture, width=picture.width + 1),)))


def _opening(facts: CaseFacts) -> CaseFacts:
    assert facts.work.registration is not None
    registration = replace(facts.work.registration, opening={"picture": "another"})
    return replace(facts, work=replace(facts.work, registration=registration))


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (_dense, "match:01"),
        (_transform, "match:01"),
        (_page, "slice:01"),
        (_seen, "slice:01"),
        (_slice, "slice:01"),
        (_opening, "registration"),
        (_title, "registration"),
        (_share, "match:01"),
        (_size, "pictures"),
    ],
)
def test_an_owner_who_seals_an_untruth_is_found_out(
    scene: Scene, tmp_path: Path, lie: Callable[[CaseFacts], CaseFacts], check: str
) -> None:
    verdict = Verifier(scene.trust).verify(resealed(scene, lie(scene.facts)).write(tmp_path / "lie.zip"))
    assert {check} <= failures(verdict) - {"registration:01"} <= {check, "capture:01-1"}  # a visit of that page, too
    with pytest.raises(IntegrityError, match=check):
        require(verdict)


def test_the_registration_of_another_picture_is_found_out(scene: Scene, tmp_path: Path) -> None:
    other = logged(scene.log, EntryType.REGISTRATION, {"picture": scene.sealed.seal.hex})
    facts = replace(scene.facts, work=replace(scene.facts.work, registration=other))
    assert failures(Verifier(scene.trust).verify(resealed(scene, facts).write(tmp_path / "lie.zip"))) == {
        "registration"
    }


def test_a_checkpoint_that_nobody_vouches_for_shows_no_registration(scene: Scene, tmp_path: Path) -> None:
    log = Log(FolderLogStore(tmp_path / "log"), KeySigner(Ed25519PrivateKey.generate()), "log.made-up.example")
    assert scene.facts.work.registration is not None
    forged = logged(log, EntryType.REGISTRATION, scene.facts.work.registration.opening)
    facts = replace(scene.facts, work=replace(scene.facts.work, registration=forged))
    verdict = Verifier(scene.trust).verify(resealed(scene, facts).write(tmp_path / "lie.zip"))
    [check] = [check for check in verdict.checks if check.name == "registration"]
    assert check.state is State.NOT_CHECKED
    assert check.sentence.startswith("unknown witness")


@pytest.mark.parametrize("numbers", [(1, 2), ()])
def test_facts_that_point_nowhere_fail(scene: Scene, tmp_path: Path, numbers: tuple[int, ...]) -> None:
    [match] = scene.facts.matches
    facts = replace(scene.facts, matches=(replace(match, sightings=numbers),))
    assert failures(Verifier(scene.trust).verify(resealed(scene, facts).write(tmp_path / "lie.zip"))) == {"facts"}


def test_a_chain_that_anybody_can_extend_counts_only_by_its_pinned_blocks(scene: Scene, bundle: Path) -> None:
    [chain] = scene.trust.chains
    for blocks in ((), (scene.sealed.seal,)):
        trust = replace(scene.trust, chains=(replace(chain, blocks=blocks),))
        [check] = [check for check in Verifier(trust).verify(bundle).checks if check.name.endswith(".ots")]
        assert (check.state, check.time) == (State.NOT_CHECKED, None)
    easy = replace(chain, network="main", blocks=(), minimum_difficulty=5e13)
    [check] = [
        c for c in Verifier(replace(scene.trust, chains=(easy,))).verify(bundle).checks if c.name.endswith(".ots")
    ]
    assert check.sentence.startswith("unknown witness")


def test_one_pinned_witness_of_time_is_enough_and_a_log_or_owner_that_nobody_pins_is_not(
    scene: Scene, bundle: Path
) -> None:
    for trust in (replace(scene.trust, chains=()), replace(scene.trust, authorities=())):
        assert Verifier(trust).verify(bundle).outcome is ExitCode.DONE
        for lacking in (replace(trust, logs=()), replace(trust, keys=())):
            asked = replace(lacking, requires=Requirements(1, ("bytes", "time")))
            assert Verifier(asked).verify(bundle).outcome is ExitCode.INCOMPLETE
            assert "Complete" not in Verifier(asked).verify(bundle).sentence


def test_so_many_different_witnesses_as_the_list_asks_for(scene: Scene, bundle: Path) -> None:
    for asked in (1, 2, 3):
        trust = replace(scene.trust, requires=Requirements(asked, ("match",)))
        assert Verifier(trust).verify(bundle).outcome is ExitCode.DONE


def test_two_stamps_of_one_authority_are_one_witness(scene: Scene, tmp_path: Path) -> None:
    stamps = tuple(one for one in scene.proofs.anchors if one.receipt.kind == "rfc3161")
    assert len(stamps) == 2
    path = scene.write(tmp_path / "b.zip", replace(scene.proofs, anchors=stamps))
    assert Verifier(scene.trust).verify(path).outcome is ExitCode.DONE
    verdict = Verifier(replace(scene.trust, requires=Requirements(2, ("match",)))).verify(path)
    assert verdict.outcome is ExitCode.INCOMPLETE
    assert [check.state for check in verdict.checks if check.name == "time"] == [State.NOT_CHECKED]


def test_what_a_list_does_not_ask_for_is_said_to_be_not_shown(scene: Scene, tmp_path: Path) -> None:
    facts = replace(scene.facts, work=replace(scene.facts.work, registration=None))
    sealed = resealed(scene, facts)
    verdict = Verifier(scene.trust).verify(sealed.write(tmp_path / "b.zip"))
    grades = {grade.name: grade.state for grade in verdict.grades}
    assert (grades["match"], grades["capture"]) == (State.NOT_CHECKED, State.PASSED)
    asked = Verifier(replace(scene.trust, requires=Requirements(1, ("capture",)))).verify(
        sealed.write(tmp_path / "b.zip")
    )
    assert [grade.name for grade in asked.grades if not grade.required] == ["match", "sheet"]


def test_a_witness_of_an_earlier_checkpoint_says_nothing_of_the_whole(scene: Scene, tmp_path: Path) -> None:
    [sighting] = scene.facts.sightings
    assert sighting.slice is not None
    early = checkpoint_digest(sighting.slice.log.checkpoint)
    with running_authority(scene.folder / "authority") as authority:
        session = guarded_session(Guard(("127.0.0.0/8",)))
        anchor = Rfc3161Anchor("Early", authority.url, [scene.root_pem], development=True, session=session)
        proofs = replace(scene.proofs, anchors=(AnchorProof(early, anchor.submit(early)),))
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "early.zip", proofs))
    [check] = [check for check in verdict.checks if check.name.startswith("anchor:")]
    assert check.state is State.PASSED
    assert "checkpoint of slice:01" in check.sentence
    assert verdict.outcome is ExitCode.INCOMPLETE


def test_a_pending_receipt_is_not_checked(scene: Scene, tmp_path: Path) -> None:
    [ots] = [anchor for anchor in scene.proofs.anchors if anchor.receipt.kind == "opentimestamps"]
    pending = replace(ots, receipt=replace(ots.receipt, material=()))
    proofs = Proofs(scene.proofs.entry, scene.proofs.consistency, (pending,))
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "young.zip", proofs))
    [check] = [check for check in verdict.checks if check.name.endswith(".ots")]
    assert check.sentence.startswith("pending")
    assert verdict.outcome is ExitCode.INCOMPLETE


def test_a_trust_list_reads_back_and_names_what_is_wrong(scene: Scene) -> None:
    assert Trust.from_json(scene.trust.to_json()) == scene.trust
    plain = json.loads(scene.trust.to_json())
    plain["authorities"][0]["label"] = ""
    with pytest.raises(FormatError, match="label"):
        Trust.from_json(json.dumps(plain).encode())
