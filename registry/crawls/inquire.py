"""Asking image searches with owners' own keys; what they name, the crawl visits as it visits anything."""

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
"""After so long an inquiry lets others have their turn; after one answer where it had none, so each has one soon."""
BUSY = timedelta(minutes=1)
LEFT_SIDE = 1_024
"""Pixels of the longer side of the copy that a search is sent; the registered picture itself stays here."""
PASSING = frozenset({Reason.TOO_MANY_BYTES, Reason.TOO_SLOW, Reason.UNRESOLVABLE})
"""Refusals of an answer that may be another one next time; the others say that the service may not be reached."""


def query_search(services: Services, ids: Sequence[int]) -> None:
    """Ask searches, each from where it was left."""
    for pk in steps.claim(Inquiry, ids, services.stale_after):
        row = Inquiry.objects.select_related("crawl__watch__owner").get(pk=pk)
        with steps.ending(Inquiry, [pk]):
            (captures.ask_on if watching.asks_archives(row.crawl.watch) else _ask_on)(services, row)
        services.enqueue(Crawl, [row.crawl_id])


def _ask_on(services: Services, row: Inquiry) -> None:
    """Ask for one subject after the other until there is none, the service refuses, or time is over."""
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
        if missing := lacking(services, owner, row.service, service):  # a yes may be taken back at any time
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
    """Ask for one page of a subject's answer; says whether to go on."""
    asked = _asked(services, row, service, subject)
    if asked is None:
        inquiries.refuse(row, subject, "The picture can't be sent.")
        return True
    price = price_of(row.crawl.watch.owner, row.service, service)
    try:
        found = ask(service, key, asked, services.guard, lambda: budgets.charge(row, price))
    except budgets.OverBudgetError as error:
        inquiries.run_out(row, subject, error.reason, error.figures)
        return False
    except SearchRefusedError as error:
        return _refused(row, subject, error)
    except RefusedError as error:
        steps.fail(Inquiry, row.pk, f"{service.name}: {error.message}", retry=error.reason in PASSING)
        return False
    return _kept(row, service, subject, found)


def _asked(services: Services, row: Inquiry, service: Service, subject: Subject) -> Asked | None:
    """What is sent: words, or a smaller copy of the picture; ``None`` when there is none to send."""
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
        return None  # this one alone: its bytes are lost or damaged
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
