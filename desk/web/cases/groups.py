"""Cases that are alike, put aside at once: how far it is, and taken back."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.web.cases.queue import wanted_in
from desk.web.common.access import Telling, decider_post, member_page, said, show
from registry.models import UNFINISHED, Case, GroupDecision, Owner
from workers.cases import decisions
from workers.services import wiring


@decider_post
def put_aside(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Clear all cases that wait and are as the address says."""
    by, reason = request.user.get_username(), said(request.POST.get("reason", ""))
    with Telling(request):
        group = decisions.clear_group(wiring.services(), owner, wanted_in(request), by=by, reason=reason)
        return redirect("group-decision", slug=owner.slug, group=group.pk)
    return redirect("cases", slug=owner.slug)


@member_page
def group_decision(request: HttpRequest, owner: Owner, group: int) -> HttpResponse:
    """How far it is with cases that were put aside at once, or are opened again."""
    row = _group(owner, group)
    cleared = row.cases.filter(decision=Case.Decision.CLEARED).count()
    mine = row.by == request.user.get_username()
    values = {"group": row, "cleared": cleared, "goes_on": row.state in UNFINISHED, "mine": mine}
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
