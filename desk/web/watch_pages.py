"""Watches and their crawls."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from desk import shapes
from desk.canaries import last_run
from desk.web.access import forbidden, may_decide, member_view
from desk.web.paging import page_of
from registry import canaries, owned
from registry.models import Owner
from workers.steps.plan import run_now


@require_safe
@member_view
def watches(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The owner's watches with their last crawls."""
    rows = owned.watches(owner).prefetch_related("crawls")
    return render(request, "web/watches.html", {"owner": owner, "page": page_of(request, rows)})


@require_safe
@member_view
def watch(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """One watch: its sources, its schedule, its crawls."""
    row = owned.watch_numbered(owner, number)
    crawls = row.crawls.annotate(pictures=Count("sightings__picture", distinct=True)).order_by("-number")
    values = {
        "owner": owner,
        "watch": row,
        "canaries": [(one, last_run(shapes.canary(one))) for one in canaries.active(owner).filter(watch=row)],
        "page": page_of(request, crawls),
        "may_decide": may_decide(request, owner),
    }
    return render(request, "web/watch.html", values)


@require_POST
@member_view
def run(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Start the watch now instead of at its time."""
    if not may_decide(request, owner):
        return forbidden()
    row = owned.watch_numbered(owner, number)
    if row.paused:
        messages.error(request, f"{row.name} is paused.")
    else:
        run_now(row)
        messages.success(request, f"{row.name} starts within some seconds.")
    return redirect("watch", slug=owner.slug, number=number)


@require_safe
@member_view
def crawl(request: HttpRequest, owner: Owner, watch_number: int, number: int) -> HttpResponse:
    """One crawl: what it visited, what it saw, what it refused and why."""
    row = owned.crawl(owner, watch_number, number)
    values = {
        "owner": owner,
        "crawl": row,
        "waiting": row.frontier.filter(state__in=["pending", "leased"]).count(),
        "pictures": row.sightings.values("picture").distinct().count(),
        "counts": owned.refusal_counts(row),
        "page": page_of(request, row.refusals.order_by("reason", "pk")),
    }
    return render(request, "web/crawl.html", values)
