"""Input of the checks: the files of a bundle, each hashed once, and the parsed formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from evidence.bundle.bag import WITHHELD_PATH, Withheld
from evidence.bundle.manifest import MANIFEST_PATH, Manifest
from evidence.facts.case import AbsenceCode, CaseFacts, OmittedFileFacts
from evidence.formats.codec import MAX_JSON_BYTES, FormatError, from_plain, parse_canonical
from evidence.formats.container import ContainerError, Contents, FileMeasurement, measure_chunks, read_all
from evidence.log.proofs import LogProof
from evidence.verdict.trust import Trust
from exhibit.digests import Digest
from exhibit.errors import NotFoundError

T = TypeVar("T")
REDUCED_PICTURE_SENTENCE = (
    " A reduced picture replaced a withheld one; only the holder of the sealing key vouches for it."
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A bundle under inspection: its files by name, reasons for unreadable files, manifest, and omitted files."""

    contents: Contents
    trust: Trust
    measurements: dict[str, FileMeasurement]
    unreadable_files: dict[str, str]
    manifest: Manifest
    manifest_bytes: bytes
    withheld: frozenset[str]
    # Files that the facts state as omitted, by path
    omitted_files: Mapping[str, OmittedFileFacts] = field(default_factory=dict)

    @property
    def seal_digest(self) -> Digest:
        """Seal digest: the SHA-256 of the manifest."""
        return Digest.from_bytes(self.manifest_bytes)

    @property
    def withheld_files(self) -> tuple[str, ...]:
        """Sealed files that this copy withholds and does not contain."""
        paths = (file.path for file in self.manifest.files)
        return tuple(path for path in paths if path in self.withheld and not self.has_file(path))

    def explain_absence(self, name: str) -> str:
        """Return a sentence on the permitted absence of a file; empty if the file is present or required."""
        if name in self.omitted_files and not self.has_file(name):
            return f"{name} is {describe_omission(self.omitted_files[name])}."
        return f"{name} is withheld from this copy." if name in self.withheld and not self.has_file(name) else ""

    def has_file(self, name: str) -> bool:
        """Return True if the bundle has a file of this name."""
        return name in self.measurements or name in self.unreadable_files

    def is_sealed(self, name: str) -> bool:
        """Return True if the manifest lists this file and the bundle contains exactly its bytes."""
        file, measurement = self.manifest.get_file(name), self.measurements.get(name)
        return file is not None and measurement is not None and file.sha256 == measurement.sha256

    def read_file(self, name: str, limit: int = MAX_JSON_BYTES) -> bytes:
        """Return a file's bytes; raises ``FormatError`` if it is missing, unreadable or too large."""
        if name not in self.measurements:
            raise FormatError(self.unreadable_files.get(name, f"{name} is missing."))
        return read_all(self.contents, name, limit)

    def read_sealed_file(self, name: str, limit: int) -> bytes:
        """Return the bytes of a sealed file; raises ``NotFoundError`` if this copy does not contain them."""
        if not self.is_sealed(name):
            raise NotFoundError(self.explain_absence(name) or f"{name} in this copy differs from the sealed file.")
        return self.read_file(name, limit)

    def read_as(self, kind: type[T], name: str) -> T:
        """Read a file of canonical JSON as a dataclass; raises ``FormatError``."""
        return from_plain(kind, parse_canonical(self.read_file(name), label=name), location=name)


def describe_omission(omitted_file: OmittedFileFacts) -> str:
    """Describe why a file was omitted when the bundle was sealed."""
    day = "" if omitted_file.since is None else f" on {omitted_file.since:%Y-%m-%d}"
    return f"not in this bundle: {_ABSENCE_REASONS[omitted_file.why]}{day}"


_ABSENCE_REASONS = {
    AbsenceCode.REPORTED: "reported as illegal",
    AbsenceCode.PURGED: "removed by the operator",
    AbsenceCode.EXPIRED: "the retention period had ended",
    AbsenceCode.REMOVED: "removed by the owner",
    AbsenceCode.NEVER: "it was never stored",
    AbsenceCode.LOST: "it was missing when the bundle was sealed, and no removal is recorded",
}


def measure_files(contents: Contents) -> tuple[dict[str, FileMeasurement], dict[str, str]]:
    """Hash every file once; returns size and digests by name, and the reasons for unreadable files by name."""
    measurements: dict[str, FileMeasurement] = {}
    unreadable_files: dict[str, str] = {}
    for name in contents.names:
        try:
            measurements[name] = measure_chunks(contents.iterate_chunks(name))
        except ContainerError as error:
            unreadable_files[name] = error.message
    return measurements, unreadable_files


def inspect(contents: Contents, trust: Trust) -> Inspection:
    """Hash all files and read the manifest; raises ``FormatError`` if the manifest cannot be read."""
    measurements, unreadable_files = measure_files(contents)
    if MANIFEST_PATH not in measurements:
        raise FormatError(unreadable_files.get(MANIFEST_PATH, f"{MANIFEST_PATH} is missing."))
    data = read_all(contents, MANIFEST_PATH, MAX_JSON_BYTES)
    inspection = Inspection(
        contents, trust, measurements, unreadable_files, Manifest.from_json(data), data, frozenset()
    )
    if WITHHELD_PATH not in measurements:
        return inspection
    withheld = inspection.read_as(Withheld, WITHHELD_PATH).files
    if len(set(withheld)) < len(withheld):
        raise FormatError(f"{WITHHELD_PATH} lists a file twice.")
    return replace(inspection, withheld=frozenset(withheld))


def list_log_proofs(facts: CaseFacts | None) -> tuple[tuple[str, LogProof], ...]:
    """Return every log proof in the facts with the name of its check; empty without facts."""
    if facts is None:
        return ()
    proofs = [(f"slice:{item.number:02d}", item.slice.log) for item in facts.sightings if item.slice is not None]
    registrations = (facts.work.registration, *facts.work.further_registrations)
    passkey = facts.decision.passkey
    passkey_proofs = () if passkey is None else (("passkey", passkey.key), ("decision", passkey.log))
    return (*(("registration", proof) for proof in registrations if proof is not None), *proofs, *passkey_proofs)
