"""Content credentials of published copies, found by soft bindings. Only for works that are public."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import RawSQL

from registry.works.models import SignedCopy
from registry.works.public_works import list_public_works

BITS = 256
MAX_DISTANCE = 25
"""Maximum bit distance of Content-Codes: scaled or re-encoded copies differ in fewer bits, other pictures in more."""
_DISTANCE = "bit_count(('x' || encode(registry_signedcopy.content, 'hex'))::bit(256) # ('x' || %s)::bit(256))"


@dataclass(frozen=True, slots=True)
class ManifestMatch:
    """A manifest found by a soft binding."""

    manifest: str
    score: int  # 100 if the bytes are the same, otherwise the percentage of equal bits of the Content-Code


def find_manifests(bodies: Mapping[str, bytes], limit: int) -> list[ManifestMatch]:
    """Return the manifests for the 256 bits of an ISCC's units, best first; ``bodies`` uses the names in ``Iscc``.

    For pictures with too little detail to distinguish them, only manifests of identical bytes are returned.
    """
    same_bytes = Q(pk__in=[])
    for name in {"data", "instance"} & bodies.keys():
        same_bytes |= Q(**{name: bodies[name]})
    matches = [
        ManifestMatch(name, 100)
        for name in _list_public_copies().filter(same_bytes).values_list("manifest", flat=True)[:limit]
    ]
    if content := bodies.get("content"):
        rows = _list_public_copies().filter(work_picture__picture__low_information=[]).exclude(same_bytes)
        distance = RawSQL(_DISTANCE, [content.hex()])  # noqa: S611 - contains only constant text
        similar_copies = rows.annotate(apart=distance).filter(apart__lte=MAX_DISTANCE)
        nearest_copies = similar_copies.order_by("apart", "pk").values_list("manifest", F("apart"))[
            : limit - len(matches)
        ]
        matches += [ManifestMatch(name, (BITS - distance) * 100 // BITS) for name, distance in nearest_copies]
    return matches


def load_manifest_store(manifest: str) -> bytes | None:
    """Return the manifest store that contains this manifest; ``None`` if its work is not public."""
    row = _list_public_copies().filter(manifest=manifest).only("store").first()
    return None if row is None else bytes(row.store)


def _list_public_copies() -> QuerySet[SignedCopy]:
    return SignedCopy.objects.filter(work_picture__work__in=list_public_works())
