"""C2PA manifests and metadata of found pictures, as facts and as files of a bundle."""

from dataclasses import dataclass, replace

from evidence.bundle.sealing import JSON_MEDIA_TYPE, ContentFile, get_sighting_folder
from evidence.facts.case import CreationFacts, ProvenanceFacts, SightingFacts
from evidence.facts.provenance import read_provenance
from exhibit.pictures.metadata import FileMetadata, read_metadata
from registry.services.services import Services

ROLE = "c2pa"


def load_statements(services: Services, sighting: SightingFacts) -> tuple[SightingFacts, tuple[ContentFile, ...]]:
    """Return a sighting with its picture's provenance and metadata, and the file with the whole C2PA manifest.

    A value is ``None`` if it was not examined: the optional component is missing, or the bytes are no longer stored.
    """
    if sighting.picture.digest not in services.blobs:
        return sighting, ()
    data = services.blobs.get(sighting.picture.digest)
    files: tuple[ContentFile, ...] = ()
    metadata = read_metadata(data, services.limits)
    provenance, manifest = read_provenance(data, sighting.picture.format) or (None, b"")
    if provenance and manifest:
        path = f"{get_sighting_folder(sighting.number)}/c2pa.json"
        provenance = replace(provenance, file=path)
        files = (ContentFile(path, ROLE, JSON_MEDIA_TYPE, services.blobs.put(manifest)),)
    return replace(sighting, provenance=provenance, making=CreationFacts(metadata.source_type, metadata.aigc)), files


@dataclass(frozen=True, slots=True)
class FileStatement:
    """A picture file's statements about itself. Anyone can write them; they are not verified."""

    metadata: FileMetadata
    manifest: ProvenanceFacts | None  # from C2PA; ``None`` if not examined


def read_statements(services: Services, data: bytes, picture_format: str) -> FileStatement:
    """Return a picture file's statements about itself; the format is Pillow's name. Unreadable parts are empty."""
    provenance = read_provenance(data, picture_format)
    return FileStatement(read_metadata(data, services.limits), provenance and provenance[0])
