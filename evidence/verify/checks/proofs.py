"""Checks of what surrounds the seal: signature, key, its place in the log, and later checkpoints that continue it."""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from evidence.bundle.bag import (
    CHECKPOINT_PATH,
    CONSISTENCY_PATH,
    ENTRY_PATH,
    INCLUSION_PATH,
    KEY_PEM_PATH,
    SIGNATURE_PATH,
    ConsistencyProof,
    checkpoint_digest,
    key_files,
)
from evidence.bundle.sealing import SealedCase, seal_opening
from evidence.facts.case import CaseFacts
from evidence.formats.codec import Bytes32, FormatError
from evidence.formats.errors import UnknownWitnessError
from evidence.keys.ed25519 import holds, is_sound_point
from evidence.log import merkle
from evidence.log.notes import MAX_NOTE, Note, parse_note, verify_note
from evidence.log.proofs import RENEWALS_PATH, LogProof, RenewalRecord
from evidence.verdict.result import Check, State, failed, not_checked, passed
from evidence.verdict.trust import Trust
from evidence.verify.checks.inspection import Inspection, log_proofs
from exhibit.digests import Digest
from exhibit.entries import EntryType, commit
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Count, Number

UNKNOWN = "unknown witness"
MAX_RENEWALS = 16


@dataclass(frozen=True, slots=True)
class EntryFile:
    """``proofs/log/entry.json``."""

    sequence: Count
    type: EntryType
    time: datetime
    commitment: Bytes32
    salt: Bytes32
    opening: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InclusionFile:
    """``proofs/log/inclusion.json``."""

    index: Count
    size: Number
    path: tuple[Bytes32, ...]


def check_signature(inspection: Inspection) -> Iterator[Check]:
    """``signature`` and ``key``."""
    yield _check_signature(inspection)
    yield _check_key(inspection)


def check_log(inspection: Inspection, facts: CaseFacts | None) -> Iterator[Check]:
    """``entry``, ``inclusion``, ``checkpoint`` and ``consistency``."""
    if not inspection.has(ENTRY_PATH):
        for name in ("entry", "inclusion", "checkpoint", "consistency"):
            yield not_checked(name, "The bundle holds no log entry of the seal.")
        return
    try:
        proof, note = read_log_proof(inspection)
    except (FormatError, IntegrityError) as error:
        for name in ("entry", "inclusion", "checkpoint"):
            yield failed(name, error.message)
        return
    yield _check_entry(inspection, proof)
    yield _check_inclusion(proof, note)
    yield check_note(inspection.trust, "checkpoint", note, proof.checkpoint)
    yield _check_consistency(inspection, facts, note)


def read_log_proof(inspection: Inspection) -> tuple[LogProof, Note]:
    """The seal's log proof, and its checkpoint; raises ``FormatError`` or ``IntegrityError``."""
    entry = inspection.read_as(EntryFile, ENTRY_PATH)
    inclusion = inspection.read_as(InclusionFile, INCLUSION_PATH)
    if inclusion.index != entry.sequence:
        raise FormatError("The inclusion proof is about another entry.")
    text = read_checkpoint(inspection)
    stated = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return LogProof(**stated, size=inclusion.size, path=inclusion.path, checkpoint=text), parse_note(text)


def read_checkpoint(inspection: Inspection) -> str:
    """The checkpoint's text; raises ``FormatError``."""
    try:
        return inspection.read(CHECKPOINT_PATH, MAX_NOTE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{CHECKPOINT_PATH} isn't UTF-8.") from error


def check_log_proof(proof: LogProof, kind: EntryType) -> str:
    """What is wrong with an entry, its opening or its inclusion, or an empty string."""
    if proof.type is not kind:
        return f"The log's entry is about a {proof.type}, not a {kind}."
    if not _opens(proof):
        return "The log's entry commits to something else."
    try:
        note = parse_note(proof.checkpoint)
    except IntegrityError as error:
        return error.message
    return "" if _included(proof, note) else "The entry isn't included under the checkpoint's root."


def check_note(trust: Trust, name: str, note: Note, text: str) -> Check:
    """Whether a pinned key of a log signed this checkpoint."""
    for log in trust.logs:
        try:
            verify_note(text, log.vkey)
        except UnknownWitnessError:
            continue
        except (IntegrityError, WrongUseError) as error:
            return failed(name, error.message)
        sentence = f"Signed by the pinned key of {note.origin}: {note.size} entries."
        return Check(name, State.PASSED, sentence, development=log.label if log.development else "", by=note.origin)
    return not_checked(name, f"{UNKNOWN}: no pinned key belongs to the log {note.origin[:80]!a}.")


def _check_signature(inspection: Inspection) -> Check:
    try:
        signature = inspection.read(SIGNATURE_PATH, 64)
    except FormatError as error:
        return failed("signature", error.message)
    if not holds(inspection.manifest.key.public, signature, inspection.manifest_bytes):
        return failed("signature", "The Ed25519 signature over data/manifest.json doesn't hold.")
    return passed("signature", f"Ed25519 (RFC 8032) over data/manifest.json by key {_short_key(inspection)} holds.")


def _check_key(inspection: Inspection) -> Check:
    manifest = inspection.manifest
    if not is_sound_point(manifest.key.public):
        return failed("key", "The manifest's key is a point of small order, or isn't in its one form (RFC 8032).")
    for name, data in key_files(manifest).items():
        try:
            same = inspection.read(name) == data
        except FormatError as error:
            return failed("key", error.message)
        if not same:
            where = "data/manifest.json names" if name == KEY_PEM_PATH else "the manifest states"
            return failed("key", f"{name} isn't the key that {where}.")
    key = inspection.trust.key(manifest.key.public, "sealing")
    if key is None:
        return not_checked("key", f"{UNKNOWN}: no pinned owner has the key {_short_key(inspection)}.")
    if key.owner != manifest.matter.owner:
        return failed("key", f"The key is pinned as that of {key.owner}, not of the owner in the manifest.")
    sentence = f"Pinned as the sealing key of {key.owner}, held by the {manifest.key.holder}."
    return Check("key", State.PASSED, sentence, development=key.label if key.development else "", by=key.owner)


def _short_key(inspection: Inspection) -> str:
    return inspection.manifest.key.public.hex()[:16]


def _check_entry(inspection: Inspection, proof: LogProof) -> Check:
    if proof.type is not EntryType.SEAL:
        return failed("entry", f"The log's entry is about a {proof.type}, not a seal.")
    if not _opens(proof):
        return failed("entry", "The log's entry commits to something else than its opening.")
    try:
        signature = inspection.read(SIGNATURE_PATH, 64)
    except FormatError as error:
        return failed("entry", error.message)
    if proof.opening != seal_opening(SealedCase(inspection.manifest, signature)):
        return failed("entry", "The log's entry is about another seal.")
    return passed("entry", f"Entry {proof.sequence} of the log commits to seal digest, key and signature.")


def _check_inclusion(proof: LogProof, note: Note) -> Check:
    if not _included(proof, note):
        return failed("inclusion", "The entry isn't included under the checkpoint's root (RFC 9162, 2.1.3.2).")
    return passed("inclusion", f"Entry {proof.sequence} is included under the root of {note.size} entries (RFC 9162).")


def _opens(proof: LogProof) -> bool:
    try:
        commitment, _ = commit(proof.opening, proof.salt)
    except ValueError:
        return False
    return hmac.compare_digest(commitment, proof.commitment)


def _included(proof: LogProof, note: Note) -> bool:
    if proof.size != note.size:
        return False
    return merkle.verify_inclusion(proof.entry.leaf_hash, proof.sequence, note.size, proof.path, note.root)


@dataclass(frozen=True, slots=True)
class OwnCheckpoint:
    """The bundle's checkpoint.

    Attributes:
        note: as read.
        paths: for the size of an earlier checkpoint, the proof that this one continues it.
        signed: whether a pinned log signed it.
    """

    note: Note
    paths: dict[int, tuple[bytes, ...]]
    signed: bool

    def continues(self, old: Note) -> bool:
        """Whether it is shown to continue an earlier checkpoint (RFC 9162, 2.1.4)."""
        path = self.paths.get(old.size, ())
        return merkle.verify_consistency(old.size, self.note.size, old.root, self.note.root, path)


def own_checkpoint(inspection: Inspection) -> OwnCheckpoint | None:
    """The bundle's checkpoint with what shows that it continues earlier ones; ``None`` when it can't be read."""
    try:
        text = read_checkpoint(inspection)
        note = parse_note(text)
        paths = {proof.size: proof.path for proof in _consistency_proofs(inspection)}
    except (FormatError, IntegrityError):
        return None
    signed = check_note(inspection.trust, "checkpoint", note, text).state is State.PASSED
    return OwnCheckpoint(note, paths, signed)


def unvouched(inspection: Inspection, own: OwnCheckpoint | None, name: str, proof: LogProof) -> Check | None:
    """Why the checkpoint over an earlier entry doesn't count, or ``None`` when it does.

    It counts when a pinned log signed it, or when it signed the bundle's own checkpoint and that one continues it. A
    log that nobody knows could state any time: its maker writes it when he likes.
    """
    note = parse_note(proof.checkpoint)
    signed = check_note(inspection.trust, name, note, proof.checkpoint)
    if signed.state is State.FAILED:
        return signed
    continued = own is not None and own.continues(note)
    if signed.state is State.PASSED or (own is not None and own.signed and continued):
        return None
    how = "nor the bundle's own, which continues it" if continued else "and the bundle's own doesn't continue it"
    return not_checked(name, f"{UNKNOWN}: no pinned log signed its checkpoint, {how}.")


def is_logged(checks: Iterable[Check]) -> bool:
    """Whether ``entry`` and ``inclusion`` passed: only then the bundle's checkpoint has to do with its seal."""
    good = {check.name for check in checks if check.state is State.PASSED}
    return good.issuperset({"entry", "inclusion"})


def _check_consistency(inspection: Inspection, facts: CaseFacts | None, note: Note) -> Check:
    """Whether the bundle's checkpoint continues every earlier one that the facts hold."""
    name = "consistency"
    try:
        earlier = {proof.checkpoint: parse_note(proof.checkpoint) for _, proof in log_proofs(facts)} if facts else {}
        paths = {proof.size: proof.path for proof in _consistency_proofs(inspection)}
    except (FormatError, IntegrityError) as error:
        return failed(name, error.message)
    if not earlier:
        return not_checked(name, "The sealed files hold no earlier checkpoint.")
    for old in earlier.values():
        if old.size not in paths and old.size != note.size:
            return not_checked(name, f"The bundle holds no proof from the checkpoint of {old.size} entries on.")
        if not merkle.verify_consistency(old.size, note.size, old.root, note.root, paths.get(old.size, ())):
            return failed(name, f"The log of {note.size} entries doesn't continue that of {old.size}.")
    names = sorted({old.origin for old in earlier.values()} - {note.origin})
    broken = f" Of these some are of {', '.join(names)[:80]}: the log's name before a break." if names else ""
    sentence = f"The checkpoint continues all {len(earlier)} earlier ones in the bundle (RFC 9162, 2.1.4).{broken}"
    return passed(name, sentence)


def _consistency_proofs(inspection: Inspection) -> tuple[ConsistencyProof, ...]:
    if not inspection.has(CONSISTENCY_PATH):
        return ()
    return inspection.read_as(tuple[ConsistencyProof, ...], CONSISTENCY_PATH)


def check_renewals(inspection: Inspection) -> Iterator[Check]:
    """One ``renewal:`` for each later checkpoint; nothing when the bundle holds none."""
    if not inspection.has(RENEWALS_PATH):
        return
    try:
        records = renewal_records(inspection)
    except FormatError as error:
        yield failed("renewals", error.message)
        return
    for record in records:
        yield _check_renewal(inspection, record)


def renewed(inspection: Inspection) -> Mapping[Digest, str]:
    """What witnesses of renewals were given, for those that continue the bundle's own checkpoint, with words for it."""
    if not inspection.has(RENEWALS_PATH) or not inspection.has(CHECKPOINT_PATH):
        return {}
    found = {}
    for record in renewal_records(inspection):
        if _check_renewal(inspection, record).state is State.PASSED:
            digest = checkpoint_digest(inspection.read(record.file, MAX_NOTE).decode())
            found[digest] = f"later checkpoint of {record.size} entries"
    return found


def renewal_records(inspection: Inspection) -> tuple[RenewalRecord, ...]:
    """What is listed; raises ``FormatError``."""
    records = inspection.read_as(tuple[RenewalRecord, ...], RENEWALS_PATH)
    if len(records) > MAX_RENEWALS or len({record.size for record in records}) != len(records):
        raise FormatError(f"{RENEWALS_PATH} lists a checkpoint twice, or more than {MAX_RENEWALS}.")
    return records


def _check_renewal(inspection: Inspection, record: RenewalRecord) -> Check:
    name = f"renewal:{record.size}"
    try:
        own = parse_note(read_checkpoint(inspection))
        later = parse_note(inspection.read(record.file, MAX_NOTE).decode("utf-8"))
    except UnicodeDecodeError:
        return failed(name, f"{record.file} isn't UTF-8.")
    except (FormatError, IntegrityError) as error:
        return failed(name, error.message)
    if later.size != record.size or later.size <= own.size:
        return failed(name, f"The checkpoint of {later.size} entries isn't the later one that is listed.")
    if not merkle.verify_consistency(own.size, later.size, own.root, later.root, record.path):
        return failed(name, f"The log of {later.size} entries doesn't continue that of {own.size}.")
    return passed(name, f"The later checkpoint of {later.size} entries continues the bundle's own (RFC 9162, 2.1.4).")
