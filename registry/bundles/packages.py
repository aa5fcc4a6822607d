"""Packages: asking for the bundles of several cases as one ZIP with a PDF beside it, taking and removing these."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _, ngettext

from evidence.formats.container import Member, zip_chunks, zip_size
from exhibit.clock import now
from exhibit.digests import CHUNK, Digest
from exhibit.errors import NotFoundError, WrongUseError
from registry.accounts.models import Owner
from registry.bundles.file_removal import remove_unused
from registry.bundles.models import Bundle, Package
from registry.cases.models import Case
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.fields import KeptFile
from registry.db.rows import alone_with, next_number
from registry.members import samples
from registry.services.services import Services

MAX_BUNDLES = 200  # bundles of one package; a court gets more than one ZIP of so many
_UNNAMED = re.compile("[^a-z0-9.]+")

Recipient = Package.Recipient


def request_package(owner: Owner, cases: Sequence[int], recipient: str, *, by: str, reason: str = "") -> Package:
    """Ask for the newest bundles of some confirmed cases as one ZIP; the other side's copies say the reason.

    Raises ``WrongUseError`` for no case, too many, or one of which nothing is sealed.
    """
    samples.refuse(owner)
    if recipient not in Recipient.values:
        raise WrongUseError(_("Whom are the bundles for?"), hint=_("Choose the court or the other side."))
    numbers = sorted(set(cases))
    if not numbers:
        raise WrongUseError(_("No case was chosen."), hint=_("Tick those whose bundles are wanted."))
    if len(numbers) > MAX_BUNDLES:
        most = ngettext("One ZIP holds %(n)s case at most.", "One ZIP holds %(n)s cases at most.", MAX_BUNDLES)
        raise WrongUseError(most % {"n": MAX_BUNDLES}, hint=_("Ask for several."))
    with alone_with(owner):
        newest = newest_bundles(owner, numbers)
        if missing := [number for number in numbers if number not in newest]:
            sentence = _("Nothing is sealed of case %(number)s.") % {"number": missing[0]}
            raise WrongUseError(sentence, hint=_("A case is sealed once a person decides: not licensed."))
        number = next_number(Package.objects.filter(owner=owner))
        package = Package.objects.create(owner=owner, number=number, recipient=recipient, reason=reason, asked_by=by)
        package.bundles.set(newest.values())
    return package


def deliverable(owner: Owner) -> QuerySet[Case]:
    """The owner's confirmed cases of which something is sealed or being sealed, in no order."""
    there = Bundle.objects.filter(case=OuterRef("pk")).exclude(state=StepState.FAILED)
    return Case.objects.filter(Exists(there), owner=owner, decision=Case.Decision.CONFIRMED).order_by()


def newest_bundles(owner: Owner, numbers: Sequence[int]) -> dict[int, Bundle]:
    """The newest bundle of each of these confirmed cases that is sealed or being sealed, by the case's number."""
    rows = Bundle.objects.filter(case__in=deliverable(owner).filter(number__in=numbers)).exclude(state=StepState.FAILED)
    rows = rows.order_by("case__number", "-number").distinct("case__number").select_related("case__work")
    return {row.case.number: row for row in rows}


def ask_again(package: Package, *, by: str) -> Package:
    """The same cases with their newest bundles and receipts; one that failed is tried again, also with the newest."""
    numbers = list(package.bundles.values_list("case__number", flat=True))
    with transaction.atomic():
        if steps.try_again(Package, Package.objects.filter(pk=package.pk)):
            Package.objects.filter(pk=package.pk).update(progress={})
            newest = newest_bundles(package.owner, numbers)
            if newest.keys() == set(numbers):  # else it says again which of them isn't sealed
                package.bundles.set(newest.values())
            return Package.objects.get(pk=package.pk)
    return request_package(package.owner, numbers, package.recipient, by=by, reason=package.reason)


def expire_packages(services: Services) -> int:
    """Remove the files of packages whose time is over, and count them; what they were made of stays."""
    over = Package.objects.filter(expires_at__lte=now(), removed_at=None, state=StepState.DONE).exclude(files=[])
    count = 0
    for pk in over.values_list("pk", flat=True):
        with transaction.atomic():
            row = Package.objects.select_for_update(no_key=True).get(pk=pk)
            if row.expires_at is None or row.expires_at > now():
                continue  # a link keeps it for longer
            Package.objects.filter(pk=pk).update(files=[])
        remove_unused(services, row.files)
        count += 1
    return count


def package_name(package: Package) -> str:
    """A file name that says what it is, such as ``studio-shop.example-court-3-cases-2026-11-21.zip``."""
    day = (package.made_at or package.created_at).date().isoformat()
    parties = set(package.bundles.values_list("case__party", flat=True))
    party = _UNNAMED.sub("-", parties.pop().lower()).strip("-.")[:60] if len(parties) == 1 else ""
    count = sum("bundle" in file for file in package.files)
    cases = "1-case" if count == 1 else f"{count}-cases"
    return "-".join(filter(None, (package.owner.slug, party, package.recipient, cases, day))) + ".zip"


def package_size(services: Services, package: Package) -> int:
    """Bytes of the one ZIP."""
    return zip_size(_members(services, _zipped(package.files)))


def size_with(services: Services, package: Package, file: KeptFile) -> int:
    """Bytes of the one ZIP once this file has been added."""
    return zip_size(_members(services, _zipped([*package.files, file])))


def is_reading_copy(file: KeptFile) -> bool:
    """Whether a file of a package is a PDF beside the ZIP."""
    return "exhibits" in file


def reading_copies(package: Package) -> list[KeptFile]:
    """The PDFs beside the ZIP, volume by volume in each language."""
    return list(filter(is_reading_copy, package.files))


def languages_without(package: Package) -> list[str]:
    """Languages of the installation in which a PDF couldn't be made."""
    without: list[str] = package.progress.get("without", [])
    return without


def reading_copy(services: Services, package: Package, name: str) -> tuple[KeptFile, BinaryIO]:
    """One of the PDFs, with its bytes; raises ``NotFoundError`` when it isn't there, or not any more."""
    file = next((file for file in reading_copies(package) if file["name"] == name), None)
    if file is None or package.made_at is None:
        raise NotFoundError(_("This PDF isn't kept any more."), hint=_("Ask for it again."))
    digest = Digest.from_hex(file["digest"])
    if digest not in services.blobs:
        raise NotFoundError(_("The operator has removed a picture in this PDF for good."), hint=_("Ask for it again."))
    return file, services.blobs.open(digest)


def _zipped(files: Sequence[KeptFile]) -> list[KeptFile]:
    return [file for file in files if not is_reading_copy(file)]


def package_chunks(services: Services, package: Package) -> Iterator[bytes]:
    """The one ZIP, piece by piece; raises ``NotFoundError`` when it isn't made or not all there any more."""
    if not package.files or package.made_at is None:
        raise NotFoundError(_("This ZIP isn't kept any more."), hint=_("Ask for it again."))
    files = _zipped(package.files)
    if not all(Digest.from_hex(file["digest"]) in services.blobs for file in files):
        raise NotFoundError(_("The operator has removed a picture in this ZIP for good."), hint=_("Ask for it again."))
    return zip_chunks(_members(services, files))


def _members(services: Services, files: Sequence[KeptFile]) -> list[Member]:
    def chunks(digest: str) -> Iterator[bytes]:
        with services.blobs.open(Digest.from_hex(digest)) as stream:
            while piece := stream.read(CHUNK):
                yield piece

    return [Member(file["name"], file["size"], file["crc"], partial(chunks, file["digest"])) for file in files]
