"""Parsing of captured pages, once each and in the sandboxed helper process. Web requests use only stored results."""

from collections.abc import Sequence
from dataclasses import asdict

from django.db import transaction

from crawler.reading.helper import parse_statements
from crawler.reading.statements import PageStatements
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, RefusedError
from exhibit.sentences import Sentence
from registry.cases.models import Capture, PageReading
from registry.db import steps
from registry.services.mail import is_email_address
from registry.services.services import Services

MAX_BYTES = 1024 * 1024
"""Maximum number of bytes of a page that are passed to the sandboxed helper process."""
MAX_ADDRESSES = 40
"""Maximum number of email addresses stored per page."""
_FILE_SUFFIXES = (".png", ".jpg", ".gif", ".webp", ".svg", ".js", ".css")
NOT_STORED = Sentence("The page is no longer stored.")


def get_page_digest(visit: Capture) -> str:
    """Return the digest of a visit's page, as rendered by a browser or else as served; empty if it was not stored."""
    roles = {file["role"]: file["digest"] for file in visit.stored_files}
    return roles.get("dom") or roles.get("page") or ""


def request_reading(services: Services, visit: Capture) -> None:
    """Queue the parsing of a visit's page, if the visit stored one."""
    if get_page_digest(visit):
        row, _created = PageReading.objects.get_or_create(capture=visit)
        services.enqueue(PageReading, [row.pk])


def read_pages(services: Services, ids: Sequence[int]) -> None:
    """Parse captured pages. If a page cannot be parsed within the limits, store a refusal; it is not retried."""
    for pk in steps.claim(PageReading, ids, services.stale_after):
        row = PageReading.objects.select_related("capture__sighting").get(pk=pk)
        with steps.guard_processing(PageReading, [pk]):
            refusal: Sentence | str = ""
            try:
                with services.blobs.open(Digest.from_hex(get_page_digest(row.capture))) as stream:
                    page_statements = parse_statements(stream.read(MAX_BYTES), row.capture.sighting.image_url)
            except NotFoundError:
                page_statements, refusal = PageStatements(), NOT_STORED
            except RefusedError as error:
                page_statements, refusal = PageStatements(), error.sentence
            addresses = [
                address
                for address in page_statements.addresses
                if is_email_address(address) and not address.endswith(_FILE_SUFFIXES)
            ]
            with transaction.atomic():
                PageReading.objects.filter(pk=pk).update(
                    statements=[asdict(statement) for statement in page_statements.statements],
                    words=page_statements.words,
                    addresses=addresses[:MAX_ADDRESSES],
                    refusal=refusal,
                )
                steps.finish(PageReading, [pk])
