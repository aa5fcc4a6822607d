"""Removing a picture's bytes everywhere, with everything that shows or carries them, and for good."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Q

from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry import fingerprints as vectors
from registry.log import submit
from registry.models import BlockedDigest, Bundle, BytesState, Capture, Case, Match, Picture, Report
from workers.bundles import sealed_case, sealed_facts
from workers.wiring import House

SHOWING = {"exchange", "captured-image", "wacz", "screenshot", "screenshot-boxed", "page-pdf", "mhtml", "dom"}
"""Roles of captured files that carry or show the image; the page's own HTML does when the image is inside it."""


def purge(house: House, digest: Digest, *, by: str, reason: str) -> bool:
    """Remove a picture's bytes everywhere and block them from coming back; the digest stays in the log.

    Captures that carry the bytes, drawings and documents that show them, in cases and reports, go with them. What was
    sealed keeps its proofs: a bundle says then which of its files are withheld, and why.

    Returns:
        Whether the bytes were here.
    """
    with transaction.atomic():
        picture = Picture.objects.select_for_update(no_key=True).filter(digest=digest).first()
        shown = set() if picture is None else {*_shown_by(house, picture)} - {digest}
        if picture is not None:
            Picture.objects.filter(pk=picture.pk).update(bytes_state=BytesState.PURGED, thumbnail=None)
            vectors.remove_from(vectors.Collection.WORKS, [picture.pk])
            vectors.remove_from(vectors.Collection.PICTURES, [picture.pk])
        house.features.remove(digest)
        rows = [BlockedDigest(digest=one, reason=reason) for one in sorted({digest, *shown})]
        BlockedDigest.objects.bulk_create(rows, ignore_conflicts=True)
        submit(EntryType.PURGE, {"by": by, "digest": digest.hex, "reason": reason})
    for one in shown:
        house.blobs.remove(one)
    return house.blobs.remove(digest)


def _shown_by(house: House, picture: Picture) -> Iterator[Digest]:
    """Files that carry or show the picture: its small copy, and of captures, bundles and reports."""
    if picture.thumbnail is not None:
        yield picture.thumbnail
    carries = Q(files__contains=[{"digest": picture.digest.hex}]) | Q(sighting__picture=picture)
    for row in Capture.objects.filter(carries).select_related("sighting"):
        inline = row.sighting.image_url.startswith("data:")
        roles = SHOWING | {"page"} if inline else SHOWING
        yield from (Digest.from_hex(one["digest"]) for one in row.files if one["role"] in roles)
    matched = Match.objects.filter(Q(found=picture) | Q(registered=picture))
    cases = Case.objects.filter(case_sightings__match__in=matched).distinct()
    for bundle in Bundle.objects.filter(case__in=cases).exclude(seal_digest=None):
        yield from _documents(house, bundle, picture.digest)
    for report in Report.objects.filter(owner__cases__in=cases).distinct():
        yield from (Digest.from_hex(one["digest"]) for one in report.files if one["media_type"] == "application/pdf")


def _documents(house: House, bundle: Bundle, digest: Digest) -> Iterator[Digest]:
    """Drawings of matches with the picture, and the exhibit sheets, of one bundle."""
    sealed = sealed_case(house, bundle)
    facts = sealed_facts(house, sealed)
    matches = [one for one in facts.matches if digest in (one.work_picture, one.picture)]
    drawings = {path for one in matches for path in one.drawings.values()}
    for file in sealed.manifest.files:
        if file.path in drawings or file.role == "exhibit-sheet":
            yield file.sha256
