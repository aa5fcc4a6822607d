"""Assignment of one or many cases to members, and its undo."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.texts.numbers import grouped
from desk.texts.sentences import in_words
from desk.web.common.access import number_in, person_of, said
from desk.web.common.pages import decider_page, decider_post
from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry import scoped
from registry.cases import assigning, queue
from registry.cases.assigning import Change
from registry.cases.queue import MAX_CASES, NOBODY, State
from registry.members import people
from registry.models import Case, Owner

LAST = "assigned-last"
"""Session key. By owner slug: the last assignment (as :func:`_written`) and its Unix time."""
LATELY = 300.0
"""Seconds during which a button undoes the last assignment."""

Told = list[tuple[str, str]]


def filters_of(request: HttpRequest, owner: Owner, state: State, chosen: str) -> Told:
    """Return the queue's assignee filters with case counts; empty if no case is assigned."""
    counted = assigning.counts(owner, state)
    if not counted.keys() - {None} and not chosen:
        return []
    members, me = dict(_members(owner)), str(person_of(request).pk)
    others = sorted((members[str(key)], str(key)) for key in counted if str(key) in members and str(key) != me)
    names = [(me, _("Assigned to me")), (NOBODY, _("Unassigned")), *((key, name) for name, key in others)]
    by_key = {NOBODY if key is None else str(key): count for key, count in counted.items()}
    options = [(key, f"{name} ({grouped(by_key.get(key, 0))})") for key, name in names]
    return [("", _("All assignees")), *options]


def shared(owner: Owner) -> bool:
    """Return True if the owner has other members to assign cases to."""
    return people.members(owner).count() > 1


def whom(owner: Owner, row: Case) -> Told:
    """Return the form options for assigning a case; empty if there is no choice."""
    members = _members(owner)
    has = row.assigned_to_id
    if has is None and len(members) < 2:
        return []
    return [*members, *([(NOBODY, _("Unassigned"))] if has else [])]


def whose(query: QueryDict) -> str:
    """Return the assignee in a query string: a member's number, ``NOBODY``, or empty for everybody."""
    assignee = query.get("for", "")
    return NOBODY if assignee == NOBODY else str(number_in(assignee) or "")


def undo_of(request: HttpRequest, owner: Owner) -> dict[str, Any]:
    """Return the last assignment, if recent, for its undo button: number of cases and their changes."""
    changes, at = request.session.get(LAST, {}).get(owner.slug, ("", 0.0))
    is_late = now().timestamp() - at > LATELY
    return {} if is_late else {"changes": changes, "count": len(changes.split())}


@decider_page("web/cases-assign.html")
def choose(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the chosen cases and the members they can be assigned to."""
    numbers = _numbers(request.GET.getlist("case"))[:MAX_CASES]
    rows = scoped.cases(owner).filter(number__in=numbers).select_related("assigned_to")
    return {"rows": rows, "whom": [*_members(owner), (NOBODY, _("Unassigned"))], "me": str(person_of(request).pk)}


@decider_post()
def assign(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Assign cases, or undo an assignment (``undo``). Scripts get JSON with the updated HTML of each case."""
    script = request.headers.get("Accept") == "application/json"
    try:
        changes = _assigned(request, owner)
    except WrongUseError as error:
        if script:
            return JsonResponse({"error": in_words(error)}, status=400)
        messages.error(request, in_words(error))
        changes = []
    if script:
        rows = scoped.cases(owner).filter(number__in=[one.case for one in changes]).select_related("assigned_to")
        updates = [{"number": row.number, "html": _beside(request, owner, row)} for row in rows]
        left = queue.left(owner, whose(QueryDict(request.POST.get("query", ""))))
        return JsonResponse({"left": left, "cases": updates, "undo": _written(changes)})
    last = {key: value for key, value in request.session.get(LAST, {}).items() if key != owner.slug}
    if "undo" in request.POST:
        request.session[LAST] = last
        if changes:
            messages.success(request, _("The previous assignment was restored."))
    elif changes:
        request.session[LAST] = {**last, owner.slug: (_written(changes), now().timestamp())}
    if (only := number_in(request.POST.get("back"))) is not None:
        return redirect("case", slug=owner.slug, number=only)
    query = said(request.POST.get("query", ""))
    return redirect(reverse("cases", args=[owner.slug]) + (f"?{query}" if query else ""))


def _assigned(request: HttpRequest, owner: Owner) -> list[Change]:
    """Perform a form's action: ``undo`` with changes, ``assign`` with assignee and cases, or ``to`` and ``case``."""
    by, fields = request.user.get_username(), request.POST
    if "undo" in fields:
        return assigning.take_back(owner, _read(fields["undo"]), by=by)
    to, *numbers = fields.get("assign", "").split() or [fields.get("to", ""), *fields.getlist("case")]
    person = None if to == NOBODY else number_in(to) or 0
    return assigning.assign(owner, _numbers(numbers), person, by=by)


def _beside(request: HttpRequest, owner: Owner, row: Case) -> str:
    """Render the assignee of a case in the queue, with the button to take it over."""
    return render_to_string("web/cases-assigned.html", {"case": row, "may_decide": True}, request)


def _members(owner: Owner) -> Told:
    return [(str(row.user_id), row.user.get_username()) for row in people.members(owner)]


def _numbers(named: Sequence[str]) -> list[int]:
    return [number for number in (number_in(one) for text in named for one in text.split()) if number]


def _written(changes: Sequence[Change]) -> str:
    return " ".join(f"{one.case}:{one.before or ''}:{one.after or ''}" for one in changes)


def _read(text: str) -> list[Change]:
    """Parse the result of :func:`_written`.

    Raises:
        WrongUseError: The text is invalid.
    """
    changes = []
    for one in text.split()[: MAX_CASES + 1]:
        number, *who = one.split(":")
        if len(who) != 2 or number_in(number) is None or any(key and number_in(key) is None for key in who):
            raise WrongUseError(_("No case was specified."))
        changes.append(Change(int(number), number_in(who[0]), number_in(who[1])))
    return changes
