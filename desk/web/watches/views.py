"""Watches: the list, the page of a watch, its settings, and its known copies."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.texts.crawl_refusals import describe_end, format_amounts
from desk.texts.known_copies import describe_last_runs
from desk.texts.numbers import counted
from desk.texts.schedules import describe_budget, describe_politeness, describe_schedule, describe_used_up_visits
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, parse_number
from desk.web.common.pages import ErrorMessages, decider_form, decider_post, get_page, member_page, render_page
from desk.web.watches.crawls import build_progress, find_unfinished_crawl
from desk.web.watches.forms import WatchForm, is_file_watch
from exhibit.errors import ExhibitError, InvalidRequestError, NotFoundError, RefusedError
from registry import scoped
from registry.cases import opt_outs
from registry.crawls import copy_checks, own_sites, page_changes, planning, watch_settings, watches as registry_watches
from registry.crawls.budgets import list_month_charges, sum_charges
from registry.crawls.revisits import is_revisit_watch
from registry.matches import proposals
from registry.models import Crawl, Owner, Watch
from workers import wiring


@member_page("web/watches.html")
def watches(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's watches with their last crawls."""
    page = get_page(request, scoped.list_watches(owner))
    last_crawls, match_counts = scoped.list_last_crawls(page), scoped.count_by_watch(page)
    return {
        "page": page,
        "rows": [_build_row(row, last_crawls.get(row.pk), *match_counts.get(row.pk, (0, 0))) for row in page],
    }


def _build_row(watch: Watch, last_crawl: Crawl | None, match_count: int, open_count: int) -> dict[str, object]:
    schedule_text = "" if is_revisit_watch(watch) or watch_settings.is_list_watch(watch) else describe_schedule(watch)
    return {
        "watch": watch,
        "schedule": schedule_text,
        "last": last_crawl,
        "end": "" if last_crawl is None or last_crawl.reason == "finished" else describe_end(last_crawl.reason),
        "finds": match_count,
        "waiting": open_count,
        "proposed": proposals.list_open_watch_proposals(watch).count() if watch.own else 0,
    }


@member_page("web/watch.html")
def watch(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a watch: sources, schedule, budget and crawls."""
    row = scoped.find_watch_by_number(owner, number)
    row.owner = owner  # Avoids a query.
    page = get_page(request, row.crawls.order_by("-number"))
    crawl = find_unfinished_crawl(row)
    return {
        "watch": row,
        "schedule": "" if is_revisit_watch(row) else describe_schedule(row),
        "budget": describe_budget(row.budget),
        "visits_used_up": describe_used_up_visits(row),
        "spent": format_amounts(sum_charges(list_month_charges(row.pk))) if watch_settings.is_search_watch(row) else "",
        "politeness": ()
        if is_file_watch(row)
        else describe_politeness({**row.politeness, **_get_robots_overrides(row)}),
        "changing": page_changes.count_weekly_changes(row.pk),
        "known_copies": [
            (item, last_result, copy_checks.is_in_reach(item)) for item, last_result in describe_last_runs(row)
        ],
        "opt_outs": [
            (item, [counted(n, reason) for reason, n in item.how.items()]) for item in opt_outs.find_opt_outs(row)
        ],
        "own_places": own_sites.list_places(row),
        "proposed": proposals.list_open_watch_proposals(row).count() if row.own else 0,
        "visits_sites": watch_settings.is_site_watch(row),
        "page": page,
        "crawls": [(row, describe_end(row.reason)) for row in page],
        "crawl": crawl,
        "progress": None if crawl is None else build_progress(crawl),
    }


def _get_robots_overrides(row: Watch) -> dict[str, bool]:
    """Return overrides of the politeness settings: robots.txt does not apply to archives, which are queried by API."""
    return {"obey_robots": False, "obey_reservations": False} if watch_settings.is_archive_watch(row) else {}


@decider_form()
def edit(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Edit the name, schedule, budget and politeness of a watch."""
    row = scoped.find_watch_by_number(owner, number)
    form = WatchForm(request.POST if request.method == "POST" else None, watch=row)
    if form.is_valid():
        try:
            by = request.user.get_username()
            registry_watches.update_watch(
                wiring.services(), row, **form.parse_settings(), **form.parse_subjects(owner), by=by
            )
        except ExhibitError as error:
            form.add_error(None, in_words(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("watch", slug=owner.slug, number=number)
    values = {"watch": row, "form": form, "web": not is_file_watch(row)}
    return render_page(request, owner, "web/watch-edit.html", values, status=422 if form.errors else 200)


@decider_post()
def run(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Start the watch now, in addition to its schedule. ``everything`` includes long-unchanged pages."""
    row = scoped.find_watch_by_number(owner, number)
    return start_watch(request, row, everything=bool(request.POST.get("everything")))


def start_watch(request: HttpRequest, row: Watch, *, everything: bool = False) -> HttpResponse:
    """Start a watch and redirect to its crawl. If it cannot start, redirect to the watch and show the reason."""
    with ErrorMessages(request):
        new_crawl = planning.start_crawl_now(wiring.services(), row, everything=everything)
        return redirect("crawl", slug=row.owner.slug, watch_number=row.number, number=new_crawl.number)
    return redirect("watch", slug=row.owner.slug, number=row.number)


@decider_post(back="watch")
def pause(request: HttpRequest, owner: Owner, number: int) -> None:
    """Pause or resume the watch."""
    row = scoped.find_watch_by_number(owner, number)
    change = watch_settings.resume_watch if request.POST.get("to") == "resume" else watch_settings.pause_watch
    change(row, by=request.user.get_username())


@decider_form(back="watch")
def remove(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Ask for confirmation, and delete the watch."""
    row = scoped.find_watch_by_number(owner, number)
    if request.method != "POST":
        return render_page(request, owner, "web/watch-remove.html", {"watch": row})
    planning.remove_watch(wiring.services(), row, by=request.user.get_username())
    messages.success(request, _("%(watch)s was deleted. Its results are kept.") % {"watch": row.name})
    return redirect("watches", slug=owner.slug)


@decider_post(back="watch")
def add_known_copy(request: HttpRequest, owner: Owner, number: int) -> None:
    """Add a known copy: a page of the owner that shows a work."""
    watch = scoped.find_watch_by_number(owner, number)
    url, work = clean_text(request.POST.get("url", "")), clean_text(request.POST.get("work", ""))
    try:
        work_row = scoped.get_work(owner, parse_number(work) or 0)
        registry_watches.place_known_copy(wiring.services(), work_row, watch, url, by=request.user.get_username())
    except NotFoundError:
        messages.error(request, _("No work has this number."))
    except RefusedError:
        messages.error(request, _("This is not the URL of a page. Enter a URL that starts with http:// or https://."))
    except InvalidRequestError:
        messages.error(request, _("This watch does not visit pages, so it cannot find a known copy."))
    else:
        messages.success(
            request,
            _(
                "The known copy was added. Exhibit checks in each run of this watch, starting with the next "
                "one, whether the run finds the copy."
            ),
        )


@decider_post(back="watch")
def withdraw_known_copy(request: HttpRequest, owner: Owner, number: int, known_copy: int) -> str:
    """Withdraw a known copy."""
    row = scoped.get_known_copy(owner, known_copy)
    copy_checks.withdraw_known_copy(row, by=request.user.get_username())
    return _("The known copy was removed from this watch. Results of earlier runs are kept.")
