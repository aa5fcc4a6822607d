"""Which files in an object store an index is made of: one row for each index, swapped as a whole."""

from exhibit.types import Space
from registry.models import IndexManifest
from registry.vectors.fingerprints import Collection, space_id


def manifest_of(collection: Collection, space: Space) -> IndexManifest:
    """The manifest of an index, an empty one when there is none."""
    stated = {"collection": collection, "space_id": space_id(space)}
    return IndexManifest.objects.filter(**stated).first() or IndexManifest(**stated)


def swap(manifest: IndexManifest, over: int) -> bool:
    """Put a manifest in the place of one of a generation, if that is still there; whether it was."""
    stated = {"collection": manifest.collection, "space_id": manifest.space_id}
    if not over:
        IndexManifest.objects.bulk_create([IndexManifest(**stated)], ignore_conflicts=True)
    new = {name: getattr(manifest, name) for name in ("generation", "sequence", "segments", "files")}
    return IndexManifest.objects.filter(**stated, generation=over).update(**new) == 1
