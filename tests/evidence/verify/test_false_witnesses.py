"""Test attackers who run an authority, a log, cosigners, a partner or a ZIP program, and want false claims verified.

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
from evidence.bundle.sealing import seal_opening
from evidence.development.authority import run_authority
from evidence.facts.case import WitnessFacts
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
from exhibit.entries import Entry, EntryType, canonical
from exhibit.errors import ExitCode
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
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


WITNESS, SECOND, STRANGER, DEVICE = signer(11), signer(12), signer(13), signer(14)
WITNESS_AS_LOG = format_verifier_key("w.example", WITNESS.public_key)
PINNED = TrustedWitness("W", format_cosigner_key("w.example", WITNESS.public_key), development=True, label=LABEL)
ALSO = TrustedWitness("V", format_cosigner_key("v.example", SECOND.public_key), development=True, label=LABEL)


@dataclass(frozen=True)
class Field:
    """The attacker's material: honest cases to start from, which the tests do not change."""

    scene: Scene
    renewed: RenewedBundle
    cocaptured: ConfirmedBundle
    folder: Path

    @property
    def files(self) -> Files:
        """Files of the honest bundle."""
        return read_files(self.scene.write(self.folder / "whole.zip"))


Forgery = tuple[Scene, Proofs, Trust] | tuple[Files, Trust]
Make = Callable[[Field], Forgery]
Expectation = dict[str, str]
"""Expected results: the state of each check by name and, after a colon, words of its message."""


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Field:
    scene = make_scene(tmp_path_factory.mktemp("scene"))
    cocaptured = confirm_capture(make_scene(tmp_path_factory.mktemp("seen")), tmp_path_factory.mktemp("partner"))
    return Field(
        scene, renew_bundle(make_scene(tmp_path_factory.mktemp("renewed"))), cocaptured, tmp_path_factory.mktemp("f")
    )


def require_cosigners(trust: Trust, *witnesses: TrustedWitness, cosigners: int = 1) -> Trust:
    """Add witnesses of the log to the trust list, and require a number of them."""
    return replace(trust, cosigners=witnesses or (PINNED,), requires=Requirements(1, ("match",), cosigners))


def receipt(digest: Digest, text: str, kind: str = "cosignature", name: str = "W") -> AnchorProof:
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
    return receipt(compute_checkpoint_digest(of or head), f"{head}{more}{line}")


def _sign_as_log(head: str) -> AnchorProof:
    """Return a line signed with the witness's key that states no time."""
    line = sign_text(parse_note(head).body, "w.example", WITNESS).rpartition("\n\n")[2]
    return receipt(compute_checkpoint_digest(head), head + line)


def own_checkpoint(scene: Scene) -> str:
    assert scene.proofs.entry is not None
    return scene.proofs.entry.checkpoint


def manifest_of(scene: Scene) -> str:
    return scene.sealed_case.manifest.to_json().decode()


def with_anchors(scene: Scene, *added: AnchorProof) -> Proofs:
    return replace(scene.proofs, anchors=(*scene.proofs.anchors, *added))


def pin(vkey: str) -> TrustedLog:
    return TrustedLog(vkey, development=True, label=LABEL, operator="Bea")


def add_cosignatures(*added: Callable[[str], AnchorProof], cosigners: int = 1, also: bool = False) -> Make:
    """Add cosignatures to the honest bundle's checkpoint."""

    def make(field: Field) -> Forgery:
        anchors = [make_anchor(own_checkpoint(field.scene)) for make_anchor in added]
        pins = (PINNED, ALSO) if also else (PINNED,)
        return (
            field.scene,
            with_anchors(field.scene, *anchors),
            require_cosigners(field.scene.trust, *pins, cosigners=cosigners),
        )

    return make


def checkpoint_at(log: Log, signer: KeySigner, name: str, size: int) -> str:
    return sign_note(name, size, log.root(size), signer).note


def add_later_checkpoint(
    name: str, by: Callable[[Field], KeySigner], *, spoilt: bool = False, signs: bool = True
) -> Make:
    """Grow the same tree and have another log sign the checkpoint, or nobody; then cosign it."""

    def make(field: Field) -> Forgery:
        scene = field.renewed.scene
        size = field.renewed.size
        head = checkpoint_at(scene.log, by(field), name or scene.log.origin, size)
        if spoilt:
            body, _, line = head.rpartition(" ")
            raw = bytearray(base64.b64decode(line))
            raw[-1] ^= 1
            head = f"{body} {base64.b64encode(bytes(raw)).decode()}\n"
        assert scene.proofs.entry is not None
        path = tuple(scene.log.consistency(scene.proofs.entry.size, size))
        anchors = (*scene.proofs.anchors, *([add_cosignature(head)] if signs else []))
        proofs = replace(scene.proofs, anchors=anchors, renewals=(Renewal(head, path),))
        return scene, proofs, require_cosigners(scene.trust) if signs else scene.trust

    return make


def use_foreign_log(key: KeySigner, name: str, listed: Callable[[Trust, str], Trust]) -> Make:
    """Put the seal into a log that is pinned with another role, or not pinned."""

    def make(field: Field) -> Forgery:
        scene = field.scene
        log = Log(FolderLogStore(field.folder / f"foreign-{len(list(field.folder.iterdir()))}"), key, name)
        other = reseal(replace(scene, log=log), scene.facts)
        return other, other.proofs, listed(scene.trust, log.vkey())

    return make


def change_receipts(change: Callable[[list[dict[str, Any]], Files], object]) -> Make:
    """Change the honest bundle's list of receipts."""

    def make(field: Field) -> Forgery:
        files = dict(field.files)
        records = json.loads(files[INDEX])
        change(records, files)
        return update_bag(
            {**files, INDEX: canonical(sorted(records, key=lambda record: record["file"]))}
        ), field.scene.trust

    return make


def add_record(**fields: str) -> Callable[[list[dict[str, Any]], Files], None]:
    return lambda records, _: records.append({**record_of(records, STAMP), **fields})


def record_of(records: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(record for record in records if record["file"] == name)


def _letter(records: list[dict[str, Any]], files: Files) -> None:
    """Add a letter to the proofs as supplementary material of a timestamp."""
    files["proofs/material/letter-of-the-court.pdf"] = b"%PDF-1.7 all of this is true"
    record = record_of(records, STAMP)
    record["material"] = sorted([*record["material"], "proofs/material/letter-of-the-court.pdf"])


def _two_of_a_name(records: list[dict[str, Any]], files: Files) -> None:
    """Add two headers of the same block number, in two folders."""
    record = record_of(records, OTS)
    [name] = record["material"]
    other = name.replace("proofs/material/", "proofs/material/more/")
    files[other] = bytes(80)
    record["material"] = [name, other]


def _in_two_folders(records: list[dict[str, Any]], files: Files) -> None:
    """Add a receipt of the same name in another folder, which gives two checks of one name."""
    files["proofs/more/checkpoint-test-authority.tsr"] = files[STAMP]
    records.append({**record_of(records, STAMP), "file": "proofs/more/checkpoint-test-authority.tsr"})


def _another_height(records: list[dict[str, Any]], files: Files) -> None:
    """State another block number in the proof."""
    stamp = read_proof(files[OTS])
    for part, attestation in list(_attested(stamp)):
        part.attestations.remove(attestation)
        part.attestations.add(BitcoinBlockHeaderAttestation(170))
    files[OTS] = write_proof(stamp)
    assert parse_attestations(files[OTS]).blocks[0][0] == 170
    record = record_of(records, OTS)
    [name] = record["material"]
    files["proofs/material/block-170.header"] = files.pop(name)
    record["material"] = ["proofs/material/block-170.header"]


def _attested(stamp: Any) -> Any:  # noqa: ANN401 - the library has no types
    for attestation in stamp.attestations:
        yield stamp, attestation
    for below in stamp.ops.values():
        yield from _attested(below)


def _by_kind(name: str, kind: str) -> Callable[[list[dict[str, Any]], Files], None]:
    return lambda records, _: record_of(records, name).update(kind=kind)


def evm(**changes: Any) -> Make:  # noqa: ANN401 - fields
    def change(_: list[dict[str, Any]], files: Files) -> None:
        files[EVM] = canonical({**json.loads(files[EVM]), **changes})

    return change_receipts(change)


def state_timestamps(*witness_facts: WitnessFacts, count: int = 1, called: Sequence[str] = ("Test authority",)) -> Make:
    """State the timestamp services' answers in the facts, with timestamps of one authority under these names."""

    def make(field: Field) -> Forgery:
        scene, registration = field.scene, field.scene.facts.work.registration
        assert registration is not None
        head = compute_checkpoint_digest(registration.checkpoint)

        with run_authority(scene.folder / "authority") as authority:
            session = guarded_session(Guard(("127.0.0.0/8",)))
            anchor = Rfc3161Anchor("A", authority.url, [scene.root_pem], development=True, session=session)
            stamps = [anchor.submit(head) for _ in range(count)]
        anchors = [replace(stamps[at % count], witness=name) for at, name in enumerate(called)]
        facts = tuple(replace(row, time=anchors[at].time) for at, row in enumerate(witness_facts))
        other = reseal(scene, replace(scene.facts, witnesses=facts))
        proofs = replace(other.proofs, anchors=tuple(AnchorProof(head, row) for row in anchors))
        return other, proofs, scene.trust

    return make


def witness(name: str, kind: str = "rfc3161") -> WitnessFacts:
    return WitnessFacts(kind, name, True, "complete", "checkpoint", now())  # noqa: FBT003 - a field


QUALIFIED = replace(witness("Test authority"), development=False, qualified="2026-11-01")


def revoke_key(anchors: Callable[[Scene], Sequence[AnchorProof]]) -> Make:
    """Revoke the sealing key in an hour, with only these receipts."""

    def make(field: Field) -> Forgery:
        scene = field.scene
        keys = tuple(replace(key, revoked=now() + HOUR) for key in scene.trust.keys)
        return scene, replace(scene.proofs, anchors=tuple(anchors(scene))), replace(scene.trust, keys=keys)

    return make


def of_kind(scene: Scene, *names: str) -> list[AnchorProof]:
    return [anchor for anchor in scene.proofs.anchors if anchor.receipt.kind in names]


def add_countersignature(key: KeySigner, *pins: TrustedKey, other: bytes = b"", name: str = "") -> Make:
    def make(field: Field) -> Forgery:
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


def device(owner: str = OWNER, key: KeySigner = DEVICE, revoked: datetime | None = None) -> TrustedKey:
    return TrustedKey(owner, key.public_key, development=True, label=LABEL, use="device", revoked=revoked)


def _one_chain_twice(field: Field) -> Forgery:
    """Pin two blocks of one chain by two names, while the list requires two timestamp services."""
    scene = field.scene
    chain_anchor, ledger = request_ledger_entry(compute_checkpoint_digest(own_checkpoint(scene)))
    ledgers = (*scene.trust.ledgers, replace(ledger, name="Another ledger"))
    trust = replace(scene.trust, authorities=(), chains=(), ledgers=ledgers, requires=Requirements(2))
    return scene, with_anchors(scene, chain_anchor), trust


STEM = DEVICE.public_key.hex()[:16]


def change_cocapture(change: Callable[[ConfirmedBundle], tuple[Files, Trust]]) -> Make:
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

    page = replace(cocaptured.statement.page, sha256=Digest.of(other))
    statement = replace(cocaptured.statement, page=page, text=Digest.of(extract_text(other)))
    changed = replace(cocaptured, files={**cocaptured.files, CAPTURED[2]: first_page})

    data = Cocapture(CHALLENGE, (changed.answer(seal_statement(cocaptured.log, statement)),)).to_json()
    return seal_lie(changed.files, lambda _, files: files.update({PLACE: data})), cocaptured.trust


def _change_requester(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Present a statement for another installation, whose name is in an unsigned checkpoint."""
    statement = replace(cocaptured.statement, asked_by="log.stranger.example")
    data = Cocapture(CHALLENGE, (cocaptured.answer(seal_statement(cocaptured.log, statement)),)).to_json()

    def lie(facts: dict[str, Any], files: Files) -> None:
        work = facts["work"]
        opening = work["registration"]["opening"]
        work["registration"] = log_with_unpinned_key(EntryType.REGISTRATION, opening, work["registration"]["time"])
        files[PLACE] = data

    return seal_lie(cocaptured.files, lie), cocaptured.trust


def _add_statement_by(cocaptured: ConfirmedBundle, again: Log) -> tuple[Files, Trust]:
    """Have the partner's log and a second one make the statement, both pinned as run by the same operator."""
    pins = (*cocaptured.trust.partners, replace(cocaptured.trust.partners[0], vkey=again.vkey()))
    answers = (
        cocaptured.answer(seal_statement(cocaptured.log, cocaptured.statement)),
        cocaptured.answer(seal_statement(again, cocaptured.statement), log=again.vkey()),
    )
    return cocaptured.seal_answers(*answers), replace(cocaptured.trust, partners=pins)


def _one_partner_by_two_names(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Restart a partner's log under a second name with the same key, which is still one partner."""
    return _add_statement_by(
        cocaptured, create_log(cocaptured.folder / "again", "partner.example/log2", cocaptured.key)
    )


def _two_partners_of_one(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Use two logs with two keys that one operator runs."""
    return _add_statement_by(cocaptured, create_log(cocaptured.folder / "two", "c.example/log"))


def _partner_as_log(cocaptured: ConfirmedBundle) -> tuple[Files, Trust]:
    """Pin the partner's log only as a log of seals, and not as a partner's."""
    log = TrustedLog(cocaptured.log.vkey(), development=True, label=LABEL)
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


def _with(forgery: Forgery, **changes: Any) -> Forgery:  # noqa: ANN401 - fields of the list
    *rest, trust = forgery
    return (*rest, replace(trust, **changes))


def _without_file(forgery: Forgery, path: str, field: Field) -> Forgery:
    place, trust = write_forgery(forgery, field.folder / "less.zip")
    return update_bag({name: data for name, data in read_files(place).items() if name != path}), trust


def _with_file(field: Field, path: str) -> Forgery:
    return update_bag({**field.files, path: b"All of this was seen by a notary."}), field.scene.trust


def _without_entry(field: Field) -> Forgery:
    scene = field.scene
    files = read_files(
        scene.write(field.folder / "bare.zip", with_anchors(scene, add_cosignature(own_checkpoint(scene))))
    )
    removed = ("proofs/log/entry.json", "proofs/log/inclusion.json")
    return update_bag({name: data for name, data in files.items() if name not in removed}), require_cosigners(
        scene.trust
    )


def _revoked_cosigned(field: Field) -> Forgery:
    """Cosign the checkpoint with an unpinned witness before the key was revoked."""
    by_stranger = revoke_key(lambda scene: [add_cosignature(own_checkpoint(scene), STRANGER, "s.example")])
    return _with(by_stranger(field), cosigners=(PINNED,))


def _with_legal_weight(forgery: Forgery) -> Forgery:
    """Pin the authority as a production one that nobody has compared with a list."""
    authorities = tuple(replace(authority, development=False, label="") for authority in forgery[-1].authorities)
    return _with(forgery, authorities=authorities)


def add_registration_fields(**fields: Any) -> Make:  # noqa: ANN401 - fields of an opening
    """Add fields to the work's registration that this software does not write."""

    def make(field: Field) -> Forgery:
        scene, work = field.scene, field.scene.facts.work
        opening = {**registration_opening(work, work.pictures[0]), **fields}
        proof = append_entry(scene.log, EntryType.REGISTRATION, opening)
        other = reseal(scene, replace(scene.facts, work=replace(work, registration=proof)))
        return other, other.proofs, scene.trust

    return make


LED = "passed: 1 of them are on the trust list: Test authority"
FORGERIES: dict[str, tuple[Make, Expectation]] = {
    # cosigners and heads
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
        {"renewal:": "passed: No pinned log signed it"},
    ),
    "a cosignature under an earlier head": (
        lambda field: (
            field.scene,
            with_anchors(field.scene, add_cosignature(field.scene.facts.work.registration.checkpoint)),  # type: ignore[union-attr]
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
        "v.example", SECOND, now()))),
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
            with_anchors(field.scene, add_cosignature(own_checkpoint(field.scene), of=manifest_of(field.scene))),
            require_cosigners(field.scene.trust),
        ),
        {"anchor:": "failed: The cosignature is for a different checkpoint", "cosigned": "not checked: 0 of 1"},
    ),
    "cosigners of a head over a seal without an entry": (
        _without_entry, {"cosigned": "not checked", "entry": "not checked"},
    ),
    # logs
    "a partner's log as the log of the seal": (
        use_foreign_log(SECOND, "partner.example/log", lambda trust, vkey: replace(trust, partners=(pin(vkey),))),
        {"checkpoint": "not checked"},
    ),
    "a witness's key as that of the log": (
        use_foreign_log(WITNESS, "w.example", lambda trust, _: replace(trust, cosigners=(PINNED,))),
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
    # receipts and what comes with them
    "a letter among the material of "
    "a stamp": (change_receipts(_letter), {"proofs": "not checked: letter-of-the-court"}),
    "two files of one name among the material": (change_receipts(_two_of_a_name), {"anchors": "failed"}),
    "two receipts of one name": (change_receipts(_in_two_folders), {"anchors": "failed"}),
    "a stamp that is called a proof of blocks": (
        change_receipts(_by_kind(STAMP, "opentimestamps")), {"anchor:checkpoint-test-authority.tsr": "failed"},
    ),
    "a stamp of a kind that nobody knows": (
        change_receipts(_by_kind(STAMP, "rfc3161\u202e")),
            {"anchor:checkpoint-test-authority.tsr": "not checked: \\u202e"},
    ),
    "a block by another number": (
        change_receipts(_another_height), {"anchor:checkpoint-test-chain.ots": "passed: as stated in the proof"},
    ),
    "a receipt of another chain's number": (evm(chain=1), {"anchor:evm-checkpoint-test-ledger.json": "not checked"}),
    "a sealed file as a receipt": (
        change_receipts(add_record(file="data/exhibit.pdf")),
        {"anchor:exhibit.pdf": "failed"},
    ),
    "the log's head as a receipt": (
        change_receipts(add_record(file="proofs/log/checkpoint", kind="cosignature")),
        {"anchor:checkpoint": "failed"},
    ),
    "a witness of the list's name with letters that aren't seen": (
        change_receipts(lambda records, _: record_of(records, STAMP).update(witness="Test\u200b authority")),
        {"anchor:checkpoint-test-authority.tsr": "passed: Name in the bundle: 'Test\\u200b authority'"},
    ),
    "two receipts of one chain by two names": (_one_chain_twice, {"time": "not checked: 1 pinned"}),
    # what facts say of witnesses
    "a witness of the facts whose receipt is another's": (
        state_timestamps(witness("DigiCert"), called=["DigiCert"]), {"witnesses": LED},
    ),
    "three witnesses of the facts that are one": (
        state_timestamps(witness("A"), witness("B"), witness("C"), called=["A", "B", "C"]),
        {"witnesses": LED},
    ),
    "a witness of the facts of a kind that there isn't": (
        state_timestamps(witness("A notary", "notary"), called=["A notary"]), {"witnesses": "not checked"},
    ),
    "a witness of the facts that is shown by a receipt of another kind": (
        state_timestamps(witness("Test chain", "opentimestamps"), called=["Test chain"]), {"witnesses": "not checked"},
    ),
    "a witness of the facts that was given their seal": (
        state_timestamps(replace(witness("Test authority"), subject="manifest")), {"witnesses": "failed"},
    ),
    "a witness for trials that the facts call qualified": (
        state_timestamps(replace(witness("Test authority"), qualified="2026-11-01")), {"witnesses": "failed"},
    ),
    "a witness that only the facts call qualified": (
        lambda field: _with_legal_weight(state_timestamps(QUALIFIED)(field)),
        {"witnesses": "passed: stated by the operator only"},
    ),
    # keys and revocation
    "a revoked key and a witness of the manifest alone": (
        revoke_key(lambda scene: [one for one in of_kind(scene, "rfc3161") if one.digest == scene.sealed_case.seal]),
        {"revoked": "failed"},
    ),
    "a revoked key and a witness that nobody pinned": (
        lambda field: _with(revoke_key(lambda scene: of_kind(scene, "rfc3161"))(field), authorities=()),
        {"revoked": "failed"},
    ),
    "a revoked key and a block that is two hours late": (
        revoke_key(lambda scene: of_kind(scene, "opentimestamps")), {"revoked": "failed"},
    ),
    "a revoked key and a cosigned head": (
        _revoked_cosigned, {"revoked": "failed"},
    ),
    "a counter-signature by the sealing key": (
        lambda field: add_countersignature(field.scene.owner_key)(field), {"countersignature:": "not checked"},
    ),
    "a counter-signature by another owner's device": (
        add_countersignature(DEVICE, device("Ben")), {f"countersignature:{STEM}": "failed"},
    ),
    "a counter-signature by a device that was revoked": (
        add_countersignature(DEVICE, device(revoked=now() + HOUR)), {f"countersignature:{STEM}": "not checked"},
    ),
    "a counter-signature over something else": (
        add_countersignature(DEVICE, device(), other=b"I agree to nothing"), {f"countersignature:{STEM}": "failed"},
    ),
    "a counter-signature without its key": (
        lambda field: _without_file(add_countersignature(DEVICE, device())(field),
        f"proofs/countersignatures/{STEM}.pem", field),
        {f"countersignature:{STEM}": "failed"},
    ),
    "a letter among the counter-signatures": (
        lambda field: _with_file(field, "proofs/countersignatures/letter.txt"), {"countersignatures": "failed"},
    ),
    "a later head that no list names": (
        lambda field: _with_file(field, "proofs/log/checkpoint-99"), {"proofs": "not checked: checkpoint-99"},
    ),
    "a list of bags beside the sealed files": (
        lambda field: _with_file(field, "fetch.txt"), {"files": "failed"},
    ),
    "a counter-signature under another key's name": (
        add_countersignature(DEVICE, device(), name="ab" * 8), {f"countersignature:{'ab' * 8}": "failed"},
    ),
    # cocaptures
    "seen by two under a head that only bears the log's name": (
        change_cocapture(_forge_own_checkpoint), {WHOLE: "passed: run by an unknown log and Bea"},
    ),
    "pages without words": (change_cocapture(_remove_page_text),
        {WHOLE: "passed: No one else retrieved the same page of sighting 01"}),
    "an answer to an installation that isn't shown to be this one": (
        change_cocapture(_change_requester), {CHECK: "not checked: log.stranger.example"},
    ),
    "one partner by two names": (change_cocapture(_one_partner_by_two_names), {WHOLE: "passed: retrieved by two,"}),
    "two logs of one operator": (change_cocapture(_two_partners_of_one), {WHOLE: "passed: retrieved by two,"}),
    "a log of seals as a partner's": (change_cocapture(_partner_as_log), {CHECK: "not checked", WHOLE: "not checked"}),
    "a partner's head with a second line that is spoilt": (change_cocapture(_sign_checkpoint_twice), {CHECK: "failed"}),
}  # fmt: skip


NEEDED = ("cosigned", "checkpoint", "time")
"""Checks without which these lists call nothing complete."""


def states(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(check.name, str(check.state), check.sentence) for check in verdict.checks]


def missing_results(expected: Expectation, verdict: Verdict) -> list[str]:
    """Return the expected results that are missing."""
    problems = []
    for name, expected_state in expected.items():
        state, _, words = expected_state.partition(": ")
        of = [
            check for check in states(verdict) if check[0] == name or (name.endswith(":") and check[0].startswith(name))
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
def test_each_is_seen(field: Field, tmp_path: Path, name: str) -> None:
    make, expected = FORGERIES[name]
    path, trust = write_forgery(make(field), tmp_path / "b.zip")
    verdict = Verifier(trust).verify(path)
    assert not missing_results(expected, verdict)
    if any(state.startswith("failed") for state in expected.values()):
        assert verdict.outcome is ExitCode.CHECK_FAILED
    if any(expected.get(check, "").startswith("not checked") for check in NEEDED):
        assert verdict.outcome is not ExitCode.DONE
    code, text = run_verifier(path)
    assert not (code == 1 and not verdict.failures), text  # the verifier inside agrees


def package_files(field: Field) -> dict[str, bytes]:
    """Return a package of an honest bundle and a false one named bad.zip."""
    files = dict(field.files)
    name = next(name for name in files if name.startswith("data/work/01."))
    files[name] = files[name][:-1] + b"x"
    return {"good.zip": zip_bytes(field.files), "bad.zip": zip_bytes(files)}


def zip_of(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
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


def unpacked(data: bytes, folder: str, between: str = "/") -> list[tuple[str, bytes]]:
    """Return the members of a bundle's ZIP in a folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(f"{folder}{between}{name.replace('/', between)}", archive.read(name)) for name in archive.namelist()]


def _hide_member(good: bytes, bad: bytes) -> bytes:
    """Hide an unlisted member between two others, where programs that read from the front find it."""
    data, inner = zip_of(("good.zip", good)), zip_of(("bad.zip", bad))
    directory, inner = data.index(b"PK\1\2good"[:4], len(good)), inner[: inner.rindex(b"PK\1\2")]
    directory = data.rindex(b"PK\1\2")
    end = bytearray(data[directory:])
    struct.pack_into("<I", end, len(end) - 22 + 16, directory + len(inner))
    return data[:directory] + inner + bytes(end)


def _add_end_record(good: bytes, bad: bytes) -> bytes:
    """Return a ZIP of the bad bundle whose comment is another end record, which lists only the good bundle."""
    both = bytearray(zip_of(("bad.zip", bad), ("good.zip", good)))
    at = both.rindex(b"PK\5\6")
    start = struct.unpack_from("<I", both, at + 16)[0]
    second = both.rindex(b"PK\1\2", start, at)
    directory = bytes(both[second:at])
    comment = directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(directory), at + 22, 0)
    struct.pack_into("<H", both, at + 20, len(comment))
    return bytes(both) + comment


def _understate_count(good: bytes, bad: bytes) -> bytes:
    """State one member fewer in the end record than the directory lists."""
    both = bytearray(zip_of(("bad.zip", bad), ("good.zip", good)))
    struct.pack_into("<HH", both, both.rindex(b"PK\5\6") + 8, 1, 1)
    return bytes(both)


def _misnamed(good: bytes, bad: bytes) -> bytes:
    """Give the bundle another name in its local header than in the directory."""
    both = bytearray(zip_of(("case-2.dat", bad), ("good.zip", good)))
    both[both.index(b"case-2.dat") : both.index(b"case-2.dat") + 10] = b"case-2.zip"
    return bytes(both)


def _locked(good: bytes, bad: bytes) -> bytes:
    """Add a bundle that needs a password and is not named as a ZIP."""
    both = bytearray(zip_of(("case-2.dat", bad), ("good.zip", good)))
    struct.pack_into("<H", both, 6, 1)
    struct.pack_into("<H", both, both.rindex(b"PK\1\2", 0, both.rindex(b"PK\1\2")) + 8, 1)
    return bytes(both)


def _wrapped(data: bytes, depth: int) -> bytes:
    for _ in range(depth):
        data = zip_of(("in.zip", data))
    return data


Pack = Callable[[bytes, bytes], bytes]
PACKAGES: dict[str, tuple[Pack, str]] = {
    "two bundles of one name": (lambda good, bad: zip_of(("case.zip", bad), ("case.zip", good)), "twice"),
    "a bundle by the name of one in a package": (
        lambda good, bad: zip_of(("a.zip", zip_of(("b.zip", good))), ("a.zip/b.zip", bad)), "file and as a folder"
    ),
    "a bundle in a folder by the name of another": (
        lambda good, bad: zip_of(("case.zip", good), *unpacked(bad, "case.zip")), "file and as a folder"
    ),
    "a bundle that was unpacked with the strokes of Windows": (
        lambda good, bad: zip_of(("good.zip", good), *unpacked(bad, "case", "\\")), "court.zip/case"
    ),
    "a bundle by a name that macOS leaves behind": (
        lambda good, bad: zip_of(("good.zip", good), ("__MACOSX/._bad.zip", bad)), "._bad.zip"
    ),
    "a bundle by a name that Windows leaves behind": (
        lambda good, bad: zip_of(("good.zip", good), ("case/Thumbs.db", bad)), "Thumbs.db"
    ),
    "a bundle that no directory names": (_hide_member, "programs interpret differently"),
    "a package with two ends": (_add_end_record, "programs interpret differently"),
    "a package that counts less than it holds": (_understate_count, "programs interpret differently"),
    "a bundle by two names": (_misnamed, "case-2.dat"),
    "a bundle that is locked and not called a ZIP": (_locked, "case-2.dat"),
    "a package before which another one lies": (
        lambda good, bad: b"a letter\n" + zip_of(("bad.zip", bad)) + zip_of(("good.zip", good)), "different"
    ),
    "a name that writes a line of the verdict": (
        lambda good, bad: zip_of(("bad.zip\nIn all 1: 1 complete.\n.zip", bad), ("good.zip", good)), "Total 2"
    ),
    "a name that turns what is read": (
        lambda good, bad: zip_of(("bad\u202epiz.zip", bad), ("good.zip", good)), "bad\ufffdpiz.zip"
    ),
    "a mark of a bundle beside bundles": (
        lambda good, bad: zip_of(("bagit.txt", b"BagIt-Version: 1.0\n"), ("good.zip", good), ("bad.zip", bad)),
        "is missing",
    ),
    "a bundle five ZIPs deep": (
        lambda good, bad: zip_of(("good.zip", good), ("a.zip", _wrapped(bad, 4))), "ZIPs are nested more than"
    ),
    "a bundle in a folder of a bundle": (
        lambda good, bad: zip_of(*unpacked(good, "case"), ("case/more/bad.zip", bad)), "1 extra (more/bad.zip)"
    ),
    "a bundle beside the files of another": (
        lambda good, bad: zip_of(*unpacked(good, "case"), ("bad.zip", bad)), "court.zip/bad.zip"
    ),
    "a bundle with a manifest of its own beside another's": (
        lambda good, bad: zip_of(*unpacked(good, "case"), *[(name, data) for name, data in unpacked(bad, "case/data")]),
        "extra",
    ),
    "a bundle in the comment": (
        lambda good, bad: zip_of(("good.zip", good), comment=bad[:60_000]), "or data follow it"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PACKAGES)
def test_no_bundle_is_hidden_in_a_package(
    field: Field, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, words = PACKAGES[name]
    bundle_path = package_files(field)
    path, trust = tmp_path / "court.zip", tmp_path / "trust.json"
    path.write_bytes(pack(bundle_path["good.zip"], bundle_path["bad.zip"]))
    trust.write_bytes(field.scene.trust.to_json())
    code = main(["verify", str(path), "--trust", str(trust)])
    output = capsys.readouterr()
    assert code in {ExitCode.CHECK_FAILED, ExitCode.WRONG_USE}, output.out
    assert words in " ".join((output.out + output.err).split())
    assert "\nIn all 1" not in output.out


def test_a_bundle_behind_a_symbolic_link_is_reported(
    field: Field, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, elsewhere, trust = tmp_path / "court", tmp_path / "elsewhere", tmp_path / "trust.json"
    (elsewhere / "case").mkdir(parents=True)
    (elsewhere / "case" / "bagit.txt").write_bytes(b"")
    folder.mkdir()
    (folder / "good.zip").write_bytes(zip_bytes(field.files))
    (elsewhere / "bad.zip").write_bytes(package_files(field)["bad.zip"])
    for name in ("bad.zip", "case"):
        (folder / name).symlink_to(elsewhere / name)
    trust.write_bytes(field.scene.trust.to_json())
    assert main(["verify", str(folder), "--trust", str(trust)]) == ExitCode.WRONG_USE
    output = capsys.readouterr().out
    assert "court/bad.zip' is a link" in output
    assert "2 no bundle, 1 complete" in output


Pair = Callable[[Field, Path], tuple[Path, Path, Trust]]


def write_both(
    field: Field, folder: Path, other: Scene | Files, trust: Trust | None = None, proofs: Proofs | None = None
) -> tuple[Path, Path, Trust]:
    """Write the honest bundle and another one beside it."""
    path = folder / "B.zip"
    second = write_zip(path, other) if isinstance(other, dict) else other.write(path, proofs)
    return field.scene.write(folder / "A.zip"), second, trust or field.scene.trust


def later_bundle(field: Field, **changes: Any) -> Scene:  # noqa: ANN401 - fields of the decision
    """Return a later bundle of the same case, with another person's decision."""
    scene = field.scene
    decided = replace(scene.facts.decision, by="The court")
    return reseal(scene, replace(scene.facts, bundle=2, decision=decided, **changes))


def _renamed_log(field: Field, folder: Path) -> tuple[Path, Path, Trust]:
    """Continue the log under another name, with the same key."""
    scene = later_bundle(field)
    assert scene.proofs.entry is not None
    entry = scene.proofs.entry
    head = checkpoint_at(scene.log, scene.log_key, "log.renamed.example", entry.size)
    vkey = format_verifier_key("log.renamed.example", scene.log_key.public_key)
    trust = replace(scene.trust, logs=(*scene.trust.logs, TrustedLog(vkey, development=True, label=LABEL)))
    return write_both(field, folder, scene, trust, replace(scene.proofs, entry=replace(entry, checkpoint=head)))


def _unlogged(field: Field, folder: Path) -> tuple[Path, Path, Trust]:
    scene = later_bundle(field)
    return write_both(field, folder, scene, proofs=Proofs())


def _other_number(field: Field, folder: Path) -> tuple[Path, Path, Trust]:
    """Add an invisible character to the case's number."""
    return write_both(field, folder, later_bundle(field, number="C-7\u200b"))


def _changed_by_a_third(field: Field, folder: Path) -> tuple[Path, Path, Trust]:
    """Change the facts in a copy without any key, to claim that the owner contradicts himself."""
    files = dict(field.files)
    facts = json.loads(files["data/facts.json"])
    facts["decision"]["by"] = "Mallory"
    return write_both(field, folder, update_bag({**files, "data/facts.json": canonical(facts)}))


def _head_of_a_stranger(field: Field, folder: Path) -> tuple[Path, Path, Trust]:
    """Sign a checkpoint in the name of an unpinned log with a stranger's key."""
    scene = field.scene
    log = Log(FolderLogStore(folder / "log"), STRANGER, scene.log.origin)
    log.append([Entry(EntryType.SLICE, now(), b"x" * 32) for _ in range(2)])
    entry = append_entry(log, EntryType.SEAL, seal_opening(scene.sealed_case))
    return write_both(field, folder, scene, replace(scene.trust, logs=()), Proofs(entry))


def _head_with_another_line(field: Field, folder: Path) -> tuple[Path, Path, Trust]:
    """Sign two histories with the log's own key, one with an additional line of another signer."""
    scene = field.scene
    log = Log(FolderLogStore(folder / "log"), scene.log_key, scene.log.origin)
    log.append([Entry(EntryType.SLICE, now(), b"x" * 32) for _ in range(2)])
    entry = append_entry(log, EntryType.SEAL, seal_opening(scene.sealed_case))
    line = sign_text(parse_note(entry.checkpoint).body, scene.log.origin, STRANGER).rpartition("\n\n")[2]
    return write_both(field, folder, scene, None, Proofs(replace(entry, checkpoint=entry.checkpoint + line)))


def _forked_partner(field: Field, folder: Path) -> tuple[Path, Path, Trust]:
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


def _forked_later(field: Field, folder: Path) -> tuple[Path, Path, Trust]:
    """Put two later checkpoints of one size into two copies of one bundle."""
    paths = []
    for story in ("A", "B"):
        scene = field.renewed.scene
        assert scene.proofs.entry is not None
        size = scene.proofs.entry.size
        log = Log(FolderLogStore(folder / story), scene.log_key, scene.log.origin)
        log.append([entry.entry for entry in _entries(scene)])
        append_entry(log, EntryType.CASE, {"story": story})
        head = log.checkpoint()
        renewal = Renewal(head.note, tuple(log.consistency(size, head.size)))
        path = folder / f"{story}.zip"
        paths.append(scene.write(path, replace(scene.proofs, renewals=(renewal,))))
    return paths[0], paths[1], field.renewed.scene.trust


def _entries(scene: Scene) -> list[LogProof]:
    [sighting] = scene.facts.sightings
    every = [scene.facts.work.registration, sighting.slice.log if sighting.slice else None, scene.proofs.entry]
    return sorted((entry for entry in every if entry is not None), key=lambda entry: entry.sequence)


PAIRS: dict[str, tuple[Pair, str]] = {
    "another story under another name of the log": (_renamed_log, "Contradiction in case C-7"),
    "another story without an entry in the log": (_unlogged, "Contradiction in case C-7"),
    "another story under a number with a sign that isn't seen": (_other_number, "facts"),
    "another story by somebody without the key": (_changed_by_a_third, "~Two accounts"),
    "a head by a stranger in the name of a log": (_head_of_a_stranger, "~in A.zip and in B.zip"),
    "two stories and a stranger's line under one": (_head_with_another_line, "Split view"),
    "two stories of a partner": (_forked_partner, "Split view"),
    "two stories of later heads": (_forked_later, "Split view"),
}
"""Expected results of two bundles: words in the report, or after ``~`` words that are not in it."""


@pytest.mark.parametrize("name", PAIRS)
def test_two_bundles_contradict_each_other_where_they_do(
    field: Field, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pair, words = PAIRS[name]
    first_bundle, other, trust = pair(field, tmp_path)
    listed = tmp_path / "trust.json"
    listed.write_bytes(trust.to_json())
    code = main(["verify", str(first_bundle), str(other), "--trust", str(listed)])
    output = capsys.readouterr().out
    if words.startswith("~"):
        assert words[1:] not in output
    else:
        assert words in output
        assert code == ExitCode.CHECK_FAILED


LISTS: dict[str, tuple[Callable[[Trust], Trust], str]] = {
    "one key as a witness and a partner": (
        lambda trust: replace(require_cosigners(trust), partners=(pin(WITNESS_AS_LOG),)),
        "same key",
    ),
    "one key as two witnesses": (
        lambda trust: require_cosigners(
            trust, PINNED, replace(PINNED, name="V", vkey=format_cosigner_key("v.example",
            WITNESS.public_key)), cosigners=2
        ),
        "same key",
    ),
    "the log as a witness of itself": (
        lambda trust: replace(trust, logs=(pin(WITNESS_AS_LOG),), cosigners=(PINNED,)),
        "same key",
    ),
    "a chain of work that asks for none": (
        lambda trust: replace(trust, chains=(TrustedChain("Bitcoin", "main", 0.0, (), False, ""),)), "work",  # noqa: FBT003
    ),
    "a device that is revoked in one line and not in another": (
        lambda trust: replace(trust, keys=(*trust.keys, device(), device(revoked=now()))), "same key",
    ),
    "more witnesses of time than there are parties": (
        lambda trust: replace(trust, authorities=(*trust.authorities,) * 9, requires=Requirements(9)), "requires 9",
    ),
    "two witnesses of one name": (
        lambda trust: require_cosigners(trust, PINNED, replace(ALSO, name="W"), cosigners=2),
        "requires 2 cosigners but pins 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_trust_list_that_would_count_one_organisation_as_two_is_refused(field: Field, name: str) -> None:
    change, words = LISTS[name]
    with pytest.raises(FormatError, match=words):
        Trust.from_json(change(field.scene.trust).to_json())
