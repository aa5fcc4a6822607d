"""Writing a bundle: sealed content, the proofs available so far, and a BagIt bag in one deterministic ZIP.

The files under ``data/`` are those of the seal and never change; files are added under ``proofs/`` as receipts arrive.
The bag follows RFC 8493; ``tagmanifest-sha256.txt`` lists every file outside of ``data/``. Owners counter-sign the
manifest on their own device, offline.
"""

import hashlib
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evidence.anchors import KINDS
from evidence.bundle.manifest import FACTS_PATH, MANIFEST_PATH, Manifest
from evidence.bundle.sealing import SealedCase
from evidence.formats.codec import Bytes32, to_plain
from evidence.formats.container import Member, create_member, zip_chunks
from evidence.keys.ed25519 import FileSigner, load_signer
from evidence.log.notes import parse_note
from evidence.log.proofs import LogProof, Renewal, create_renewal_files
from evidence.standalone import FOLDER as STANDALONE
from exhibit.digests import CHUNK, Digest
from exhibit.entries import canonical
from exhibit.errors import WrongUseError
from exhibit.files.blobs import BlobStore
from exhibit.ports import Receipt
from exhibit.types import Count

SIGNATURE_PATH = "proofs/signature"
KEY_PATH = "proofs/key.json"
KEY_PEM_PATH = "proofs/key.pem"
ENTRY_PATH = "proofs/log/entry.json"
INCLUSION_PATH = "proofs/log/inclusion.json"
CHECKPOINT_PATH = "proofs/log/checkpoint"
CONSISTENCY_PATH = "proofs/log/consistency.json"
ANCHORS_PATH = "proofs/anchors/index.json"
COUNTERSIGNATURES = "proofs/countersignatures/"
WITHHELD_PATH = "proofs/withheld.json"
TOOLS = ("VERIFY.md", "verify.py")
TAG_MANIFEST = "tagmanifest-sha256.txt"
MAX_MANIFEST = 16 << 20


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Proof that the bundle's checkpoint continues an earlier one (RFC 9162, 2.1.4)."""

    size: Count  # number of leaves of the earlier checkpoint
    path: tuple[Bytes32, ...]  # hashes, 32 bytes each


@dataclass(frozen=True, slots=True)
class AnchorRecord:
    """One entry of the list of receipts."""

    file: str  # path of the raw receipt
    kind: str  # ``rfc3161``, ``opentimestamps`` or ``evm``
    witness: str  # name of the witness as configured
    development: bool  # true if it has no legal weight; only the verifier's own trust list decides
    digest: Digest  # digest that it witnesses
    material: tuple[str, ...]  # paths of further files needed to check the receipt


@dataclass(frozen=True, slots=True)
class Withheld:
    """Files that this copy withholds, and why."""

    files: tuple[str, ...]  # sealed files that this copy does not hold
    reason: str  # reason in words


@dataclass(frozen=True, slots=True)
class AnchorProof:
    """A receipt and the digest that it witnesses: the seal digest, or :func:`compute_checkpoint_digest`."""

    digest: Digest
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class CounterSignature:
    """Signature over the manifest's canonical bytes by a key on the owner's own device."""

    public: bytes  # Ed25519, 32 bytes
    signature: bytes  # 64 bytes


@dataclass(frozen=True, slots=True)
class Proofs:
    """Proofs that accumulate around a seal."""

    entry: LogProof | None = None  # ``None`` while the seal is not in the log
    consistency: tuple[ConsistencyProof, ...] = ()  # from each earlier checkpoint in the sealed files to the entry's
    anchors: tuple[AnchorProof, ...] = ()
    withheld: Withheld | None = None
    countersignatures: tuple[CounterSignature, ...] = ()
    renewals: tuple[Renewal, ...] = ()


def compute_checkpoint_digest(note: str) -> Digest:
    """Return the digest that witnesses of a checkpoint timestamp.

    SHA-256 of the signed note's UTF-8 bytes (`sha256sum`).
    """
    return Digest.of(note.encode())


def write_bundle(out: BinaryIO, sealed_case: SealedCase, proofs: Proofs, blobs: BlobStore) -> None:
    """Write a bundle to a stream, which need not be seekable; the same input gives the same bytes.

    Raises:
        WrongUseError: A file is withheld that cannot be.
        NotFoundError: A sealed file is missing.
    """
    tags = {**proof_files(sealed_case, proofs), **{name: (STANDALONE / name).read_bytes() for name in TOOLS}}
    withheld = frozenset(proofs.withheld.files if proofs.withheld else ())
    tags.update(bag_files(sealed_case.manifest, withheld, {name: Digest.of(data) for name, data in tags.items()}))
    members = [create_member(name, data) for name, data in tags.items()]
    members.append(create_member(MANIFEST_PATH, sealed_case.manifest.to_json()))
    present = [file for file in sealed_case.manifest.files if file.path not in withheld]
    members += [_blob_member(file.path, file.sha256, blobs) for file in present]
    out.writelines(zip_chunks(members))


def proof_files(sealed_case: SealedCase, proofs: Proofs) -> dict[str, bytes]:
    """Return every file under ``proofs/``, by path."""
    files = {SIGNATURE_PATH: sealed_case.signature, **key_files(sealed_case.manifest)}
    if proofs.entry is not None:
        files.update(log_files(proofs.entry))
    if proofs.consistency:
        files[CONSISTENCY_PATH] = canonical(to_plain(proofs.consistency))
    files.update(create_renewal_files(proofs.renewals))
    if proofs.withheld is not None:
        allowed = {file.path for file in sealed_case.manifest.files} - {FACTS_PATH}
        if unknown_paths := sorted(set(proofs.withheld.files) - allowed):
            raise WrongUseError(
                f"{unknown_paths[0]} cannot be withheld: only sealed files other than the facts can be withheld."
            )
        files[WITHHELD_PATH] = canonical(to_plain(proofs.withheld))
    for countersignature in proofs.countersignatures:
        stem = f"{COUNTERSIGNATURES}{countersignature.public.hex()[:16]}"
        files.update({f"{stem}.pem": public_pem(countersignature.public), f"{stem}.sig": countersignature.signature})
    files.update(_anchor_files(sealed_case, proofs))
    return files


def key_files(manifest: Manifest) -> dict[str, bytes]:
    """Return the sealing key as JSON, and as PEM for openssl."""
    return {KEY_PATH: canonical(to_plain(manifest.key)), KEY_PEM_PATH: public_pem(manifest.key.public)}


def public_pem(public: bytes) -> bytes:
    """Return an Ed25519 public key of 32 bytes as PEM, for openssl; raises ``ValueError``."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def log_files(proof: LogProof) -> dict[str, bytes]:
    """Return the three files of a log proof in ``proofs/log``."""
    plain = to_plain(proof)
    checkpoint = plain.pop("checkpoint")
    inclusion = {"index": proof.sequence, "size": plain.pop("size"), "path": plain.pop("path")}
    return {ENTRY_PATH: canonical(plain), INCLUSION_PATH: canonical(inclusion), CHECKPOINT_PATH: checkpoint.encode()}


def bag_files(manifest: Manifest, withheld: frozenset[str], tags: Mapping[str, Digest]) -> dict[str, bytes]:
    """Return the bag's own files (RFC 8493, 2.1 to 2.2); ``tags`` are the other files outside of ``data/``."""
    data = manifest.to_json()
    present = [file for file in manifest.files if file.path not in withheld]
    sha256 = {MANIFEST_PATH: Digest.of(data).hex, **{file.path: file.sha256.hex for file in present}}
    sha512 = {MANIFEST_PATH: hashlib.sha512(data).hexdigest(), **{file.path: file.sha512.hex() for file in present}}
    octets = len(data) + sum(file.size for file in present)
    info = {
        "Bag-Software-Agent": f"{manifest.software.name} {manifest.software.version}",
        "Bagging-Date": manifest.sealed_at.date().isoformat(),
        "External-Identifier": f"sha-256:{Digest.of(data).hex}",
        "Payload-Oxum": f"{octets}.{len(sha256)}",
    }
    files = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": "".join(f"{key}: {_one_line(value)}\n" for key, value in info.items()).encode(),
        "manifest-sha256.txt": _digest_lines(sha256),
        "manifest-sha512.txt": _digest_lines(sha512),
    }
    all_digests = {**tags, **{name: Digest.of(data) for name, data in files.items()}}
    return {**files, TAG_MANIFEST: _digest_lines({name: digest.hex for name, digest in all_digests.items()})}


def _one_line(value: str) -> str:
    return " ".join(filter(None, re.split("[ \t\r\n]+", value)))


def _digest_lines(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests)).encode()


def _anchor_files(sealed_case: SealedCase, proofs: Proofs) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    records = []
    for anchor in _exclude_conflicts(proofs.anchors):
        receipt = anchor.receipt
        anchor_kind = KINDS[receipt.kind]
        subject = anchor_kind.prefix + _subject(anchor.digest, sealed_case, proofs)
        witness = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in receipt.witness.lower())[:60]
        stem = f"{subject}-{witness or 'witness'}"
        used_stems = {Path(path).stem for path in files if path.startswith("proofs/anchors/")}
        stems = chain([stem], (f"{stem}-{number}" for number in count(2)))
        path = f"proofs/anchors/{next(free for free in stems if free not in used_stems)}{anchor_kind.suffix}"
        material = {f"proofs/material/{name}": data for name, data in receipt.material}
        files.update({path: receipt.proof, **material})
        kind = (receipt.kind, receipt.witness, receipt.development)
        records.append(AnchorRecord(path, *kind, anchor.digest, tuple(sorted(material))))
    if records:
        files[ANCHORS_PATH] = canonical(to_plain(sorted(records, key=lambda record: record.file)))
    return files


def _exclude_conflicts(anchors: tuple[AnchorProof, ...]) -> list[AnchorProof]:
    """Return the receipts without those whose material conflicts with that of an older one under the same name.

    Names state the content or a block's height: they clash if a development chain was restarted.
    """
    material_by_name: dict[str, bytes] = {}
    conflicting = []
    for anchor in sorted(anchors, key=lambda proof: (proof.receipt.time is None, proof.receipt.time)):
        material = dict(anchor.receipt.material)
        if any(material_by_name.get(name, data) != data for name, data in material.items()):
            conflicting.append(anchor)
        else:
            material_by_name.update(material)
    return [anchor for anchor in anchors if anchor not in conflicting]


def _subject(digest: Digest, sealed_case: SealedCase, proofs: Proofs) -> str:
    if digest == sealed_case.seal:
        return "manifest"
    if proofs.entry is not None and digest == compute_checkpoint_digest(proofs.entry.checkpoint):
        return "checkpoint"
    for renewal in proofs.renewals:
        if digest == compute_checkpoint_digest(renewal.checkpoint):
            return f"later-{parse_note(renewal.checkpoint).size}"
    return f"earlier-{digest.hex[:8]}"


def _blob_member(path: str, digest: Digest, blobs: BlobStore) -> Member:
    def chunks() -> Iterator[bytes]:
        with blobs.open(digest) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    crc = 0
    for chunk in chunks():
        crc = zlib.crc32(chunk, crc)
    return Member(path, blobs.size(digest), crc, chunks)


def make_key(path: Path) -> bytes:
    """Create a key in a file that only its user may read, with the public key beside it as ``.pub``.

    Returns the latter.
    """
    if path.exists():
        raise WrongUseError(f"The file {path} already exists.", hint="Choose another name. Keys are never overwritten.")
    try:
        public = FileSigner(path).public_key
        path.with_name(f"{path.name}.pub").write_bytes(public_pem(public))
    except OSError as error:
        raise WrongUseError(f"{path} cannot be written: {error.strerror}.") from error
    return public


def counter_sign(key: Path, manifest: Path, out: Path) -> tuple[Manifest, Digest, bytes]:
    """Sign a manifest with a key of this device (PEM, mode 0600); returns manifest, digest and public key.

    Raises:
        ConfigError: The key cannot be read, or others may read it.
        FormatError: The file is not a manifest.
        WrongUseError: A file cannot be read or written.
    """
    signer = load_signer(key)
    try:
        data = manifest.read_bytes()
        if len(data) > MAX_MANIFEST:
            raise WrongUseError(f"{manifest} is too large for a manifest.")
        parsed_manifest = Manifest.from_json(data)
        out.write_bytes(signer.sign(data))
    except OSError as error:
        raise WrongUseError(f"{os.fspath(error.filename)} cannot be used: {error.strerror}.") from error
    return parsed_manifest, Digest.of(data), signer.public_key
