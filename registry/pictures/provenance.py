"""The manifests that seen pictures bring along, as facts and as files of a bundle."""

from dataclasses import dataclass, replace

from evidence.bundle.sealing import JSON, ContentFile, sighting_folder
from evidence.facts.case import MakingFacts, ProvenanceFacts, SightingFacts
from evidence.facts.provenance import read_provenance
from exhibit.pictures.metadata import FileMetadata, read_metadata
from registry.services.services import Services

ROLE = "c2pa"


def with_statements(services: Services, sighting: SightingFacts) -> tuple[SightingFacts, tuple[ContentFile, ...]]:
    """A sighting with what its picture states of itself, manifest and making, and the file that holds all of the first.

    Each is ``None`` when nobody looked: without the optional part, or when the bytes aren't stored any more.
    """
    if sighting.picture.digest not in services.blobs:
        return sighting, ()
    data = services.blobs.get(sighting.picture.digest)
    files: tuple[ContentFile, ...] = ()
    said = read_metadata(data, services.limits)
    provenance, manifest = read_provenance(data, sighting.picture.format) or (None, b"")
    if provenance and manifest:
        path = f"{sighting_folder(sighting.number)}/c2pa.json"
        provenance = replace(provenance, file=path)
        files = (ContentFile(path, ROLE, JSON, services.blobs.put(manifest)),)
    return replace(sighting, provenance=provenance, making=MakingFacts(said.source_type, said.aigc)), files


@dataclass(frozen=True, slots=True)
class FileStatement:
    """What a picture's file says of itself: anybody can write there, and nobody has examined it."""

    metadata: FileMetadata
    manifest: ProvenanceFacts | None  # C2PA's; ``None`` when nobody looked


def said_by(services: Services, data: bytes, picture_format: str) -> FileStatement:
    """What a picture's file says of itself; the format is Pillow's name. What can't be read says nothing."""
    read = read_provenance(data, picture_format)
    return FileStatement(read_metadata(data, services.limits), read and read[0])
