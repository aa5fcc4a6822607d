"""Queries to image searches with owners' own API keys; the crawl then visits the results like any other URLs."""

import time
from collections.abc import Sequence
from datetime import timedelta

from crawler.searches.client import Asked, Found, SearchRefusedError, ask
from crawler.searches.mapping import Service
from exhibit.clock import now
from exhibit.errors import ExhibitError, NotFoundError, RefusedError
from exhibit.machine import machine_fault
from exhibit.reasons import Reason
from registry.crawls import budgets, captures, inquiries, watching
from registry.crawls.crawling import NewUrl
from registry.crawls.inquiries import Subject
from registry.crawls.models import Crawl, Inquiry
from registry.crawls.search_keys import key_of, lacking, price_of
from registry.crawls.search_services import service_of
from registry.db import steps
from registry.pictures.models import BytesState
from registry.pictures.previews import preview
from registry.services.services import Services

WORK_SECONDS = 20.0
"""Seconds after which an inquiry yields to others; one without answers yields after its first, for a quick start."""
BUSY = timedelta(minutes=1)
LEFT_SIDE = 1_024
"""Longer side, in pixels, of the copy sent to a search; the registered picture itself is never sent."""
PASSING = frozenset({Reason.TOO_MANY_BYTES, Reason.TOO_SLOW, Reason.UNRESOLVABLE})
"""Refusal reasons that may be temporary; others mean that the service may not be contacted."""


def query_search(services: Services, ids: Sequence[int]) -> None:
    """Query search services, continuing each inquiry where it stopped."""
    for pk in steps.claim(Inquiry, ids, services.stale_after):
        row = Inquiry.objects.select_related("crawl__watch__owner").get(pk=pk)
        with steps.ending(Inquiry, [pk]):
            (captures.ask_on if watching.asks_archives(row.crawl.watch) else _ask_on)(services, row)
        services.enqueue(Crawl, [row.crawl_id])


def _ask_on(services: Services, row: Inquiry) -> None:
    """Query subject after subject until none is left, the service refuses, or the time is up."""
    owner = row.crawl.watch.owner
    try:
        service = service_of(services.config, row.service)
    except NotFoundError:
        inquiries.end(row.pk, "no-service")
        return
    until = time.monotonic() + (WORK_SECONDS if row.asked else 0.0)
    while True:
        row.refresh_from_db()
        row.crawl.refresh_from_db()
        if missing := lacking(services, owner, row.service, service):  # the owner may withdraw consent at any time
            inquiries.end(row.pk, missing)
            return
        key = key_of(services, owner, row.service) or ""
        subject = inquiries.next_subject(row) if inquiries.rest(row) > 0 and not row.crawl.reason else None
        if subject is None:
            inquiries.end(row.pk, row.crawl.reason or ("" if inquiries.subjects(row) else "no-works"))
            return
        if not _ask_for(services, row, service, key, subject):
            return
        row.refresh_from_db()
        if inquiries.rest(row) > 0:
            if time.monotonic() > until:
                steps.wait(Inquiry, row.pk, now() + timedelta(seconds=service.pace.seconds))
                return
            time.sleep(service.pace.seconds)


def _ask_for(services: Services, row: Inquiry, service: Service, key: str, subject: Subject) -> bool:
    """Request one page of results for a subject; return True to continue."""
    query = _asked(services, row, service, subject)
    if query is None:
        inquiries.refuse(row, subject, "The picture can't be sent.")
        return True
    price = price_of(row.crawl.watch.owner, row.service, service)
    try:
        result = ask(service, key, query, services.guard, lambda: budgets.charge(row, price))
    except budgets.OverBudgetError as error:
        inquiries.run_out(row, subject, error.reason, error.figures)
        return False
    except SearchRefusedError as error:
        return _refused(row, subject, error)
    except RefusedError as error:
        steps.fail(Inquiry, row.pk, f"{service.name}: {error.message}", retry=error.reason in PASSING)
        return False
    return _kept(row, service, subject, result)


def _asked(services: Services, row: Inquiry, service: Service, subject: Subject) -> Asked | None:
    """Return the query to send: words, or a reduced copy of the picture; ``None`` if the picture cannot be sent."""
    offset = row.pages * service.pace.size
    if subject.picture is None:
        return Asked(words=subject.words, page=row.page, offset=offset)
    picture = subject.picture.picture
    if not service.takes_pictures or picture.digest is None or picture.bytes_state != BytesState.STORED:
        return None
    try:
        data = preview(services.blobs.get(picture.digest), services.limits, LEFT_SIDE)
    except ExhibitError as error:
        if error.retry or machine_fault(error):
            raise
        return None  # only this picture: its bytes are lost or damaged
    return Asked(picture=data, page=row.page, offset=offset)


def _kept(row: Inquiry, service: Service, subject: Subject, found: Found) -> bool:
    urls = [
        NewUrl(place.image, "image", 1, place.page, place.title, elsewhere=place.elsewhere)
        if place.image
        else NewUrl(place.page, "page", 1)
        for place in found.places
    ]
    goes_on = found.more and row.pages + 1 < service.pace.pages
    page, ends = (found.next_page, None) if goes_on else ("", subject)
    return inquiries.keep_answer(row.pk, urls, page=page, pages=row.pages + 1, ends=ends)


def _refused(row: Inquiry, subject: Subject, error: SearchRefusedError) -> bool:
    if error.reason == Reason.UNSEARCHABLE:
        inquiries.refuse(row, subject, error.message)
        return True
    if error.reason == "busy":
        pause = timedelta(seconds=error.wait) if error.wait is not None else BUSY
        steps.wait(Inquiry, row.pk, now() + pause, error.message)
    elif error.reason == "failed":
        steps.fail(Inquiry, row.pk, error.message, retry=True)
    else:
        inquiries.end(row.pk, error.reason)
    return False
