"""Reading the pages that visits kept, once each and in the helper: requests only look at what was read."""

from collections.abc import Sequence
from dataclasses import asdict

from django.db import transaction

from crawler.reading.helper import statements_of
from crawler.reading.statements import PageStatements
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError
from exhibit.sentences import Sentence
from registry.cases.models import Capture, PageReading
from registry.db import steps
from registry.services.mail import is_address
from registry.services.services import Services

MAX_BYTES = 1024 * 1024
"""Of a page that are handed to the helper."""
MAX_ADDRESSES = 40
"""Mail addresses of a page that are kept."""
_FILES = (".png", ".jpg", ".gif", ".webp", ".svg", ".js", ".css")
NOT_STORED = Sentence("The page is no longer stored.")


def page_of(visit: Capture) -> str:
    """The digest of the page that a visit kept, as a browser left it or as it was served; empty without one."""
    roles = {file["role"]: file["digest"] for file in visit.kept}
    return roles.get("dom") or roles.get("page") or ""


def request_reading(services: Services, visit: Capture) -> None:
    """Have the page that a visit kept read, soon; a visit that kept none needs no reading."""
    if page_of(visit):
        row, _created = PageReading.objects.get_or_create(capture=visit)
        services.enqueue(PageReading, [row.pk])


def read_pages(services: Services, ids: Sequence[int]) -> None:
    """Read pages that visits kept. One that can't be read within the limits says why, and isn't tried again."""
    for pk in steps.claim(PageReading, ids, services.stale_after):
        row = PageReading.objects.select_related("capture__sighting").get(pk=pk)
        with steps.ending(PageReading, [pk]):
            refusal: Sentence | str = ""
            try:
                with services.blobs.open(Digest.from_hex(page_of(row.capture))) as stream:
                    read = statements_of(stream.read(MAX_BYTES), row.capture.sighting.image_url)
            except NotFoundError:
                read, refusal = PageStatements(), NOT_STORED
            except RefusedError as error:
                read, refusal = PageStatements(), error.sentence
            addresses = [address for address in read.addresses if is_address(address) and not address.endswith(_FILES)]
            with transaction.atomic():
                PageReading.objects.filter(pk=pk).update(
                    statements=[asdict(each) for each in read.statements],
                    words=read.words,
                    addresses=addresses[:MAX_ADDRESSES],
                    refusal=refusal,
                )
                steps.finish(PageReading, [pk])
