"""Test attackers who control an authority, a log, cosigners, a partner or a ZIP program.

Each kind is a row: the forgery, and what a verdict must report. None may pass as complete without a report.
"""

import base64
import io
import json
import struct
import zipfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation

from evidence.__main__ import main
from evidence.anchors.cosignature.kind import TrustedWitness
from evidence.anchors.opentimestamps.kind import TrustedChain
from evidence.anchors.opentimestamps.proofs import parse_attestations, read_proof, write_proof
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.bundle.bag import AnchorProof, CounterSignature, Proofs, compute_checkpoint_digest
from evidence.bundle.sealing import build_seal_opening
from evidence.development.authority import run_authority
from evidence.facts.case import TimestampFacts
from evidence.facts.cocapture import Cocapture, extract_text
from evidence.formats.codec import FormatError
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.log.notes import (
    compute_key_id,
    cosign,
    format_cosigner_key,
    format_verifier_key,
    parse_note,
    sign_note,
    sign_text,
)
from evidence.log.proofs import LogProof, Renewal
from evidence.verdict.result import Verdict
from evidence.verdict.trust import Requirements, Trust, TrustedKey, TrustedLog
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import Entry, EntryType, encode_canonical
from exhibit.errors import ExitCode
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from exhibit.ports import Receipt, ReceiptState
from tests.assets.bundle_changes import EVM, OTS, Files
from tests.assets.bundles import CAPTURED, OWNER, Scene, append_entry, make_scene, registration_opening, reseal
from tests.assets.confirmed_captures import (
    CHALLENGE,
    CHECK,
    ORIGIN,
    OWN,
    PLACE,
    WHOLE,
    ConfirmedBundle,
    confirm_capture,
    create_log,
    seal_statement,
)
from tests.assets.folder_log import FolderLogStore
from tests.assets.renewed_bundles import RenewedBundle, renew_bundle
from tests.assets.resealing import log_with_unpinned_key, seal_lie
from tests.assets.tampering import read_files, update_bag, write_zip, zip_bytes
from tests.assets.timestamp_services import LABEL, request_ledger_entry
from tests.assets.verifier_in_process import run_verifier

pytestmark = pytest.mark.timeout(300)
INDEX, HOUR = "proofs/anchors/index.json", timedelta(hours=1)
STAMP = "proofs/anchors/checkpoint-test-authority.tsr"


def signer(number: int) -> KeySigner:
    """Return one of the tests' keys."""
    return KeySigner(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


WITNESS, SECOND_WITNESS, STRANGER, DEVICE = signer(11), signer(12), signer(13), signer(14)
WITNESS_LOG_KEY = format_verifier_key("w.example", WITNESS.public_key)
PINNED_WITNESS = TrustedWitness(
    "W", format_cosigner_key("w.example", WITNESS.public_key), development=True, label=LABEL
)
SECOND_PINNED_WITNESS = TrustedWitness(
    "V", format_cosigner_key("v.example", SECOND_WITNESS.public_key), development=True, label=LABEL
)


@dataclass(frozen=True)
class HonestCases:
    """Honest cases that the forgeries start from. Tests must not modify them."""

    scene: Scene
    renewed: RenewedBundle
    cocaptured: ConfirmedBundle
    folder: Path

    @property
    def files(self) -> Files:
        """Files of the honest bundle."""
        return read_files(self.scene.write(self.folder / "whole.zip"))


Forgery = tuple[Scene, Proofs, Trust] | tuple[Files, Trust]
MakeForgery = Callable[[HonestCases], Forgery]
Expectation = dict[str, str]
"""Expected results: the state of each check by name and, after a colon, words of its message."""


@pytest.fixture(scope="module")
def honest_cases(tmp_path_factory: pytest.TempPathFactory) -> HonestCases:
    scene = make_scene(tmp_path_factory.mktemp("scene"))
    cocaptured = confirm_capture(make_scene(tmp_path_factory.mktemp("seen")), tmp_path_factory.mktemp("partner"))
    return HonestCases(
        scene, renew_bundle(make_scene(tmp_path_factory.mktemp("renewed"))), cocaptured, tmp_path_factory.mktemp("f")
    )


def require_cosigners(trust: Trust, *witnesses: TrustedWitness, cosigners: int = 1) -> Trust:
    """Add witnesses of the log to the trust list, and require a number of them."""
    return replace(trust, cosigners=witnesses or (PINNED_WITNESS,), requires=Requirements(1, ("match",), cosigners))


def create_receipt(digest: Digest, text: str, kind: str = "cosignature", name: str = "W") -> AnchorProof:
    return AnchorProof(digest, Receipt(kind, name, True, ReceiptState.COMPLETE, text.encode(), (), now()))  # noqa: FBT003


def add_cosignature(
    head: str,
    by: KeySigner = WITNESS,
    name: str = "w.example",
    *,
    of: str = "",
    more: str = "",
    at: datetime | None = None,
) -> AnchorProof:
    """Return a receipt of a checkpoint with an additional cosignature, or of another checkpoint."""
    line = cosign(parse_note(head).body, name, by, at or now())
    return create_receipt(compute_checkpoint_digest(of or head), f"{head}{more}{line}")


def _sign_as_log(head: str) -> AnchorProof:
    """Return a signature line by the log witness that states no time."""
    line = sign_text(parse_note(head).body, "w.example", WITNESS).rpartition("\n\n")[2]
    return create_receipt(compute_checkpoint_digest(head), head + line)


def get_own_checkpoint(scene: Scene) -> str:
    assert scene.proofs.entry is not None
    return scene.proofs.entry.checkpoint


def get_manifest_json(scene: Scene) -> str:
    return scene.sealed_case.manifest.to_json().decode()


def add_anchors(scene: Scene, *added: AnchorProof) -> Proofs:
    return replace(scene.proofs, anchors=(*scene.proofs.anchors, *added))


def pin_log(vkey: str) -> TrustedLog:
    return TrustedLog(vkey, development=True, label=LABEL, operator="Bea")


def add_cosignatures(*added: Callable[[str], AnchorProof], cosigners: int = 1, also: bool = False) -> MakeForgery:
    """Add cosignatures to the honest bundle's checkpoint."""

    def make(field: HonestCases) -> Forgery:
        anchors = [make_anchor(get_own_checkpoint(field.scene)) for make_anchor in added]
        pins = (PINNED_WITNESS, SECOND_PINNED_WITNESS) if also else (PINNED_WITNESS,)
        return (
            field.scene,
            add_anchors(field.scene, *anchors),
            require_cosigners(field.scene.trust, *pins, cosigners=cosigners),
        )

    return make


def sign_checkpoint(log: Log, signer: KeySigner, name: str, size: int) -> str:
    return sign_note(name, size, log.compute_root(size), signer).note


def add_later_checkpoint(
    name: str, by: Callable[[HonestCases], KeySigner], *, spoilt: bool = False, signs: bool = True
) -> MakeForgery:
    """Grow the same tree and have another log sign the checkpoint, or nobody; then cosign it."""

    def make(field: HonestCases) -> Forgery:
        scene = field.renewed.scene
        size = field.renewed.size
        head = sign_checkpoint(scene.log, by(field), name or scene.log.origin, size)
        if spoilt:
            body, _, line = head.rpartition(" ")
            raw = bytearray(base64.b64decode(line))
            raw[-1] ^= 1
            head = f"{body} {base64.b64encode(bytes(raw)).decode()}\n"
        assert scene.proofs.entry is not None
        path = tuple(scene.log.prove_consistency(scene.proofs.entry.size, size))
        anchors = (*scene.proofs.anchors, *([add_cosignature(head)] if signs else []))
        proofs = replace(scene.proofs, anchors=anchors, renewals=(Renewal(head, path),))
        return scene, proofs, require_cosigners(scene.trust) if signs else scene.trust

    return make


def use_foreign_log(key: KeySigner, name: str, listed: Callable[[Trust, str], Trust]) -> MakeForgery:
    """Put the seal into a log that is pinned with another role, or not pinned."""

    def make(field: HonestCases) -> Forgery:
        scene = field.scene
        log = Log(FolderLogStore(field.folder / f"foreign-{len(list(field.folder.iterdir()))}"), key, name)
        other = reseal(replace(scene, log=log), scene.facts)
        return other, other.proofs, listed(scene.trust, log.get_verifier_key())

    return make


def change_receipts(change: Callable[[list[dict[str, Any]], Files], object]) -> MakeForgery:
    """Change the honest bundle's list of receipts."""

    def make(field: HonestCases) -> Forgery:
        files = dict(field.files)
        records = json.loads(files[INDEX])
        change(records, files)
        return update_bag(
            {**files, INDEX: encode_canonical(sorted(records, key=lambda record: record["file"]))}
        ), field.scene.trust

    return make


def add_record(**fields: str) -> Callable[[list[dict[str, Any]], Files], None]:
    return lambda records, _: records.append({**find_record(records, STAMP), **fields})


def find_record(records: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(record for record in records if record["file"] == name)


def _add_letter(records: list[dict[str, Any]], files: Files) -> None:
    """Add a letter to the supplementary files of a timestamp."""
    files["proofs/material/letter-of-the-court.pdf"] = b"%PDF-1.7 all of this is true"
    record = find_record(records, STAMP)
    record["material"] = sorted([*record["material"], "proofs/material/letter-of-the-court.pdf"])


def _add_duplicate_header(records: list[dict[str, Any]], files: Files) -> None:
    """Add two headers of the same block number, in two folders."""
    record = find_record(records, OTS)
    [name] = record["material"]
    other = name.replace("proofs/material/", "proofs/material/more/")
    files[other] = bytes(80)
    record["material"] = [name, other]


def _add_duplicate_receipt(records: list[dict[str, Any]], files: Files) -> None:
    """Add a receipt of the same name in another folder, which gives two checks of one name."""
    files["proofs/more/checkpoint-test-authority.tsr"] = files[STAMP]
    records.append({**find_record(records, STAMP), "file": "proofs/more/checkpoint-test-authority.tsr"})


def _change_height(records: list[dict[str, Any]], files: Files) -> None:
    """State another block number in the proof."""
    stamp = read_proof(files[OTS])
    for part, attestation in list(_list_attestations(stamp)):
        part.attestations.remove(attestation)
        part.attestations.add(BitcoinBlockHeaderAttestation(170))
    files[OTS] = write_proof(stamp)
    assert parse_attestations(files[OTS]).blocks[0][0] == 170
    record = find_record(records, OTS)
    [name] = record["material"]
    files["proofs/material/block-170.header"] = files.pop(name)
    record["material"] = ["proofs/material/block-170.header"]


def _list_attestations(stamp: Any) -> Any:  # noqa: ANN401 - the library has no types
    for attestation in stamp.attestations:
        yield stamp, attestation
    for below in stamp.ops.values():
        yield from _list_attestations(below)


def _change_kind(name: str, kind: str) -> Callable[[list[dict[str, Any]], Files], None]:
    return lambda records, _: find_record(records, name).update(kind=kind)


def change_evm_proof(**changes: Any) -> MakeForgery:  # noqa: ANN401 - fields
    def change(_: list[dict[str, Any]], files: Files) -> None:
        files[EVM] = encode_canonical({**json.loads(files[EVM]), **changes})

    return change_receipts(change)


def state_timestamps(
    *timestamp_facts: TimestampFacts, count: int = 1, called: Sequence[str] = ("Test authority",)
) -> MakeForgery:
    """State timestamps in the facts, all from one authority but under these names."""

    def make(field: HonestCases) -> Forgery:
        scene, registration = field.scene, field.scene.facts.work.registration
        assert registration is not None
        head = compute_checkpoint_digest(registration.checkpoint)

        with run_authority(scene.folder / "authority") as authority:
            session = create_guarded_session(Guard(("127.0.0.0/8",)))
            anchor = Rfc3161Anchor("A", authority.url, [scene.root_pem], development=True, session=session)
            stamps = [anchor.submit(head) for _ in range(count)]
        anchors = [replace(stamps[at % count], service=name) for at, name in enumerate(called)]
        facts = tuple(replace(row, time=anchors[at].time) for at, row in enumerate(timestamp_facts))
        other = reseal(scene, replace(scene.facts, timestamps=facts))
        proofs = replace(other.proofs, anchors=tuple(AnchorProof(head, row) for row in anchors))
        return other, proofs, scene.trust

    return make


def make_timestamp(name: str, kind: str = "rfc3161") -> TimestampFacts:
    return TimestampFacts(kind, name, True, "complete", "checkpoint", now())  # noqa: FBT003 - a field


QUALIFIED_TIMESTAMP = replace(make_timestamp("Test authority"), development=False, qualified="2026-11-01")


def revoke_key(anchors: Callable[[Scene], Sequence[AnchorProof]]) -> MakeForgery:
    """Revoke the sealing key in an hour, with only these receipts."""

    def make(field: HonestCases) -> Forgery:
        scene = field.scene
        keys = tuple(replace(key, revoked=now() + HOUR) for key in scene.trust.keys)
        return scene, replace(scene.proofs, anchors=tuple(anchors(scene))), replace(scene.trust, keys=keys)

    return make


def select_anchors(scene: Scene, *names: str) -> list[AnchorProof]:
    return [anchor for anchor in scene.proofs.anchors if anchor.receipt.kind in names]


def add_countersignature(key: KeySigner, *pins: TrustedKey, other: bytes = b"", name: str = "") -> MakeForgery:
    def make(field: HonestCases) -> Forgery:
        scene = field.scene
        data = other or scene.sealed_case.manifest.to_json()
        proofs = replace(scene.proofs, countersignatures=(CounterSignature(key.public_key, key.sign(data)),))
        trust = replace(scene.trust, keys=(*scene.trust.keys, *pins))
        if not name:
            return scene, proofs, trust
        files = read_files(scene.write(field.folder / "signed.zip", proofs))
        stem = key.public_key.hex()[:16]
        return update_bag({path.replace(stem, name): data for path, data in files.items()}), trust

    return make


def create_device_key(owner: str = OWNER, key: KeySigner = DEVICE, revoked: datetime | None = None) -> TrustedKey:
    return TrustedKey(owner, key.public_key, development=True, label=LABEL, use="device", revoked=revoked)


def _pin_chain_twice(field: HonestCases) -> Forgery:
    """Pin two blocks of one chain by two names, while the list requires two timestamp services."""
    scene = field.scene
    chain_anchor, ledger = request_ledger_entry(compute_checkpoint_digest(get_own_checkpoint(scene)))
    ledgers = (*scene.trust.ledgers, replace(ledger, name="Another ledger"))
    trust = replace(scene.trust, authorities=(), chains=(), ledgers=ledgers, requires=Requirements(2))
    return scene, add_anchors(scene, chain_anchor), trust


STEM = DEVICE.public_key.hex()[:16]


def change_cocapture(change: Callable[[ConfirmedBundle], tuple[Files, Trust]]) -> MakeForgery:
    return lambda field: change(field.cocaptured)


def replace_statements(cocaptured: ConfirmedBundle, *answers: Any, trust: Trust | None = None) -> tuple[Files, Trust]:  # noqa: ANN401
    return cocaptured.seal_answers(*answers), trust or cocaptured.trust


def _forge_own_checkpoint(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Seal the case with a stranger's key, under a checkpoint in the pinned log's name that another key signed."""
    files = cocaptured.seal_answers(cocaptured.answer(seal_statement(cocaptured.log, cocaptured.statement)))
    head = sign_note(OWN, 1, bytes(32), STRANGER).note
    return update_bag({**files, "proofs/log/checkpoint": head.encode()}), cocaptured.trust


def _remove_page_text(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Compare two pages without words and with different bytes, whose contents are not shown to be equal by that."""
    first_page, other = b'<img src="field.jpg">', b'<img src="field.jpg"><img src="other.jpg">'
    assert extract_text(first_page) == extract_text(other) == b""

    page = replace(cocaptured.statement.page, sha256=Digest.from_bytes(other))
    statement = replace(cocaptured.statement, page=page, text=Digest.from_bytes(extract_text(other)))
    changed = replace(cocaptured, files={**cocaptured.files, CAPTURED[2]: first_page})

    data = Cocapture(CHALLENGE, (changed.answer(seal_statement(cocaptured.log, statement)),)).to_json()
    return seal_lie(changed.files, lambda _, files: files.update({PLACE: data})), cocaptured.trust


def _change_requester(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Present a statement for another installation, whose name is in an unsigned checkpoint."""
    statement = replace(cocaptured.statement, requested_by="log.stranger.example")
    data = Cocapture(CHALLENGE, (cocaptured.answer(seal_statement(cocaptured.log, statement)),)).to_json()

    def lie(facts: dict[str, Any], files: Files) -> None:
        work = facts["work"]
        opening = work["registration"]["opening"]
        work["registration"] = log_with_unpinned_key(EntryType.REGISTRATION, opening, work["registration"]["time"])
        files[PLACE] = data

    return seal_lie(cocaptured.files, lie), cocaptured.trust


def _add_statement_by(cocaptured: ConfirmedBundle, again: Log) -> tuple[Files, Trust]:
    """Have the partner's log and a second one make the statement, both pinned as run by the same operator."""
    pins = (*cocaptured.trust.partners, replace(cocaptured.trust.partners[0], vkey=again.get_verifier_key()))
    answers = (
        cocaptured.answer(seal_statement(cocaptured.log, cocaptured.statement)),
        cocaptured.answer(seal_statement(again, cocaptured.statement), log=again.get_verifier_key()),
    )
    return cocaptured.seal_answers(*answers), replace(cocaptured.trust, partners=pins)


def _restart_partner_log(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Restart a partner's log under a second name with the same key, which is still one partner."""
    return _add_statement_by(
        cocaptured, create_log(cocaptured.folder / "again", "partner.example/log2", cocaptured.key)
    )


def _use_two_logs_of_same_operator(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Use two logs with different keys and the same operator."""
    return _add_statement_by(cocaptured, create_log(cocaptured.folder / "two", "c.example/log"))


def _pin_partner_as_log(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Pin the partner's log only as a log of seals, and not as a partner's."""
    log = TrustedLog(cocaptured.log.get_verifier_key(), development=True, label=LABEL)
    return cocaptured.seal_answers(cocaptured.answer(seal_statement(cocaptured.log, cocaptured.statement))), replace(
        cocaptured.trust, partners=(), logs=(*cocaptured.trust.logs, log)
    )


def _sign_checkpoint_twice(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Add an invalid second signature of its key to the partner's checkpoint."""
    statement = seal_statement(cocaptured.log, cocaptured.statement)
    identity = compute_key_id(ORIGIN, cocaptured.key.public_key)
    line = base64.b64encode(identity + bytes(64)).decode()
    return cocaptured.seal_answers(
        cocaptured.answer(replace(statement, checkpoint=f"{statement.checkpoint}— {ORIGIN} {line}\n"))
    ), cocaptured.trust


def _change_trust(forgery: Forgery, **changes: Any) -> Forgery:  # noqa: ANN401 - fields of the list
    *rest, trust = forgery
    return (*rest, replace(trust, **changes))


def _remove_file(forgery: Forgery, path: str, field: HonestCases) -> Forgery:
    place, trust = write_forgery(forgery, field.folder / "less.zip")
    return update_bag({name: data for name, data in read_files(place).items() if name != path}), trust


def _add_file(field: HonestCases, path: str) -> Forgery:
    return update_bag({**field.files, path: b"All of this was seen by a notary."}), field.scene.trust


def _remove_entry(field: HonestCases) -> Forgery:
    scene = field.scene
    files = read_files(
        scene.write(field.folder / "bare.zip", add_anchors(scene, add_cosignature(get_own_checkpoint(scene))))
    )
    removed = ("proofs/log/entry.json", "proofs/log/inclusion.json")
    return update_bag({name: data for name, data in files.items() if name not in removed}), require_cosigners(
        scene.trust
    )


def _cosign_before_revocation(field: HonestCases) -> Forgery:
    """Cosign the checkpoint with an unpinned witness before the key was revoked."""
    by_stranger = revoke_key(lambda scene: [add_cosignature(get_own_checkpoint(scene), STRANGER, "s.example")])
    return _change_trust(by_stranger(field), cosigners=(PINNED_WITNESS,))


def _pin_as_production(forgery: Forgery) -> Forgery:
    """Pin the authority as a production one that nobody has compared with a list."""
    authorities = tuple(replace(authority, development=False, label="") for authority in forgery[-1].authorities)
    return _change_trust(forgery, authorities=authorities)


def add_registration_fields(**fields: Any) -> MakeForgery:  # noqa: ANN401 - fields of an opening
    """Add fields to the work's registration that this software does not write."""

    def make(field: HonestCases) -> Forgery:
        scene, work = field.scene, field.scene.facts.work
        opening = {**registration_opening(work, work.pictures[0]), **fields}
        proof = append_entry(scene.log, EntryType.REGISTRATION, opening)
        other = reseal(scene, replace(scene.facts, work=replace(work, registration=proof)))
        return other, other.proofs, scene.trust

    return make


LISTED_SENTENCE = "passed: Names on the trust list: Test authority"
FORGERIES: dict[str, tuple[MakeForgery, Expectation]] = {
    # cosigners and checkpoints
    "a cosigner of another log's head over the same tree": (
        add_later_checkpoint("log.mallory.example", lambda _: STRANGER), {"cosigned": "not checked"},
    ),
    "a cosigner of a head that no pinned key signed": (
        add_later_checkpoint("", lambda _: STRANGER), {"cosigned": "not checked"},
    ),
    "a cosigner of a head whose own signature is spoilt": (
        add_later_checkpoint("", lambda field: field.renewed.scene.log_key, spoilt=True), {"renewal:": "failed"},
    ),
    "a later head whose signature is spoilt": (
        add_later_checkpoint("", lambda field: field.renewed.scene.log_key, spoilt=True, signs=False),
        {"renewal:": "failed"},
    ),
    "a later head that nobody known signed": (
        add_later_checkpoint("log.mallory.example", lambda _: STRANGER, signs=False),
        {"renewal:": "passed: No log on the trust list has signed it"},
    ),
    "a cosignature under an earlier head": (
        lambda field: (
            field.scene,
            add_anchors(field.scene, add_cosignature(field.scene.facts.work.registration.checkpoint)),  # type: ignore[union-attr]
            require_cosigners(field.scene.trust),
        ),
        {"cosigned": "not checked: 0 of 1"},
    ),
    "one cosigner twice": (
        add_cosignatures(add_cosignature, lambda head: add_cosignature(head,
        at=now() + timedelta(seconds=9)), cosigners=2, also=True),
        {"cosigned": "not checked: 1 of 2"},
    ),
    "a cosignature by the name of a witness and another key": (
        add_cosignatures(lambda head: add_cosignature(head, STRANGER)), {"cosigned": "not checked: 0 of 1"},
    ),
    "a signature as a log makes it in place of a cosignature": (
        add_cosignatures(_sign_as_log),
        {"cosigned": "not checked: 0 of 1"},
    ),
    "a cosignature beside another one": (
        add_cosignatures(lambda head: add_cosignature(head, more=cosign(parse_note(head).body,
        "v.example", SECOND_WITNESS, now()))),
        {"anchor:": "failed: The cosignature is for a different checkpoint"},
    ),
    "a cosignature of the year 9999": (
        add_cosignatures(lambda head: add_cosignature(head, at=datetime(9999, 12, 31, tzinfo=UTC))),
        {"anchor:": "failed: is invalid"},
    ),
    "a cosignature that is called a stamp": (
        add_cosignatures(lambda head: replace(add_cosignature(head), receipt=replace(add_cosignature(head).receipt,
            kind="rfc3161"))),
        {"anchor:": "failed", "cosigned": "not checked: 0 of 1"},
    ),
    "a cosignature under the seal in place of a head": (
        lambda field: (
            field.scene,
            add_anchors(field.scene, add_cosignature(get_own_checkpoint(field.scene),
                of=get_manifest_json(field.scene))),
            require_cosigners(field.scene.trust),
        ),
        {"anchor:": "failed: The cosignature is for a different checkpoint", "cosigned": "not checked: 0 of 1"},
    ),
    "cosigners of a head over a seal without an entry": (
        _remove_entry, {"cosigned": "not checked", "entry": "not checked"},
    ),
    # logs
    "a partner's log as the log of the seal": (
        use_foreign_log(SECOND_WITNESS, "partner.example/log", lambda trust, vkey: replace(trust,
        partners=(pin_log(vkey),))),
        {"checkpoint": "not checked"},
    ),
    "a witness's key as that of the log": (
        use_foreign_log(WITNESS, "w.example", lambda trust, _: replace(trust, cosigners=(PINNED_WITNESS,))),
        {"checkpoint": "not checked"},
    ),
    "the name of the pinned log and another key": (
        use_foreign_log(STRANGER, OWN, lambda trust, _: trust), {"checkpoint": "not checked"},
    ),
    "the key of the pinned log and another name": (
        lambda field: use_foreign_log(field.scene.log_key, "log.other.example", lambda trust, _: trust)(field),
        {"checkpoint": "not checked"},
    ),
    "an entry whose names programs sort in two ways": (
        add_registration_fields(**{"\U0001f600": 1, "\uffff": 2}), {"registration": "failed"},
    ),
    "an entry with a number that programs write in "
    "two ways": (add_registration_fields(x=1e-7), {"registration": "failed"}),
    # receipts and their supplementary files
    "a letter among the material of "
    "a stamp": (change_receipts(_add_letter), {"proofs": "not checked: letter-of-the-court"}),
    "two files of one name among the material": (change_receipts(_add_duplicate_header), {"anchors": "failed"}),
    "two receipts of one name": (change_receipts(_add_duplicate_receipt), {"anchors": "failed"}),
    "a stamp that is called a proof of blocks": (
        change_receipts(_change_kind(STAMP, "opentimestamps")), {"anchor:checkpoint-test-authority.tsr": "failed"},
    ),
    "a stamp of a kind that nobody knows": (
        change_receipts(_change_kind(STAMP, "rfc3161\u202e")),
            {"anchor:checkpoint-test-authority.tsr": "not checked: \\u202e"},
    ),
    "a block by another number": (
        change_receipts(_change_height), {"anchor:checkpoint-test-chain.ots": "passed: as stated in the proof"},
    ),
    "a receipt of another chain's number": (change_evm_proof(chain=1),
        {"anchor:evm-checkpoint-test-ledger.json": "not checked"}),
    "a sealed file as a receipt": (
        change_receipts(add_record(file="data/exhibit.pdf")),
        {"anchor:exhibit.pdf": "failed"},
    ),
    "the log's head as a receipt": (
        change_receipts(add_record(file="proofs/log/checkpoint", kind="cosignature")),
        {"anchor:checkpoint": "failed"},
    ),
    "a witness of the list's name with letters that aren't seen": (
        change_receipts(lambda records, _: find_record(records, STAMP).update(service="Test\u200b authority")),
        {"anchor:checkpoint-test-authority.tsr": "passed: Name in the bundle: 'Test\\u200b authority'"},
    ),
    "two receipts of one chain by two names": (
        _pin_chain_twice, {"time": "not checked: on the trust list that state a time: 1; required: 2"}
    ),
    # statements about timestamp services in the facts
    "a witness of the facts whose receipt is another's": (
        state_timestamps(make_timestamp("DigiCert"), called=["DigiCert"]), {"timestamps": LISTED_SENTENCE},
    ),
    "three witnesses of the facts that are one": (
        state_timestamps(make_timestamp("A"), make_timestamp("B"), make_timestamp("C"), called=["A", "B", "C"]),
        {"timestamps": LISTED_SENTENCE},
    ),
    "a witness of the facts of a kind that there isn't": (
        state_timestamps(make_timestamp("A notary", "notary"), called=["A notary"]), {"timestamps": "not checked"},
    ),
    "a witness of the facts that is shown by a receipt of another kind": (
        state_timestamps(make_timestamp("Test chain", "opentimestamps"), called=["Test chain"]),
        {"timestamps": "not checked"},
    ),
    "a witness of the facts that was given their seal": (
        state_timestamps(replace(make_timestamp("Test authority"), subject="manifest")), {"timestamps": "failed"},
    ),
    "a witness for trials that the facts call qualified": (
        state_timestamps(replace(make_timestamp("Test authority"), qualified="2026-11-01")), {"timestamps": "failed"},
    ),
    "a witness that only the facts call qualified": (
        lambda field: _pin_as_production(state_timestamps(QUALIFIED_TIMESTAMP)(field)),
        {"timestamps": "passed: That services are qualified is stated only by the operator"},
    ),
    # keys and revocation
    "a revoked key and a witness of the manifest alone": (
        revoke_key(lambda scene: [one for one in select_anchors(scene,
            "rfc3161") if one.digest == scene.sealed_case.seal_digest]),
        {"revoked": "failed"},
    ),
    "a revoked key and a witness that nobody pinned": (
        lambda field: _change_trust(revoke_key(lambda scene: select_anchors(scene, "rfc3161"))(field), authorities=()),
        {"revoked": "failed"},
    ),
    "a revoked key and a block that is two hours late": (
        revoke_key(lambda scene: select_anchors(scene, "opentimestamps")), {"revoked": "failed"},
    ),
    "a revoked key and a cosigned head": (
        _cosign_before_revocation, {"revoked": "failed"},
    ),
    "a counter-signature by the sealing key": (
        lambda field: add_countersignature(field.scene.owner_key)(field), {"countersignature:": "not checked"},
    ),
    "a counter-signature by another owner's device": (
        add_countersignature(DEVICE, create_device_key("Ben")), {f"countersignature:{STEM}": "failed"},
    ),
    "a counter-signature by a device that was revoked": (
        add_countersignature(DEVICE, create_device_key(revoked=now() + HOUR)),
            {f"countersignature:{STEM}": "not checked"},
    ),
    "a counter-signature over something else": (
        add_countersignature(DEVICE, create_device_key(), other=b"I agree to nothing"),
        {f"countersignature:{STEM}": "failed"},
    ),
    "a counter-signature without its key": (
        lambda field: _remove_file(add_countersignature(DEVICE, create_device_key())(field),
        f"proofs/countersignatures/{STEM}.pem", field),
        {f"countersignature:{STEM}": "failed"},
    ),
    "a letter among the counter-signatures": (
        lambda field: _add_file(field, "proofs/countersignatures/letter.txt"), {"countersignatures": "failed"},
    ),
    "a later head that no list names": (
        lambda field: _add_file(field, "proofs/log/checkpoint-99"), {"proofs": "not checked: checkpoint-99"},
    ),
    "a list of bags beside the sealed files": (
        lambda field: _add_file(field, "fetch.txt"), {"files": "failed"},
    ),
    "a counter-signature under another key's name": (
        add_countersignature(DEVICE, create_device_key(), name="ab" * 8), {f"countersignature:{'ab' * 8}": "failed"},
    ),
    # cocaptures
    "seen by two under a head that only bears the log's name": (
        change_cocapture(_forge_own_checkpoint), {WHOLE: "passed: run by an unknown log and Bea"},
    ),
    "pages without words": (change_cocapture(_remove_page_text),
        {WHOLE: "passed: No partner retrieved the page of sighting 01"}),
    "an answer to an installation that isn't shown to be this one": (
        change_cocapture(_change_requester), {CHECK: "not checked: log.stranger.example"},
    ),
    "one partner by two names": (change_cocapture(_restart_partner_log), {WHOLE: "passed: by two installations,"}),
    "two logs of one operator": (change_cocapture(_use_two_logs_of_same_operator),
        {WHOLE: "passed: by two installations,"}),
    "a log of seals as a partner's": (change_cocapture(_pin_partner_as_log), {CHECK: "not checked",
        WHOLE: "not checked"}),
    "a partner's head with a second line that is spoilt": (change_cocapture(_sign_checkpoint_twice), {CHECK: "failed"}),
}  # fmt: skip


REQUIRED_CHECKS = ("cosigned", "checkpoint", "time")
"""Checks without which these lists call nothing complete."""


def list_states(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(check.name, str(check.state), check.sentence) for check in verdict.checks]


def missing_results(expected: Expectation, verdict: Verdict) -> list[str]:
    """Return the expected results that are missing."""
    problems = []
    for name, expected_state in expected.items():
        state, _, words = expected_state.partition(": ")
        of = [
            check
            for check in list_states(verdict)
            if check[0] == name or (name.endswith(":") and check[0].startswith(name))
        ]
        if not any(check[1] == state and words in check[2] for check in of):
            problems.append(f"{name} {expected_state}, found {of}")
    return problems


def write_forgery(made: Forgery, path: Path) -> tuple[Path, Trust]:
    if len(made) == 2:
        return write_zip(path, made[0]), made[1]
    scene, proofs, trust = made
    return scene.write(path, proofs), trust


@pytest.mark.parametrize("name", FORGERIES)
def test_each_forgery_is_detected(honest_cases: HonestCases, tmp_path: Path, name: str) -> None:
    make, expected = FORGERIES[name]
    path, trust = write_forgery(make(honest_cases), tmp_path / "b.zip")
    verdict = Verifier(trust).verify(path)
    assert not missing_results(expected, verdict)
    if any(state.startswith("failed") for state in expected.values()):
        assert verdict.outcome is ExitCode.CHECK_FAILED
    if any(expected.get(check, "").startswith("not checked") for check in REQUIRED_CHECKS):
        assert verdict.outcome is not ExitCode.DONE
    code, text = run_verifier(path)
    assert not (code == 1 and not verdict.failures), text  # the included verifier agrees


def package_files(field: HonestCases) -> dict[str, bytes]:
    """Return a package of an honest bundle and a false one named bad.zip."""
    files = dict(field.files)
    name = next(name for name in files if name.startswith("data/work/01."))
    files[name] = files[name][:-1] + b"x"
    return {"good.zip": zip_bytes(field.files), "bad.zip": zip_bytes(files)}


def create_zip(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
    """Return a ZIP with these members in this order; repeated names are allowed."""
    out = io.BytesIO()
    warned = pytest.warns(UserWarning, match="Duplicate name") if _has_repeated_names(members) else nullcontext()
    with zipfile.ZipFile(out, "w") as target, warned:
        for name, data in members:
            target.writestr(zipfile.ZipInfo(name), data)
        target.comment = comment
    return out.getvalue()


def _has_repeated_names(members: Sequence[tuple[str, bytes]]) -> bool:
    return len({name for name, _ in members}) < len(members)


def unpack_members(data: bytes, folder: str, between: str = "/") -> list[tuple[str, bytes]]:
    """Return the members of a bundle's ZIP in a folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(f"{folder}{between}{name.replace('/', between)}", archive.read(name)) for name in archive.namelist()]


def _hide_member(good: bytes, bad: bytes) -> bytes:
    """Hide an unlisted member between two others, where programs that read from the front find it."""
    data, inner = create_zip(("good.zip", good)), create_zip(("bad.zip", bad))
    directory, inner = data.index(b"PK\1\2good"[:4], len(good)), inner[: inner.rindex(b"PK\1\2")]
    directory = data.rindex(b"PK\1\2")
    end = bytearray(data[directory:])
    struct.pack_into("<I", end, len(end) - 22 + 16, directory + len(inner))
    return data[:directory] + inner + bytes(end)


def _add_end_record(good: bytes, bad: bytes) -> bytes:
    """Return a ZIP of the bad bundle whose comment is another end record, which lists only the good bundle."""
    both = bytearray(create_zip(("bad.zip", bad), ("good.zip", good)))
    at = both.rindex(b"PK\5\6")
    start = struct.unpack_from("<I", both, at + 16)[0]
    second = both.rindex(b"PK\1\2", start, at)
    directory = bytes(both[second:at])
    comment = directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(directory), at + 22, 0)
    struct.pack_into("<H", both, at + 20, len(comment))
    return bytes(both) + comment


def _understate_count(good: bytes, bad: bytes) -> bytes:
    """State one member fewer in the end record than the directory lists."""
    both = bytearray(create_zip(("bad.zip", bad), ("good.zip", good)))
    struct.pack_into("<HH", both, both.rindex(b"PK\5\6") + 8, 1, 1)
    return bytes(both)


def _rename_in_local_header(good: bytes, bad: bytes) -> bytes:
    """Give the bundle another name in its local header than in the directory."""
    both = bytearray(create_zip(("case-2.dat", bad), ("good.zip", good)))
    both[both.index(b"case-2.dat") : both.index(b"case-2.dat") + 10] = b"case-2.zip"
    return bytes(both)


def _encrypt_member(good: bytes, bad: bytes) -> bytes:
    """Add a bundle that needs a password and is not named as a ZIP."""
    both = bytearray(create_zip(("case-2.dat", bad), ("good.zip", good)))
    struct.pack_into("<H", both, 6, 1)
    struct.pack_into("<H", both, both.rindex(b"PK\1\2", 0, both.rindex(b"PK\1\2")) + 8, 1)
    return bytes(both)


def _nest_zip(data: bytes, depth: int) -> bytes:
    for _ in range(depth):
        data = create_zip(("in.zip", data))
    return data


Pack = Callable[[bytes, bytes], bytes]
PACKAGES: dict[str, tuple[Pack, str]] = {
    "two bundles of one name": (lambda good, bad: create_zip(("case.zip", bad), ("case.zip", good)), "twice"),
    "a bundle by the name of one in a package": (
        lambda good, bad: create_zip(("a.zip", create_zip(("b.zip", good))), ("a.zip/b.zip", bad)),
        "file and as a folder"
    ),
    "a bundle in a folder by the name of another": (
        lambda good, bad: create_zip(("case.zip", good), *unpack_members(bad, "case.zip")), "file and as a folder"
    ),
    "a bundle that was unpacked with the strokes of Windows": (
        lambda good, bad: create_zip(("good.zip", good), *unpack_members(bad, "case", "\\")), "court.zip/case"
    ),
    "a bundle by a name that macOS leaves behind": (
        lambda good, bad: create_zip(("good.zip", good), ("__MACOSX/._bad.zip", bad)), "._bad.zip"
    ),
    "a bundle by a name that Windows leaves behind": (
        lambda good, bad: create_zip(("good.zip", good), ("case/Thumbs.db", bad)), "Thumbs.db"
    ),
    "a bundle that no directory names": (_hide_member, "programs interpret differently"),
    "a package with two ends": (_add_end_record, "programs interpret differently"),
    "a package that counts less than it holds": (_understate_count, "programs interpret differently"),
    "a bundle by two names": (_rename_in_local_header, "case-2.dat"),
    "a bundle that is locked and not called a ZIP": (_encrypt_member, "case-2.dat"),
    "a package before which another one lies": (
        lambda good, bad: b"a letter\n" + create_zip(("bad.zip", bad)) + create_zip(("good.zip", good)), "different"
    ),
    "a name that writes a line of the verdict": (
        lambda good, bad: create_zip(("bad.zip\nIn all 1: 1 complete.\n.zip", bad), ("good.zip", good)), "Total 2"
    ),
    "a name that turns what is read": (
        lambda good, bad: create_zip(("bad\u202epiz.zip", bad), ("good.zip", good)), "bad\ufffdpiz.zip"
    ),
    "a mark of a bundle beside bundles": (
        lambda good, bad: create_zip(("bagit.txt", b"BagIt-Version: 1.0\n"), ("good.zip", good), ("bad.zip", bad)),
        "is missing",
    ),
    "a bundle five ZIPs deep": (
        lambda good, bad: create_zip(("good.zip", good), ("a.zip", _nest_zip(bad, 4))), "ZIPs are nested more than"
    ),
    "a bundle in a folder of a bundle": (
        lambda good, bad: create_zip(*unpack_members(good, "case"), ("case/more/bad.zip", bad)),
        "1 extra (more/bad.zip)"
    ),
    "a bundle beside the files of another": (
        lambda good, bad: create_zip(*unpack_members(good, "case"), ("bad.zip", bad)), "court.zip/bad.zip"
    ),
    "a bundle with a manifest of its own beside another's": (
        lambda good, bad: create_zip(*unpack_members(good, "case"), *[(name, data) for name,
        data in unpack_members(bad, "case/data")]),
        "extra",
    ),
    "a bundle in the comment": (
        lambda good, bad: create_zip(("good.zip", good), comment=bad[:60_000]), "or data follow it"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PACKAGES)
def test_hidden_bundle_in_package_is_detected(
    honest_cases: HonestCases, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, words = PACKAGES[name]
    bundle_path = package_files(honest_cases)
    path, trust = tmp_path / "court.zip", tmp_path / "trust.json"
    path.write_bytes(pack(bundle_path["good.zip"], bundle_path["bad.zip"]))
    trust.write_bytes(honest_cases.scene.trust.to_json())
    code = main(["verify", str(path), "--trust", str(trust)])
    output = capsys.readouterr()
    assert code in {ExitCode.CHECK_FAILED, ExitCode.INVALID_REQUEST}, output.out
    assert words in " ".join((output.out + output.err).split())
    assert "\nIn all 1" not in output.out


def test_bundle_behind_symbolic_link_is_reported(
    honest_cases: HonestCases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, elsewhere, trust = tmp_path / "court", tmp_path / "elsewhere", tmp_path / "trust.json"
    (elsewhere / "case").mkdir(parents=True)
    (elsewhere / "case" / "bagit.txt").write_bytes(b"")
    folder.mkdir()
    (folder / "good.zip").write_bytes(zip_bytes(honest_cases.files))
    (elsewhere / "bad.zip").write_bytes(package_files(honest_cases)["bad.zip"])
    for name in ("bad.zip", "case"):
        (folder / name).symlink_to(elsewhere / name)
    trust.write_bytes(honest_cases.scene.trust.to_json())
    assert main(["verify", str(folder), "--trust", str(trust)]) == ExitCode.INVALID_REQUEST
    output = capsys.readouterr().out
    assert "court/bad.zip' is a link" in output
    assert "2 no bundle, 1 complete" in output


Pair = Callable[[HonestCases, Path], tuple[Path, Path, Trust]]


def write_both(
    field: HonestCases, folder: Path, other: Scene | Files, trust: Trust | None = None, proofs: Proofs | None = None
) -> tuple[Path, Path, Trust]:
    """Write the honest bundle and another one beside it."""
    path = folder / "B.zip"
    second = write_zip(path, other) if isinstance(other, dict) else other.write(path, proofs)
    return field.scene.write(folder / "A.zip"), second, trust or field.scene.trust


def create_later_bundle(field: HonestCases, **changes: Any) -> Scene:  # noqa: ANN401 - fields of the decision
    """Return a later bundle of the same case, with another person's decision."""
    scene = field.scene
    decided = replace(scene.facts.decision, by="The court")
    return reseal(scene, replace(scene.facts, bundle=2, decision=decided, **changes))


def _rename_log(field: HonestCases, folder: Path) -> tuple[Path, Path, Trust]:
    """Continue the log under another name, with the same key."""
    scene = create_later_bundle(field)
    assert scene.proofs.entry is not None
    entry = scene.proofs.entry
    head = sign_checkpoint(scene.log, scene.log_key, "log.renamed.example", entry.size)
    vkey = format_verifier_key("log.renamed.example", scene.log_key.public_key)
    trust = replace(scene.trust, logs=(*scene.trust.logs, TrustedLog(vkey, development=True, label=LABEL)))
    return write_both(field, folder, scene, trust, replace(scene.proofs, entry=replace(entry, checkpoint=head)))


def _remove_log_proofs(field: HonestCases, folder: Path) -> tuple[Path, Path, Trust]:
    scene = create_later_bundle(field)
    return write_both(field, folder, scene, proofs=Proofs())


def _change_case_number(field: HonestCases, folder: Path) -> tuple[Path, Path, Trust]:
    """Add an invisible character to the case's number."""
    return write_both(field, folder, create_later_bundle(field, number="C-7\u200b"))


def _change_without_key(field: HonestCases, folder: Path) -> tuple[Path, Path, Trust]:
    """Change the facts in a copy without any key, to simulate a contradiction by the owner."""
    files = dict(field.files)
    facts = json.loads(files["data/facts.json"])
    facts["decision"]["by"] = "Mallory"
    return write_both(field, folder, update_bag({**files, "data/facts.json": encode_canonical(facts)}))


def _forge_checkpoint(field: HonestCases, folder: Path) -> tuple[Path, Path, Trust]:
    """Sign a checkpoint in the name of an unpinned log with a stranger's key."""
    scene = field.scene
    log = Log(FolderLogStore(folder / "log"), STRANGER, scene.log.origin)
    log.append([Entry(EntryType.SLICE, now(), b"x" * 32) for _ in range(2)])
    entry = append_entry(log, EntryType.SEAL, build_seal_opening(scene.sealed_case))
    return write_both(field, folder, scene, replace(scene.trust, logs=()), Proofs(entry))


def _sign_split_view(field: HonestCases, folder: Path) -> tuple[Path, Path, Trust]:
    """Sign two histories with the log's own key, one with an additional line of another signer."""
    scene = field.scene
    log = Log(FolderLogStore(folder / "log"), scene.log_key, scene.log.origin)
    log.append([Entry(EntryType.SLICE, now(), b"x" * 32) for _ in range(2)])
    entry = append_entry(log, EntryType.SEAL, build_seal_opening(scene.sealed_case))
    line = sign_text(parse_note(entry.checkpoint).body, scene.log.origin, STRANGER).rpartition("\n\n")[2]
    return write_both(field, folder, scene, None, Proofs(replace(entry, checkpoint=entry.checkpoint + line)))


def _fork_partner_log(field: HonestCases, folder: Path) -> tuple[Path, Path, Trust]:
    """Give each bundle another history of a partner's log."""
    cocaptured, paths = field.cocaptured, []
    for story in ("A", "B"):
        log = create_log(folder / story, ORIGIN, cocaptured.key)
        append_entry(log, EntryType.SLICE, {"story": story})
        paths.append(
            write_zip(
                folder / f"{story}.zip",
                cocaptured.seal_answers(cocaptured.answer(seal_statement(log, cocaptured.statement))),
            )
        )
    return paths[0], paths[1], cocaptured.trust


def _fork_later_checkpoint(field: HonestCases, folder: Path) -> tuple[Path, Path, Trust]:
    """Put two later checkpoints of one size into two copies of one bundle."""
    paths = []
    for story in ("A", "B"):
        scene = field.renewed.scene
        assert scene.proofs.entry is not None
        size = scene.proofs.entry.size
        log = Log(FolderLogStore(folder / story), scene.log_key, scene.log.origin)
        log.append([entry.entry for entry in _list_log_proofs(scene)])
        append_entry(log, EntryType.CASE, {"story": story})
        head = log.sign_checkpoint()
        renewal = Renewal(head.note, tuple(log.prove_consistency(size, head.size)))
        path = folder / f"{story}.zip"
        paths.append(scene.write(path, replace(scene.proofs, renewals=(renewal,))))
    return paths[0], paths[1], field.renewed.scene.trust


def _list_log_proofs(scene: Scene) -> list[LogProof]:
    [sighting] = scene.facts.sightings
    every = [scene.facts.work.registration, sighting.slice.log if sighting.slice else None, scene.proofs.entry]
    return sorted((entry for entry in every if entry is not None), key=lambda entry: entry.sequence)


PAIRS: dict[str, tuple[Pair, str]] = {
    "another story under another name of the log": (_rename_log, "Contradiction in case C-7"),
    "another story without an entry in the log": (_remove_log_proofs, "Contradiction in case C-7"),
    "another story under a number with a sign that isn't seen": (_change_case_number, "facts"),
    "another story by somebody without the key": (_change_without_key, "~Two accounts"),
    "a head by a stranger in the name of a log": (_forge_checkpoint, "~in A.zip and in B.zip"),
    "two stories and a stranger's line under one": (_sign_split_view, "Split view"),
    "two stories of a partner": (_fork_partner_log, "Split view"),
    "two stories of later heads": (_fork_later_checkpoint, "Split view"),
}
"""Expected results of two bundles: words in the report, or after ``~`` words that are not in it."""


@pytest.mark.parametrize("name", PAIRS)
def test_contradicting_bundles_are_reported(
    honest_cases: HonestCases, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pair, words = PAIRS[name]
    first_bundle, other, trust = pair(honest_cases, tmp_path)
    listed = tmp_path / "trust.json"
    listed.write_bytes(trust.to_json())
    code = main(["verify", str(first_bundle), str(other), "--trust", str(listed)])
    output = capsys.readouterr().out
    if words.startswith("~"):
        assert words[1:] not in output
    else:
        assert words in output
        assert code == ExitCode.CHECK_FAILED


AMBIGUOUS_TRUST_LISTS: dict[str, tuple[Callable[[Trust], Trust], str]] = {
    "one key as a witness and a partner": (
        lambda trust: replace(require_cosigners(trust), partners=(pin_log(WITNESS_LOG_KEY),)),
        "same key",
    ),
    "one key as two witnesses": (
        lambda trust: require_cosigners(
            trust, PINNED_WITNESS, replace(PINNED_WITNESS, name="V", vkey=format_cosigner_key("v.example",
            WITNESS.public_key)), cosigners=2
        ),
        "same key",
    ),
    "the log as a witness of itself": (
        lambda trust: replace(trust, logs=(pin_log(WITNESS_LOG_KEY),), cosigners=(PINNED_WITNESS,)),
        "same key",
    ),
    "a chain of work that asks for none": (
        lambda trust: replace(trust, chains=(TrustedChain("Bitcoin", "main", 0.0, (), False, ""),)), "work",  # noqa: FBT003
    ),
    "a device that is revoked in one line and not in another": (
        lambda trust: replace(trust, keys=(*trust.keys, create_device_key(),
        create_device_key(revoked=now()))), "same key",
    ),
    "more witnesses of time than there are parties": (
        lambda trust: replace(trust, authorities=(*trust.authorities,) * 9, requires=Requirements(9)), "requires 9",
    ),
    "two witnesses of one name": (
        lambda trust: require_cosigners(trust, PINNED_WITNESS, replace(SECOND_PINNED_WITNESS, name="W"), cosigners=2),
        "requires 2 cosigners but lists 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS_TRUST_LISTS)
def test_trust_list_counting_an_organisation_twice_is_rejected(honest_cases: HonestCases, name: str) -> None:
    change, words = AMBIGUOUS_TRUST_LISTS[name]
    with pytest.raises(FormatError, match=words):
        Trust.from_json(change(honest_cases.scene.trust).to_json())
