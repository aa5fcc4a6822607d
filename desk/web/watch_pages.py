"""Watches: the list, the page of one, and what is set of it."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.canaries import last_runs
from desk.refusals import end_in_words
from desk.schedules import budget, politeness, schedule
from desk.sentences import in_words
from desk.web.access import decider_view, may_decide, member_view
from desk.web.crawl_pages import progress_of
from desk.web.paging import page_of
from desk.web.watch_forms import WatchForm, reads_files
from exhibit.errors import ExhibitError
from registry import canaries, owned, watching
from registry.models import Crawl, Owner, User, Watch
from registry.revisits import is_past
from workers import wiring
from workers.search_services import words_of
from workers.steps.plan import start_now


@require_safe
@member_view
def watches(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The owner's watches with their last crawls."""
    page = page_of(request, owned.watches(owner))
    last = owned.last_crawls(page)
    values = {
        "owner": owner,
        "page": page,
        "rows": [_row(row, last.get(row.pk)) for row in page],
        "may_decide": may_decide(request, owner),
    }
    return render(request, "web/watches.html", values)


def _row(watch: Watch, last: Crawl | None) -> dict[str, object]:
    said = "" if is_past(watch) else schedule(watch)
    return {"watch": watch, "schedule": said, "last": last, "end": "" if last is None else end_in_words(last.reason)}


@require_safe
@member_view
def watch(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """One watch: its sources, its schedule, what it may spend, its crawls."""
    row = owned.watch_numbered(owner, number)
    page = page_of(request, row.crawls.order_by("-number"))
    under_way = watching.crawl_under_way(row)
    values = {
        "owner": owner,
        "watch": row,
        "schedule": "" if is_past(row) else schedule(row),
        "budget": budget(row.budget),
        "politeness": () if reads_files(row) else politeness(row.politeness),
        "canaries": [(one, last, canaries.is_in_reach(one)) for one, last in last_runs(row)],
        "visits_sites": watching.visits_sites(row),
        "page": page,
        "crawls": [(one, end_in_words(one.reason)) for one in page],
        "crawl": under_way,
        "progress": None if under_way is None else progress_of(under_way),
        "may_decide": may_decide(request, owner),
    }
    return render(request, "web/watch.html", values)


@require_http_methods(["GET", "HEAD", "POST"])
@decider_view
def edit(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Set name, schedule, budget and politeness of a watch."""
    row = owned.watch_numbered(owner, number)
    form = WatchForm(request.POST if request.method == "POST" else None, watch=row)
    if form.is_valid():
        try:
            _change(row, form, _person(request))
        except ExhibitError as error:
            form.add_error(None, in_words(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("watch", slug=owner.slug, number=number)
    values = {"owner": owner, "watch": row, "form": form, "web": not reads_files(row)}
    return render(request, "web/watch-edit.html", values, status=422 if form.errors else 200)


def _change(row: Watch, form: WatchForm, by: str) -> None:
    with transaction.atomic():
        watching.change_watch(row, **form.settings(), by=by)
        if "words" in form.cleaned_data:
            watching.change_words(row, words_of(form.cleaned_data["words"]), by=by)


@require_POST
@decider_view
def run(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Start the watch now, beside its times."""
    return run_at_once(request, owned.watch_numbered(owner, number))


def run_at_once(request: HttpRequest, row: Watch) -> HttpResponse:
    """Start a watch and lead to its run; or to the watch, with a sentence why it doesn't start."""
    try:
        started = start_now(wiring.house(), row)
    except ExhibitError as error:
        messages.error(request, in_words(error))
        return redirect("watch", slug=row.owner.slug, number=row.number)
    return redirect("crawl", slug=row.owner.slug, watch_number=row.number, number=started.number)


@require_POST
@decider_view
def pause(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Start no more crawls of the watch, or start them again."""
    row = owned.watch_numbered(owner, number)
    try:
        if request.POST.get("to") == "resume":
            watching.resume(row, by=_person(request))
        else:
            watching.pause(row, by=_person(request))
    except ExhibitError as error:
        messages.error(request, in_words(error))
    return redirect("watch", slug=owner.slug, number=number)


@require_http_methods(["GET", "HEAD", "POST"])
@decider_view
def remove(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Ask whether the watch may go, and let it go."""
    row = owned.watch_numbered(owner, number)
    if request.method != "POST":
        return render(request, "web/watch-remove.html", {"owner": owner, "watch": row})
    try:
        watching.remove_watch(row, by=_person(request))
    except ExhibitError as error:
        messages.error(request, in_words(error))
        return redirect("watch", slug=owner.slug, number=number)
    messages.success(request, _("%(watch)s is deleted. What it saw stays.") % {"watch": row.name})
    return redirect("watches", slug=owner.slug)


def _person(request: HttpRequest) -> str:
    assert isinstance(request.user, User)
    return request.user.get_username()
