"""Checks of the proofs of a seal: its signature, its position in the log, and later checkpoints of the log."""

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
from evidence.bundle.sealing import SealedCase, build_seal_opening
from evidence.facts.case import CaseFacts
from evidence.formats.codec import Bytes32, FormatError
from evidence.formats.errors import UntrustedIssuerError
from evidence.keys.ed25519 import is_valid_point, is_valid_signature
from evidence.log import merkle
from evidence.log.notes import MAX_NOTE, Note, parse_note, parse_verifier_key, verify_note
from evidence.log.proofs import RENEWALS_PATH, LogProof, RenewalRecord, matches_commitment
from evidence.verdict.result import Check, State, expect, fail_check, format_time, pass_check, run_check, skip_check
from evidence.verdict.trust import Trust, TrustedLog
from evidence.verify.checks.inspection import Inspection, list_log_proofs
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError
from exhibit.types import Count, Number

MAX_RENEWALS = 16
MAX_KEYS = 64
_KEY_FILE_NAME = re.compile(r"([0-9a-f]{16})\.(?:pem|sig)")
MAX_PEM_BYTES = 4096


@dataclass(frozen=True, slots=True)
class EntryFile:
    """Content of ``proofs/log/entry.json``."""

    sequence: Count  # the entry's number in the log, from 0
    type: EntryType  # type of the recorded event; here `seal`
    time: datetime  # time of the entry by the log's clock
    commitment: Bytes32  # SHA-256 of the salt and the canonical opening
    salt: Bytes32  # 32 random bytes
    opening: dict[str, Any]  # `key`, `manifest` and `signature`


@dataclass(frozen=True, slots=True)
class InclusionFile:
    """Content of ``proofs/log/inclusion.json``."""

    index: Count  # the entry's number, from 0
    size: Number  # number of leaves of the checkpoint
    path: tuple[Bytes32, ...]  # hashes from the leaf up (RFC 9162, 2.1.3)


def check_signature(inspection: Inspection) -> Iterator[Check]:
    """Check ``signature`` and ``key``."""
    yield run_check("signature", _check_signature, inspection)
    yield run_check("key", _check_key, inspection)


def check_log(inspection: Inspection, facts: CaseFacts | None) -> Iterator[Check]:
    """Check ``entry``, ``inclusion``, ``checkpoint`` and ``consistency``."""
    names = ("entry", "inclusion", "checkpoint", "consistency")
    if not inspection.has_file(bag.ENTRY_PATH):
        yield from (skip_check(name, "The bundle contains no log entry of the seal.") for name in names)
        return
    try:
        proof, note = read_log_proof(inspection)
    except (FormatError, IntegrityError) as error:
        yield from (fail_check(name, error.message) for name in names[:3])
        return
    yield run_check("entry", _check_entry, inspection, proof)
    yield run_check("inclusion", _check_inclusion, proof, note)
    yield check_note(inspection.trust, "checkpoint", note, proof.checkpoint)
    yield run_check("consistency", _check_consistency, inspection, facts, note)


def read_log_proof(inspection: Inspection) -> tuple[LogProof, Note]:
    """Read the seal's log proof and its checkpoint; raises ``FormatError`` or ``IntegrityError``."""
    entry = inspection.read_as(EntryFile, bag.ENTRY_PATH)
    inclusion = inspection.read_as(InclusionFile, bag.INCLUSION_PATH)
    if inclusion.index != entry.sequence:
        raise FormatError("The inclusion proof is for a different entry.")
    text = read_checkpoint(inspection)
    entry_fields = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return LogProof(**entry_fields, size=inclusion.size, path=inclusion.path, checkpoint=text), parse_note(text)


def read_checkpoint(inspection: Inspection, file: str = bag.CHECKPOINT_PATH) -> str:
    """Read the text of the bundle's checkpoint, or of a later one; raises ``FormatError``."""
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
    expect(_is_included(proof, parse_note(proof.checkpoint)), "The checkpoint does not include the entry.")


def check_note(trust: Trust, name: str, note: Note, text: str) -> Check:
    """Check that the pinned key of a log signed this checkpoint."""
    return run_check(name, _check_signed_note, trust, name, note, text)


def _check_signed_note(trust: Trust, name: str, note: Note, text: str) -> Check:
    for log in trust.logs:
        with suppress(UntrustedIssuerError):
            verify_note(text, log.vkey)
            sentence = f"Signed by the key of the log {note.origin} on the trust list. The log had {note.size} entries."
            return pass_check(name, sentence, note.origin, log.label * log.development)
    raise UntrustedIssuerError(f"a key of the log {note.origin[:80]!a} that signed this checkpoint.")


def find_signer(trust: Trust, text: str) -> TrustedLog | None:
    """Return the pinned log with a valid signature on a checkpoint, or ``None``."""
    for log in trust.logs:
        with suppress(UntrustedIssuerError, IntegrityError):
            verify_note(text, log.vkey)
            return log
    return None


def is_same_log(first: TrustedLog | None, other: TrustedLog | None) -> bool:
    """Return True if two pinned logs are the same log; ``None`` (not pinned) never is.

    A log may change its name; it may change its key if its operator stays the same.
    """
    if first is None or other is None:
        return False
    is_same_key = parse_verifier_key(first.vkey)[1] == parse_verifier_key(other.vkey)[1]
    return is_same_key or (first.operator == other.operator != "")


def _check_signature(inspection: Inspection) -> str:
    key, signature = inspection.manifest.key.public, inspection.read_file(bag.SIGNATURE_PATH, 64)
    is_valid = is_valid_signature(key, signature, inspection.manifest_bytes)
    expect(is_valid, "The Ed25519 signature over data/manifest.json is invalid.")
    return f"The Ed25519 signature (RFC 8032) over data/manifest.json by key {key.hex()[:16]} is valid."


def _check_key(inspection: Inspection) -> Check:
    manifest, public = inspection.manifest, inspection.manifest.key.public
    expect(
        is_valid_point(public),
        "The manifest's key is not secure: it is of small order, or not in canonical form (RFC 8032).",
    )
    for name, data in bag.create_key_files(manifest).items():
        source = "data/manifest.json contains" if name == bag.KEY_PEM_PATH else "the manifest contains"
        expect(inspection.read_file(name) == data, f"{name} is not the key that {source}.")
    key = inspection.trust.find_key(public, "sealing")
    if key is None:
        raise UntrustedIssuerError(f"the sealing key {public.hex()[:16]}. Its owner is unknown.")
    owner_problem = f"The trust list assigns the key to {key.owner}, not to the owner in the manifest."
    expect(key.owner == manifest.matter.owner, owner_problem)
    holder_text = f"According to the manifest, the {manifest.key.holder} holds it"
    sentence = f"The trust list names this key as the sealing key of {key.owner}. {holder_text}."
    return pass_check("key", sentence, key.owner, key.label * key.development)


def _check_entry(inspection: Inspection, proof: LogProof) -> str:
    expect(proof.type is EntryType.SEAL, f"The log entry is a {proof.type}, not a seal.")
    is_committed = matches_commitment(proof.opening, proof.salt, proof.commitment)
    expect(is_committed, "The log entry does not match its opening.")
    opening = build_seal_opening(SealedCase(inspection.manifest, inspection.read_file(bag.SIGNATURE_PATH, 64)))
    expect(proof.opening == opening, "The log entry is for a different seal.")
    return f"Entry {proof.sequence} of the log commits to the seal digest, the key and the signature."


def _check_inclusion(proof: LogProof, note: Note) -> str:
    expect(_is_included(proof, note), "The checkpoint does not include the entry (RFC 9162, 2.1.3.2).")
    return f"The checkpoint of {note.size} entries includes entry {proof.sequence} (RFC 9162)."


def _is_included(proof: LogProof, note: Note) -> bool:
    if proof.size != note.size:
        return False
    return merkle.verify_inclusion(proof.entry.leaf_hash, proof.sequence, note.size, proof.path, note.root)


@dataclass(frozen=True, slots=True)
class OwnCheckpoint:
    """The bundle's checkpoint, consistency proofs by size of the earlier checkpoint, and a flag for its signature."""

    note: Note
    proofs_by_size: dict[int, tuple[bytes, ...]]
    is_signed: bool

    def is_continuation_of(self, old: Note) -> bool:
        """Return True if the checkpoint is proven to continue an earlier one (RFC 9162, 2.1.4)."""
        path = self.proofs_by_size.get(old.size, ())
        return merkle.verify_consistency(old.size, self.note.size, old.root, self.note.root, path)


def read_own_checkpoint(inspection: Inspection) -> OwnCheckpoint | None:
    """Read the bundle's checkpoint with its consistency proofs; ``None`` if they cannot be read."""
    try:
        text = read_checkpoint(inspection)
        note = parse_note(text)
        proofs_by_size = {proof.size: proof.path for proof in _read_consistency_proofs(inspection)}
    except (FormatError, IntegrityError):
        return None
    return OwnCheckpoint(
        note, proofs_by_size, check_note(inspection.trust, "checkpoint", note, text).state is State.PASSED
    )


def expect_vouching_log(inspection: Inspection, own: OwnCheckpoint | None, proof: LogProof) -> str:
    """Return the name of the log that vouches for the checkpoint over an earlier entry.

    That checkpoint counts if a pinned log signed it, or if a pinned log signed the bundle's own checkpoint and the own
    checkpoint continues it. Other logs do not count: their operators can write entries with any time and any log name.

    Raises:
        UntrustedIssuerError: No pinned log vouches for the checkpoint.
        IntegrityError: A signature or a note is invalid.
    """
    note = parse_note(proof.checkpoint)
    try:
        return _check_signed_note(inspection.trust, "", note, proof.checkpoint).by
    except UntrustedIssuerError as error:
        is_continued = own is not None and own.is_continuation_of(note)
        if own is not None and own.is_signed and is_continued:
            return own.note.origin  # the name on the other checkpoint is not signed by a pinned key
        reason = (
            "and that of the bundle's own checkpoint, which continues it"
            if is_continued
            else "and the bundle's own checkpoint does not continue it"
        )
        raise UntrustedIssuerError(f"the signer of the entry's checkpoint, {reason}.") from error


def is_logged(checks: Iterable[Check]) -> bool:
    """Return True if ``entry`` and ``inclusion`` passed, so the bundle's checkpoint covers its seal."""
    return {check.name for check in checks if check.state is State.PASSED}.issuperset({"entry", "inclusion"})


def _check_consistency(inspection: Inspection, facts: CaseFacts | None, note: Note) -> Check:
    """Check that the bundle's checkpoint continues every earlier one in the facts."""
    name = "consistency"
    earlier_notes = {proof.checkpoint: parse_note(proof.checkpoint) for _, proof in list_log_proofs(facts)}
    proofs_by_size = {proof.size: proof.path for proof in _read_consistency_proofs(inspection)}
    sizes = {old.size for old in earlier_notes.values()} if facts is not None else set(proofs_by_size)
    expect(
        set(proofs_by_size) <= sizes,
        ("The bundle contains a consistency proof from a checkpoint that is not in the sealed files."),
    )
    if not earlier_notes:
        return skip_check(name, "The sealed files contain no earlier checkpoint.")
    for old in earlier_notes.values():
        if old.size not in proofs_by_size and old.size != note.size:
            return fail_check(
                name, (f"The bundle lacks the required consistency proof from the checkpoint of {old.size} entries.")
            )
        is_continued = merkle.verify_consistency(
            old.size, note.size, old.root, note.root, proofs_by_size.get(old.size, ())
        )
        expect(is_continued, f"The log of {note.size} entries does not continue the log of {old.size} entries.")
    earlier_names = sorted({old.origin for old in earlier_notes.values()} - {note.origin})
    suffix = (
        f" Some of these have an earlier name of the log: {', '.join(earlier_names)[:80]}." if earlier_names else ""
    )
    sentence = (
        f"The checkpoint is a consistent extension of all {len(earlier_notes)} earlier ones in the bundle "
        f"(RFC 9162, 2.1.4).{suffix}"
    )
    return pass_check(name, sentence)


def _read_consistency_proofs(inspection: Inspection) -> tuple[bag.ConsistencyProof, ...]:
    if not inspection.has_file(bag.CONSISTENCY_PATH):
        return ()
    return inspection.read_as(tuple[bag.ConsistencyProof, ...], bag.CONSISTENCY_PATH)


def check_renewals(inspection: Inspection) -> Iterator[Check]:
    """Yield one ``renewal:`` for each later checkpoint in the bundle."""
    if not inspection.has_file(RENEWALS_PATH):
        return
    try:
        records = read_renewal_records(inspection)
    except FormatError as error:
        yield fail_check("renewals", error.message)
        return
    yield from (run_check(f"renewal:{record.size}", _check_signed_renewal, inspection, record) for record in records)


def list_renewed_digests(inspection: Inspection) -> Mapping[Digest, str]:
    """Return the digests of later checkpoints that may have been timestamped, with a description.

    Only renewals that continue the bundle's own checkpoint are included.
    """
    subjects: dict[Digest, str] = {}
    if not inspection.has_file(RENEWALS_PATH) or not inspection.has_file(bag.CHECKPOINT_PATH):
        return subjects
    for record in read_renewal_records(inspection):
        with suppress(FormatError, IntegrityError):
            _check_renewal(inspection, record)
            digest = bag.compute_checkpoint_digest(read_checkpoint(inspection, record.file))
            subjects[digest] = f"later checkpoint of {record.size} entries"
    return subjects


def read_renewal_records(inspection: Inspection) -> tuple[RenewalRecord, ...]:
    """Read the list of renewals; raises ``FormatError``."""
    records = inspection.read_as(tuple[RenewalRecord, ...], RENEWALS_PATH)
    if len(records) > MAX_RENEWALS or len({record.size for record in records}) != len(records):
        raise FormatError(f"{RENEWALS_PATH} lists a checkpoint twice, or more than {MAX_RENEWALS}.")
    return records


def _check_signed_renewal(inspection: Inspection, record: RenewalRecord) -> str:
    """Check that a later checkpoint continues the bundle's own checkpoint.

    A signature by a pinned log is reported but not required.
    """
    sentence, later = _check_renewal(inspection, record), read_checkpoint(inspection, record.file)
    signature_check = check_note(inspection.trust, "", parse_note(later), later)
    expect(signature_check.state is not State.FAILED, signature_check.sentence)
    suffix = "" if signature_check.state is State.PASSED else " Without such a signature, it proves nothing else."
    return sentence + suffix


def _check_renewal(inspection: Inspection, record: RenewalRecord) -> str:
    own = parse_note(read_checkpoint(inspection))
    text = read_checkpoint(inspection, record.file)
    later = parse_note(text)
    signature_check = check_note(inspection.trust, "", later, text)
    expect(signature_check.state is not State.FAILED, signature_check.sentence)
    is_listed = later.size == record.size and later.size > own.size
    expect(is_listed, f"The checkpoint of {later.size} entries is not the listed later checkpoint.")
    is_continued = merkle.verify_consistency(own.size, later.size, own.root, later.root, record.path)
    expect(is_continued, f"The log of {later.size} entries does not continue the log of {own.size} entries.")
    suffix = " No log on the trust list has signed it." if signature_check.state is State.NOT_CHECKED else ""
    return f"The later checkpoint of {later.size} entries continues the bundle's own (RFC 9162, 2.1.4).{suffix}"


def check_signers(inspection: Inspection, log_time: datetime | None) -> Iterator[Check]:
    """Yield ``revoked`` if the pinned sealing key was revoked, and ``countersignature:`` for each counter-signature.

    ``log_time`` is the earliest time by which the log contained the seal with its signature, according to a timestamp.
    """
    key = inspection.trust.find_key(inspection.manifest.key.public, "sealing")
    if key is not None and key.revoked is not None:
        yield _check_revocation(key.revoked, log_time)
    names = [name for name in inspection.contents.names if name.startswith(bag.COUNTERSIGNATURES_FOLDER)]
    stems = {
        match[1]
        for name in names
        if (match := _KEY_FILE_NAME.fullmatch(name.removeprefix(bag.COUNTERSIGNATURES_FOLDER)))
    }
    if len(stems) > MAX_KEYS or any(
        not _KEY_FILE_NAME.fullmatch(name.removeprefix(bag.COUNTERSIGNATURES_FOLDER)) for name in names
    ):
        problem = f"{bag.COUNTERSIGNATURES_FOLDER} contains other files, or more than {MAX_KEYS} signatures."
        yield fail_check("countersignatures", problem)
        return
    for stem in sorted(stems):
        name = f"countersignature:{stem}"
        yield run_check(name, _check_countersignature, inspection, name, stem)


def _check_countersignature(inspection: Inspection, name: str, stem: str) -> Check:
    key = inspection.trust.find_key(_read_signer(inspection, stem), "device")
    if key is None:
        raise UntrustedIssuerError(f"the device key {stem}. Its signature is valid.")
    owner_problem = f"The trust list assigns the device key to {key.owner}, not to the owner in the manifest."
    expect(key.owner == inspection.manifest.matter.owner, owner_problem)
    if key.revoked is not None:
        revocation = f"The device key was revoked at {format_time(key.revoked)}"
        return skip_check(name, f"{revocation}, and the bundle does not prove when this was signed.")
    sentence = (
        f"The Ed25519 signature over data/manifest.json by a device key of {key.owner} is "
        "valid. According to the trust list, only the owner holds that key."
    )
    return pass_check(name, sentence, key.owner, key.label * key.development)


def _read_signer(inspection: Inspection, stem: str) -> bytes:
    """Verify a counter-signature and return its public key, 32 bytes; raises ``FormatError`` if it is invalid."""
    pem = inspection.read_file(f"{bag.COUNTERSIGNATURES_FOLDER}{stem}.pem", MAX_PEM_BYTES)
    signature = inspection.read_file(f"{bag.COUNTERSIGNATURES_FOLDER}{stem}.sig", 64)
    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FormatError(f"{bag.COUNTERSIGNATURES_FOLDER}{stem}.pem cannot be read.") from error
    if not isinstance(public, Ed25519PublicKey):
        raise FormatError("The key is not an Ed25519 key.")
    raw = public.public_bytes_raw()
    is_valid = is_valid_signature(raw, signature, inspection.manifest_bytes)
    expect(is_valid, "The counter-signature over data/manifest.json is invalid.")
    expect(raw.hex()[:16] == stem, f"{bag.COUNTERSIGNATURES_FOLDER}{stem}.pem is not the key in its file name.")
    return raw


def _check_revocation(revoked: datetime, log_time: datetime | None) -> Check:
    """Check that a revoked key signed before its revocation.

    Only a timestamp proves that; the bundle's own times do not.
    """
    revocation = f"The key was revoked at {format_time(revoked)}"
    if log_time is None:
        return fail_check(
            "revoked",
            f"{revocation}. No timestamp by a service on the trust list proves that the log had the signature before.",
        )
    if log_time >= revoked:
        return fail_check(
            "revoked",
            f"{revocation}. The earliest timestamp of the log by a service on the "
            f"trust list is dated {format_time(log_time)}.",
        )
    return pass_check(
        "revoked",
        (
            f"{revocation}. A timestamp by a service on the trust list proves that the log had the signature at "
            f"{format_time(log_time)}."
        ),
    )
