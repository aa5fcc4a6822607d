"""Reading copies: the bundles of a package as PDFs, made volume by volume in each language of the installation."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from evidence.bundle.manifest import ManifestFile
from evidence.documents.phrases.wording import Wording
from evidence.documents.reading_copy.document import ReadingCopy, render_reading_copy, wording_of
from evidence.documents.reading_copy.exhibits import Exhibit, exhibit_of
from evidence.documents.typeset.compiler import forget
from evidence.documents.typeset.fonts import installed_fonts
from exhibit.clock import now
from exhibit.errors import IntegrityError, NotFoundError
from registry.bundles.bundles import bundle_name, find_withheld, load_sealed_case, load_sealed_facts
from registry.bundles.documents import PDF, languages_of
from registry.bundles.facts import software_facts
from registry.bundles.models import Bundle, Package
from registry.bundles.packages import package_name, reading_copies, skipped_languages
from registry.db.fields import StoredFile
from registry.services.services import Services

IN_A_VOLUME = 40
"""Maximum number of exhibits in a volume."""
PAGES, BYTES, SECONDS = 400, 48 << 20, 100.0
"""Limits at which a volume is complete: its pages, its bytes, and the seconds spent on reading its exhibits."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The next volume to make."""

    number: int  # Starts at 1.
    language: str
    first: int  # Number of its first exhibit.


def next_volume(services: Services, package: Package, exhibits: int) -> Volume | None:
    """Return the next volume that is missing from a package with this number of exhibits, or None if it is complete.

    Languages without an installed font, and those that the package was marked to go without, are skipped.
    """
    fonts, without = installed_fonts(), skipped_languages(package)
    for language in filter(fonts.can_set, languages_of(services)):
        if language in without:
            continue
        ranges = [file["exhibits"] for file in reading_copies(package) if file["language"] == language]
        first = max((last for _, last in ranges), default=0) + 1
        if first <= exhibits:
            return Volume(len(ranges) + 1, language, first)
    return None


def make_volume(
    services: Services, package: Package, bundles: Sequence[Bundle], volume: Volume, should_continue: Callable[[], bool]
) -> StoredFile:
    """Make a volume and store it.

    Args:
        services: Services with the blob store and configuration.
        package: The package that the volume belongs to.
        bundles: All bundles of the package, in order.
        volume: The volume to make.
        should_continue: Called after each exhibit; a false result aborts the volume.

    Returns:
        The stored file.

    Raises:
        InterruptedError: ``should_continue`` returned False.
    """
    wording = wording_of(volume.language, services.config.time_zone)
    exhibits: list[Exhibit] = []
    deadline = time.monotonic() + SECONDS
    for number, bundle in enumerate(bundles[volume.first - 1 :], volume.first):
        exhibits.append(_load_exhibit(services, package, bundle, number, wording))
        if not should_continue():
            raise InterruptedError
        pages, size = sum(exhibit.pages for exhibit in exhibits), sum(exhibit.size for exhibit in exhibits)
        if len(exhibits) >= IN_A_VOLUME or pages >= PAGES or size >= BYTES or time.monotonic() > deadline:
            break
    last = volume.first + len(exhibits) - 1
    is_only_volume = (volume.first, last) == (1, len(bundles))
    copy = ReadingCopy(
        owner=package.owner.name,
        recipient=package.recipient,
        reason=package.reason,
        asked_by=package.asked_by,
        made_at=now(),
        software=software_facts(),
        volume=0 if is_only_volume else volume.number,
        of=len(bundles),
        exhibits=tuple(exhibits),
    )
    pdf = render_reading_copy(copy, volume.language, time_zone=services.config.time_zone)
    forget()
    return {
        "name": _name(services, package, volume, is_only_volume=is_only_volume),
        "digest": services.blobs.put(pdf).hex,
        "size": len(pdf),
        "media_type": PDF,
        "language": volume.language,
        "exhibits": [volume.first, last],
    }


def _load_exhibit(services: Services, package: Package, bundle: Bundle, number: int, wording: Wording) -> Exhibit:
    sealed_bundle = load_sealed_case(services, bundle)
    withheld = find_withheld(services, bundle, sealed_bundle, without_originals=package.withholding)

    def read_file(file: ManifestFile) -> bytes | None:
        try:
            return services.blobs.get(file.sha256)
        except (NotFoundError, IntegrityError):
            return None

    why = {} if withheld is None else dict.fromkeys(withheld.files, withheld.reason)
    name = bundle_name(bundle, package.bundle_ending)
    return exhibit_of(
        number, load_sealed_facts(services, sealed_bundle), sealed_bundle.manifest, name, read_file, why, wording
    )


def _name(services: Services, package: Package, volume: Volume, *, is_only_volume: bool) -> str:
    """Return a file name such as ``studio-shop.example-court-3-cases-2026-11-21-exhibits.pdf``.

    The first language is not part of the name.
    """
    stem = PurePosixPath(package_name(package)).stem
    volume_suffix = "" if is_only_volume else f"-volume-{volume.number:02d}"
    ending = "" if volume.language == languages_of(services)[0] else f".{volume.language}"
    return f"{stem}-exhibits{volume_suffix}{ending}.pdf"
