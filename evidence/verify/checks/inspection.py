"""Input of the checks: the files of a bundle, each hashed once, and the formats read from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from evidence.bundle.bag import WITHHELD_PATH, Withheld
from evidence.bundle.manifest import MANIFEST_PATH, Manifest
from evidence.facts.case import Absence, CaseFacts, LeftOutFacts
from evidence.formats.codec import MAX_JSON_BYTES, FormatError, from_plain, parse_canonical
from evidence.formats.container import ContainerError, Contents, FileMeasurement, measure_chunks, read_all
from evidence.log.proofs import LogProof
from evidence.verdict.trust import Trust
from exhibit.digests import Digest
from exhibit.errors import NotFoundError

T = TypeVar("T")
STOOD_IN = " A reduced picture stood in for a withheld one; that both show the same is stated by the sealer only."


@dataclass(frozen=True, slots=True)
class Inspection:
    """A bundle under inspection.

    Its files by name, the reasons why files are broken, the manifest, and left-out files.
    """

    contents: Contents
    trust: Trust
    measurements: dict[str, FileMeasurement]
    broken: dict[str, str]
    manifest: Manifest
    manifest_bytes: bytes
    withheld: frozenset[str]
    absent: Mapping[str, LeftOutFacts] = field(default_factory=dict)  # files that the facts state as left out

    @property
    def seal(self) -> Digest:
        """The seal digest."""
        return Digest.of(self.manifest_bytes)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Sealed files that this copy withholds and does not hold."""
        paths = (file.path for file in self.manifest.files)
        return tuple(path for path in paths if path in self.withheld and not self.has(path))

    def why_not(self, name: str) -> str:
        """Return why this copy lacks a file that it may lack, in a sentence; empty if it must have it."""
        if name in self.absent and not self.has(name):
            return f"{name} is {words_of(self.absent[name])}."
        return f"{name} is withheld from this copy." if name in self.withheld and not self.has(name) else ""

    def has(self, name: str) -> bool:
        """Return True if the bundle has a file of this name."""
        return name in self.measurements or name in self.broken

    def is_sealed(self, name: str) -> bool:
        """Return True if the manifest lists this file and the bundle holds exactly its bytes."""
        file, measurement = self.manifest.file(name), self.measurements.get(name)
        return file is not None and measurement is not None and file.sha256 == measurement.sha256

    def read_file(self, name: str, limit: int = MAX_JSON_BYTES) -> bytes:
        """Return a file's bytes; raises ``FormatError`` if it is missing, unreadable or too large."""
        if name not in self.measurements:
            raise FormatError(self.broken.get(name, f"{name} is missing."))
        return read_all(self.contents, name, limit)

    def sealed_bytes(self, name: str, limit: int) -> bytes:
        """Return the bytes of a sealed file; raises ``NotFoundError`` if this copy does not hold them."""
        if not self.is_sealed(name):
            raise NotFoundError(self.why_not(name) or f"{name} in this copy differs from the sealed file.")
        return self.read_file(name, limit)

    def read_as(self, kind: type[T], name: str) -> T:
        """Read a file of canonical JSON as a dataclass; raises ``FormatError``."""
        return from_plain(kind, parse_canonical(self.read_file(name), what=name), where=name)


def words_of(omitted_file: LeftOutFacts) -> str:
    """Return why a file was left out when the bundle was sealed."""
    day = "" if omitted_file.since is None else f" on {omitted_file.since:%Y-%m-%d}"
    return f"not in this bundle: {_WHY[omitted_file.why]}{day}"


_WHY = {
    Absence.REPORTED: "reported as illegal",
    Absence.PURGED: "removed by the operator",
    Absence.EXPIRED: "the retention period had ended",
    Absence.REMOVED: "removed by the owner",
    Absence.NEVER: "it was never stored",
    Absence.LOST: "it was missing when the bundle was sealed, and no removal is recorded",
}


def measure(contents: Contents) -> tuple[dict[str, FileMeasurement], dict[str, str]]:
    """Hash every file once; returns the measured files, and the reasons for those that cannot be read."""
    measurements: dict[str, FileMeasurement] = {}
    broken: dict[str, str] = {}
    for name in contents.names:
        try:
            measurements[name] = measure_chunks(contents.chunks(name))
        except ContainerError as error:
            broken[name] = error.message
    return measurements, broken


def inspect(contents: Contents, trust: Trust) -> Inspection:
    """Hash everything and read the manifest; raises ``FormatError`` if no manifest can be read."""
    measurements, broken = measure(contents)
    if MANIFEST_PATH not in measurements:
        raise FormatError(broken.get(MANIFEST_PATH, f"{MANIFEST_PATH} is missing."))
    data = read_all(contents, MANIFEST_PATH, MAX_JSON_BYTES)
    inspection = Inspection(contents, trust, measurements, broken, Manifest.from_json(data), data, frozenset())
    if WITHHELD_PATH not in measurements:
        return inspection
    withheld = inspection.read_as(Withheld, WITHHELD_PATH).files
    if len(set(withheld)) < len(withheld):
        raise FormatError(f"{WITHHELD_PATH} names a file twice.")
    return replace(inspection, withheld=frozenset(withheld))


def log_proofs(facts: CaseFacts | None) -> tuple[tuple[str, LogProof], ...]:
    """Return every log proof in the facts with the name of its check; empty without facts."""
    if facts is None:
        return ()
    proofs = [(f"slice:{item.number:02d}", item.slice.log) for item in facts.sightings if item.slice is not None]
    registered = (facts.work.registration, *facts.work.further_registrations)
    passkey = facts.decision.passkey
    signed = () if passkey is None else (("passkey", passkey.key), ("decision", passkey.log))
    return (*(("registration", proof) for proof in registered if proof is not None), *proofs, *signed)
