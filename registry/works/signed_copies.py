"""Credentials of published copies, looked up by soft bindings; only for works that are open."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import RawSQL

from registry.works.models import SignedCopy
from registry.works.opened import opened_works

BITS = 256
MAX_APART = 25
"""Maximum bit distance of Content-Codes: scaled or re-encoded copies differ in fewer bits, other pictures in more."""
_APART = "bit_count(('x' || encode(registry_signedcopy.content, 'hex'))::bit(256) # ('x' || %s)::bit(256))"


@dataclass(frozen=True, slots=True)
class Found:
    """A manifest that a soft binding leads to."""

    manifest: str
    score: int  # 100 if the bytes are the same, else the percentage of equal bits of the Content-Code


def found_by(bodies: Mapping[str, bytes], most: int) -> list[Found]:
    """Return the manifests for the 256 bits of an ISCC's units, best first; ``bodies`` uses the names in ``Iscc``.

    For works with too little content to distinguish, only manifests of identical bytes are returned.
    """
    same = Q(pk__in=[])
    for name in {"data", "instance"} & bodies.keys():
        same |= Q(**{name: bodies[name]})
    matches = [Found(name, 100) for name in _shown().filter(same).values_list("manifest", flat=True)[:most]]
    if content := bodies.get("content"):
        rows = _shown().filter(work_picture__picture__low_information=[]).exclude(same)
        apart = RawSQL(_APART, [content.hex()])  # noqa: S611 - contains only constant text
        near = rows.annotate(apart=apart).filter(apart__lte=MAX_APART)
        nearest = near.order_by("apart", "pk").values_list("manifest", F("apart"))[: most - len(matches)]
        matches += [Found(name, (BITS - apart) * 100 // BITS) for name, apart in nearest]
    return matches


def manifest_store(manifest: str) -> bytes | None:
    """Return the manifest store that contains this manifest, while its work is open."""
    row = _shown().filter(manifest=manifest).only("store").first()
    return None if row is None else bytes(row.store)


def _shown() -> QuerySet[SignedCopy]:
    return SignedCopy.objects.filter(work_picture__work__in=opened_works())
