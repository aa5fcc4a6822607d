"""A bundle whose capture a partner confirmed, and false statements about captures that no partner saw."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundle.bag import Proofs, write_bundle
from evidence.bundle.sealing import ContentFile, build_seal_opening, seal_case
from evidence.facts.cocapture import (
    COCAPTURE_FORMAT,
    Cocapture,
    PartnerResponse,
    SealedVisitStatement,
    VisitResult,
    VisitStatement,
    compare_statement,
    extract_text,
)
from evidence.facts.network import NetworkRecord
from evidence.formats.codec import from_plain, to_plain
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.log.proofs import LogProof
from evidence.verdict.trust import Trust, TrustedLog
from exhibit.clock import format_rfc3339, now
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from tests.assets.bundle_changes import Files
from tests.assets.bundles import CAPTURED, FROM_FACTS, PAGE, Scene, append_entry, found_bytes, with_consistency_proofs
from tests.assets.folder_log import FolderLogStore
from tests.assets.resealing import Facts, Lie, seal_lie
from tests.assets.site import Answer, ReceivedRequest as Request
from tests.assets.tampering import read_files
from tests.assets.timestamp_services import LABEL

PLACE = "data/sightings/01/capture-1/cocapture.json"
CHECK, WHOLE = "seen-twice:01-1-1", "seen-twice"
CHALLENGE = bytes(range(32))
ORIGIN, OWN = "partner.example/log", "log.tests.example"
CERTIFICATE = Digest.from_bytes(b"the bytes of a certificate")


def create_log(folder: Path, name: str = ORIGIN, key: KeySigner | None = None) -> Log:
    """Create a log in a folder."""
    return Log(FolderLogStore(folder), key or KeySigner(Ed25519PrivateKey.generate()), name)


def statement(started: datetime) -> VisitStatement:
    """Return an honest partner's statement about the page of the scenes."""
    server = "203.0.113.9"
    page = VisitResult(
        "https://copies.example/", "https://copies.example/", 200, "", Digest.from_bytes(PAGE), server, CERTIFICATE
    )
    address = "https://copies.example/field.jpg"
    picture = VisitResult(address, address, 200, "", Digest.from_bytes(found_bytes(1)), server, CERTIFICATE)
    return VisitStatement(
        OWN, CHALLENGE, page, picture, Digest.from_bytes(extract_text(PAGE)), "", False, "", "", started,  # noqa: FBT003
        started + timedelta(seconds=2),
    )  # fmt: skip


def seal_statement(log: Log, statement: VisitStatement, kind: EntryType = EntryType.COCAPTURE) -> SealedVisitStatement:
    """Return a statement, sealed as an entry of a log."""
    proof: LogProof = append_entry(log, kind, dict(to_plain(statement)), statement.finished)
    return SealedVisitStatement(
        statement, proof.sequence, proof.time, proof.salt, proof.size, proof.path, proof.checkpoint
    )


def lying_partner(log: Log, image: bytes, html: bytes = b"", /, **other: Any) -> Callable[[Request], Answer]:  # noqa: ANN401
    """Return the handler of a partner that visits nothing and states what it is asked to confirm.

    The statement is sealed in a log, with fields changed.
    """

    def answer(request: Request) -> Answer:
        requested = json.loads(request.body)
        visit = {
            "final_url": requested["page"],
            "status": 200,
            "reason": "",
            "server": "127.0.0.1",
            "certificate": None,
        }
        picture = {
            "url": requested["picture"],
            "final_url": requested["picture"],
            "sha256": Digest.from_bytes(image).hex,
        }
        fields = {
            "requested_by": requested["from"], "challenge": requested["challenge"], "language": "", "consent": False,
            "page": {**visit, "url": requested["page"], "sha256": Digest.from_bytes(html).hex},
            "picture": {**visit, **picture},
            "text": Digest.from_bytes(extract_text(html)).hex, "accept_language": "", "content_language": "",
            "started": requested["at"], "finished": requested["at"], "format": COCAPTURE_FORMAT,
        }  # fmt: skip
        for name, value in other.items():
            fields[name] = {**fields[name], **value} if isinstance(value, dict) else value
        format_name = fields.pop("format")  # of an unknown format nothing is read
        lie = from_plain(VisitStatement, {**fields, "format": COCAPTURE_FORMAT}, location="the lie")
        sealed_statement = seal_statement(log, replace(lie, format=format_name))
        return Answer(json.dumps(to_plain(sealed_statement)).encode(), "application/json")

    return answer


@dataclass(frozen=True, slots=True)
class ConfirmedBundle:
    """A bundle with a partner's statement, its files, the partner's log, and a trust list that pins the log."""

    scene: Scene
    log: Log
    key: KeySigner  # key of the partner's log
    statement: VisitStatement
    files: Files
    trust: Trust
    folder: Path

    @property
    def picture(self) -> VisitResult:
        """Return the partner's statement about the image."""
        assert self.statement.picture is not None
        return self.statement.picture

    def answer(self, sealed_statement: SealedVisitStatement | None, **other: Any) -> PartnerResponse:  # noqa: ANN401
        """Return the answer that the requester records for a statement."""
        answer = PartnerResponse(
            "b", self.log.get_verifier_key(), "" if sealed_statement else "no-answer", (), (), sealed_statement
        )
        if sealed_statement:
            network = from_plain(NetworkRecord, json.loads(self.files[CAPTURED[1]]), location="")
            image = self.scene.facts.sightings[0].captures[0].image
            agrees, differs = compare_statement(sealed_statement.statement, network, self.files[CAPTURED[2]], image)
            answer = replace(answer, agrees=agrees, differs=differs)
        return replace(answer, **other)

    def seal_answers(self, *answers: PartnerResponse, challenge: bytes = CHALLENGE) -> Files:
        """Return the bundle with these answers instead, sealed with a stranger's key."""
        data = Cocapture(challenge, answers).to_json()
        return seal_lie(self.files, lambda _, files: files.update({PLACE: data}))

    def answer_with(self, **other: Any) -> PartnerResponse:  # noqa: ANN401
        """Return an answer whose statement has other fields, sealed by the partner with its own key."""
        return self.answer(seal_statement(self.log, replace(self.statement, **other)))


def confirm_capture(scene: Scene, folder: Path) -> ConfirmedBundle:
    """Add a partner's answer to the capture of a scene's case, seal the case and log it."""
    key = KeySigner(Ed25519PrivateKey.generate())
    log = create_log(folder / "partner", key=key)
    [sighting] = scene.facts.sightings
    [capture] = sighting.captures
    partner_statement = statement(capture.started)
    trust = replace(
        scene.trust,
        logs=tuple(replace(trusted_log, operator="Ann") for trusted_log in scene.trust.logs),
        partners=(TrustedLog(log.get_verifier_key(), development=True, label=LABEL, operator="Bea"),),
    )
    files = {path: scene.blobs.get(file.sha256) for file in scene.sealed_case.manifest.files for path in [file.path]}
    confirmed = ConfirmedBundle(scene, log, key, partner_statement, files, trust, folder)
    record = Cocapture(CHALLENGE, (confirmed.answer(seal_statement(log, partner_statement)),))
    facts = replace(
        scene.facts,
        sightings=(replace(sighting, captures=(replace(capture, files=(*capture.files, PLACE)),)),),
    )
    content_files = [
        ContentFile(file.path, file.role, file.media_type, file.sha256)
        for file in scene.sealed_case.manifest.files
        if file.role not in FROM_FACTS
    ]
    content = ContentFile(PLACE, "cocapture", "application/json", scene.blobs.put(record.to_json()))
    sealed_case = seal_case(
        facts, [*content_files, content], scene.owner_key, holder="operator", sealed_at=now(), blobs=scene.blobs
    )
    entry = append_entry(scene.log, EntryType.SEAL, build_seal_opening(sealed_case))
    proofs = Proofs(entry, with_consistency_proofs(scene.log, facts, entry.size))
    path = folder / "seen-twice.zip"
    with path.open("wb") as out:
        write_bundle(out, sealed_case, proofs, scene.blobs)
    return replace(
        confirmed, scene=replace(scene, facts=facts, sealed_case=sealed_case, proofs=proofs), files=read_files(path)
    )


def _copy_capture(facts: Facts, files: Files) -> None:
    """Add a second capture of the same page, with the statement of the first one."""
    [sighting] = facts["sightings"]
    [first] = sighting["captures"]
    paths = {path: path.replace("capture-1", "capture-2") for path in first["files"]}
    files.update({new: files[old] for old, new in paths.items()})
    sighting["captures"].append({**first, "files": list(paths.values())})


def _remove_network_record(facts: Facts, files: Files) -> None:
    facts["sightings"][0]["captures"][0]["files"].remove(CAPTURED[1])
    del files[CAPTURED[1]]


def _move_capture(bundle: ConfirmedBundle) -> Files:
    """Present the same statement for a capture one day later."""

    def lie(facts: Facts, files: Files) -> None:
        one_day = timedelta(days=1)
        started = bundle.scene.facts.sightings[0].captures[0].started + one_day
        network = json.loads(files[CAPTURED[1]])
        network.update(started=format_rfc3339(started), finished=format_rfc3339(started))
        files[CAPTURED[1]] = json.dumps(network).encode()
        facts["sightings"][0]["captures"][0].update(started=format_rfc3339(started), finished=format_rfc3339(started))

    return seal_lie(bundle.files, lie)


def _change_statement(bundle: ConfirmedBundle) -> Files:
    """Change the statement and leave its proof unchanged."""
    record = json.loads(bundle.files[PLACE])
    record["answers"][0]["sealed"]["statement"]["status_of_mind"] = 1
    return seal_lie(bundle.files, _replace_record(encode_canonical(record)))


def _change_record(change: Callable[[Any], object]) -> Callable[[ConfirmedBundle], Files]:
    def apply(bundle: ConfirmedBundle) -> Files:
        record = json.loads(bundle.files[PLACE])
        change(record)
        return seal_lie(bundle.files, _replace_record(encode_canonical(record)))

    return apply


def _replace_record(data: bytes) -> Lie:
    return lambda _, files: files.update({PLACE: data})


def _claim_other_bytes(bundle: ConfirmedBundle) -> Files:
    """Claim agreement although the partner saw other bytes."""
    picture = replace(bundle.picture, sha256=Digest.from_bytes(b"other"))
    agrees = tuple(name for name in bundle.answer(seal_statement(bundle.log, bundle.statement)).agrees)
    return bundle.seal_answers(replace(bundle.answer_with(picture=picture), agrees=agrees, differs=()))


def _report_other_bytes(bundle: ConfirmedBundle) -> Files:
    return bundle.seal_answers(bundle.answer_with(picture=replace(bundle.picture, sha256=Digest.from_bytes(b"other"))))


def _use_other_key(bundle: ConfirmedBundle) -> Files:
    """Use a log of the same name that signs with another key."""
    return bundle.seal_answers(bundle.answer(seal_statement(create_log(bundle.folder / "other-key"), bundle.statement)))


def _use_other_log(bundle: ConfirmedBundle) -> Files:
    return bundle.seal_answers(
        bundle.answer(seal_statement(create_log(bundle.folder / "other-log", "c.example/log"), bundle.statement))
    )


def _use_unpinned_log(bundle: ConfirmedBundle) -> Files:
    log = create_log(bundle.folder / "unpinned", "c.example/log")
    return bundle.seal_answers(bundle.answer(seal_statement(log, bundle.statement), log=log.get_verifier_key()))


def _use_own_log(bundle: ConfirmedBundle) -> Files:
    return bundle.seal_answers(
        bundle.answer(seal_statement(bundle.scene.log, bundle.statement), log=bundle.scene.log.get_verifier_key())
    )


def _use_own_key(bundle: ConfirmedBundle) -> Files:
    """Use the installation's own key under another name."""
    log = create_log(bundle.folder / "own-key", "c.example/log", bundle.scene.log_key)
    return bundle.seal_answers(bundle.answer(seal_statement(log, bundle.statement), log=log.get_verifier_key()))


def _fork_log(bundle: ConfirmedBundle) -> Files:
    """Present two statements from two histories of two entries that the partner's key signed."""
    answers = []
    for story in ("one", "other"):
        log = create_log(bundle.folder / f"forked-{story}", ORIGIN, bundle.key)
        append_entry(log, EntryType.SLICE, {"story": story})
        answers.append(bundle.answer(seal_statement(log, bundle.statement)))
    return bundle.seal_answers(*answers)


def _repeat_statement(bundle: ConfirmedBundle) -> Files:
    answer = bundle.answer(seal_statement(bundle.log, bundle.statement))
    return bundle.seal_answers(answer, answer)


_PAGE = "https://copies.example/"
LIES: dict[str, tuple[Callable[[ConfirmedBundle], Files], str, str]] = {
    "nothing": (lambda bundle: seal_lie(bundle.files, lambda *_: None), CHECK, "passed"),
    "other bytes, stated as the same": (_claim_other_bytes, CHECK, "failed"),
    "other bytes": (_report_other_bytes, CHECK, "not checked"),
    "no picture": (
        lambda bundle: bundle.seal_answers(bundle.answer_with(picture=replace(bundle.picture,
        sha256=None, status=404))), CHECK,
        "not checked",
    ),
    "another page": (
        lambda bundle: bundle.seal_answers(bundle.answer_with(page=replace(bundle.statement.page,
        url=f"{_PAGE}other"))), CHECK, "failed"
    ),
    "another picture": (
        lambda bundle: bundle.seal_answers(bundle.answer_with(picture=replace(bundle.picture,
        url=f"{_PAGE}other.jpg"))), CHECK, "failed"
    ),
    "no picture asked": (lambda bundle: bundle.seal_answers(bundle.answer_with(picture=None)), CHECK, "failed"),
    "a statement of another day": (
        lambda bundle: bundle.seal_answers(
            bundle.answer_with(started=bundle.statement.started - timedelta(days=1),
                finished=bundle.statement.finished - timedelta(days=1))
        ),
        CHECK, "failed",
    ),
    "a visit that ends before it begins": (
        lambda bundle: bundle.seal_answers(bundle.answer_with(finished=bundle.statement.started - timedelta(
            seconds=1))), CHECK, "failed"
    ),
    "an entry of another day": (
        lambda bundle: bundle.seal_answers(
            bundle.answer(replace(seal_statement(bundle.log, bundle.statement),
                time=bundle.statement.started + timedelta(days=2)))
        ),
        CHECK, "failed",
    ),
    "a capture of another day": (_move_capture, CHECK, "failed"),
    "another format": (
        lambda bundle: bundle.seal_answers(bundle.answer_with(format="exhibit-cocapture/9")), "seen-twice:01-1",
            "failed",
    ),
    "an answer to another log": (lambda bundle: bundle.seal_answers(bundle.answer_with(requested_by="d.example/log")),
        CHECK, "failed"),
    "an answer to another challenge": (lambda bundle: bundle.seal_answers(bundle.answer_with(challenge=bytes(32))),
        CHECK, "failed"),
    "another challenge in the file": (
        lambda bundle: bundle.seal_answers(bundle.answer(seal_statement(bundle.log, bundle.statement)),
        challenge=bytes(32)), CHECK, "failed"
    ),
    "another kind of entry": (
        lambda bundle: bundle.seal_answers(bundle.answer(seal_statement(bundle.log, bundle.statement,
        EntryType.CASE))), CHECK, "failed"
    ),
    "another log": (_use_other_log, CHECK, "failed"),
    "another key": (_use_other_key, CHECK, "failed"),
    "a key that nobody pinned": (_use_unpinned_log, CHECK, "not checked"),
    "ourselves": (_use_own_log, CHECK, "failed"),
    "ourselves by another name": (_use_own_key, CHECK, "failed"),
    "a key that is none": (
        lambda bundle: bundle.seal_answers(bundle.answer(seal_statement(bundle.log, bundle.statement),
        log="b+1+A")), CHECK, "failed"
    ),
    "a forked log": (_fork_log, "heads", "failed"),
    "one statement twice": (_repeat_statement, "seen-twice:01-1-2", "failed"),
    "a statement copied to another capture": (
        lambda bundle: seal_lie(bundle.files, _copy_capture), "seen-twice:01-2", "failed"
    ),
    "no inclusion": (
        _change_record(lambda record: record["answers"][0]["sealed"].update(path=["ab" * 32])), CHECK, "failed"
    ),
    "another place in the log": (
        _change_record(lambda record: record["answers"][0]["sealed"].update(sequence=7)), CHECK, "failed"
    ),
    "another salt": (_change_record(lambda record: record["answers"][0]["sealed"].update(salt="ab" * 32)), CHECK,
        "failed"),
    "a head with a changed size": (
        _change_record(
            lambda record: record["answers"][0]["sealed"].update(
                checkpoint=record["answers"][0]["sealed"]["checkpoint"].replace("\n1\n", "\n2\n"), size=2
            )
        ),
        CHECK, "failed",
    ),
    "words in the statement changed": (
        _change_record(lambda record: record["answers"][0]["sealed"]["statement"].update(language="zh")), CHECK,
            "failed"
    ),
    "more agrees than does": (
        _change_record(lambda record: record["answers"][0].update(agrees=[*record["answers"][0]["agrees"],
            "language"])), CHECK,
        "failed",
    ),
    "missing and there": (_change_record(lambda record: record["answers"][0].update(missing="refused")), CHECK,
        "failed"),
    "neither missing nor there": (_change_record(lambda record: record["answers"][0].update(sealed=None)), CHECK,
        "failed"),
    "missing": (lambda bundle: bundle.seal_answers(bundle.answer(None)), CHECK, "not checked"),
    "a field of its own": (_change_statement, "seen-twice:01-1", "failed"),
    "another format of the file": (_change_record(lambda record: record.update(format="other/1")), "seen-twice:01-1",
        "failed"),
    "a file of junk": (lambda bundle: seal_lie(bundle.files, _replace_record(b"{}")), "seen-twice:01-1", "failed"),
    "a file in another form": (
        lambda bundle: seal_lie(bundle.files, _replace_record(bundle.files[PLACE] + b"\n")), "seen-twice:01-1", "failed"
    ),
    "a capture without its "
    "surroundings": (lambda bundle: seal_lie(bundle.files, _remove_network_record), CHECK, "failed"),
    "seventeen answers": (
        lambda bundle: bundle.seal_answers(*[bundle.answer(None)] * 17), "seen-twice:01-1", "failed"
    ),
}  # fmt: skip
"""Lies about a capture that a partner saw, the check that detects each, and its message."""
