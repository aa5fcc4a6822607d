"""The manifests that seen pictures bring along, as facts and as files of a bundle."""

from dataclasses import dataclass, replace

from evidence.bundle.sealing import JSON, ContentFile, provenance_path
from evidence.facts.case import MakingFacts, PictureFacts, ProvenanceFacts
from evidence.facts.provenance import read_provenance
from exhibit.digests import Digest
from exhibit.pictures.metadata import FileMetadata, read_metadata
from workers.services.wiring import Services

ROLE = "c2pa"


def provenance_of(
    services: Services, number: int, picture: PictureFacts
) -> tuple[ProvenanceFacts | None, tuple[ContentFile, ...]]:
    """What the manifest inside a sighting's picture states, with the file that holds all of it; sightings count from 1.

    ``None`` when nobody looked: without the optional part, or when the bytes aren't stored any more.
    """
    if picture.digest not in services.blobs:
        return None, ()
    found = read_provenance(services.blobs.get(picture.digest), picture.format)
    if found is None:
        return None, ()
    facts, manifest = found
    if not manifest:
        return facts, ()
    path = provenance_path(number)
    return replace(facts, file=path), (ContentFile(path, ROLE, JSON, services.blobs.put(manifest)),)


def making_of(services: Services, digest: Digest) -> MakingFacts | None:
    """What the metadata of a seen picture states of its making; ``None`` when its bytes aren't stored any more."""
    if digest not in services.blobs:
        return None
    said = read_metadata(services.blobs.get(digest), services.limits)
    return MakingFacts(said.source_type, said.aigc)


@dataclass(frozen=True, slots=True)
class FileStatement:
    """What a picture's file says of itself: anybody can write there, and nobody has examined it."""

    metadata: FileMetadata
    manifest: ProvenanceFacts | None  # C2PA's; ``None`` when nobody looked


def said_by(services: Services, data: bytes, picture_format: str) -> FileStatement:
    """What a picture's file says of itself; the format is Pillow's name. What can't be read says nothing."""
    read = read_provenance(data, picture_format)
    return FileStatement(read_metadata(data, services.limits), read and read[0])
