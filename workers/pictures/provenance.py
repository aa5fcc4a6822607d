"""The manifests that seen pictures bring along, as facts and as files of a bundle."""

from dataclasses import replace

from evidence.bundle.sealing import JSON, ContentFile, provenance_path
from evidence.facts.case import PictureFacts, ProvenanceFacts
from evidence.facts.provenance import read_provenance
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
