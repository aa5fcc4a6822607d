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
from registry.bundles.bundles import bundle_name, left_out, sealed_case, sealed_facts
from registry.bundles.documents import PDF, languages_of
from registry.bundles.facts import software
from registry.bundles.models import Bundle, Package
from registry.bundles.packages import languages_without, package_name, reading_copies
from registry.db.fields import KeptFile
from registry.services.services import Services

IN_A_VOLUME = 40
"""Exhibits of one volume at most."""
PAGES, BYTES, SECONDS = 400, 48 << 20, 100.0
"""A volume with so much in it takes in no further exhibit; of what took so long to read, it is made at once."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The next volume to be made."""

    number: int  # from 1
    language: str
    first: int  # number of its first exhibit


def next_volume(services: Services, package: Package, exhibits: int) -> Volume | None:
    """The next volume over so many exhibits that isn't among the package's files; ``None`` when all are.

    Languages that can't be set here, or that the package goes without, have none.
    """
    fonts, without = installed_fonts(), languages_without(package)
    for language in filter(fonts.can_set, languages_of(services)):
        if language in without:
            continue
        made = [file["exhibits"] for file in reading_copies(package) if file["language"] == language]
        first = max((last for _, last in made), default=0) + 1
        if first <= exhibits:
            return Volume(len(made) + 1, language, first)
    return None


def make_volume(
    services: Services, package: Package, bundles: Sequence[Bundle], volume: Volume, go_on: Callable[[], bool]
) -> KeptFile:
    """Make a volume and keep it. ``bundles`` are those of the package in their order.

    Raises ``InterruptedError`` once ``go_on``, which is asked after each exhibit, says no.
    """
    wording = wording_of(volume.language, services.config.time_zone)
    taken: list[Exhibit] = []
    over = time.monotonic() + SECONDS
    for number, bundle in enumerate(bundles[volume.first - 1 :], volume.first):
        taken.append(_exhibit(services, package, bundle, number, wording))
        if not go_on():
            raise InterruptedError
        pages, size = sum(one.pages for one in taken), sum(one.size for one in taken)
        if len(taken) >= IN_A_VOLUME or pages >= PAGES or size >= BYTES or time.monotonic() > over:
            break
    last = volume.first + len(taken) - 1
    alone = (volume.first, last) == (1, len(bundles))
    copy = ReadingCopy(
        owner=package.owner.name,
        recipient=package.recipient,
        reason=package.reason,
        asked_by=package.asked_by,
        made_at=now(),
        software=software(),
        volume=0 if alone else volume.number,
        of=len(bundles),
        exhibits=tuple(taken),
    )
    pdf = render_reading_copy(copy, volume.language, time_zone=services.config.time_zone)
    forget()
    return {
        "name": _name(services, package, volume, alone=alone),
        "digest": services.blobs.put(pdf).hex,
        "size": len(pdf),
        "media_type": PDF,
        "language": volume.language,
        "exhibits": [volume.first, last],
    }


def _exhibit(services: Services, package: Package, bundle: Bundle, number: int, wording: Wording) -> Exhibit:
    sealed = sealed_case(services, bundle)
    withheld = left_out(services, bundle, sealed, without_originals=package.withholding)

    def read(file: ManifestFile) -> bytes | None:
        try:
            return services.blobs.get(file.sha256)
        except (NotFoundError, IntegrityError):
            return None

    why = {} if withheld is None else dict.fromkeys(withheld.files, withheld.reason)
    name = bundle_name(bundle, package.bundle_ending)
    return exhibit_of(number, sealed_facts(services, sealed), sealed.manifest, name, read, why, wording)


def _name(services: Services, package: Package, volume: Volume, *, alone: bool) -> str:
    """Such as ``studio-shop.example-court-3-cases-2026-11-21-exhibits.pdf``; the first language's bears no language."""
    stem = PurePosixPath(package_name(package)).stem
    numbered = "" if alone else f"-volume-{volume.number:02d}"
    ending = "" if volume.language == languages_of(services)[0] else f".{volume.language}"
    return f"{stem}-exhibits{numbered}{ending}.pdf"
