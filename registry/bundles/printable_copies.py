"""Printable copies: the bundles of a package as PDFs, generated in volumes in each language of the installation."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from evidence.bundle.manifest import ManifestFile
from evidence.documents.phrases.wording import Wording
from evidence.documents.printable_copy.document import PrintableCopy, load_wording, render_printable_copy
from evidence.documents.printable_copy.exhibits import Exhibit, build_exhibit
from evidence.documents.typeset.compiler import clear_typst_cache
from evidence.documents.typeset.fonts import load_fonts
from exhibit.clock import now
from exhibit.errors import IntegrityError, NotFoundError
from registry.bundles.bundles import find_withheld_files, get_bundle_file_name, load_sealed_case, load_sealed_facts
from registry.bundles.documents import PDF, list_languages
from registry.bundles.facts import build_software_facts
from registry.bundles.models import Bundle, Package
from registry.bundles.packages import get_package_file_name, list_printable_copies, list_skipped_languages
from registry.db.fields import StoredFile
from registry.services.services import Services

EXHIBITS_PER_VOLUME = 40
"""Maximum number of exhibits in a volume."""
MAX_VOLUME_PAGES, MAX_VOLUME_BYTES, SECONDS = 400, 48 << 20, 100.0
"""Limits at which a volume is complete: its pages, its bytes, and the seconds spent on reading its exhibits."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The next volume to generate."""

    number: int  # starts at 1
    language: str
    first_exhibit: int  # number of its first exhibit


def find_next_volume(services: Services, package: Package, exhibit_count: int) -> Volume | None:
    """Return the next missing volume of a package with ``exhibit_count`` exhibits, or None if all exist.

    Languages without an installed font, and languages dropped from the package, are skipped.
    """
    fonts, skipped = load_fonts(), list_skipped_languages(package)
    for language in filter(fonts.can_typeset, list_languages(services)):
        if language in skipped:
            continue
        ranges = [file["exhibits"] for file in list_printable_copies(package) if file["language"] == language]
        next_exhibit = max((last_exhibit for _, last_exhibit in ranges), default=0) + 1
        if next_exhibit <= exhibit_count:
            return Volume(len(ranges) + 1, language, next_exhibit)
    return None


def make_volume(
    services: Services, package: Package, bundles: Sequence[Bundle], volume: Volume, should_continue: Callable[[], bool]
) -> StoredFile:
    """Generate a volume and store it.

    Args:
        services: Services with the blob store and configuration.
        package: The package that the volume belongs to.
        bundles: All bundles of the package, in order.
        volume: The volume to generate.
        should_continue: Called after each exhibit; if it returns False, the volume is aborted.

    Returns:
        The stored file.

    Raises:
        InterruptedError: ``should_continue`` returned False.
    """
    wording = load_wording(volume.language, services.config.time_zone)
    exhibits: list[Exhibit] = []
    deadline = time.monotonic() + SECONDS
    for number, bundle in enumerate(bundles[volume.first_exhibit - 1 :], volume.first_exhibit):
        exhibits.append(_load_exhibit(services, package, bundle, number, wording))
        if not should_continue():
            raise InterruptedError
        pages, size = sum(exhibit.page_count for exhibit in exhibits), sum(exhibit.size for exhibit in exhibits)
        if (
            len(exhibits) >= EXHIBITS_PER_VOLUME
            or pages >= MAX_VOLUME_PAGES
            or size >= MAX_VOLUME_BYTES
            or time.monotonic() > deadline
        ):
            break
    last_exhibit = volume.first_exhibit + len(exhibits) - 1
    is_only_volume = (volume.first_exhibit, last_exhibit) == (1, len(bundles))
    printable_copy = PrintableCopy(
        owner=package.owner.name,
        recipient=package.recipient,
        reason=package.reason,
        requested_by=package.requested_by,
        made_at=now(),
        software=build_software_facts(),
        volume=0 if is_only_volume else volume.number,
        exhibit_count=len(bundles),
        exhibits=tuple(exhibits),
    )
    pdf = render_printable_copy(printable_copy, volume.language, time_zone=services.config.time_zone)
    clear_typst_cache()
    return {
        "name": _get_file_name(services, package, volume, is_only_volume=is_only_volume),
        "digest": services.blobs.put(pdf).hex,
        "size": len(pdf),
        "media_type": PDF,
        "language": volume.language,
        "exhibits": [volume.first_exhibit, last_exhibit],
    }


def _load_exhibit(services: Services, package: Package, bundle: Bundle, number: int, wording: Wording) -> Exhibit:
    sealed_bundle = load_sealed_case(services, bundle)
    withheld = find_withheld_files(services, bundle, sealed_bundle, without_originals=package.withholding_reason)

    def read_file(file: ManifestFile) -> bytes | None:
        try:
            return services.blobs.get(file.sha256)
        except (NotFoundError, IntegrityError):
            return None

    reasons = {} if withheld is None else dict.fromkeys(withheld.files, withheld.reason)
    name = get_bundle_file_name(bundle, package.bundle_suffix)
    return build_exhibit(
        number, load_sealed_facts(services, sealed_bundle), sealed_bundle.manifest, name, read_file, reasons, wording
    )


def _get_file_name(services: Services, package: Package, volume: Volume, *, is_only_volume: bool) -> str:
    """Return a file name such as ``studio-shop.example-court-3-cases-2026-11-21-exhibits.pdf``.

    The name contains the language unless it is the first one.
    """
    stem = PurePosixPath(get_package_file_name(package)).stem
    volume_suffix = "" if is_only_volume else f"-volume-{volume.number:02d}"
    language_suffix = "" if volume.language == list_languages(services)[0] else f".{volume.language}"
    return f"{stem}-exhibits{volume_suffix}{language_suffix}.pdf"
