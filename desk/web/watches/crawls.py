"""Crawls: progress, matches and skipped URLs."""

from collections.abc import Sequence
from functools import partial

from django.contrib import messages
from django.db.models import Count, F, Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control

from crawler.formats.job import Limits
from desk.texts.crawl_refusals import (
    describe_end,
    describe_inquiry,
    describe_omission,
    describe_refusal,
    describe_skip_reason,
    describe_skipped_pages,
    describe_spending,
)
from desk.web.common.pages import decider_post, get_page, member_page, render_page
from registry import scoped
from registry.crawls import budgets, crawling, planning, watch_settings
from registry.matches import proposals
from registry.models import UNFINISHED, CaseSighting, Crawl, Inquiry, Owner, Picture, Refusal, Sighting, Watch
from workers import wiring


def find_unfinished_crawl(watch: Watch) -> Crawl | None:
    """Return the running crawl, or the latest crawl if its pictures are still being compared, or None."""
    if (running_crawl := watch_settings.get_running_crawl(watch)) is not None:
        return running_crawl
    last_crawl = watch.crawls.order_by("-number").first()
    return last_crawl if last_crawl and _list_uncompared_pictures(last_crawl).exists() else None


def _list_uncompared_pictures(crawl: Crawl) -> QuerySet[Picture]:
    return Picture.objects.filter(state__in=UNFINISHED, pk__in=crawl.sightings.values("picture"))


def build_progress(crawl: Crawl) -> dict[str, object]:
    """Return a crawl's progress as template data: visited URLs, distinct pictures, cases and more.

    ``most`` is the number of known URLs, for a progress bar. ``inquiries`` lists the search queries with their state.
    """
    visited_count, pending_count = crawling.count_urls(crawl.pk)
    seen_pictures = crawl.sightings.values("picture")
    pending_count = 0 if crawl.finished_at else pending_count
    case_sightings = CaseSighting.objects.filter(case__owner=crawl.watch.owner_id, sighting__crawl=crawl)
    return {
        "visited": visited_count,
        "waiting": pending_count,
        "most": visited_count + pending_count,
        "pictures": seen_pictures.distinct().count() if crawl.pictures is None else crawl.pictures,
        "refused": crawl.refusals.count(),
        "uncompared": _list_uncompared_pictures(crawl).count(),
        "cases": case_sightings.values("case").distinct().count(),
        "end": describe_end(crawl.reason),
        "inquiries": [(inquiry, describe_inquiry(inquiry)) for inquiry in crawl.inquiries.order_by("pk")],
        "spent": describe_spending(crawl),
        "scripted": crawling.count_unrun_scripts([crawl])[crawl.pk],
        "over_budget": budgets.count_unrendered(crawl).get("budget", 0),
        "lacked_browser": partial(crawling.was_browser_missing, crawl),  # Lazy: costs a query.
        "skipped_pages": describe_skipped_pages(crawl),
        "proposed": proposals.list_open_watch_proposals(crawl.watch).count() if crawl.watch.own else 0,
        "resting": crawling.list_paused_hosts(crawl).items(),
    }


def build_statistics(crawls: Sequence[Crawl]) -> list[dict[str, object]]:
    """Return the progress of several crawls of an owner, with a constant number of queries."""
    sightings = Sighting.objects.filter(crawl__in=crawls).order_by().values_list("crawl")
    pictures = dict(sightings.annotate(Count("picture", distinct=True)))
    uncompared_counts = dict(sightings.filter(picture__state__in=UNFINISHED).annotate(Count("picture", distinct=True)))
    own_cases = Q(case_sightings__case__owner=F("crawl__watch__owner"))
    cases = dict(sightings.filter(own_cases).annotate(Count("case_sightings__case", distinct=True)))
    refusal_counts = dict(
        Refusal.objects.filter(crawl__in=crawls).order_by().values_list("crawl").annotate(Count("pk"))
    )
    prefetch_related_objects(crawls, Prefetch("inquiries", Inquiry.objects.order_by("pk")))
    return [
        {
            "pictures": pictures.get(crawl.pk, 0),
            "uncompared": uncompared_counts.get(crawl.pk, 0),
            "cases": cases.get(crawl.pk, 0),
            "refused": refusal_counts.get(crawl.pk, 0),
            "end": describe_end(crawl.reason),
            "inquiries": [(inquiry, describe_inquiry(inquiry)) for inquiry in crawl.inquiries.all()],
            "compared": pictures.get(crawl.pk, 0) - uncompared_counts.get(crawl.pk, 0),
        }
        for crawl in crawls
    ]


@member_page()
@cache_control(private=True, no_store=True)
def crawl(request: HttpRequest, owner: Owner, watch_number: int, number: int) -> HttpResponse:
    """Show a crawl: visited pages, matches, and skipped URLs with the reasons."""
    row = scoped.get_crawl(owner, watch_number, number)
    counts = scoped.count_refusals(row)
    reason = request.GET.get("reason", "")
    rows = row.refusals.filter(reason=reason) if reason in counts else row.refusals
    page = get_page(request, rows.order_by("reason", "pk"))
    is_query = watch_settings.is_search_watch(row.watch) or watch_settings.is_archive_watch(row.watch)
    depth = 0 if is_query else int(row.watch.budget.get("depth", Limits().depth))
    values = {
        "crawl": row,
        "watch": row.watch,
        "progress": build_progress(row),
        "is_whole": crawling.is_complete(row, depth=depth),
        "counts": sorted(((n, describe_refusal(key), key) for key, n in counts.items()), reverse=True),
        "passed": sorted(
            ((n, describe_skip_reason(key)) for key, n in scoped.count_skipped(row).items()), reverse=True
        ),
        "left_out": sorted(
            ((n, describe_omission(key)) for key, n in crawling.count_omissions(row).items()), reverse=True
        ),
        "damaged": row.refusals.filter(reason="unreadable", url__startswith="file:").exists(),
        "reason": reason if reason in counts else "",
        "page": page,
        "refusals": [(row, describe_refusal(row.reason, row.sentence)) for row in page],
    }
    return render_page(request, owner, "web/crawl.html", values)


@member_page()
def progress(request: HttpRequest, owner: Owner, watch_number: int, number: int) -> HttpResponse:
    """Show a crawl's progress, as a fragment that reloads itself until all pictures are compared.

    A page that requests the fragment with ``under-way`` is reloaded when the crawl ends, to show the results.
    """
    row = scoped.get_crawl(owner, watch_number, number)
    values = {"crawl": row, "watch": row.watch, "progress": build_progress(row)}
    response = render_page(request, owner, "web/crawl-progress.html", values)
    if row.finished_at and "under-way" in request.GET:
        response.headers["HX-Refresh"] = "true"
    return response


@decider_post(back="crawl")
def stop(request: HttpRequest, owner: Owner, watch_number: int, number: int) -> None:
    """Stop a crawl, keeping its results."""
    row = scoped.get_crawl(owner, watch_number, number)
    if planning.stop_crawl(wiring.services(), row, by=request.user.get_username()):
        messages.success(request, _("The run is being stopped. Its results are kept."))
