"""Checks of the seal's surroundings.

Its signature, its place in the log, and later checkpoints that continue the log.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from evidence.bundle import bag
from evidence.bundle.sealing import SealedCase, seal_opening
from evidence.facts.case import CaseFacts
from evidence.formats.codec import Bytes32, FormatError
from evidence.formats.errors import UntrustedIssuerError
from evidence.keys.ed25519 import is_sound_point, is_valid_signature
from evidence.log import merkle
from evidence.log.notes import MAX_NOTE, Note, parse_note, parse_verifier_key, verify_note
from evidence.log.proofs import RENEWALS_PATH, LogProof, RenewalRecord, matches_commitment
from evidence.verdict.result import Check, State, checked, expect, failed, not_checked, passed, second
from evidence.verdict.trust import Trust, TrustedLog
from evidence.verify.checks.inspection import Inspection, log_proofs
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError
from exhibit.types import Count, Number

MAX_RENEWALS = 16
MAX_KEYS = 64
_NAME = re.compile(r"([0-9a-f]{16})\.(?:pem|sig)")
MAX_PEM = 4096


@dataclass(frozen=True, slots=True)
class EntryFile:
    """``proofs/log/entry.json``."""

    sequence: Count  # the entry's number in the log, from 0
    type: EntryType  # type of the recorded event; here `seal`
    time: datetime  # time of the entry by the log's clock
    commitment: Bytes32  # SHA-256 of the salt and the canonical opening
    salt: Bytes32  # 32 random bytes
    opening: dict[str, Any]  # `key`, `manifest` and `signature`


@dataclass(frozen=True, slots=True)
class InclusionFile:
    """``proofs/log/inclusion.json``."""

    index: Count  # the entry's number, from 0
    size: Number  # leaves of the checkpoint
    path: tuple[Bytes32, ...]  # hashes from the leaf up (RFC 9162, 2.1.3)


def check_signature(inspection: Inspection) -> Iterator[Check]:
    """Check ``signature`` and ``key``."""
    yield checked("signature", _signature, inspection)
    yield checked("key", _key, inspection)


def check_log(inspection: Inspection, facts: CaseFacts | None) -> Iterator[Check]:
    """Check ``entry``, ``inclusion``, ``checkpoint`` and ``consistency``."""
    names = ("entry", "inclusion", "checkpoint", "consistency")
    if not inspection.has(bag.ENTRY_PATH):
        yield from (not_checked(name, "The bundle contains no log entry of the seal.") for name in names)
        return
    try:
        proof, note = read_log_proof(inspection)
    except (FormatError, IntegrityError) as error:
        yield from (failed(name, error.message) for name in names[:3])
        return
    yield checked("entry", _entry, inspection, proof)
    yield checked("inclusion", _inclusion, proof, note)
    yield check_note(inspection.trust, "checkpoint", note, proof.checkpoint)
    yield checked("consistency", _consistency, inspection, facts, note)


def read_log_proof(inspection: Inspection) -> tuple[LogProof, Note]:
    """Return the seal's log proof, and its checkpoint; raises ``FormatError`` or ``IntegrityError``."""
    entry = inspection.read_as(EntryFile, bag.ENTRY_PATH)
    inclusion = inspection.read_as(InclusionFile, bag.INCLUSION_PATH)
    if inclusion.index != entry.sequence:
        raise FormatError("The inclusion proof is for a different entry.")
    text = read_checkpoint(inspection)
    entry_fields = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return LogProof(**entry_fields, size=inclusion.size, path=inclusion.path, checkpoint=text), parse_note(text)


def read_checkpoint(inspection: Inspection, file: str = bag.CHECKPOINT_PATH) -> str:
    """Return the text of the bundle's checkpoint, or of a later one; raises ``FormatError``."""
    try:
        return inspection.read_file(file, MAX_NOTE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{file} is not UTF-8.") from error


def expect_logged(proof: LogProof, kind: EntryType) -> None:
    """Raise ``FormatError`` or ``IntegrityError`` unless an entry, its opening and its inclusion are valid."""
    expect(proof.type is kind, f"The log entry is a {proof.type}, not a {kind}.")
    expect(
        matches_commitment(proof.opening, proof.salt, proof.commitment), "The log entry commits to different content."
    )
    expect(
        _included(proof, parse_note(proof.checkpoint)), "The entry is not included under the root of the checkpoint."
    )


def check_note(trust: Trust, name: str, note: Note, text: str) -> Check:
    """Check that a pinned key of a log signed this checkpoint."""
    return checked(name, _signed_note, trust, name, note, text)


def _signed_note(trust: Trust, name: str, note: Note, text: str) -> Check:
    for log in trust.logs:
        with suppress(UntrustedIssuerError):
            verify_note(text, log.vkey)
            sentence = f"Signed by the pinned key of {note.origin}: {note.size} entries."
            return passed(name, sentence, note.origin, log.label * log.development)
    raise UntrustedIssuerError(f"no key is pinned for the log {note.origin[:80]!a}.")


def signer_of(trust: Trust, text: str) -> TrustedLog | None:
    """Return the pinned log with a valid signature on a checkpoint, or ``None``."""
    for log in trust.logs:
        with suppress(UntrustedIssuerError, IntegrityError):
            verify_note(text, log.vkey)
            return log
    return None


def is_by_the_same(first: TrustedLog | None, other: TrustedLog | None) -> bool:
    """Return True if two checkpoints are by one pinned log.

    A log may change its name, or its key if its operator stays the same.
    """
    if first is None or other is None:
        return False
    same = parse_verifier_key(first.vkey)[1] == parse_verifier_key(other.vkey)[1]
    return same or (first.operator == other.operator != "")


def _signature(inspection: Inspection) -> str:
    key, signature = inspection.manifest.key.public, inspection.read_file(bag.SIGNATURE_PATH, 64)
    good = is_valid_signature(key, signature, inspection.manifest_bytes)
    expect(good, "The Ed25519 signature over data/manifest.json is invalid.")
    return f"The Ed25519 signature (RFC 8032) over data/manifest.json by key {key.hex()[:16]} is valid."


def _key(inspection: Inspection) -> Check:
    manifest, public = inspection.manifest, inspection.manifest.key.public
    expect(is_sound_point(public), "The manifest's key is a point of small order, or not in canonical form (RFC 8032).")
    for name, data in bag.key_files(manifest).items():
        where = "data/manifest.json names" if name == bag.KEY_PEM_PATH else "the manifest states"
        expect(inspection.read_file(name) == data, f"{name} is not the key that {where}.")
    key = inspection.trust.key(public, "sealing")
    if key is None:
        raise UntrustedIssuerError(f"no owner is pinned with the key {public.hex()[:16]}.")
    other = f"The key is pinned for {key.owner}, not for the owner in the manifest."
    expect(key.owner == manifest.matter.owner, other)
    holder_text = f"held by the {manifest.key.holder}, as the manifest states"
    sentence = f"Pinned as the sealing key of {key.owner}, {holder_text}."
    return passed("key", sentence, key.owner, key.label * key.development)


def _entry(inspection: Inspection, proof: LogProof) -> str:
    expect(proof.type is EntryType.SEAL, f"The log entry is a {proof.type}, not a seal.")
    holds_it = matches_commitment(proof.opening, proof.salt, proof.commitment)
    expect(holds_it, "The log entry does not match its opening.")
    opening = seal_opening(SealedCase(inspection.manifest, inspection.read_file(bag.SIGNATURE_PATH, 64)))
    expect(proof.opening == opening, "The log entry is for a different seal.")
    return f"Entry {proof.sequence} of the log commits to seal digest, key and signature."


def _inclusion(proof: LogProof, note: Note) -> str:
    expect(_included(proof, note), "The entry is not included under the root of the checkpoint (RFC 9162, 2.1.3.2).")
    return f"Entry {proof.sequence} is included under the root of {note.size} entries (RFC 9162)."


def _included(proof: LogProof, note: Note) -> bool:
    if proof.size != note.size:
        return False
    return merkle.verify_inclusion(proof.entry.leaf_hash, proof.sequence, note.size, proof.path, note.root)


@dataclass(frozen=True, slots=True)
class OwnCheckpoint:
    """The bundle's checkpoint, proofs that it continues earlier ones (by their sizes), and whether it is signed."""

    note: Note
    paths: dict[int, tuple[bytes, ...]]
    signed: bool

    def continues(self, old: Note) -> bool:
        """Return True if the checkpoint is shown to continue an earlier one (RFC 9162, 2.1.4)."""
        path = self.paths.get(old.size, ())
        return merkle.verify_consistency(old.size, self.note.size, old.root, self.note.root, path)


def own_checkpoint(inspection: Inspection) -> OwnCheckpoint | None:
    """Return the bundle's checkpoint with its consistency proofs; ``None`` if it cannot be read."""
    try:
        text = read_checkpoint(inspection)
        note = parse_note(text)
        paths = {proof.size: proof.path for proof in _consistency_proofs(inspection)}
    except (FormatError, IntegrityError):
        return None
    return OwnCheckpoint(note, paths, check_note(inspection.trust, "checkpoint", note, text).state is State.PASSED)


def expect_vouched(inspection: Inspection, own: OwnCheckpoint | None, proof: LogProof) -> str:
    """Return the name of the log that vouches for the checkpoint over an earlier entry.

    That checkpoint counts if a pinned log signed it, or signed the bundle's own checkpoint and that one continues it.
    An unknown log could state any time, because its operator writes entries whenever they like; nor does its name
    count.

    Raises:
        UnknownWitnessError: No pinned log vouches for the checkpoint.
        IntegrityError: A signature or a note is invalid.
    """
    note = parse_note(proof.checkpoint)
    try:
        return _signed_note(inspection.trust, "", note, proof.checkpoint).by
    except UntrustedIssuerError as error:
        continued = own is not None and own.continues(note)
        if own is not None and own.signed and continued:
            return own.note.origin  # no pinned key signed the other checkpoint's name
        how = (
            "nor the bundle's own checkpoint, which continues it"
            if continued
            else "and the bundle's own checkpoint does not continue it"
        )
        raise UntrustedIssuerError(f"no pinned log signed its checkpoint, {how}.") from error


def is_logged(checks: Iterable[Check]) -> bool:
    """Return True if ``entry`` and ``inclusion`` passed: only then does the bundle's checkpoint cover its seal."""
    return {check.name for check in checks if check.state is State.PASSED}.issuperset({"entry", "inclusion"})


def _consistency(inspection: Inspection, facts: CaseFacts | None, note: Note) -> Check:
    """Check that the bundle's checkpoint continues every earlier one in the facts."""
    name = "consistency"
    earlier = {proof.checkpoint: parse_note(proof.checkpoint) for _, proof in log_proofs(facts)}
    paths = {proof.size: proof.path for proof in _consistency_proofs(inspection)}
    sizes = {old.size for old in earlier.values()} if facts is not None else set(paths)
    expect(
        set(paths) <= sizes,
        ("The bundle contains a consistency proof from a checkpoint that is not in the sealed files."),
    )
    if not earlier:
        return not_checked(name, "The sealed files contain no earlier checkpoint.")
    for old in earlier.values():
        if old.size not in paths and old.size != note.size:
            return failed(
                name, (f"The bundle lacks the required consistency proof from the checkpoint of {old.size} entries.")
            )
        continued = merkle.verify_consistency(old.size, note.size, old.root, note.root, paths.get(old.size, ()))
        expect(continued, f"The log of {note.size} entries does not continue the log of {old.size} entries.")
    names = sorted({old.origin for old in earlier.values()} - {note.origin})
    broken = f" Some of these are of {', '.join(names)[:80]}: earlier names of the log." if names else ""
    sentence = f"The checkpoint continues all {len(earlier)} earlier ones in the bundle (RFC 9162, 2.1.4).{broken}"
    return passed(name, sentence)


def _consistency_proofs(inspection: Inspection) -> tuple[bag.ConsistencyProof, ...]:
    if not inspection.has(bag.CONSISTENCY_PATH):
        return ()
    return inspection.read_as(tuple[bag.ConsistencyProof, ...], bag.CONSISTENCY_PATH)


def check_renewals(inspection: Inspection) -> Iterator[Check]:
    """Yield one ``renewal:`` for each later checkpoint in the bundle."""
    if not inspection.has(RENEWALS_PATH):
        return
    try:
        records = renewal_records(inspection)
    except FormatError as error:
        yield failed("renewals", error.message)
        return
    yield from (checked(f"renewal:{record.size}", _signed_renewal, inspection, record) for record in records)


def renewed(inspection: Inspection) -> Mapping[Digest, str]:
    """Return the digests that witnesses of renewals may have timestamped, with a description.

    Only renewals that continue the bundle's own checkpoint are included.
    """
    subjects: dict[Digest, str] = {}
    if not inspection.has(RENEWALS_PATH) or not inspection.has(bag.CHECKPOINT_PATH):
        return subjects
    for record in renewal_records(inspection):
        with suppress(FormatError, IntegrityError):
            _renewal(inspection, record)
            digest = bag.compute_checkpoint_digest(read_checkpoint(inspection, record.file))
            subjects[digest] = f"later checkpoint of {record.size} entries"
    return subjects


def renewal_records(inspection: Inspection) -> tuple[RenewalRecord, ...]:
    """Return the listed renewals; raises ``FormatError``."""
    records = inspection.read_as(tuple[RenewalRecord, ...], RENEWALS_PATH)
    if len(records) > MAX_RENEWALS or len({record.size for record in records}) != len(records):
        raise FormatError(f"{RENEWALS_PATH} lists a checkpoint twice, or more than {MAX_RENEWALS}.")
    return records


def _signed_renewal(inspection: Inspection, record: RenewalRecord) -> str:
    """Check that a later checkpoint continues the bundle's own.

    A signature by a pinned log is reported but not required.
    """
    words, later = _renewal(inspection, record), read_checkpoint(inspection, record.file)
    signed = check_note(inspection.trust, "", parse_note(later), later)
    expect(signed.state is not State.FAILED, signed.sentence)
    nobody = "" if signed.state is State.PASSED else " No pinned log has signed it; it proves nothing else."
    return words + nobody


def _renewal(inspection: Inspection, record: RenewalRecord) -> str:
    own = parse_note(read_checkpoint(inspection))
    text = read_checkpoint(inspection, record.file)
    later = parse_note(text)
    signed = check_note(inspection.trust, "", later, text)
    expect(signed.state is not State.FAILED, signed.sentence)
    listed = later.size == record.size and later.size > own.size
    expect(listed, f"The checkpoint of {later.size} entries is not the listed later checkpoint.")
    continued = merkle.verify_consistency(own.size, later.size, own.root, later.root, record.path)
    expect(continued, f"The log of {later.size} entries does not continue the log of {own.size} entries.")
    unsigned = " No pinned log signed it." if signed.state is State.NOT_CHECKED else ""
    return f"The later checkpoint of {later.size} entries continues the bundle's own (RFC 9162, 2.1.4).{unsigned}"


def check_signers(inspection: Inspection, logged: datetime | None) -> Iterator[Check]:
    """Yield ``revoked`` if the pinned sealing key has been revoked, and one ``countersignature:`` for each.

    ``logged`` is the earliest time by which a witness shows that the log held the seal with its signature.
    """
    key = inspection.trust.key(inspection.manifest.key.public, "sealing")
    if key is not None and key.revoked is not None:
        yield _judged(key.revoked, logged)
    names = [name for name in inspection.contents.names if name.startswith(bag.COUNTERSIGNATURES)]
    stems = {match[1] for name in names if (match := _NAME.fullmatch(name.removeprefix(bag.COUNTERSIGNATURES)))}
    if len(stems) > MAX_KEYS or any(not _NAME.fullmatch(name.removeprefix(bag.COUNTERSIGNATURES)) for name in names):
        problem = f"{bag.COUNTERSIGNATURES} contains other files, or more than {MAX_KEYS} signatures."
        yield failed("countersignatures", problem)
        return
    for stem in sorted(stems):
        name = f"countersignature:{stem}"
        yield checked(name, _countersignature, inspection, name, stem)


def _countersignature(inspection: Inspection, name: str, stem: str) -> Check:
    key = inspection.trust.key(_signer(inspection, stem), "device")
    if key is None:
        raise UntrustedIssuerError(f"it is valid, but no owner is pinned with the device key {stem}.")
    other = f"The device key is pinned for {key.owner}, not for the owner in the manifest."
    expect(key.owner == inspection.manifest.matter.owner, other)
    if key.revoked is not None:
        since = f"The device key was revoked at {second(key.revoked)}"
        return not_checked(name, f"{since}, and the bundle does not prove when this was signed.")
    sentence = (
        f"The Ed25519 signature over data/manifest.json by a device key of {key.owner} is "
        "valid; only the owner holds that key."
    )
    return passed(name, sentence, key.owner, key.label * key.development)


def _signer(inspection: Inspection, stem: str) -> bytes:
    """Return the public key, 32 bytes, of a valid counter-signature; raises ``FormatError``."""
    pem = inspection.read_file(f"{bag.COUNTERSIGNATURES}{stem}.pem", MAX_PEM)
    signature = inspection.read_file(f"{bag.COUNTERSIGNATURES}{stem}.sig", 64)
    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FormatError(f"{bag.COUNTERSIGNATURES}{stem}.pem cannot be read.") from error
    if not isinstance(public, Ed25519PublicKey):
        raise FormatError("The key is not an Ed25519 key.")
    raw = public.public_bytes_raw()
    good = is_valid_signature(raw, signature, inspection.manifest_bytes)
    expect(good, "The counter-signature over data/manifest.json is invalid.")
    expect(raw.hex()[:16] == stem, f"{bag.COUNTERSIGNATURES}{stem}.pem is not the key that its name states.")
    return raw


def _judged(revoked: datetime, logged: datetime | None) -> Check:
    """Check that a revoked key signed before its revocation.

    Only a witness can show that, the bundle's own times cannot.
    """
    since = f"The key was revoked at {second(revoked)}"
    if logged is None:
        return failed("revoked", f"{since}, and no pinned timestamp proves that the signature was in the log before.")
    if logged >= revoked:
        return failed("revoked", f"{since}, and the earliest pinned timestamp of the log is of {second(logged)}.")
    return passed(
        "revoked",
        (f"{since}; a pinned timestamp proves that the signature was in the log before, at {second(logged)}."),
    )
