"""Reading of captured pages, once each and in the helper process; web requests use only the stored results."""

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
"""Maximum number of bytes of a page passed to the helper."""
MAX_ADDRESSES = 40
"""Maximum number of email addresses stored per page."""
_FILES = (".png", ".jpg", ".gif", ".webp", ".svg", ".js", ".css")
NOT_STORED = Sentence("The page is no longer stored.")


def page_digest(visit: Capture) -> str:
    """Return the digest of a visit's page, as rendered by a browser or else as served; empty if there is none."""
    roles = {file["role"]: file["digest"] for file in visit.kept}
    return roles.get("dom") or roles.get("page") or ""


def request_reading(services: Services, visit: Capture) -> None:
    """Queue the reading of a visit's page, if the visit captured one."""
    if page_digest(visit):
        row, _created = PageReading.objects.get_or_create(capture=visit)
        services.enqueue(PageReading, [row.pk])


def read_pages(services: Services, ids: Sequence[int]) -> None:
    """Read captured pages. A page that cannot be read within the limits gets a refusal and is not tried again."""
    for pk in steps.claim(PageReading, ids, services.stale_after):
        row = PageReading.objects.select_related("capture__sighting").get(pk=pk)
        with steps.processing(PageReading, [pk]):
            refusal: Sentence | str = ""
            try:
                with services.blobs.open(Digest.from_hex(page_digest(row.capture))) as stream:
                    page_statements = statements_of(stream.read(MAX_BYTES), row.capture.sighting.image_url)
            except NotFoundError:
                page_statements, refusal = PageStatements(), NOT_STORED
            except RefusedError as error:
                page_statements, refusal = PageStatements(), error.sentence
            addresses = [
                address for address in page_statements.addresses if is_address(address) and not address.endswith(_FILES)
            ]
            with transaction.atomic():
                PageReading.objects.filter(pk=pk).update(
                    statements=[asdict(each) for each in page_statements.statements],
                    words=page_statements.words,
                    addresses=addresses[:MAX_ADDRESSES],
                    refusal=refusal,
                )
                steps.finish(PageReading, [pk])
