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
from desk.web.common.access import clean_text, parse_number, person_of
from desk.web.common.pages import decider_page, decider_post
from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry import scoped
from registry.cases import assignments, queue
from registry.cases.assignments import Change
from registry.cases.queue import MAX_CASES, UNASSIGNED, State
from registry.members import accounts
from registry.models import Case, Owner

LAST = "assigned-last"
"""Session key. By owner slug: the last assignment (as :func:`_serialize_changes`) and its Unix time."""
UNDO_SECONDS = 300.0
"""Seconds during which a button undoes the last assignment."""

Options = list[tuple[str, str]]


def assignee_filters(request: HttpRequest, owner: Owner, state: State, selected: str) -> Options:
    """Return the queue's assignee filters with case counts; empty if no case is assigned."""
    counts = assignments.count_by_member(owner, state)
    if not counts.keys() - {None} and not selected:
        return []
    members, me = dict(_members(owner)), str(person_of(request).pk)
    colleagues = sorted((members[str(key)], str(key)) for key in counts if str(key) in members and str(key) != me)
    names = [(me, _("Assigned to me")), (UNASSIGNED, _("Unassigned")), *((key, name) for name, key in colleagues)]
    by_key = {UNASSIGNED if key is None else str(key): count for key, count in counts.items()}
    options = [(key, f"{name} ({grouped(by_key.get(key, 0))})") for key, name in names]
    return [("", _("All assignees")), *options]


def has_other_members(owner: Owner) -> bool:
    """Return True if the owner has other members to assign cases to."""
    return accounts.list_members(owner).count() > 1


def assignee_options(owner: Owner, row: Case) -> Options:
    """Return the form options for assigning a case; empty if there is no choice."""
    members = _members(owner)
    assignee_id = row.assigned_to_id
    if assignee_id is None and len(members) < 2:
        return []
    return [*members, *([(UNASSIGNED, _("Unassigned"))] if assignee_id else [])]


def assignee_in(query: QueryDict) -> str:
    """Return the assignee in a query string: a member's number, ``UNASSIGNED``, or empty for everybody."""
    assignee = query.get("for", "")
    return UNASSIGNED if assignee == UNASSIGNED else str(parse_number(assignee) or "")


def recent_assignment(request: HttpRequest, owner: Owner) -> dict[str, Any]:
    """Return the last assignment, if recent, for its undo button: number of cases and their changes."""
    changes, at = request.session.get(LAST, {}).get(owner.slug, ("", 0.0))
    is_late = now().timestamp() - at > UNDO_SECONDS
    return {} if is_late else {"changes": changes, "count": len(changes.split())}


@decider_page("web/cases-assign.html")
def choose(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the chosen cases and the members they can be assigned to."""
    numbers = _parse_numbers(request.GET.getlist("case"))[:MAX_CASES]
    rows = scoped.cases(owner).filter(number__in=numbers).select_related("assigned_to")
    return {"rows": rows, "whom": [*_members(owner), (UNASSIGNED, _("Unassigned"))], "me": str(person_of(request).pk)}


@decider_post()
def assign(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Assign cases, or undo an assignment (``undo``). Scripts get JSON with the updated HTML of each case."""
    script = request.headers.get("Accept") == "application/json"
    try:
        changes = _apply_assignment(request, owner)
    except WrongUseError as error:
        if script:
            return JsonResponse({"error": in_words(error)}, status=400)
        messages.error(request, in_words(error))
        changes = []
    if script:
        rows = scoped.cases(owner).filter(number__in=[change.case for change in changes]).select_related("assigned_to")
        updates = [{"number": row.number, "html": _render_assignee(request, owner, row)} for row in rows]
        remaining = queue.count_waiting(owner, assignee_in(QueryDict(request.POST.get("query", ""))))
        return JsonResponse({"left": remaining, "cases": updates, "undo": _serialize_changes(changes)})
    last = {key: value for key, value in request.session.get(LAST, {}).items() if key != owner.slug}
    if "undo" in request.POST:
        request.session[LAST] = last
        if changes:
            messages.success(request, _("The previous assignment was restored."))
    elif changes:
        request.session[LAST] = {**last, owner.slug: (_serialize_changes(changes), now().timestamp())}
    if (only := parse_number(request.POST.get("back"))) is not None:
        return redirect("case", slug=owner.slug, number=only)
    query = clean_text(request.POST.get("query", ""))
    return redirect(reverse("cases", args=[owner.slug]) + (f"?{query}" if query else ""))


def _apply_assignment(request: HttpRequest, owner: Owner) -> list[Change]:
    """Perform a form's action: ``undo`` with changes, ``assign`` with assignee and cases, or ``to`` and ``case``."""
    by, fields = request.user.get_username(), request.POST
    if "undo" in fields:
        return assignments.undo_assignments(owner, _parse_changes(fields["undo"]), by=by)
    to, *numbers = fields.get("assign", "").split() or [fields.get("to", ""), *fields.getlist("case")]
    person = None if to == UNASSIGNED else parse_number(to) or 0
    return assignments.assign(owner, _parse_numbers(numbers), person, by=by)


def _render_assignee(request: HttpRequest, owner: Owner, row: Case) -> str:
    """Render the assignee of a case in the queue, with the button to take it over."""
    return render_to_string("web/cases-assigned.html", {"case": row, "may_decide": True}, request)


def _members(owner: Owner) -> Options:
    return [(str(row.user_id), row.user.get_username()) for row in accounts.list_members(owner)]


def _parse_numbers(texts: Sequence[str]) -> list[int]:
    return [number for number in (parse_number(word) for text in texts for word in text.split()) if number]


def _serialize_changes(changes: Sequence[Change]) -> str:
    return " ".join(f"{change.case}:{change.before or ''}:{change.after or ''}" for change in changes)


def _parse_changes(text: str) -> list[Change]:
    """Parse the result of :func:`_serialize_changes`.

    Raises:
        WrongUseError: The text is invalid.
    """
    changes = []
    for item in text.split()[: MAX_CASES + 1]:
        number, *who = item.split(":")
        if len(who) != 2 or parse_number(number) is None or any(key and parse_number(key) is None for key in who):
            raise WrongUseError(_("No case was specified."))
        changes.append(Change(int(number), parse_number(who[0]), parse_number(who[1])))
    return changes
