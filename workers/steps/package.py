"""Packages: the bundles of several cases for a court or for the other side, made one after the other, as one ZIP."""

import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evidence.container import MAX_ZIP_BYTES, Member, zip_chunks, zip_size
from exhibit.clock import now
from exhibit.digests import CHUNK, Digest
from exhibit.errors import NotFoundError, WrongUseError
from registry import steps
from registry.models import Bundle, Case, Owner, Package, StepState
from registry.trail import changed
from workers.bundles import assemble, assemble_without_originals, bundle_name
from workers.kept_files import all_kept, remove_unused
from workers.package_contents import contents_files
from workers.steps.retain import NEARLY_FULL, disk_is_full
from workers.wiring import House

MOST_BUNDLES = 200
"""Bundles of one package; a court gets more than one ZIP of so many."""

WORK_SECONDS = 240.0
"""After so long a package is put off after the bundle at hand, well before the time limit of its task."""

_UNNAMED = re.compile("[^a-z0-9.]+")
WAIT_FOR_SEAL = timedelta(seconds=5)
Recipient = Package.Recipient
File = dict[str, Any]


def request_package(owner: Owner, cases: Sequence[int], recipient: str, *, by: str, reason: str = "") -> Package:
    """Ask for the newest bundles of some confirmed cases as one ZIP.

    Args:
        owner: whose.
        cases: their numbers.
        recipient: one of :class:`registry.models.Package.Recipient`.
        by: who asks for it.
        reason: why originals are withheld from the other side; the copies say so.

    Raises:
        WrongUseError: no case, too many, or one of which nothing is sealed.
    """
    if recipient not in Recipient.values:
        raise WrongUseError(_("Whom are the bundles for?"), hint=_("Choose the court or the other side."))
    numbers = sorted(set(cases))
    if not numbers:
        raise WrongUseError(_("No case was chosen."), hint=_("Tick those whose bundles are wanted."))
    if len(numbers) > MOST_BUNDLES:
        most = ngettext("One ZIP holds %(n)s case at most.", "One ZIP holds %(n)s cases at most.", MOST_BUNDLES)
        raise WrongUseError(most % {"n": MOST_BUNDLES}, hint=_("Ask for several."))
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        newest = newest_bundles(owner, numbers)
        if missing := [number for number in numbers if number not in newest]:
            sentence = _("Nothing is sealed of case %(number)s.") % {"number": missing[0]}
            raise WrongUseError(sentence, hint=_("A case is sealed once a person decides: not licensed."))
        number = (Package.objects.filter(owner=owner).aggregate(last=Max("number"))["last"] or 0) + 1
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
    """The same cases with their newest bundles and receipts; one that failed is tried again."""
    if steps.try_again(Package, Package.objects.filter(pk=package.pk)):
        return Package.objects.get(pk=package.pk)
    numbers = list(package.bundles.values_list("case__number", flat=True))
    return request_package(package.owner, numbers, package.recipient, by=by, reason=package.reason)


def remove_package(house: House, package: Package, *, by: str) -> None:
    """Remove a package with its files; its number isn't given again. One that is being made ends."""
    with transaction.atomic():
        kept = Package.objects.select_for_update(no_key=True).get(pk=package.pk)
        gone = {"removed_at": now(), "files": [], "progress": {}, "state": StepState.DONE, "error": ""}
        Package.objects.filter(pk=kept.pk).update(**gone)
        changed("package removed", by=by, owner=kept.owner, about={"package": kept.number})
    remove_unused(house, kept.files)


def expire_packages(house: House) -> int:
    """Remove the files of packages whose time is over; what they were made of stays.

    Returns:
        How many packages that were.
    """
    over = Package.objects.filter(expires_at__lte=now(), removed_at=None, state=StepState.DONE).exclude(files=[])
    count = 0
    for pk in over.values_list("pk", flat=True):
        with transaction.atomic():
            row = Package.objects.select_for_update(no_key=True).get(pk=pk)
            if row.expires_at is None or row.expires_at > now():
                continue  # a link keeps it for longer
            Package.objects.filter(pk=pk).update(files=[])
        remove_unused(house, row.files)
        count += 1
    return count


def make_packages(house: House, ids: Sequence[int]) -> None:
    """Make each package that waits, bundle by bundle; one that takes long is gone on with in another message."""
    for pk in steps.claim(Package, ids, house.stale_after):
        package = Package.objects.select_related("owner").get(pk=pk)
        if disk_is_full(house):
            steps.hold_up(Package, [pk], NEARLY_FULL)
            continue
        with steps.ending(Package, [pk]):
            try:
                if _make(house, package):
                    steps.wait(Package, pk, now() + WAIT_FOR_SEAL)
                elif not _finish(house, package):
                    _put_off(house, package)
            except InterruptedError:  # the time is over, or it was removed or begun again meanwhile
                _put_off(house, package)


def _put_off(house: House, package: Package) -> None:
    """Go on in another message, unless the package is another process's by now."""
    mine = Package.objects.filter(pk=package.pk, state=StepState.DOING, claimed_at=package.claimed_at)
    if mine.update(state=StepState.TODO, not_before=None, held_since=None, attempts=0):
        house.hint("package", [package.pk])


def _make(house: House, package: Package) -> int:
    """Make the bundles that are still to be made; returns how many aren't sealed yet.

    Raises:
        InterruptedError: the package isn't this process's any more, or the time is over.
        ExhibitError: a bundle can't be had.
    """
    bundles = list(package.bundles.select_related("case__owner", "case__work").order_by("case__number"))
    package.files = [one for one in package.files if Digest.from_hex(one["digest"]) in house.blobs]
    if "of" not in package.progress:
        Package.objects.filter(pk=package.pk, state=StepState.DOING).update(progress={"of": len(bundles)})
    made = {one.get("bundle") for one in package.files}
    over = time.monotonic() + WORK_SECONDS
    unsealed = 0
    for bundle in bundles:
        if bundle.pk in made:
            continue
        if time.monotonic() > over:
            raise InterruptedError
        if bundle.seal_digest is None:
            unsealed += 1
            _check_goes_on(bundle)
        else:
            _add(house, package, _bundle_file(house, package, bundle))
    return unsealed


def _check_goes_on(bundle: Bundle) -> None:
    """Raise ``WrongUseError`` for a bundle that will never be sealed."""
    if bundle.state == StepState.FAILED:
        sentence = f"Case {bundle.case.number} wasn't sealed. {bundle.error}"
        raise WrongUseError(sentence, hint="Decide the case again, and ask for the ZIP anew.")


def _bundle_file(house: House, package: Package, bundle: Bundle) -> File:
    """Write one bundle with the receipts of now, in pieces, and keep it."""
    folder = house.config.data_dir / "packages" / str(package.pk)
    folder.mkdir(parents=True, exist_ok=True)
    ending = "" if package.recipient == Recipient.COURT else "-without-originals"
    name = Path(bundle_name(bundle))
    with tempfile.NamedTemporaryFile(dir=folder) as temporary:
        out = cast("BinaryIO", temporary)
        if package.recipient == Recipient.COURT:
            assemble(house, bundle, out)
        else:
            assemble_without_originals(house, bundle, package.reason, out)
        out.flush()
        return _kept(house, Path(out.name), f"{name.stem}{ending}{name.suffix}") | {"bundle": bundle.pk}


def _kept(house: House, path: Path, name: str) -> File:
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            crc = zlib.crc32(piece, crc)
    return {"name": name, "digest": house.blobs.put_file(path).hex, "size": path.stat().st_size, "crc": crc}


def _add(house: House, package: Package, file: File) -> None:
    """Record a file of a package that is still this process's."""
    if zip_size(_members(house, [*package.files, file])) > MAX_ZIP_BYTES:
        remove_unused(house, [file])
        raise WrongUseError("Together the bundles are larger than 4 GiB.", hint="Ask for fewer cases at a time.")
    package.files = [*package.files, file]
    with transaction.atomic():
        recorded = all_kept(house, [file]) and _tell(package)
    if not recorded:
        remove_unused(house, [file])
        raise InterruptedError


def _tell(package: Package) -> bool:
    """Write down how far it is, which is a sign of life too; false if it isn't this process's any more.

    A purge empties ``progress``: what was made may hold what was purged.
    """
    mine = Package.objects.filter(pk=package.pk, state=StepState.DOING, claimed_at=package.claimed_at)
    moment = now()
    if not mine.filter(progress__has_key="of").update(files=package.files, claimed_at=moment, attempts=1):
        return False
    package.claimed_at = moment
    return True


def _finish(house: House, package: Package) -> bool:
    """Add the list of contents and mark the package as made; false if it was removed or begun again meanwhile."""
    moment = now()
    folder = house.config.data_dir / "packages" / str(package.pk)
    files = list(package.files)
    for name, data in contents_files(house, package, moment):
        digest = house.blobs.put(data)
        files.append({"name": name, "digest": digest.hex, "size": len(data), "crc": zlib.crc32(data)})
    with transaction.atomic():
        mine = Package.objects.select_for_update(no_key=True).filter(pk=package.pk, progress__has_key="of")
        done = mine.filter(state=StepState.DOING, claimed_at=package.claimed_at).exists() and all_kept(house, files)
        if done:
            until = moment + timedelta(days=house.config.package_days)
            mine.update(files=files, made_at=moment, expires_at=until)
            steps.finish(Package, [package.pk])
    if done:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        remove_unused(house, files)
    return done


def package_name(package: Package) -> str:
    """A file name that says what it is, such as ``studio-shop.example-court-3-cases-2026-11-21.zip``."""
    day = (package.made_at or package.created_at).date().isoformat()
    parties = set(package.bundles.values_list("case__party", flat=True))
    party = _UNNAMED.sub("-", parties.pop().lower()).strip("-.")[:60] if len(parties) == 1 else ""
    count = sum("bundle" in one for one in package.files)
    cases = "1-case" if count == 1 else f"{count}-cases"
    return "-".join(filter(None, (package.owner.slug, party, package.recipient, cases, day))) + ".zip"


def package_size(house: House, package: Package) -> int:
    """Bytes of the one ZIP."""
    return zip_size(_members(house, package.files))


def package_chunks(house: House, package: Package) -> Iterator[bytes]:
    """The one ZIP, piece by piece.

    Raises:
        NotFoundError: it isn't made, its time is over, or a purge has removed something of it.
    """
    if not package.files or package.made_at is None:
        raise NotFoundError(_("This ZIP isn't kept any more."), hint=_("Ask for it again."))
    if not all(Digest.from_hex(one["digest"]) in house.blobs for one in package.files):
        raise NotFoundError(_("The operator has removed a picture in this ZIP for good."), hint=_("Ask for it again."))
    return zip_chunks(_members(house, package.files))


def _members(house: House, files: Sequence[File]) -> list[Member]:
    return [Member(one["name"], one["size"], one["crc"], _chunks_of(house, one["digest"])) for one in files]


def _chunks_of(house: House, digest: str) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        with house.blobs.open(Digest.from_hex(digest)) as stream:
            while piece := stream.read(CHUNK):
                yield piece

    return chunks
