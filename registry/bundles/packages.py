"""Packages: requests for the bundles of several cases as one ZIP with PDFs, their download and removal."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _, ngettext

from evidence.formats.container import Member, compute_zip_size, iterate_zip_chunks
from exhibit.clock import now
from exhibit.digests import CHUNK_BYTES, Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.accounts.models import Owner
from registry.bundles.file_removal import remove_unused_files
from registry.bundles.models import Bundle, Package
from registry.cases.models import Case
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.fields import StoredFile
from registry.db.rows import get_next_number, lock_row
from registry.members import samples
from registry.services.services import Services

MAX_BUNDLES = 200  # Maximum number of bundles in one package.
_UNSAFE_CHARACTERS = re.compile("[^a-z0-9.]+")

Recipient = Package.Recipient


def request_package(owner: Owner, cases: Sequence[int], recipient: str, *, by: str, reason: str = "") -> Package:
    """Request a package with the newest bundles of confirmed cases.

    Args:
        owner: The owner.
        cases: Case numbers.
        recipient: A :class:`Package.Recipient` value.
        by: Account that requests the package.
        reason: Reason for withholding originals, stated in packages for the other side.

    Raises:
        InvalidRequestError: No case is given, there are more than :data:`MAX_BUNDLES`, or a case has no bundle
            that is or will be sealed.
    """
    samples.check_not_sample(owner)
    if recipient not in Recipient.values:
        raise InvalidRequestError(_("No recipient was selected."), hint=_("Select the court or the other side."))
    numbers = sorted(set(cases))
    if not numbers:
        raise InvalidRequestError(_("No case was selected."), hint=_("Select the cases whose bundles you need."))
    if len(numbers) > MAX_BUNDLES:
        message = ngettext("One ZIP contains at most %(n)s case.", "One ZIP contains at most %(n)s cases.", MAX_BUNDLES)
        raise InvalidRequestError(message % {"n": MAX_BUNDLES}, hint=_("Split the cases across several ZIP files."))
    with lock_row(owner):
        newest_by_case = find_newest_bundles(owner, numbers)
        if missing := [number for number in numbers if number not in newest_by_case]:
            sentence = _("Case %(number)s has no sealed bundle.") % {"number": missing[0]}
            raise InvalidRequestError(
                sentence, hint=_("A case is sealed after a member decides that the use is not licensed.")
            )
        number = get_next_number(Package.objects.filter(owner=owner))
        package = Package.objects.create(
            owner=owner, number=number, recipient=recipient, reason=reason, requested_by=by
        )
        package.bundles.set(newest_by_case.values())
    return package


def list_deliverable_cases(owner: Owner) -> QuerySet[Case]:
    """Return the owner's confirmed cases with a bundle that is sealed or will be sealed, unordered."""
    usable_bundles = Bundle.objects.filter(case=OuterRef("pk")).exclude(state=StepState.FAILED)
    return Case.objects.filter(Exists(usable_bundles), owner=owner, decision=Case.Decision.CONFIRMED).order_by()


def find_newest_bundles(owner: Owner, numbers: Sequence[int]) -> dict[int, Bundle]:
    """Return the newest bundle (sealed, or to be sealed) of each of the given confirmed cases, by case number."""
    rows = Bundle.objects.filter(case__in=list_deliverable_cases(owner).filter(number__in=numbers)).exclude(
        state=StepState.FAILED
    )
    rows = rows.order_by("case__number", "-number").distinct("case__number").select_related("case__work")
    return {row.case.number: row for row in rows}


def request_package_again(package: Package, *, by: str) -> Package:
    """Request a package of the same cases with their newest bundles and timestamp receipts.

    If the package has failed, it is retried instead of creating another one.
    """
    numbers = list(package.bundles.values_list("case__number", flat=True))
    with transaction.atomic():
        if steps.retry_failed(Package, Package.objects.filter(pk=package.pk)):
            Package.objects.filter(pk=package.pk).update(progress={})
            newest_by_case = find_newest_bundles(package.owner, numbers)
            if newest_by_case.keys() == set(
                numbers
            ):  # Otherwise the retry fails again and reports the unsealed bundle.
                package.bundles.set(newest_by_case.values())
            return Package.objects.get(pk=package.pk)
    return request_package(package.owner, numbers, package.recipient, by=by, reason=package.reason)


def expire_packages(services: Services) -> int:
    """Remove the files of expired packages and return the number of packages. The bundles are not removed."""
    expired_packages = Package.objects.filter(expires_at__lte=now(), removed_at=None, state=StepState.DONE).exclude(
        files=[]
    )
    count = 0
    for pk in expired_packages.values_list("pk", flat=True):
        with transaction.atomic():
            row = Package.objects.select_for_update(no_key=True).get(pk=pk)
            if row.expires_at is None or row.expires_at > now():
                continue  # A download link has extended the expiry.
            Package.objects.filter(pk=pk).update(files=[])
        remove_unused_files(services, row.files)
        count += 1
    return count


def get_package_file_name(package: Package) -> str:
    """Return a descriptive file name, such as ``studio-shop.example-court-3-cases-2026-11-21.zip``."""
    day = (package.made_at or package.created_at).date().isoformat()
    sites = set(package.bundles.values_list("case__party", flat=True))
    site = _UNSAFE_CHARACTERS.sub("-", sites.pop().lower()).strip("-.")[:60] if len(sites) == 1 else ""
    count = sum("bundle" in file for file in package.files)
    case_count = "1-case" if count == 1 else f"{count}-cases"
    return "-".join(filter(None, (package.owner.slug, site, package.recipient, case_count, day))) + ".zip"


def compute_package_size(services: Services, package: Package) -> int:
    """Return the size of the package's ZIP in bytes."""
    return compute_zip_size(_list_zip_members(services, _select_zip_files(package.files)))


def compute_size_with_file(services: Services, package: Package, file: StoredFile) -> int:
    """Return the size in bytes that the package's ZIP has after a file is added."""
    return compute_zip_size(_list_zip_members(services, _select_zip_files([*package.files, file])))


def is_printable_copy(file: StoredFile) -> bool:
    """Return True if a file of a package is a printable copy (PDF), which is not part of the ZIP."""
    return "exhibits" in file


def list_printable_copies(package: Package) -> list[StoredFile]:
    """Return the printable copies (PDFs) of a package, by language and volume."""
    return list(filter(is_printable_copy, package.files))


def list_skipped_languages(package: Package) -> list[str]:
    """Return the languages in which the package's printable copies could not be generated."""
    languages: list[str] = package.progress.get("without", [])
    return languages


def open_printable_copy(services: Services, package: Package, name: str) -> tuple[StoredFile, BinaryIO]:
    """Open a printable copy (PDF) by its file name.

    Raises:
        NotFoundError: The package has no such PDF, or it was removed.
    """
    file = next((file for file in list_printable_copies(package) if file["name"] == name), None)
    if file is None or package.made_at is None:
        raise NotFoundError(_("This PDF is no longer stored."), hint=_("Request the file again."))
    digest = Digest.from_hex(file["digest"])
    if digest not in services.blobs:
        raise NotFoundError(
            _("The operator has permanently removed a picture in this PDF."), hint=_("Request the file again.")
        )
    return file, services.blobs.open(digest)


def _select_zip_files(files: Sequence[StoredFile]) -> list[StoredFile]:
    return [file for file in files if not is_printable_copy(file)]


def stream_package(services: Services, package: Package) -> Iterator[bytes]:
    """Return the ZIP in chunks.

    Raises:
        NotFoundError: The ZIP has not been generated yet, or some of its files were removed.
    """
    if not package.files or package.made_at is None:
        raise NotFoundError(_("This ZIP is no longer stored."), hint=_("Request the file again."))
    files = _select_zip_files(package.files)
    if not all(Digest.from_hex(file["digest"]) in services.blobs for file in files):
        raise NotFoundError(
            _("The operator has permanently removed a picture in this ZIP."), hint=_("Request the file again.")
        )
    return iterate_zip_chunks(_list_zip_members(services, files))


def _list_zip_members(services: Services, files: Sequence[StoredFile]) -> list[Member]:
    def read_chunks(digest: str) -> Iterator[bytes]:
        with services.blobs.open(Digest.from_hex(digest)) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk

    return [Member(file["name"], file["size"], file["crc"], partial(read_chunks, file["digest"])) for file in files]
