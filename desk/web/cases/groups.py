"""Cases that are alike, put aside at once: how far it is, and taken back."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.web.cases.queue import wanted_in
from desk.web.common.access import said
from desk.web.common.pages import decider_post, member_page
from registry.models import UNFINISHED, Case, GroupDecision, Owner
from workers.cases import decisions
from workers.services import wiring


@decider_post("cases/put-aside", "put-aside", back="cases")
def put_aside(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Clear all cases that wait and are as the address says."""
    by, reason = request.user.get_username(), said(request.POST.get("reason", ""))
    group = decisions.clear_group(wiring.services(), owner, wanted_in(request), by=by, reason=reason)
    return redirect("group-decision", slug=owner.slug, group=group.pk)


@member_page("cases/groups/<int:group>/", "group-decision", "web/group-decision.html")
def group_decision(request: HttpRequest, owner: Owner, group: int) -> dict[str, object]:
    """How far it is with cases that were put aside at once, or are opened again."""
    row = _group(owner, group)
    cleared = row.cases.filter(decision=Case.Decision.CLEARED).count()
    mine = row.by == request.user.get_username()
    return {"group": row, "cleared": cleared, "goes_on": row.state in UNFINISHED, "mine": mine}


@decider_post("cases/groups/<int:group>/undo", "undo-group", back="group-decision")
def undo_group(request: HttpRequest, owner: Owner, group: int) -> str:
    """Open again what was put aside at once."""
    decisions.undo_group(wiring.services(), _group(owner, group), by=request.user.get_username())
    return _("They are opened again, one after the other.")


def _group(owner: Owner, pk: int) -> GroupDecision:
    if (row := owner.group_decisions.filter(pk=pk).first()) is None:
        raise Http404
    return row
