"""Manifest: sealing key, subject and time of the seal, and every file of the case with its size and digests.

Its canonical JSON (RFC 8785) is signed; the SHA-256 of those bytes is the *seal digest*, which never changes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from evidence.facts.case import SoftwareFacts
from evidence.formats.codec import Bytes32, Canonical, FormatError, from_plain, parse_json
from evidence.formats.container import check_names
from exhibit.digests import Digest
from exhibit.types import Count, Number

MANIFEST_FORMAT = "exhibit-bundle/1"
MANIFEST_PATH = "data/manifest.json"
FACTS_PATH = "data/facts.json"
ALGORITHM = "Ed25519"
HOLDERS = ("operator", "owner")
STAND_IN = "stand-in"  # role of a reduced picture that replaces a withheld one


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file of the case."""

    path: str  # path in the bundle, under ``data/``
    role: str  # role such as ``facts``, ``work-picture``, ``sighting-picture``, ``alignment``
    media_type: str  # such as ``image/jpeg``
    size: Count  # bytes
    sha256: Digest  # digest of the bytes (FIPS 180-4)
    sha512: bytes  # second digest, 64 bytes, in case the first becomes weak
    stand_in: str | None = None  # path of a sealed smaller file that replaces this one if withheld, or ``None``

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.sha512) != 64:
            raise ValueError(f"{self.path} has an invalid size or digest")


@dataclass(frozen=True, slots=True)
class SealingKey:
    """Key that signs the manifest."""

    algorithm: str  # :data:`ALGORITHM`
    public: Bytes32  # 32 raw bytes
    holder: str  # holder of the key: ``operator`` or ``owner``

    def __post_init__(self) -> None:
        if self.algorithm != ALGORITHM or len(self.public) != 32:
            raise ValueError("the sealing key is not an Ed25519 key")
        if self.holder not in HOLDERS:
            raise ValueError("the holder of the sealing key is neither operator nor owner")


@dataclass(frozen=True, slots=True)
class SealedMatter:
    """Subject of a bundle."""

    owner: str  # name of the rights holder
    case: str  # number of the case
    bundle: Number  # number within the case, from 1


@dataclass(frozen=True, slots=True)
class Manifest(Canonical):
    """Signed content of a bundle."""

    matter: SealedMatter  # subject of the bundle
    sealed_at: datetime  # time by the sealing program's clock, aware, UTC; only timestamps can be verified
    software: SoftwareFacts  # software that created the record, with model digests
    key: SealingKey  # key that signs the manifest
    files: tuple[ManifestFile, ...]  # every file under ``data/`` except the manifest, sorted by path
    format: str = MANIFEST_FORMAT  # :data:`MANIFEST_FORMAT`

    def __post_init__(self) -> None:
        paths = [file.path for file in self.files]
        check_names([MANIFEST_PATH, *paths], label="The manifest")
        if paths != sorted(paths) or not all(path.startswith("data/") for path in paths):
            raise FormatError("The files in the manifest are not sorted, or are outside data/.")
        if FACTS_PATH not in paths:
            raise FormatError(f"The manifest does not list {FACTS_PATH}.")
        stand_ins = {file.path for file in self.files if (file.role, file.stand_in) == (STAND_IN, None)}
        if not {file.stand_in for file in self.files} <= {None, *stand_ins}:
            raise FormatError("The manifest names a replacement file that it does not list as such.")

    @property
    def seal_digest(self) -> Digest:
        """Seal digest: SHA-256 of the canonical bytes."""
        return Digest.from_bytes(self.to_json())

    def get_file(self, path: str) -> ManifestFile | None:
        """Return the file with this path, or ``None``."""
        return next((file for file in self.files if file.path == path), None)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse a manifest; raises ``FormatError`` if it is invalid or not in canonical form."""
        plain = parse_json(data, label=MANIFEST_PATH)
        manifest = from_plain(cls, plain, location=MANIFEST_PATH)
        if manifest.to_json() != data:
            raise FormatError(f"{MANIFEST_PATH} is not in canonical form (RFC 8785).")
        return manifest
