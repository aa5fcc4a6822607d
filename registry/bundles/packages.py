"""Packages: requests for the bundles of several cases as one ZIP with PDFs, their download and removal."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _, ngettext

from evidence.formats.container import Member, compute_zip_size, zip_chunks
from exhibit.clock import now
from exhibit.digests import CHUNK, Digest
from exhibit.errors import NotFoundError, WrongUseError
from registry.accounts.models import Owner
from registry.bundles.file_removal import remove_unused
from registry.bundles.models import Bundle, Package
from registry.cases.models import Case
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.fields import StoredFile
from registry.db.rows import lock_row, next_number
from registry.members import samples
from registry.services.services import Services

MAX_BUNDLES = 200  # Bundles in one package; larger sets are split into several ZIPs.
_UNSAFE_CHARACTERS = re.compile("[^a-z0-9.]+")

Recipient = Package.Recipient


def request_package(owner: Owner, cases: Sequence[int], recipient: str, *, by: str, reason: str = "") -> Package:
    """Request the newest bundles of some confirmed cases as one ZIP. ``reason`` is stated in copies for the other side.

    Raises:
        WrongUseError: There is no case, there are too many, or one of them has no sealed bundle.
    """
    samples.check_not_sample(owner)
    if recipient not in Recipient.values:
        raise WrongUseError(_("No recipient was selected."), hint=_("Select the court or the other side."))
    numbers = sorted(set(cases))
    if not numbers:
        raise WrongUseError(_("No case was selected."), hint=_("Select the cases whose bundles you need."))
    if len(numbers) > MAX_BUNDLES:
        message = ngettext("One ZIP contains at most %(n)s case.", "One ZIP contains at most %(n)s cases.", MAX_BUNDLES)
        raise WrongUseError(message % {"n": MAX_BUNDLES}, hint=_("Request several ZIP files."))
    with lock_row(owner):
        newest = newest_bundles(owner, numbers)
        if missing := [number for number in numbers if number not in newest]:
            sentence = _("Case %(number)s has no sealed bundle.") % {"number": missing[0]}
            raise WrongUseError(sentence, hint=_("A case is sealed after a member decides: not licensed."))
        number = next_number(Package.objects.filter(owner=owner))
        package = Package.objects.create(owner=owner, number=number, recipient=recipient, reason=reason, asked_by=by)
        package.bundles.set(newest.values())
    return package


def deliverable_cases(owner: Owner) -> QuerySet[Case]:
    """Return the owner's confirmed cases with a bundle that is sealed or being sealed, unordered."""
    usable_bundles = Bundle.objects.filter(case=OuterRef("pk")).exclude(state=StepState.FAILED)
    return Case.objects.filter(Exists(usable_bundles), owner=owner, decision=Case.Decision.CONFIRMED).order_by()


def newest_bundles(owner: Owner, numbers: Sequence[int]) -> dict[int, Bundle]:
    """Return the newest bundle (sealed or being sealed) of each of these confirmed cases, by case number."""
    rows = Bundle.objects.filter(case__in=deliverable_cases(owner).filter(number__in=numbers)).exclude(
        state=StepState.FAILED
    )
    rows = rows.order_by("case__number", "-number").distinct("case__number").select_related("case__work")
    return {row.case.number: row for row in rows}


def request_again(package: Package, *, by: str) -> Package:
    """Request the same cases with their newest bundles and receipts. A failed package is retried instead."""
    numbers = list(package.bundles.values_list("case__number", flat=True))
    with transaction.atomic():
        if steps.retry_failed(Package, Package.objects.filter(pk=package.pk)):
            Package.objects.filter(pk=package.pk).update(progress={})
            newest = newest_bundles(package.owner, numbers)
            if newest.keys() == set(numbers):  # Otherwise the retry reports again which bundle is not sealed.
                package.bundles.set(newest.values())
            return Package.objects.get(pk=package.pk)
    return request_package(package.owner, numbers, package.recipient, by=by, reason=package.reason)


def expire_packages(services: Services) -> int:
    """Remove the files of expired packages and return their number. The bundles themselves are kept."""
    expired = Package.objects.filter(expires_at__lte=now(), removed_at=None, state=StepState.DONE).exclude(files=[])
    count = 0
    for pk in expired.values_list("pk", flat=True):
        with transaction.atomic():
            row = Package.objects.select_for_update(no_key=True).get(pk=pk)
            if row.expires_at is None or row.expires_at > now():
                continue  # A link has extended the expiry.
            Package.objects.filter(pk=pk).update(files=[])
        remove_unused(services, row.files)
        count += 1
    return count


def package_name(package: Package) -> str:
    """Return a descriptive file name, such as ``studio-shop.example-court-3-cases-2026-11-21.zip``."""
    day = (package.made_at or package.created_at).date().isoformat()
    parties = set(package.bundles.values_list("case__party", flat=True))
    party = _UNSAFE_CHARACTERS.sub("-", parties.pop().lower()).strip("-.")[:60] if len(parties) == 1 else ""
    count = sum("bundle" in file for file in package.files)
    cases = "1-case" if count == 1 else f"{count}-cases"
    return "-".join(filter(None, (package.owner.slug, party, package.recipient, cases, day))) + ".zip"


def package_size(services: Services, package: Package) -> int:
    """Return the size of the package's ZIP in bytes."""
    return compute_zip_size(_members(services, _select_zip_files(package.files)))


def size_including(services: Services, package: Package, file: StoredFile) -> int:
    """Return the size of the package's ZIP in bytes once this file has been added."""
    return compute_zip_size(_members(services, _select_zip_files([*package.files, file])))


def is_reading_copy(file: StoredFile) -> bool:
    """Return True if a file of a package is a PDF next to the ZIP."""
    return "exhibits" in file


def reading_copies(package: Package) -> list[StoredFile]:
    """Return the PDFs next to the ZIP, by language and volume."""
    return list(filter(is_reading_copy, package.files))


def skipped_languages(package: Package) -> list[str]:
    """Return the languages of the installation in which no PDF could be made."""
    skipped: list[str] = package.progress.get("without", [])
    return skipped


def reading_copy(services: Services, package: Package, name: str) -> tuple[StoredFile, BinaryIO]:
    """Open one of the PDFs.

    Raises:
        NotFoundError: The package has no such PDF, or it was removed.
    """
    file = next((file for file in reading_copies(package) if file["name"] == name), None)
    if file is None or package.made_at is None:
        raise NotFoundError(_("This PDF is no longer stored."), hint=_("Request it again."))
    digest = Digest.from_hex(file["digest"])
    if digest not in services.blobs:
        raise NotFoundError(
            _("The operator has permanently removed a picture in this PDF."), hint=_("Request it again.")
        )
    return file, services.blobs.open(digest)


def _select_zip_files(files: Sequence[StoredFile]) -> list[StoredFile]:
    return [file for file in files if not is_reading_copy(file)]


def package_chunks(services: Services, package: Package) -> Iterator[bytes]:
    """Return the ZIP in chunks.

    Raises:
        NotFoundError: The ZIP is not made yet, or some of its files were removed.
    """
    if not package.files or package.made_at is None:
        raise NotFoundError(_("This ZIP is no longer stored."), hint=_("Request it again."))
    files = _select_zip_files(package.files)
    if not all(Digest.from_hex(file["digest"]) in services.blobs for file in files):
        raise NotFoundError(
            _("The operator has permanently removed a picture in this ZIP."), hint=_("Request it again.")
        )
    return zip_chunks(_members(services, files))


def _members(services: Services, files: Sequence[StoredFile]) -> list[Member]:
    def chunks(digest: str) -> Iterator[bytes]:
        with services.blobs.open(Digest.from_hex(digest)) as stream:
            while piece := stream.read(CHUNK):
                yield piece

    return [Member(file["name"], file["size"], file["crc"], partial(chunks, file["digest"])) for file in files]
