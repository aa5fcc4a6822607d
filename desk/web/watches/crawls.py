"""Crawls: their progress, finds and refusals."""

from collections.abc import Sequence
from functools import partial

from django.contrib import messages
from django.db.models import Count, F, Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control

from crawler.formats.job import Limits
from desk.texts.crawl_refusals import (
    end_in_words,
    inquiry_in_words,
    left_out_in_words,
    not_asked_in_words,
    passed_in_words,
    refusal_in_words,
    spending_in_words,
)
from desk.web.common.pages import decider_post, member_page, page_of, show
from registry import scoped
from registry.crawls import budgets, crawling, planning, watch_settings
from registry.matches import proposals
from registry.models import UNFINISHED, CaseSighting, Crawl, Inquiry, Owner, Picture, Refusal, Sighting, Watch
from workers import wiring


def unfinished_crawl(watch: Watch) -> Crawl | None:
    """Return the crawl under way, or the last one while its images are still being compared, or None."""
    if (under_way := watch_settings.get_running_crawl(watch)) is not None:
        return under_way
    last = watch.crawls.order_by("-number").first()
    return last if last and _uncompared(last).exists() else None


def _uncompared(crawl: Crawl) -> QuerySet[Picture]:
    return Picture.objects.filter(state__in=UNFINISHED, pk__in=crawl.sightings.values("picture"))


def progress_of(crawl: Crawl) -> dict[str, object]:
    """Return a crawl's progress as template data: visited URLs, distinct images, cases and more.

    ``most`` is the known number of URLs, for a progress bar. ``inquiries`` are the search queries with their state.
    """
    visited, pending = crawling.count_urls(crawl.pk)
    sighted_pictures = crawl.sightings.values("picture")
    pending = 0 if crawl.finished_at else pending
    seen_in = CaseSighting.objects.filter(case__owner=crawl.watch.owner_id, sighting__crawl=crawl)
    return {
        "visited": visited,
        "waiting": pending,
        "most": visited + pending,
        "pictures": sighted_pictures.distinct().count() if crawl.pictures is None else crawl.pictures,
        "refused": crawl.refusals.count(),
        "uncompared": _uncompared(crawl).count(),
        "cases": seen_in.values("case").distinct().count(),
        "end": end_in_words(crawl.reason),
        "inquiries": [(inquiry, inquiry_in_words(inquiry)) for inquiry in crawl.inquiries.order_by("pk")],
        "spent": spending_in_words(crawl),
        "scripted": crawling.count_unrun_scripts([crawl])[crawl.pk],
        "over_budget": budgets.count_unrendered(crawl).get("budget", 0),
        "lacked_browser": partial(crawling.has_lacked_browser, crawl),  # Evaluated only where it is shown.
        "not_asked": not_asked_in_words(crawl),
        "proposed": proposals.list_open_of_watch(crawl.watch).count() if crawl.watch.own else 0,
        "resting": crawling.list_resting_hosts(crawl).items(),
    }


def statistics_of(crawls: Sequence[Crawl]) -> list[dict[str, object]]:
    """Return the progress of several crawls of an owner. The number of queries is constant."""
    sightings = Sighting.objects.filter(crawl__in=crawls).order_by().values_list("crawl")
    pictures = dict(sightings.annotate(Count("picture", distinct=True)))
    uncompared = dict(sightings.filter(picture__state__in=UNFINISHED).annotate(Count("picture", distinct=True)))
    own = Q(case_sightings__case__owner=F("crawl__watch__owner"))
    cases = dict(sightings.filter(own).annotate(Count("case_sightings__case", distinct=True)))
    refused = dict(Refusal.objects.filter(crawl__in=crawls).order_by().values_list("crawl").annotate(Count("pk")))
    prefetch_related_objects(crawls, Prefetch("inquiries", Inquiry.objects.order_by("pk")))
    return [
        {
            "pictures": pictures.get(crawl.pk, 0),
            "uncompared": uncompared.get(crawl.pk, 0),
            "cases": cases.get(crawl.pk, 0),
            "refused": refused.get(crawl.pk, 0),
            "end": end_in_words(crawl.reason),
            "inquiries": [(inquiry, inquiry_in_words(inquiry)) for inquiry in crawl.inquiries.all()],
            "compared": pictures.get(crawl.pk, 0) - uncompared.get(crawl.pk, 0),
        }
        for crawl in crawls
    ]


@member_page()
@cache_control(private=True, no_store=True)
def crawl(request: HttpRequest, owner: Owner, watch_number: int, number: int) -> HttpResponse:
    """Show a crawl: what it visited and found, and what it refused and why."""
    row = scoped.crawl(owner, watch_number, number)
    counts = scoped.count_refusals(row)
    reason = request.GET.get("reason", "")
    rows = row.refusals.filter(reason=reason) if reason in counts else row.refusals
    page = page_of(request, rows.order_by("reason", "pk"))
    is_query = watch_settings.is_search_watch(row.watch) or watch_settings.is_archive_watch(row.watch)
    depth = 0 if is_query else int(row.watch.budget.get("depth", Limits().depth))
    values = {
        "crawl": row,
        "watch": row.watch,
        "progress": progress_of(row),
        "is_whole": crawling.is_complete(row, depth=depth),
        "counts": sorted(((n, refusal_in_words(key), key) for key, n in counts.items()), reverse=True),
        "passed": sorted(((n, passed_in_words(key)) for key, n in scoped.count_skipped(row).items()), reverse=True),
        "left_out": sorted(
            ((n, left_out_in_words(key)) for key, n in crawling.count_omissions(row).items()), reverse=True
        ),
        "damaged": row.refusals.filter(reason="unreadable", url__startswith="file:").exists(),
        "reason": reason if reason in counts else "",
        "page": page,
        "refusals": [(row, refusal_in_words(row.reason, row.sentence)) for row in page],
    }
    return show(request, owner, "web/crawl.html", values)


@member_page()
def progress(request: HttpRequest, owner: Owner, watch_number: int, number: int) -> HttpResponse:
    """Show a crawl's progress, as a fragment that reloads itself until all images are compared.

    A page loaded with ``under-way`` is reloaded as a whole when the crawl ends, because it then has more to show.
    """
    row = scoped.crawl(owner, watch_number, number)
    values = {"crawl": row, "watch": row.watch, "progress": progress_of(row)}
    answer = show(request, owner, "web/crawl-progress.html", values)
    if row.finished_at and "under-way" in request.GET:
        answer.headers["HX-Refresh"] = "true"
    return answer


@decider_post(back="crawl")
def stop(request: HttpRequest, owner: Owner, watch_number: int, number: int) -> None:
    """Stop a crawl, keeping its results."""
    row = scoped.crawl(owner, watch_number, number)
    if planning.stop_crawl(wiring.services(), row, by=request.user.get_username()):
        messages.success(request, _("The run ends with the results so far."))
