"""Sealing of a case: a canonical manifest, a seal digest and a signature, which never change."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from PIL import Image

from evidence.bundle.manifest import ALGORITHM, FACTS_PATH, STAND_IN, Manifest, ManifestFile, SealedMatter, SealingKey
from evidence.facts.case import CaseFacts
from evidence.formats.codec import FormatError, to_plain
from evidence.formats.container import measure_chunks
from exhibit.digests import CHUNK_BYTES, Digest
from exhibit.entries import encode_canonical
from exhibit.errors import IntegrityError
from exhibit.files.blobs import BlobStore
from exhibit.pictures.decode import decode
from exhibit.ports import Signer

JSON_MEDIA_TYPE = "application/json"
MAX_REDUCED_SIDE = 640  # pixels; three times the size used by the comparison, so that its result is the same
TITLE_DOCUMENT = "title-document"  # role of a document of the work's chain of title
_PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}", re.ASCII)
_PICTURE_FORMATS = {
    **{name: (f".{name.lower()}", f"image/{name.lower()}") for name in ("AVIF", "BMP", "GIF", "PNG", "WEBP")},
    **dict.fromkeys(("JPEG", "MPO"), (".jpg", "image/jpeg")),
    "JPEG2000": (".jp2", "image/jp2"),
    "TIFF": (".tif", "image/tiff"),
}
_MEDIA_TYPES = {
    **dict(_PICTURE_FORMATS.values()),
    ".jpeg": "image/jpeg",
    ".tiff": "image/tiff",
    ".json": JSON_MEDIA_TYPE,
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".warc": "application/warc",
}


@dataclass(frozen=True, slots=True)
class ContentFile:
    """A file to be sealed in a bundle; its bytes are in the blob store."""

    path: str  # path in the bundle, under ``data/``
    role: str
    media_type: str
    digest: Digest
    stand_in: str | None = None  # path of a smaller file that replaces this one if withheld


@dataclass(frozen=True, slots=True)
class SealedCase:
    """Manifest of a sealed case, with its signature."""

    manifest: Manifest
    signature: bytes  # Ed25519 over the manifest's canonical bytes, 64 bytes

    @property
    def seal_digest(self) -> Digest:
        """Seal digest of the manifest."""
        return self.manifest.seal_digest


def seal_case(
    facts: CaseFacts,
    files: Iterable[ContentFile],
    signer: Signer,
    *,
    holder: str,
    sealed_at: datetime,
    blobs: BlobStore,
) -> SealedCase:
    """Seal a case with the owner's key.

    Args:
        facts: Facts of the case.
        files: All files except those derived from the facts.
        signer: Key that signs the manifest.
        holder: Holder of the key: ``operator`` or ``owner``.
        sealed_at: Time of the seal, aware, UTC.
        blobs: Store with the bytes of ``files``; the derived files and the manifest are added to it.

    Raises:
        FormatError: File names conflict with each other, or a file is wrongly listed as left out.
        IntegrityError: The bytes of a file do not match its digest, or a file that the facts name is missing.
    """
    all_files = _assign_reduced_pictures([*files, *_create_fact_files(facts, blobs)])
    _check_mentioned_files(facts, {file.path: file.digest for file in all_files})
    manifest = Manifest(
        matter=SealedMatter(facts.owner.name, facts.number, facts.bundle),
        sealed_at=sealed_at,
        software=facts.software,
        key=SealingKey(ALGORITHM, signer.public_key, holder),
        files=tuple(sorted((_measure_file(file, blobs) for file in all_files), key=lambda file: file.path)),
    )
    data = manifest.to_json()
    blobs.put(data)
    return SealedCase(manifest, signer.sign(data))


def build_seal_opening(sealed_case: SealedCase) -> dict[str, Any]:
    """Build the opening of a seal's log entry: seal digest, key and signature."""
    key = sealed_case.manifest.key.public.hex()
    return {"manifest": sealed_case.seal_digest.hex, "key": key, "signature": sealed_case.signature.hex()}


def get_match_folder(number: int) -> str:
    """Return the folder of a match's files, such as ``data/matches/01``."""
    return f"data/matches/{number:02d}"


def get_sighting_folder(number: int) -> str:
    """Return the folder of a sighting's files, such as ``data/sightings/01``."""
    return f"data/sightings/{number:02d}"


def get_work_picture_path(number: int, picture_format: str) -> str:
    """Return the path of a registered picture, such as ``data/work/01.jpg``; numbers count from 1."""
    return f"data/work/{number:02d}{_get_suffix(picture_format)}"


def get_title_document_path(number: int, name: str) -> str:
    """Return the path of a document of the chain of title, such as ``data/work/documents/01.pdf``."""
    suffix = PurePosixPath(name).suffix.lower()
    return f"data/work/documents/{number:02d}{suffix if _PLAIN_SUFFIX.fullmatch(suffix) else '.bin'}"


def get_calibration_path(number: int) -> str:
    """Return the path of a calibration, such as ``data/calibrations/01.json``; numbers count from 1."""
    return f"data/calibrations/{number:02d}.json"


def get_odds_model_path(number: int) -> str:
    """Return the path of an odds model, such as ``data/weighings/01.json``; numbers count from 1."""
    return f"data/weighings/{number:02d}.json"


def get_sighting_picture_path(number: int, picture_format: str) -> str:
    """Return the path of a found picture, such as ``data/sightings/01/image.jpg``."""
    return f"{get_sighting_folder(number)}/image{_get_suffix(picture_format)}"


def get_reduced_path(path: str) -> str:
    """Return the path of the reduced version of a sealed picture, such as ``data/work/01-reduced.jpg``."""
    original = PurePosixPath(path)
    return str(original.with_name(f"{original.stem}-reduced.jpg"))


def create_reduced_picture(path: str, data: bytes, blobs: BlobStore) -> ContentFile:
    """Create the reduced version of a picture and store it; raises ``UnreadablePictureError``."""
    picture = Image.fromarray(decode(data, at_least=2 * MAX_REDUCED_SIDE).pixels)
    picture.thumbnail((MAX_REDUCED_SIDE, MAX_REDUCED_SIDE), Image.Resampling.LANCZOS)
    out = BytesIO()
    picture.save(out, "JPEG", quality=85)
    return ContentFile(get_reduced_path(path), STAND_IN, "image/jpeg", blobs.put(out.getvalue()))


def list_mentioned_files(facts: CaseFacts) -> list[tuple[str, Digest | None]]:
    """Return each path that the facts mention, except left-out files, with its digest if stated.

    A path may occur twice.
    """
    omitted_files = facts.omitted_files
    return [(path, digest) for path, digest in _list_mentions(facts) if path not in omitted_files]


def check_omitted_files(facts: CaseFacts, sealed_paths: Container[str]) -> None:
    """Check the files that the facts list as left out: only missing captured files, pictures and documents are allowed.

    Raises:
        FormatError: Another file is listed, a file is listed twice, or its digest or role is wrong.
    """
    pictures = [*facts.work.pictures, *(sighting.picture for sighting in facts.sightings)]
    roles = {path: role for path, _, role in _list_stated_files(facts)}
    omittable: dict[str, Digest | None] = {picture.file: picture.digest for picture in pictures}
    omittable |= {document.file: document.digest for document in facts.work.attachments}
    omittable |= {path: None for sighting in facts.sightings for visit in sighting.captures for path in visit.files}
    if len(facts.omitted_files) < len(facts.left_out):
        raise FormatError("The facts list a left-out file twice.")
    for omitted_file in facts.left_out:
        if omitted_file.file not in omittable or omittable[omitted_file.file] not in {None, omitted_file.digest}:
            raise FormatError(
                f"The facts list {omitted_file.file} as left out, which is not possible, or with a different digest."
            )
        if roles.get(omitted_file.file, omitted_file.role) != omitted_file.role:
            raise FormatError(f"The facts list {omitted_file.file} as left out with the wrong role.")
        if omitted_file.file in sealed_paths:
            raise FormatError(f"The facts list {omitted_file.file} as left out, but it is sealed.")


def _list_mentions(facts: CaseFacts) -> list[tuple[str, Digest | None]]:
    mentions: list[tuple[str, Digest | None]] = [(path, digest) for path, digest, _ in _list_stated_files(facts)]
    for sighting in facts.sightings:
        mentions += [(path, None) for capture in sighting.captures for path in capture.files]
        if sighting.provenance is not None and sighting.provenance.file:
            mentions.append((sighting.provenance.file, None))
        mentions += [
            (path, None) for path in dict.fromkeys(statement.file for statement in sighting.elsewhere if statement.file)
        ]
    mentions += [(path, None) for match in facts.matches for path in match.drawings.values()]
    return [*mentions, *((path, None) for path in create_derived_files(facts))]


def create_derived_files(facts: CaseFacts) -> dict[str, bytes]:
    """Create the files that repeat parts of the facts, so that readers find them next to the pictures."""
    files = {
        f"{get_match_folder(match.number)}/alignment.json": encode_canonical(to_plain(match)) for match in facts.matches
    }
    for sighting in facts.sightings:
        if sighting.slice is not None:
            files[f"{get_sighting_folder(sighting.number)}/slice.json"] = encode_canonical(to_plain(sighting.slice))
    if facts.work.registration is not None:
        files["data/work/registration.json"] = encode_canonical(to_plain(facts.work.registration))
    return files


def get_media_type(path: str) -> str:
    """Return the media type for a file's extension, independent of the operating system's configuration."""
    return _MEDIA_TYPES.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")


def _get_suffix(picture_format: str) -> str:
    return _PICTURE_FORMATS[picture_format][0] if picture_format in _PICTURE_FORMATS else ".bin"


def _create_fact_files(facts: CaseFacts, blobs: BlobStore) -> list[ContentFile]:
    files = [ContentFile(FACTS_PATH, "facts", JSON_MEDIA_TYPE, blobs.put(facts.to_json()))]
    for path, data in create_derived_files(facts).items():
        files.append(ContentFile(path, PurePosixPath(path).stem, JSON_MEDIA_TYPE, blobs.put(data)))
    present_files = [entry for entry in _list_stated_files(facts) if entry[0] not in facts.omitted_files]
    files += [ContentFile(path, role, get_media_type(path), digest) for path, digest, role in present_files]
    return files


def _list_stated_files(facts: CaseFacts) -> list[tuple[str, Digest, str]]:
    """Return path, digest and role of each file whose digest the facts state, including left-out files."""
    found_pictures = [sighting.picture for sighting in facts.sightings]
    return [
        *((picture.file, picture.digest, "work-picture") for picture in facts.work.pictures),
        *((picture.file, picture.digest, "sighting-picture") for picture in found_pictures),
        *((attachment.file, attachment.digest, attachment.role) for attachment in facts.work.attachments),
        *((calibration.file, calibration.digest, "calibration") for calibration in facts.calibrations),
        *((weighing.file, weighing.digest, "weighing") for weighing in facts.weighings),
        *((passkey.file, passkey.digest, "decision") for passkey in filter(None, [facts.decision.passkey])),
    ]


def _assign_reduced_pictures(files: list[ContentFile]) -> list[ContentFile]:
    """Set the stand-in of each file whose reduced version is in the list, and return the files."""
    stand_in_paths = {file.path for file in files if file.role == STAND_IN}
    paths = [(file, get_reduced_path(file.path)) for file in files]
    return [replace(file, stand_in=path) if path in stand_in_paths else file for file, path in paths]


def _check_mentioned_files(facts: CaseFacts, digests: dict[str, Digest]) -> None:
    check_omitted_files(facts, digests)
    for path, digest in list_mentioned_files(facts):
        if path not in digests:
            raise IntegrityError(f"The facts name {path}, which is not among the files to seal.")
        if digest is not None and digests[path] != digest:
            raise IntegrityError(f"The digest of {path} in the facts differs from the file to seal.")


def _measure_file(file: ContentFile, blobs: BlobStore) -> ManifestFile:
    with blobs.open(file.digest) as stream:
        measurement = measure_chunks(iter(partial(stream.read, CHUNK_BYTES), b""))
    if measurement.sha256 != file.digest:
        raise IntegrityError(f"The stored bytes of {file.path} do not match its digest.")
    return ManifestFile(
        file.path, file.role, file.media_type, measurement.size, file.digest, measurement.sha512, file.stand_in
    )
