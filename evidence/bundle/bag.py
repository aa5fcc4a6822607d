"""Writing of bundles: sealed content and the available proofs, as a BagIt bag in one deterministic ZIP file.

The files under ``data/`` are sealed and never change. Files are added under ``proofs/`` as receipts arrive.
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
from evidence.formats.container import Member, create_member, iterate_zip_chunks
from evidence.keys.ed25519 import FileSigner, load_signer
from evidence.log.notes import parse_note
from evidence.log.proofs import LogProof, Renewal, create_renewal_files
from evidence.standalone import FOLDER as STANDALONE
from exhibit.digests import CHUNK_BYTES, Digest
from exhibit.entries import encode_canonical
from exhibit.errors import InvalidRequestError
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
COUNTERSIGNATURES_FOLDER = "proofs/countersignatures/"
WITHHELD_PATH = "proofs/withheld.json"
TOOL_FILES = ("VERIFY.md", "verify.py")
TAG_MANIFEST = "tagmanifest-sha256.txt"
MAX_MANIFEST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Proof that the bundle's checkpoint continues an earlier one (RFC 9162, 2.1.4)."""

    size: Count  # number of leaves of the earlier checkpoint
    path: tuple[Bytes32, ...]  # hashes, 32 bytes each


@dataclass(frozen=True, slots=True)
class AnchorRecord:
    """Entry in the list of timestamp receipts."""

    file: str  # path of the raw receipt
    kind: str  # ``rfc3161``, ``opentimestamps`` or ``evm``
    service: str  # configured name of the timestamp service
    development: bool  # true if it has no legal weight; verifiers rely on their own trust list instead
    digest: Digest  # timestamped digest
    material: tuple[str, ...]  # paths of further files needed to check the receipt


@dataclass(frozen=True, slots=True)
class Withheld:
    """Files that this copy withholds, and the reason."""

    files: tuple[str, ...]  # sealed files that this copy does not contain
    reason: str  # reason as text


@dataclass(frozen=True, slots=True)
class AnchorProof:
    """A receipt and its digest: the seal digest, or the result of :func:`compute_checkpoint_digest`."""

    digest: Digest
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class CounterSignature:
    """Signature over the manifest's canonical bytes by a key on the owner's own device."""

    public: bytes  # Ed25519, 32 bytes
    signature: bytes  # 64 bytes


@dataclass(frozen=True, slots=True)
class Proofs:
    """Proofs about a seal; more are added over time."""

    entry: LogProof | None = None  # ``None`` while the seal is not in the log
    consistency: tuple[ConsistencyProof, ...] = ()  # from each checkpoint in the sealed files to that of the entry
    anchors: tuple[AnchorProof, ...] = ()
    withheld: Withheld | None = None
    countersignatures: tuple[CounterSignature, ...] = ()
    renewals: tuple[Renewal, ...] = ()


def compute_checkpoint_digest(note: str) -> Digest:
    """Compute the digest of a checkpoint that timestamp services receive.

    It is the SHA-256 of the signed note's UTF-8 bytes (`sha256sum`).
    """
    return Digest.from_bytes(note.encode())


def write_bundle(out: BinaryIO, sealed_case: SealedCase, proofs: Proofs, blobs: BlobStore) -> None:
    """Write a bundle to a stream, which may be unseekable; the same input gives the same bytes.

    Raises:
        InvalidRequestError: A file that must not be withheld is listed as withheld.
        NotFoundError: A sealed file is missing.
    """
    tags = {
        **create_proof_files(sealed_case, proofs),
        **{name: (STANDALONE / name).read_bytes() for name in TOOL_FILES},
    }
    withheld = frozenset(proofs.withheld.files if proofs.withheld else ())
    tags.update(
        create_bag_files(sealed_case.manifest, withheld, {name: Digest.from_bytes(data) for name, data in tags.items()})
    )
    members = [create_member(name, data) for name, data in tags.items()]
    members.append(create_member(MANIFEST_PATH, sealed_case.manifest.to_json()))
    present_files = [file for file in sealed_case.manifest.files if file.path not in withheld]
    members += [_create_blob_member(file.path, file.sha256, blobs) for file in present_files]
    out.writelines(iterate_zip_chunks(members))


def create_proof_files(sealed_case: SealedCase, proofs: Proofs) -> dict[str, bytes]:
    """Create all files under ``proofs/``, by path."""
    files = {SIGNATURE_PATH: sealed_case.signature, **create_key_files(sealed_case.manifest)}
    if proofs.entry is not None:
        files.update(create_log_files(proofs.entry))
    if proofs.consistency:
        files[CONSISTENCY_PATH] = encode_canonical(to_plain(proofs.consistency))
    files.update(create_renewal_files(proofs.renewals))
    if proofs.withheld is not None:
        allowed = {file.path for file in sealed_case.manifest.files} - {FACTS_PATH}
        if unknown_paths := sorted(set(proofs.withheld.files) - allowed):
            raise InvalidRequestError(
                f"{unknown_paths[0]} cannot be withheld: only sealed files other than the facts can be withheld."
            )
        files[WITHHELD_PATH] = encode_canonical(to_plain(proofs.withheld))
    for countersignature in proofs.countersignatures:
        stem = f"{COUNTERSIGNATURES_FOLDER}{countersignature.public.hex()[:16]}"
        files.update(
            {f"{stem}.pem": encode_public_key(countersignature.public), f"{stem}.sig": countersignature.signature}
        )
    files.update(_create_anchor_files(sealed_case, proofs))
    return files


def create_key_files(manifest: Manifest) -> dict[str, bytes]:
    """Create the files with the sealing key: JSON, and PEM for openssl."""
    return {KEY_PATH: encode_canonical(to_plain(manifest.key)), KEY_PEM_PATH: encode_public_key(manifest.key.public)}


def encode_public_key(public: bytes) -> bytes:
    """Encode an Ed25519 public key of 32 bytes as PEM, for openssl; raises ``ValueError`` if it is invalid."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def create_log_files(proof: LogProof) -> dict[str, bytes]:
    """Create the three files of a log proof in ``proofs/log``."""
    plain = to_plain(proof)
    checkpoint = plain.pop("checkpoint")
    inclusion = {"index": proof.sequence, "size": plain.pop("size"), "path": plain.pop("path")}
    return {
        ENTRY_PATH: encode_canonical(plain),
        INCLUSION_PATH: encode_canonical(inclusion),
        CHECKPOINT_PATH: checkpoint.encode(),
    }


def create_bag_files(manifest: Manifest, withheld: frozenset[str], tags: Mapping[str, Digest]) -> dict[str, bytes]:
    """Create the bag's own files (RFC 8493, 2.1 to 2.2); ``tags`` are the other files outside of ``data/``."""
    data = manifest.to_json()
    present_files = [file for file in manifest.files if file.path not in withheld]
    sha256 = {MANIFEST_PATH: Digest.from_bytes(data).hex, **{file.path: file.sha256.hex for file in present_files}}
    sha512 = {
        MANIFEST_PATH: hashlib.sha512(data).hexdigest(),
        **{file.path: file.sha512.hex() for file in present_files},
    }
    payload_size = len(data) + sum(file.size for file in present_files)
    bag_info = {
        "Bag-Software-Agent": f"{manifest.software.name} {manifest.software.version}",
        "Bagging-Date": manifest.sealed_at.date().isoformat(),
        "External-Identifier": f"sha-256:{Digest.from_bytes(data).hex}",
        "Payload-Oxum": f"{payload_size}.{len(sha256)}",
    }
    files = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": "".join(f"{key}: {_to_single_line(value)}\n" for key, value in bag_info.items()).encode(),
        "manifest-sha256.txt": _format_digest_lines(sha256),
        "manifest-sha512.txt": _format_digest_lines(sha512),
    }
    all_digests = {**tags, **{name: Digest.from_bytes(data) for name, data in files.items()}}
    return {**files, TAG_MANIFEST: _format_digest_lines({name: digest.hex for name, digest in all_digests.items()})}


def _to_single_line(value: str) -> str:
    return " ".join(filter(None, re.split("[ \t\r\n]+", value)))


def _format_digest_lines(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests)).encode()


def _create_anchor_files(sealed_case: SealedCase, proofs: Proofs) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    records = []
    for anchor in _exclude_conflicts(proofs.anchors):
        receipt = anchor.receipt
        anchor_kind = KINDS[receipt.kind]
        subject = anchor_kind.prefix + _get_subject_name(anchor.digest, sealed_case, proofs)
        service_slug = "".join(char if char.isascii() and char.isalnum() else "-" for char in receipt.service.lower())[
            :60
        ]
        stem = f"{subject}-{service_slug or 'service'}"
        used_stems = {Path(path).stem for path in files if path.startswith("proofs/anchors/")}
        stems = chain([stem], (f"{stem}-{number}" for number in count(2)))
        unused_stem = next(candidate for candidate in stems if candidate not in used_stems)
        path = f"proofs/anchors/{unused_stem}{anchor_kind.suffix}"
        material = {f"proofs/material/{name}": data for name, data in receipt.material}
        files.update({path: receipt.proof, **material})
        identity = (receipt.kind, receipt.service, receipt.development)
        records.append(AnchorRecord(path, *identity, anchor.digest, tuple(sorted(material))))
    if records:
        files[ANCHORS_PATH] = encode_canonical(to_plain(sorted(records, key=lambda record: record.file)))
    return files


def _exclude_conflicts(anchors: tuple[AnchorProof, ...]) -> list[AnchorProof]:
    """Remove receipts whose material has the name of an older receipt's material, but different content.

    Names contain a digest or a block's height, so this happens only if a development chain was restarted.
    """
    material_by_name: dict[str, bytes] = {}
    conflicting_anchors = []
    for anchor in sorted(anchors, key=lambda proof: (proof.receipt.time is None, proof.receipt.time)):
        material = dict(anchor.receipt.material)
        if any(material_by_name.get(name, data) != data for name, data in material.items()):
            conflicting_anchors.append(anchor)
        else:
            material_by_name.update(material)
    return [anchor for anchor in anchors if anchor not in conflicting_anchors]


def _get_subject_name(digest: Digest, sealed_case: SealedCase, proofs: Proofs) -> str:
    if digest == sealed_case.seal_digest:
        return "manifest"
    if proofs.entry is not None and digest == compute_checkpoint_digest(proofs.entry.checkpoint):
        return "checkpoint"
    for renewal in proofs.renewals:
        if digest == compute_checkpoint_digest(renewal.checkpoint):
            return f"later-{parse_note(renewal.checkpoint).size}"
    return f"earlier-{digest.hex[:8]}"


def _create_blob_member(path: str, digest: Digest, blobs: BlobStore) -> Member:
    def read_chunks() -> Iterator[bytes]:
        with blobs.open(digest) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk

    crc = 0
    for chunk in read_chunks():
        crc = zlib.crc32(chunk, crc)
    return Member(path, blobs.size(digest), crc, read_chunks)


def create_key_file(path: Path) -> bytes:
    """Create a private key in a file that only its user may read, and a ``.pub`` file with the public key.

    Returns:
        The public key, 32 bytes.
    """
    if path.exists():
        raise InvalidRequestError(
            f"The file {path} already exists.", hint="Choose another name. Keys are never overwritten."
        )
    try:
        public = FileSigner(path).public_key
        path.with_name(f"{path.name}.pub").write_bytes(encode_public_key(public))
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be written: {error.strerror}.") from error
    return public


def countersign_manifest(key_path: Path, manifest_path: Path, signature_path: Path) -> tuple[Manifest, Digest, bytes]:
    """Sign a manifest with a key of this device (PEM, mode 0600); return manifest, digest and public key.

    Raises:
        ConfigError: The key cannot be read, or is readable by other users.
        FormatError: The file is not a manifest.
        InvalidRequestError: A file cannot be read or written.
    """
    signer = load_signer(key_path)
    try:
        data = manifest_path.read_bytes()
        if len(data) > MAX_MANIFEST_BYTES:
            raise InvalidRequestError(f"{manifest_path} is too large for a manifest.")
        parsed_manifest = Manifest.from_json(data)
        signature_path.write_bytes(signer.sign(data))
    except OSError as error:
        raise InvalidRequestError(f"{os.fspath(error.filename)} cannot be used: {error.strerror}.") from error
    return parsed_manifest, Digest.from_bytes(data), signer.public_key
