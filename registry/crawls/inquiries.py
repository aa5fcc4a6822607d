"""What crawls ask image searches and marketplaces: which subjects, how far, and what came."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from exhibit.clock import now
from exhibit.network.addresses import url_key
from exhibit.reasons import Reason
from registry.crawls.crawling import ARCHIVE, CAPTURE, SEARCH, NewUrl, add_urls
from registry.crawls.models import Crawl, FrontierUrl, Inquiry, Refusal
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.rows import write
from registry.works.models import WorkPicture

USUAL = 50
"""Subjects of a run, where the watch says nothing."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a search is asked for next: words, or a registered picture."""

    cursor: int  # what :attr:`Inquiry.cursor` becomes when it is done with
    words: str
    picture: WorkPicture | None


def begin(crawl: Crawl, sources: Iterable[Mapping[str, Any]]) -> None:
    """Let a crawl ask the searches among its watch's sources. Inside a transaction.

    It begins where the run before ended; with the newest picture, where the source says so.
    """
    for source in sources:
        if source["kind"] == ARCHIVE:
            _begin_archive(crawl, source)
        if source["kind"] != SEARCH:
            continue
        of_watch = Inquiry.objects.filter(crawl__watch=crawl.watch_id, service=source["url"])
        last = of_watch.order_by("-pk").values_list("cursor", flat=True).first()
        left = int(crawl.watch.budget.get("searches", USUAL))
        words = source.get("words", [])
        begun = {"cursor": 0 if source.get("newest") else last or 0, "left": left, "allowed": left}
        Inquiry.objects.create(crawl=crawl, service=source["url"], words=words, **begun)


def _begin_archive(crawl: Crawl, source: Mapping[str, Any]) -> None:
    """Go on where the run before left the archive's index, with the captures that it named and didn't come to."""
    waiting = FrontierUrl.objects.filter(crawl__watch=crawl.watch_id, kind=CAPTURE, state=FrontierUrl.State.PENDING)
    waiting.exclude(crawl=crawl).update(crawl=crawl, attempts=0)
    domains = source["domains"]
    last = Inquiry.objects.filter(crawl__watch=crawl.watch_id, service=source["url"]).order_by("-pk").first()
    begun = {} if last is None else {"cursor": last.cursor, "page": last.page}
    if last is not None and last.state == StepState.FAILED:  # the others first: what failed there may fail again
        begun = {"cursor": last.cursor + 1, "page": ""}
    left = {"left": len(domains), "allowed": len(domains)}
    Inquiry.objects.create(crawl=crawl, service=source["url"], words=domains, **begun, **left)


def next_subject(row: Inquiry) -> Subject | None:
    """What is asked for next; ``None`` when the run has asked for as much as it may, or for everything once."""
    if row.left <= 0:
        return None
    if row.words:
        place = row.cursor % len(row.words)
        return Subject(row.cursor + 1, str(row.words[place]), None)
    newest = _source(row).get("newest", False)
    mine = _pictures(row).select_related("work", "picture").order_by("-pk" if newest else "pk")
    following = mine.filter(pk__lt=row.cursor) if newest else mine.filter(pk__gt=row.cursor)
    found = following.first() or mine.first()
    return None if found is None else Subject(found.pk, "", found)


def subjects(row: Inquiry) -> int:
    """How many subjects there are."""
    return len(row.words) or _pictures(row).count()


def rest(row: Inquiry) -> int:
    """How many of them this run may still ask for: each once, however often it was broken off."""
    return min(row.left, subjects(row) - ((row.allowed or row.left) - row.left))


def _pictures(row: Inquiry) -> QuerySet[WorkPicture]:
    return pictures_of(row.crawl.watch.owner_id, _source(row).get("works", []))


def _source(row: Inquiry) -> Mapping[str, Any]:
    """What the run was told to ask this search."""
    of_run = (source for source in row.crawl.sources if (source["kind"], source["url"]) == (SEARCH, row.service))
    return next(of_run, {})


def pictures_of(owner_id: int, works: Sequence[int]) -> QuerySet[WorkPicture]:
    """The pictures of an owner's works of these numbers, of all without any; those of withdrawn works drop out."""
    rows = WorkPicture.objects.filter(work__owner=owner_id, work__removed_at=None, stated=None)
    return rows.filter(work__number__in=works) if works else rows


def keep_answer(pk: int, urls: Iterable[NewUrl], *, page: str, pages: int, ends: Subject | None = None) -> bool:
    """Keep one page of an answer: addresses for the crawl, and where to go on. Says whether the claim still stands.

    With the last page of a subject, ``ends``, it goes on with the next one: both at once, so that whoever takes the row
    over never asks again for what was answered.
    """
    new = list(urls)
    with transaction.atomic():
        held = Inquiry.objects.select_for_update(no_key=True).filter(pk=pk, state=StepState.DOING)
        row = held.select_related(None).first()
        if row is None:
            return False
        found = row.found + add_urls(row.crawl_id, new)
        write(row, found=found, asked=row.asked + 1, page=page, pages=pages, claimed_at=now())
        if ends is not None:
            done_with(pk, ends)
    return True


def done_with(pk: int, subject: Subject) -> None:
    """Go on with the next subject."""
    claimed = Inquiry.objects.filter(pk=pk, state=StepState.DOING, left__gt=0)
    claimed.update(cursor=subject.cursor, page="", pages=0, left=F("left") - 1, claimed_at=now())


def refuse(row: Inquiry, subject: Subject, sentence: str, reason: str = Reason.UNSEARCHABLE) -> None:
    """Record that a subject can't be searched for, and go on with the next one."""
    what = subject.words if subject.picture is None else f"work {subject.picture.work.number}"
    url = f"search:{row.service}?{what}"
    made = {"crawl_id": row.crawl_id, "key": url_key(url), "url": url, "reason": reason}
    with transaction.atomic():
        Refusal.objects.bulk_create([Refusal(sentence=sentence, at=now(), **made)], ignore_conflicts=True)
        done_with(row.pk, subject)


def run_out(row: Inquiry, subject: Subject, outcome: str, figures: Mapping[str, str]) -> None:
    """End an inquiry for want of money; the next run goes on behind the subject, if a page of it was asked for."""
    with transaction.atomic():
        if row.pages:
            done_with(row.pk, subject)
            row.refresh_from_db(fields=["left"])
        Inquiry.objects.filter(pk=row.pk).update(stopped_at={**figures, "left": rest(row)})
        end(row.pk, outcome)


def end(pk: int, outcome: str) -> None:
    """End an inquiry; ``outcome`` says why before its subjects did, or is empty."""
    with transaction.atomic():
        Inquiry.objects.filter(pk=pk).update(outcome=outcome)
        steps.finish(Inquiry, [pk])
