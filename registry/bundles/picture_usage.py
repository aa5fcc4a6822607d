"""Bundles that involve an image, and their files that contain or show it."""

from collections.abc import Collection, Iterator

from django.db.models import Q, QuerySet

from evidence.bundle.sealing import SealedCase
from evidence.facts.case import CaseFacts
from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.bundles.models import Bundle
from registry.cases.picture_usage import find_cases_with_picture, find_visits_with_picture, list_files_with_picture
from registry.pictures import scoped
from registry.services.services import Services


def find_bundles_with_picture(digest: Digest) -> QuerySet[Bundle]:
    """Return the bundles whose case involves an image or that contain its exact bytes, such as a title document."""
    return Bundle.objects.filter(
        Q(case__in=find_cases_with_picture(digest)) | Q(contents__contains=[{"digest": digest.hex}])
    )


def list_files_showing_picture(
    sealed_bundle: SealedCase, facts: CaseFacts, digest: Digest, captured_digests: Collection[Digest]
) -> Iterator[Digest]:
    """Yield the digests of a bundle's reduced images, drawings of matches and exhibit sheets that show an image.

    ``captured_digests`` are the captured files that contain or show the image, as returned by
    :func:`~registry.cases.picture_usage.list_files_with_picture`.
    """
    matches = [match for match in facts.matches if digest in (match.work_picture, match.picture)]
    drawings = {path for match in matches for path in match.drawings.values()}
    files = sealed_bundle.manifest.files
    reduced_paths = {file.stand_in for file in files if file.sha256 == digest}
    is_sheet_affected = matches or any(file.sha256 in captured_digests for file in files)
    for file in files:
        if file.path in drawings | reduced_paths or (is_sheet_affected and file.role == "exhibit-sheet"):
            yield file.sha256


def list_reported_paths(services: Services, owner: Owner, sealed_bundle: SealedCase, facts: CaseFacts) -> list[str]:
    """Return the paths in a bundle that contain or show an image that a member of the owner reported as illegal."""
    digests: set[Digest] = set()
    for digest in scoped.list_reported_digests(owner):
        captured_digests = {
            *list_files_with_picture(services, digest, find_visits_with_picture(digest).filter(case__owner=owner))
        }
        digests |= {
            digest,
            *captured_digests,
            *list_files_showing_picture(sealed_bundle, facts, digest, captured_digests),
        }
    return sorted(file.path for file in sealed_bundle.manifest.files if file.sha256 in digests)
