"""Removing a picture's bytes everywhere, with everything that shows or carries them, and for good."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Q, QuerySet

from evidence.outcomes import inline_bodies
from exhibit.digests import Digest
from exhibit.entries import EntryType
from registry import fingerprints as vectors
from registry.log import submit
from registry.models import (
    BlockedDigest,
    Bundle,
    BytesState,
    Capture,
    Case,
    Deposit,
    Match,
    Package,
    Picture,
    Report,
    StepState,
)
from workers import uploads
from workers.bundles import sealed_case, sealed_facts
from workers.deposits import RECORD_ROLE, sealed_deposit
from workers.previews import drop_previews
from workers.steps.report import clear_folder
from workers.wiring import House

SHOWING = {"exchange", "captured-image", "wacz", "screenshot", "screenshot-boxed", "page-pdf", "mhtml", "dom"}
"""Roles of captured files that carry or show the image; the page's own HTML does when the image is inside it."""


def purge(house: House, digest: Digest, *, by: str, reason: str) -> bool:
    """Remove a picture's bytes everywhere and block them from coming back; the digest stays in the log.

    Captures that carry the bytes, reduced pictures, drawings and documents that show them, in cases, deposit records
    and reports, go with them. What was sealed keeps its proofs: a bundle says then which of its files are withheld,
    and why. A report or package that is being made is begun again.

    Returns:
        Whether the bytes were here.
    """
    with transaction.atomic():
        picture = Picture.objects.select_for_update(no_key=True).filter(digest=digest).first()
        begun_again = _begin_reports_again(digest)
        shown = {*_shown_by(house, digest), *_packed(digest)} - {digest}
        _begin_packages_again(digest)
        if picture is not None:
            if picture.thumbnail is not None:
                shown.add(picture.thumbnail)
            Picture.objects.filter(pk=picture.pk).update(bytes_state=BytesState.PURGED, thumbnail=None)
            vectors.remove_from(vectors.Collection.WORKS, [picture.pk])
            vectors.remove_from(vectors.Collection.PICTURES, [picture.pk])
        house.features.remove(digest)
        uploads.forget(house, digest)
        rows = [BlockedDigest(digest=one, reason=reason) for one in sorted({digest, *shown})]
        BlockedDigest.objects.bulk_create(rows, ignore_conflicts=True)
        submit(EntryType.PURGE, {"digest": digest.hex, "what": "bytes"}, details={"by": by, "reason": reason})
    for report in begun_again:
        clear_folder(house, report)
    for one in shown:
        house.blobs.remove(one)
    was_here = house.blobs.remove(digest)
    drop_previews(house, digest)
    return was_here


def _cases(digest: Digest) -> QuerySet[Case]:
    """The cases that have to do with the picture: a match with it, a visit that met it, a work that it belongs to."""
    matched = Match.objects.filter(Q(found__digest=digest) | Q(registered__digest=digest))
    about = Q(case_sightings__match__in=matched) | Q(captures__in=_carrying(digest))
    return Case.objects.filter(about | Q(work__work_pictures__picture__digest=digest)).distinct()


def _carrying(digest: Digest) -> QuerySet[Capture]:
    """The visits that met the picture, also where it was something else on the page."""
    met = Q(files__contains=[{"digest": digest.hex}]) | Q(digests__contains=[digest.hex])
    return Capture.objects.filter(met | Q(sighting__picture__digest=digest))


def _begin_packages_again(digest: Digest) -> None:
    """Have packages that aren't finished begun again: their bundles up to now may hold the picture."""
    keys = {*Bundle.objects.filter(case__in=_cases(digest)).values_list("pk", flat=True)}
    for one in Package.objects.filter(bundles__in=keys).exclude(state=StepState.DONE).distinct():
        rest = [file for file in one.files if file.get("bundle") not in keys]
        Package.objects.filter(pk=one.pk).exclude(state=StepState.DONE).update(progress={}, files=rest)


def _packed(digest: Digest) -> Iterator[Digest]:
    """The bundles with the picture that lie in packages, as ZIPs of their own."""
    holding = Bundle.objects.filter(case__in=_cases(digest))
    keys = {*holding.values_list("pk", flat=True)}
    for package in Package.objects.filter(bundles__in=holding).distinct():
        yield from (Digest.from_hex(one["digest"]) for one in package.files if one.get("bundle") in keys)


def _begin_reports_again(digest: Digest) -> list[Report]:
    """Have reports that aren't finished begun again: their volumes up to now may show the picture."""
    reports = list(Report.objects.filter(owner__cases__in=_cases(digest)).exclude(state=StepState.DONE).distinct())
    Report.objects.filter(pk__in=[one.pk for one in reports]).exclude(state=StepState.DONE).update(progress={})
    return reports


def _shown_by(house: House, digest: Digest) -> Iterator[Digest]:
    """Files that carry or show the picture, of captures, bundles, deposit records and reports."""
    captured = {*_captured(house, digest)}
    yield from captured
    for bundle in Bundle.objects.filter(case__in=_cases(digest)).exclude(seal_digest=None):
        yield from _documents(house, bundle, digest, captured)
    for deposit in Deposit.objects.filter(work__work_pictures__picture__digest=digest).distinct():
        files = sealed_deposit(house, deposit).manifest.files
        yield from (file.sha256 for file in files if file.role == RECORD_ROLE)
    for report in Report.objects.filter(owner__cases__in=_cases(digest)).distinct():
        yield from (Digest.from_hex(one["digest"]) for one in report.files if one["media_type"] == "application/pdf")


def _captured(house: House, digest: Digest) -> Iterator[Digest]:
    for row in _carrying(digest):
        for role, file in ((one["role"], Digest.from_hex(one["digest"])) for one in row.files):
            if role in SHOWING or (role == "page" and _holds(house, file, digest)):
                yield file


def _holds(house: House, page: Digest, digest: Digest) -> bool:
    """Whether the image is written inside a page."""
    if page not in house.blobs:
        return False
    return any(Digest.of(image) == digest for _, image in inline_bodies(house.blobs.get(page)))


def _documents(house: House, bundle: Bundle, digest: Digest, captured: set[Digest]) -> Iterator[Digest]:
    """Reduced pictures, drawings of matches with the picture, and exhibit sheets that show it, of one bundle."""
    sealed = sealed_case(house, bundle)
    facts = sealed_facts(house, sealed)
    matches = [one for one in facts.matches if digest in (one.work_picture, one.picture)]
    drawings = {path for one in matches for path in one.drawings.values()}
    files = sealed.manifest.files
    reduced = {file.stand_in for file in files if file.sha256 == digest}
    sheet = matches or any(file.sha256 in captured for file in files)
    for file in files:
        if file.path in drawings | reduced or (sheet and file.role == "exhibit-sheet"):
            yield file.sha256
