"""Watches: the list, the page of one, its settings, and its canaries."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.texts.crawl_refusals import amounts, end_in_words
from desk.texts.known_copies import describe_last_runs
from desk.texts.numbers import counted
from desk.texts.schedules import describe_budget, describe_politeness, describe_schedule, describe_used_up_visits
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, parse_number
from desk.web.common.pages import ErrorMessages, decider_form, decider_post, member_page, page_of, show
from desk.web.watches.crawls import progress_of, unfinished_crawl
from desk.web.watches.forms import WatchForm, reads_files
from exhibit.errors import ExhibitError, NotFoundError, RefusedError, WrongUseError
from registry import scoped
from registry.cases import opt_outs
from registry.crawls import canaries, own_sites, page_changes, planning, watch_settings, watches as arranging
from registry.crawls.budgets import list_month_charges, sum_charges
from registry.crawls.revisits import is_past
from registry.matches import proposals
from registry.models import Crawl, Owner, Watch
from workers import wiring


@member_page("web/watches.html")
def watches(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's watches with their last crawls."""
    page = page_of(request, scoped.watches(owner))
    last, finds = scoped.last_crawls(page), scoped.count_by_watch(page)
    return {"page": page, "rows": [_row(row, last.get(row.pk), *finds.get(row.pk, (0, 0))) for row in page]}


def _row(watch: Watch, last: Crawl | None, finds: int, open_count: int) -> dict[str, object]:
    schedule_text = "" if is_past(watch) or watch_settings.is_list_watch(watch) else describe_schedule(watch)
    return {
        "watch": watch,
        "schedule": schedule_text,
        "last": last,
        "end": "" if last is None or last.reason == "finished" else end_in_words(last.reason),
        "finds": finds,
        "waiting": open_count,
        "proposed": proposals.list_open_of_watch(watch).count() if watch.own else 0,
    }


@member_page("web/watch.html")
def watch(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a watch: sources, schedule, budget and crawls."""
    row = scoped.watch_numbered(owner, number)
    row.owner = owner  # Saves a query.
    page = page_of(request, row.crawls.order_by("-number"))
    crawl = unfinished_crawl(row)
    return {
        "watch": row,
        "schedule": "" if is_past(row) else describe_schedule(row),
        "budget": describe_budget(row.budget),
        "visits_used_up": describe_used_up_visits(row),
        "spent": amounts(sum_charges(list_month_charges(row.pk))) if watch_settings.is_search_watch(row) else "",
        "politeness": () if reads_files(row) else describe_politeness({**row.politeness, **_without_robots(row)}),
        "changing": page_changes.count_weekly_changes(row.pk),
        "canaries": [(item, last, canaries.is_in_reach(item)) for item, last in describe_last_runs(row)],
        "opt_outs": [(item, [counted(n, why) for why, n in item.how.items()]) for item in opt_outs.find_opt_outs(row)],
        "own_places": own_sites.list_places(row),
        "proposed": proposals.list_open_of_watch(row).count() if row.own else 0,
        "visits_sites": watch_settings.is_site_watch(row),
        "page": page,
        "crawls": [(row, end_in_words(row.reason)) for row in page],
        "crawl": crawl,
        "progress": None if crawl is None else progress_of(crawl),
    }


def _without_robots(row: Watch) -> dict[str, bool]:
    """Return politeness overrides: archives are queried as an API, to which robots.txt does not apply."""
    return {"obey_robots": False, "obey_reservations": False} if watch_settings.is_archive_watch(row) else {}


@decider_form()
def edit(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Edit the name, schedule, budget and politeness of a watch."""
    row = scoped.watch_numbered(owner, number)
    form = WatchForm(request.POST if request.method == "POST" else None, watch=row)
    if form.is_valid():
        try:
            by = request.user.get_username()
            arranging.update_watch(wiring.services(), row, **form.settings(), **form.subjects(owner), by=by)
        except ExhibitError as error:
            form.add_error(None, in_words(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("watch", slug=owner.slug, number=number)
    values = {"watch": row, "form": form, "web": not reads_files(row)}
    return show(request, owner, "web/watch-edit.html", values, status=422 if form.errors else 200)


@decider_post()
def run(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Start the watch now, in addition to its schedule. ``everything`` includes pages unchanged for a long time."""
    row = scoped.watch_numbered(owner, number)
    return start_now(request, row, everything=bool(request.POST.get("everything")))


def start_now(request: HttpRequest, row: Watch, *, everything: bool = False) -> HttpResponse:
    """Start a watch and redirect to its crawl, or back to the watch with the reason if it cannot start."""
    with ErrorMessages(request):
        started = planning.start_now(wiring.services(), row, everything=everything)
        return redirect("crawl", slug=row.owner.slug, watch_number=row.number, number=started.number)
    return redirect("watch", slug=row.owner.slug, number=row.number)


@decider_post(back="watch")
def pause(request: HttpRequest, owner: Owner, number: int) -> None:
    """Pause or resume the watch."""
    row = scoped.watch_numbered(owner, number)
    change = watch_settings.resume if request.POST.get("to") == "resume" else watch_settings.pause
    change(row, by=request.user.get_username())


@decider_form(back="watch")
def remove(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Ask for confirmation, and delete the watch."""
    row = scoped.watch_numbered(owner, number)
    if request.method != "POST":
        return show(request, owner, "web/watch-remove.html", {"watch": row})
    planning.remove_watch(wiring.services(), row, by=request.user.get_username())
    messages.success(request, _("%(watch)s was deleted. Its results are kept.") % {"watch": row.name})
    return redirect("watches", slug=owner.slug)


@decider_post(back="watch")
def add_known_copy(request: HttpRequest, owner: Owner, number: int) -> None:
    """Add a canary: a page of the owner that shows a known copy of a work."""
    watch = scoped.watch_numbered(owner, number)
    url, work = clean_text(request.POST.get("url", "")), clean_text(request.POST.get("work", ""))
    try:
        work_row = scoped.work(owner, parse_number(work) or 0)
        arranging.plant(wiring.services(), work_row, watch, url, by=request.user.get_username())
    except NotFoundError:
        messages.error(request, _("No work has this number."))
    except RefusedError:
        messages.error(request, _("This is not the URL of a page. Enter a URL that starts with http:// or https://."))
    except WrongUseError:
        messages.error(request, _("This watch does not visit pages, so it cannot find a known copy."))
    else:
        messages.success(request, _("From its next run on, this watch is expected to find the known copy."))


@decider_post(back="watch")
def withdraw_known_copy(request: HttpRequest, owner: Owner, number: int, canary: int) -> str:
    """Withdraw a canary."""
    row = scoped.known_copy(owner, canary)
    canaries.withdraw_known_copy(row, by=request.user.get_username())
    return _("The known copy is no longer expected. Results of earlier runs are kept.")
