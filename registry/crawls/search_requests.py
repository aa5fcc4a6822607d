"""Queries to image searches with owners' own API keys; the crawl visits the results like any other URLs."""

import time
from collections.abc import Sequence
from datetime import timedelta

from crawler.searches.client import SearchRefusedError, SearchRequest, SearchResults, request_results
from crawler.searches.mapping import SearchService
from exhibit.clock import now
from exhibit.errors import ExhibitError, NotFoundError, RefusedError
from exhibit.machine import describe_machine_fault
from exhibit.reasons import Reason
from registry.crawls import archive_captures, budgets, inquiries, watch_settings
from registry.crawls.crawling import NewUrl
from registry.crawls.inquiries import Subject
from registry.crawls.models import Crawl, Inquiry
from registry.crawls.search_keys import get_key, get_obstacle, get_price
from registry.crawls.search_services import get_service
from registry.db import steps
from registry.pictures.models import BytesState
from registry.pictures.previews import make_preview
from registry.services.services import Services

WORK_SECONDS = 20.0
"""Seconds after which an inquiry yields to others; an inquiry without responses yields after its first response."""
BUSY_PAUSE = timedelta(minutes=1)
MAX_COPY_SIDE = 1_024
"""Longer side, in pixels, of the copy sent to a search; the registered picture itself is never sent."""
TEMPORARY_REASONS = frozenset({Reason.TOO_MANY_BYTES, Reason.TOO_SLOW, Reason.UNRESOLVABLE})
"""Refusal reasons that may be temporary; others mean that the service may not be contacted."""


def query_search(services: Services, ids: Sequence[int]) -> None:
    """Query search services, resuming each inquiry where it stopped."""
    for pk in steps.claim(Inquiry, ids, services.stale_after):
        row = Inquiry.objects.select_related("crawl__watch__owner").get(pk=pk)
        with steps.guard_processing(Inquiry, [pk]):
            (
                archive_captures.continue_inquiry
                if watch_settings.is_archive_watch(row.crawl.watch)
                else _continue_inquiry
            )(services, row)
        services.enqueue(Crawl, [row.crawl_id])


def _continue_inquiry(services: Services, row: Inquiry) -> None:
    """Query the inquiry's subjects until all are done, the service refuses, or the time limit is reached."""
    owner = row.crawl.watch.owner
    try:
        service = get_service(services.config, row.service)
    except NotFoundError:
        inquiries.end_inquiry(row.pk, "no-service")
        return
    deadline = time.monotonic() + (WORK_SECONDS if row.requests else 0.0)
    while True:
        row.refresh_from_db()
        row.crawl.refresh_from_db()
        if obstacle := get_obstacle(
            services, owner, row.service, service
        ):  # the owner may withdraw consent at any time
            inquiries.end_inquiry(row.pk, obstacle)
            return
        key = get_key(services, owner, row.service) or ""
        subject = (
            inquiries.get_next_subject(row) if inquiries.count_remaining(row) > 0 and not row.crawl.reason else None
        )
        if subject is None:
            inquiries.end_inquiry(row.pk, row.crawl.reason or ("" if inquiries.count_subjects(row) else "no-works"))
            return
        if not _query_page(services, row, service, key, subject):
            return
        row.refresh_from_db()
        if inquiries.count_remaining(row) > 0:
            if time.monotonic() > deadline:
                steps.postpone_by_id(Inquiry, row.pk, now() + timedelta(seconds=service.pace.seconds))
                return
            time.sleep(service.pace.seconds)


def _query_page(services: Services, row: Inquiry, service: SearchService, key: str, subject: Subject) -> bool:
    """Request one page of results for a subject; return True to continue."""
    query = _make_query(services, row, service, subject)
    if query is None:
        inquiries.refuse_subject(row, subject, "The picture cannot be sent.")
        return True
    price = get_price(row.crawl.watch.owner, row.service, service)
    try:
        result = request_results(service, key, query, services.guard, lambda: budgets.record_charge(row, price))
    except budgets.OverBudgetError as error:
        inquiries.end_over_budget(row, subject, error.reason, error.amounts)
        return False
    except SearchRefusedError as error:
        return _handle_refusal(row, subject, error)
    except RefusedError as error:
        steps.record_failure(
            Inquiry, row.pk, f"{service.name}: {error.message}", retry=error.reason in TEMPORARY_REASONS
        )
        return False
    return _store_results(row, service, subject, result)


def _make_query(services: Services, row: Inquiry, service: SearchService, subject: Subject) -> SearchRequest | None:
    """Return the query to send (words or a reduced copy of the picture), or ``None`` if the picture cannot be sent."""
    offset = row.pages * service.pace.size
    if subject.picture is None:
        return SearchRequest(words=subject.words, page=row.page, offset=offset)
    picture = subject.picture.picture
    if not service.takes_pictures or picture.digest is None or picture.bytes_state != BytesState.STORED:
        return None
    try:
        data = make_preview(services.blobs.get(picture.digest), services.limits, MAX_COPY_SIDE)
    except ExhibitError as error:
        if error.retry or describe_machine_fault(error):
            raise
        return None  # affects only this picture, whose bytes are lost or damaged
    return SearchRequest(picture=data, page=row.page, offset=offset)


def _store_results(row: Inquiry, service: SearchService, subject: Subject, results: SearchResults) -> bool:
    urls = [
        NewUrl(item.image, "image", 1, item.page, item.title, elsewhere=item.elsewhere)
        if item.image
        else NewUrl(item.page, "page", 1)
        for item in results.hits
    ]
    has_next = results.has_more and row.pages + 1 < service.pace.pages
    page, finished_subject = (results.next_page, None) if has_next else ("", subject)
    return inquiries.store_results(row.pk, urls, page=page, pages=row.pages + 1, finished_subject=finished_subject)


def _handle_refusal(row: Inquiry, subject: Subject, error: SearchRefusedError) -> bool:
    if error.reason == Reason.UNSEARCHABLE:
        inquiries.refuse_subject(row, subject, error.message)
        return True
    if error.reason == "busy":
        pause = timedelta(seconds=error.wait) if error.wait is not None else BUSY_PAUSE
        steps.postpone_by_id(Inquiry, row.pk, now() + pause, error.message)
    elif error.reason == "failed":
        steps.record_failure(Inquiry, row.pk, error.message, retry=True)
    else:
        inquiries.end_inquiry(row.pk, error.reason)
    return False
