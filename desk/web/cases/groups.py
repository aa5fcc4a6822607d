"""Cases that are alike, put aside at once: what that would be, how far it is, and taken back."""

from dataclasses import replace

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.web.cases.queue import wanted_in
from desk.web.common.access import Telling, decider_form, decider_post, member_page, number_in, said, show
from registry.accounts import scoped
from registry.cases import queue
from registry.models import UNFINISHED, Case, GroupDecision, Owner
from workers.cases import decisions
from workers.services import wiring

SHOWN = 6
"""Of the cases that would be put aside, those that are shown: the likeliest."""


@decider_form
def put_aside(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show how many cases wait that are like this, and the likeliest of them; clear them all when that is sent."""
    wanted = wanted_in(request)
    if request.method == "POST":
        newest, by = number_in(request.POST.get("newest")) or 0, request.user.get_username()
        copies, reason = request.POST.get("decide") == "copies", said(request.POST.get("reason", ""))
        with Telling(request):
            made = decisions.clear_group(
                wiring.services(), owner, wanted, newest=newest, by=by, reason=reason, copies=copies
            )
            return redirect("group-decision", slug=owner.slug, group=made.pk)
        return redirect("cases", slug=owner.slug)
    wanted = replace(wanted, state=queue.State.WAITING)
    rows = [row.case for row in queue.in_groups(owner, wanted, 0, SHOWN)]
    values = {
        "wanted": wanted,
        "count": queue.chosen(owner, wanted).count(),
        "cases": rows,
        "hidden": scoped.hidden_among(owner, [row.shown.match.found for row in rows if row.shown]),
        "newest": owner.cases.order_by("-number").values_list("number", flat=True).first(),
    }
    return show(request, owner, "web/put-aside.html", values)


@member_page
def group_decision(request: HttpRequest, owner: Owner, group: int) -> HttpResponse:
    """How far it is with cases that were put aside at once, or are opened again."""
    row = _group(owner, group)
    values = {
        "group": row,
        "cleared": row.cases.filter(decision=Case.Decision.CLEARED).count(),
        "goes_on": row.state in UNFINISHED,
        "mine": row.by == request.user.get_username(),
    }
    return show(request, owner, "web/group-decision.html", values)


@decider_post
def undo_group(request: HttpRequest, owner: Owner, group: int) -> HttpResponse:
    """Open again what was put aside at once."""
    with Telling(request):
        decisions.undo_group(wiring.services(), _group(owner, group), by=request.user.get_username())
        messages.success(request, _("They are opened again, one after the other."))
    return redirect("group-decision", slug=owner.slug, group=group)


def _group(owner: Owner, pk: int) -> GroupDecision:
    if (row := owner.group_decisions.filter(pk=pk).first()) is None:
        raise Http404
    return row
