"""Queries of crawls to image searches and marketplaces: subjects, progress and results."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from exhibit.clock import now
from exhibit.network.addresses import compute_url_key
from exhibit.reasons import Reason
from registry.crawls.crawling import ARCHIVE, CAPTURE, SEARCH, NewUrl, add_urls
from registry.crawls.models import Crawl, FrontierUrl, Inquiry, Refusal
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.rows import update_row
from registry.works.models import WorkPicture

DEFAULT_SUBJECTS = 50
"""Default number of subjects per run."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject of a search: words or a registered picture."""

    cursor: int  # the value of :attr:`Inquiry.cursor` when the subject is done
    words: str
    picture: WorkPicture | None


def create_inquiries(crawl: Crawl, sources: Iterable[Mapping[str, Any]]) -> None:
    """Create a crawl's inquiries for the searches and archives among its sources. Call it in a transaction.

    An inquiry continues where the previous run ended, or starts with the newest picture if the source says so.
    """
    for source in sources:
        if source["kind"] == ARCHIVE:
            _create_archive_inquiry(crawl, source)
        if source["kind"] != SEARCH:
            continue
        previous_inquiries = Inquiry.objects.filter(crawl__watch=crawl.watch_id, service=source["url"])
        last_cursor = previous_inquiries.order_by("-pk").values_list("cursor", flat=True).first()
        allowance = int(crawl.watch.budget.get("searches", DEFAULT_SUBJECTS))
        words = source.get("words", [])
        position = {"cursor": 0 if source.get("newest") else last_cursor or 0, "left": allowance, "allowed": allowance}
        Inquiry.objects.create(crawl=crawl, service=source["url"], words=words, **position)


def _create_archive_inquiry(crawl: Crawl, source: Mapping[str, Any]) -> None:
    """Create the inquiry of an archive's index.

    It continues where the previous run stopped, and includes the captures that the run did not reach.
    """
    pending_captures = FrontierUrl.objects.filter(
        crawl__watch=crawl.watch_id, kind=CAPTURE, state=FrontierUrl.State.PENDING
    )
    pending_captures.exclude(crawl=crawl).update(crawl=crawl, attempts=0)
    domains = source["domains"]
    last_inquiry = Inquiry.objects.filter(crawl__watch=crawl.watch_id, service=source["url"]).order_by("-pk").first()
    position = {} if last_inquiry is None else {"cursor": last_inquiry.cursor, "page": last_inquiry.page}
    if (
        last_inquiry is not None and last_inquiry.state == StepState.FAILED
    ):  # a failed domain may fail again, so continue with the next
        position = {"cursor": last_inquiry.cursor + 1, "page": ""}
    allowance = {"left": len(domains), "allowed": len(domains)}
    Inquiry.objects.create(crawl=crawl, service=source["url"], words=domains, **position, **allowance)


def get_next_subject(row: Inquiry) -> Subject | None:
    """Return the next subject, or ``None`` if the run has reached its limit or queried every subject once."""
    if row.left <= 0:
        return None
    if row.words:
        index = row.cursor % len(row.words)
        return Subject(row.cursor + 1, str(row.words[index]), None)
    is_newest_first = _get_source(row).get("newest", False)
    pictures = _list_own_pictures(row).select_related("work", "picture").order_by("-pk" if is_newest_first else "pk")
    next_pictures = pictures.filter(pk__lt=row.cursor) if is_newest_first else pictures.filter(pk__gt=row.cursor)
    picture = next_pictures.first() or pictures.first()
    return None if picture is None else Subject(picture.pk, "", picture)


def count_subjects(row: Inquiry) -> int:
    """Return the number of subjects."""
    return len(row.words) or _list_own_pictures(row).count()


def count_remaining(row: Inquiry) -> int:
    """Return the number of subjects that this run may still query; interruptions do not count subjects twice."""
    return min(row.left, count_subjects(row) - ((row.allowed or row.left) - row.left))


def _list_own_pictures(row: Inquiry) -> QuerySet[WorkPicture]:
    return list_pictures(row.crawl.watch.owner_id, _get_source(row).get("works", []))


def _get_source(row: Inquiry) -> Mapping[str, Any]:
    """Return the run's settings for this search."""
    sources = (source for source in row.crawl.sources if (source["kind"], source["url"]) == (SEARCH, row.service))
    return next(sources, {})


def list_pictures(owner_id: int, works: Sequence[int]) -> QuerySet[WorkPicture]:
    """Return the pictures of an owner's works with these numbers, or of all works, except removed ones."""
    rows = WorkPicture.objects.filter(work__owner=owner_id, work__removed_at=None, stated=None)
    return rows.filter(work__number__in=works) if works else rows


def store_results(
    pk: int, urls: Iterable[NewUrl], *, page: str, pages: int, finished_subject: Subject | None = None
) -> bool:
    """Store one page of results: URLs for the crawl, and the position to continue from.

    ``finished_subject`` is given with the last page of a subject. The inquiry then moves on to the next subject in the
    same transaction, so that no worker repeats a completed request. Returns True if the inquiry is still claimed.
    """
    new_urls = list(urls)
    with transaction.atomic():
        claimed_inquiry = Inquiry.objects.select_for_update(no_key=True).filter(pk=pk, state=StepState.RUNNING)
        row = claimed_inquiry.select_related(None).first()
        if row is None:
            return False
        found_count = row.found + add_urls(row.crawl_id, new_urls)
        update_row(row, found=found_count, requests=row.requests + 1, page=page, pages=pages, claimed_at=now())
        if finished_subject is not None:
            advance_past_subject(pk, finished_subject)
    return True


def advance_past_subject(pk: int, subject: Subject) -> None:
    """Move an inquiry on to the next subject."""
    claimed_inquiry = Inquiry.objects.filter(pk=pk, state=StepState.RUNNING, left__gt=0)
    claimed_inquiry.update(cursor=subject.cursor, page="", pages=0, left=F("left") - 1, claimed_at=now())


def refuse_subject(row: Inquiry, subject: Subject, message: str, reason: str = Reason.UNSEARCHABLE) -> None:
    """Record that a subject cannot be searched for, and move on to the next one."""
    description = subject.words if subject.picture is None else f"work {subject.picture.work.number}"
    url = f"search:{row.service}?{description}"
    identity = {"crawl_id": row.crawl_id, "key": compute_url_key(url), "url": url, "reason": reason}
    with transaction.atomic():
        Refusal.objects.bulk_create([Refusal(sentence=message, at=now(), **identity)], ignore_conflicts=True)
        advance_past_subject(row.pk, subject)


def end_over_budget(row: Inquiry, subject: Subject, outcome: str, amounts: Mapping[str, str]) -> None:
    """End an inquiry whose money budget is used up.

    The next run skips the subject if one of its result pages was requested.
    """
    with transaction.atomic():
        if row.pages:
            advance_past_subject(row.pk, subject)
            row.refresh_from_db(fields=["left"])
        Inquiry.objects.filter(pk=row.pk).update(stopped_at={**amounts, "left": count_remaining(row)})
        end_inquiry(row.pk, outcome)


def end_inquiry(pk: int, outcome: str) -> None:
    """End an inquiry; ``outcome`` is the reason if it ended before all subjects were done, or empty."""
    with transaction.atomic():
        Inquiry.objects.filter(pk=pk).update(outcome=outcome)
        steps.finish(Inquiry, [pk])
