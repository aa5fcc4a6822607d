"""A bundle whose capture a partner confirmed, and false statements about captures that no partner saw."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundle.bag import Proofs, write_bundle
from evidence.bundle.sealing import ContentFile, seal, seal_opening
from evidence.facts.cocapture import (
    COCAPTURE_FORMAT,
    Cocapture,
    PartnerAnswer,
    SealedStatement,
    Statement,
    Visited,
    compare,
    page_text,
)
from evidence.facts.network import NetworkRecord
from evidence.formats.codec import from_plain, to_plain
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.log.proofs import LogProof
from evidence.verdict.trust import Trust, TrustedLog
from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from tests.assets.bundles import CAPTURED, FROM_FACTS, PAGE, Scene, continued, found_bytes, logged
from tests.assets.changes import Files
from tests.assets.folder_log import FolderLogStore
from tests.assets.resealing import Facts, Lie, sealed_lie
from tests.assets.site import Answer, Seen as Request
from tests.assets.tampering import files_of
from tests.assets.witnesses import LABEL

PLACE = "data/sightings/01/capture-1/cocapture.json"
CHECK, WHOLE = "seen-twice:01-1-1", "seen-twice"
CHALLENGE = bytes(range(32))
ORIGIN, OWN = "partner.example/log", "log.tests.example"
CERTIFICATE = Digest.of(b"the bytes of a certificate")


def new_log(folder: Path, name: str = ORIGIN, key: KeySigner | None = None) -> Log:
    """Create a log in a folder."""
    return Log(FolderLogStore(folder), key or KeySigner(Ed25519PrivateKey.generate()), name)


def statement(started: datetime) -> Statement:
    """Return an honest partner's statement about the page of the scenes."""
    server = "203.0.113.9"
    page = Visited("https://copies.example/", "https://copies.example/", 200, "", Digest.of(PAGE), server, CERTIFICATE)
    address = "https://copies.example/field.jpg"
    picture = Visited(address, address, 200, "", Digest.of(found_bytes(1)), server, CERTIFICATE)
    return Statement(
        OWN, CHALLENGE, page, picture, Digest.of(page_text(PAGE)), "", False, "", "", started,  # noqa: FBT003
        started + timedelta(seconds=2),
    )  # fmt: skip


def sealed_in(log: Log, said: Statement, kind: EntryType = EntryType.COCAPTURE) -> SealedStatement:
    """Return a statement, sealed as an entry of a log."""
    proof: LogProof = logged(log, kind, dict(to_plain(said)), said.finished)
    return SealedStatement(said, proof.sequence, proof.time, proof.salt, proof.size, proof.path, proof.checkpoint)


def told_by_a_liar(log: Log, image: bytes, html: bytes = b"", /, **other: Any) -> Callable[[Request], Answer]:  # noqa: ANN401
    """Return the handler of a partner that visits nothing and states what it is asked to confirm.

    The statement is sealed in a log, with fields changed.
    """

    def answer(request: Request) -> Answer:
        asked = json.loads(request.body)
        seen = {"final_url": asked["page"], "status": 200, "reason": "", "server": "127.0.0.1", "certificate": None}
        picture = {"url": asked["picture"], "final_url": asked["picture"], "sha256": Digest.of(image).hex}
        said = {
            "asked_by": asked["from"], "challenge": asked["challenge"], "language": "", "consent": False,
            "page": {**seen, "url": asked["page"], "sha256": Digest.of(html).hex}, "picture": {**seen, **picture},
            "text": Digest.of(page_text(html)).hex, "accept_language": "", "content_language": "",
            "started": asked["at"], "finished": asked["at"], "format": COCAPTURE_FORMAT,
        }  # fmt: skip
        for name, value in other.items():
            said[name] = {**said[name], **value} if isinstance(value, dict) else value
        written = said.pop("format")  # of an unknown format nothing is read
        stated = from_plain(Statement, {**said, "format": COCAPTURE_FORMAT}, where="the lie")
        sealed = sealed_in(log, replace(stated, format=written))
        return Answer(json.dumps(to_plain(sealed)).encode(), "application/json")

    return answer


@dataclass(frozen=True, slots=True)
class SeenTwice:
    """A bundle with a partner's statement, its files, the partner's log, and a trust list that pins the log."""

    scene: Scene
    log: Log
    key: KeySigner  # key of the partner's log
    said: Statement
    files: Files
    trust: Trust
    folder: Path

    @property
    def picture(self) -> Visited:
        """Return the partner's statement about the image."""
        assert self.said.picture is not None
        return self.said.picture

    def answer(self, sealed: SealedStatement | None, **other: Any) -> PartnerAnswer:  # noqa: ANN401
        """Return the answer that the requester records for a statement."""
        answer = PartnerAnswer("b", self.log.vkey(), "" if sealed else "no-answer", (), (), sealed)
        if sealed:
            network = from_plain(NetworkRecord, json.loads(self.files[CAPTURED[1]]), where="")
            image = self.scene.facts.sightings[0].captures[0].image
            agrees, differs = compare(sealed.statement, network, self.files[CAPTURED[2]], image)
            answer = replace(answer, agrees=agrees, differs=differs)
        return replace(answer, **other)

    def lie(self, *answers: PartnerAnswer, challenge: bytes = CHALLENGE) -> Files:
        """Return the bundle with these answers instead, sealed with a stranger's key."""
        data = Cocapture(challenge, answers).to_json()
        return sealed_lie(self.files, lambda _, files: files.update({PLACE: data}))

    def says(self, **other: Any) -> PartnerAnswer:  # noqa: ANN401
        """Return an answer whose statement has other fields, sealed by the partner with its own key."""
        return self.answer(sealed_in(self.log, replace(self.said, **other)))


def seen_twice(scene: Scene, folder: Path) -> SeenTwice:
    """Add a partner's answer to the capture of a scene's case, seal the case and log it."""
    key = KeySigner(Ed25519PrivateKey.generate())
    log = new_log(folder / "partner", key=key)
    [sighting] = scene.facts.sightings
    [capture] = sighting.captures
    partner_statement = statement(capture.started)
    trust = replace(
        scene.trust,
        logs=tuple(replace(one, operator="Ann") for one in scene.trust.logs),
        partners=(TrustedLog(log.vkey(), development=True, label=LABEL, operator="Bea"),),
    )
    files = {path: scene.blobs.get(file.sha256) for file in scene.sealed.manifest.files for path in [file.path]}
    made = SeenTwice(scene, log, key, partner_statement, files, trust, folder)
    record = Cocapture(CHALLENGE, (made.answer(sealed_in(log, partner_statement)),))
    facts = replace(
        scene.facts,
        sightings=(replace(sighting, captures=(replace(capture, files=(*capture.files, PLACE)),)),),
    )
    kept = [
        ContentFile(file.path, file.role, file.media_type, file.sha256)
        for file in scene.sealed.manifest.files
        if file.role not in FROM_FACTS
    ]
    content = ContentFile(PLACE, "cocapture", "application/json", scene.blobs.put(record.to_json()))
    sealed = seal(facts, [*kept, content], scene.owner_key, holder="operator", sealed_at=now(), blobs=scene.blobs)
    entry = logged(scene.log, EntryType.SEAL, seal_opening(sealed))
    proofs = Proofs(entry, continued(scene.log, facts, entry.size))
    path = folder / "seen-twice.zip"
    with path.open("wb") as out:
        write_bundle(out, sealed, proofs, scene.blobs)
    return replace(made, scene=replace(scene, facts=facts, sealed=sealed, proofs=proofs), files=files_of(path))


def _copied(facts: Facts, files: Files) -> None:
    """Add a second capture of the same page, with the statement of the first one."""
    [sighting] = facts["sightings"]
    [first] = sighting["captures"]
    paths = {path: path.replace("capture-1", "capture-2") for path in first["files"]}
    files.update({new: files[old] for old, new in paths.items()})
    sighting["captures"].append({**first, "files": list(paths.values())})


def _bare(facts: Facts, files: Files) -> None:
    facts["sightings"][0]["captures"][0]["files"].remove(CAPTURED[1])
    del files[CAPTURED[1]]


def _later(seen: SeenTwice) -> Files:
    """Present the same statement for a capture one day later."""

    def lie(facts: Facts, files: Files) -> None:
        day = timedelta(days=1)
        started = seen.scene.facts.sightings[0].captures[0].started + day
        network = json.loads(files[CAPTURED[1]])
        network.update(started=rfc3339(started), finished=rfc3339(started))
        files[CAPTURED[1]] = json.dumps(network).encode()
        facts["sightings"][0]["captures"][0].update(started=rfc3339(started), finished=rfc3339(started))

    return sealed_lie(seen.files, lie)


def _stated_only(seen: SeenTwice) -> Files:
    """Change the statement and leave its proof unchanged."""
    record = json.loads(seen.files[PLACE])
    record["answers"][0]["sealed"]["statement"]["status_of_mind"] = 1
    return sealed_lie(seen.files, _file(canonical(record)))


def _changed(change: Callable[[Any], object]) -> Callable[[SeenTwice], Files]:
    def made(seen: SeenTwice) -> Files:
        record = json.loads(seen.files[PLACE])
        change(record)
        return sealed_lie(seen.files, _file(canonical(record)))

    return made


def _file(data: bytes) -> Lie:
    return lambda _, files: files.update({PLACE: data})


def _other_bytes(seen: SeenTwice) -> Files:
    """Claim agreement although the partner saw other bytes."""
    picture = replace(seen.picture, sha256=Digest.of(b"other"))
    agrees = tuple(name for name in seen.answer(sealed_in(seen.log, seen.said)).agrees)
    return seen.lie(replace(seen.says(picture=picture), agrees=agrees, differs=()))


def _honest_other_bytes(seen: SeenTwice) -> Files:
    return seen.lie(seen.says(picture=replace(seen.picture, sha256=Digest.of(b"other"))))


def _other_key(seen: SeenTwice) -> Files:
    """Use a log of the same name that signs with another key."""
    return seen.lie(seen.answer(sealed_in(new_log(seen.folder / "other-key"), seen.said)))


def _other_log(seen: SeenTwice) -> Files:
    return seen.lie(seen.answer(sealed_in(new_log(seen.folder / "other-log", "c.example/log"), seen.said)))


def _unpinned(seen: SeenTwice) -> Files:
    log = new_log(seen.folder / "unpinned", "c.example/log")
    return seen.lie(seen.answer(sealed_in(log, seen.said), log=log.vkey()))


def _ourselves(seen: SeenTwice) -> Files:
    return seen.lie(seen.answer(sealed_in(seen.scene.log, seen.said), log=seen.scene.log.vkey()))


def _own_key(seen: SeenTwice) -> Files:
    """Use the installation's own key under another name."""
    log = new_log(seen.folder / "own-key", "c.example/log", seen.scene.log_key)
    return seen.lie(seen.answer(sealed_in(log, seen.said), log=log.vkey()))


def _forked(seen: SeenTwice) -> Files:
    """Present two statements from two histories of two entries that the partner's key signed."""
    answers = []
    for story in ("one", "other"):
        log = new_log(seen.folder / f"forked-{story}", ORIGIN, seen.key)
        logged(log, EntryType.SLICE, {"story": story})
        answers.append(seen.answer(sealed_in(log, seen.said)))
    return seen.lie(*answers)


def _twice(seen: SeenTwice) -> Files:
    answer = seen.answer(sealed_in(seen.log, seen.said))
    return seen.lie(answer, answer)


_PAGE = "https://copies.example/"
LIES: dict[str, tuple[Callable[[SeenTwice], Files], str, str]] = {
    "nothing": (lambda seen: sealed_lie(seen.files, lambda *_: None), CHECK, "passed"),
    "other bytes, told as the same": (_other_bytes, CHECK, "failed"),
    "other bytes": (_honest_other_bytes, CHECK, "not checked"),
    "no picture": (
        lambda seen: seen.lie(seen.says(picture=replace(seen.picture, sha256=None, status=404))), CHECK,
        "not checked",
    ),
    "another page": (
        lambda seen: seen.lie(seen.says(page=replace(seen.said.page, url=f"{_PAGE}other"))), CHECK, "failed"
    ),
    "another picture": (
        lambda seen: seen.lie(seen.says(picture=replace(seen.picture, url=f"{_PAGE}other.jpg"))), CHECK, "failed"
    ),
    "no picture asked": (lambda seen: seen.lie(seen.says(picture=None)), CHECK, "failed"),
    "a statement of another day": (
        lambda seen: seen.lie(
            seen.says(started=seen.said.started - timedelta(days=1), finished=seen.said.finished - timedelta(days=1))
        ),
        CHECK, "failed",
    ),
    "a visit that ends before it begins": (
        lambda seen: seen.lie(seen.says(finished=seen.said.started - timedelta(seconds=1))), CHECK, "failed"
    ),
    "an entry of another day": (
        lambda seen: seen.lie(
            seen.answer(replace(sealed_in(seen.log, seen.said), time=seen.said.started + timedelta(days=2)))
        ),
        CHECK, "failed",
    ),
    "a capture of another day": (_later, CHECK, "failed"),
    "another format": (
        lambda seen: seen.lie(seen.says(format="exhibit-cocapture/9")), "seen-twice:01-1", "failed",
    ),
    "an answer to another log": (lambda seen: seen.lie(seen.says(asked_by="d.example/log")), CHECK, "failed"),
    "an answer to another challenge": (lambda seen: seen.lie(seen.says(challenge=bytes(32))), CHECK, "failed"),
    "another challenge in the file": (
        lambda seen: seen.lie(seen.answer(sealed_in(seen.log, seen.said)), challenge=bytes(32)), CHECK, "failed"
    ),
    "another kind of entry": (
        lambda seen: seen.lie(seen.answer(sealed_in(seen.log, seen.said, EntryType.CASE))), CHECK, "failed"
    ),
    "another log": (_other_log, CHECK, "failed"),
    "another key": (_other_key, CHECK, "failed"),
    "a key that nobody pinned": (_unpinned, CHECK, "not checked"),
    "ourselves": (_ourselves, CHECK, "failed"),
    "ourselves by another name": (_own_key, CHECK, "failed"),
    "a key that is none": (
        lambda seen: seen.lie(seen.answer(sealed_in(seen.log, seen.said), log="b+1+A")), CHECK, "failed"
    ),
    "a forked log": (_forked, "heads", "failed"),
    "one statement twice": (_twice, "seen-twice:01-1-2", "failed"),
    "a statement copied to another capture": (
        lambda seen: sealed_lie(seen.files, _copied), "seen-twice:01-2", "failed"
    ),
    "no inclusion": (
        _changed(lambda one: one["answers"][0]["sealed"].update(path=["ab" * 32])), CHECK, "failed"
    ),
    "another place in the log": (
        _changed(lambda one: one["answers"][0]["sealed"].update(sequence=7)), CHECK, "failed"
    ),
    "another salt": (_changed(lambda one: one["answers"][0]["sealed"].update(salt="ab" * 32)), CHECK, "failed"),
    "a head with a changed size": (
        _changed(
            lambda one: one["answers"][0]["sealed"].update(
                checkpoint=one["answers"][0]["sealed"]["checkpoint"].replace("\n1\n", "\n2\n"), size=2
            )
        ),
        CHECK, "failed",
    ),
    "words in the statement changed": (
        _changed(lambda one: one["answers"][0]["sealed"]["statement"].update(language="zh")), CHECK, "failed"
    ),
    "more agrees than does": (
        _changed(lambda one: one["answers"][0].update(agrees=[*one["answers"][0]["agrees"], "language"])), CHECK,
        "failed",
    ),
    "missing and there": (_changed(lambda one: one["answers"][0].update(missing="refused")), CHECK, "failed"),
    "neither missing nor there": (_changed(lambda one: one["answers"][0].update(sealed=None)), CHECK, "failed"),
    "missing": (lambda seen: seen.lie(seen.answer(None)), CHECK, "not checked"),
    "a field of its own": (_stated_only, "seen-twice:01-1", "failed"),
    "another format of the file": (_changed(lambda one: one.update(format="other/1")), "seen-twice:01-1", "failed"),
    "a file of junk": (lambda seen: sealed_lie(seen.files, _file(b"{}")), "seen-twice:01-1", "failed"),
    "a file in another form": (
        lambda seen: sealed_lie(seen.files, _file(seen.files[PLACE] + b"\n")), "seen-twice:01-1", "failed"
    ),
    "a capture without its surroundings": (lambda seen: sealed_lie(seen.files, _bare), CHECK, "failed"),
    "seventeen answers": (
        lambda seen: seen.lie(*[seen.answer(None)] * 17), "seen-twice:01-1", "failed"
    ),
}  # fmt: skip
"""Lies about a capture that a partner saw, the check that detects each, and its message."""
