"""Bundles that involve an image, and those of their files that contain or show it."""

from collections.abc import Collection, Iterator

from django.db.models import Q, QuerySet

from evidence.bundle.sealing import SealedCase
from evidence.facts.case import CaseFacts
from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.bundles.models import Bundle
from registry.cases.picture_usage import captured_files, cases_with, visits_with
from registry.pictures import scoped
from registry.services.services import Services


def bundles_with(digest: Digest) -> QuerySet[Bundle]:
    """Return the bundles whose case involves the image or that contain its exact bytes, such as a work's document."""
    return Bundle.objects.filter(Q(case__in=cases_with(digest)) | Q(contents__contains=[{"digest": digest.hex}]))


def list_showing_files(
    sealed_bundle: SealedCase, facts: CaseFacts, digest: Digest, captured: Collection[Digest]
) -> Iterator[Digest]:
    """Yield the digests of a bundle's reduced images, drawings of matches and exhibit sheets that show an image.

    ``captured`` are the files that :func:`captured_files` returns.
    """
    matches = [match for match in facts.matches if digest in (match.work_picture, match.picture)]
    drawings = {path for match in matches for path in match.drawings.values()}
    files = sealed_bundle.manifest.files
    reduced = {file.stand_in for file in files if file.sha256 == digest}
    sheet = matches or any(file.sha256 in captured for file in files)
    for file in files:
        if file.path in drawings | reduced or (sheet and file.role == "exhibit-sheet"):
            yield file.sha256


def reported_files(services: Services, owner: Owner, sealed_bundle: SealedCase, facts: CaseFacts) -> list[str]:
    """Return the paths in a bundle that contain or show an image that a member of the owner reported as illegal."""
    digests: set[Digest] = set()
    for digest in scoped.list_reported(owner):
        captured = {*captured_files(services, digest, visits_with(digest).filter(case__owner=owner))}
        digests |= {digest, *captured, *list_showing_files(sealed_bundle, facts, digest, captured)}
    return sorted(file.path for file in sealed_bundle.manifest.files if file.sha256 in digests)
