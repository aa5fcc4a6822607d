"""Assignment of cases to members, and undoing it."""

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
from desk.web.common.access import clean_text, get_user, parse_number
from desk.web.common.pages import decider_page, decider_post
from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry import scoped
from registry.cases import assignments, queue
from registry.cases.assignments import AssignmentChange
from registry.cases.queue import MAX_CASES, UNASSIGNED, CaseState
from registry.members import accounts
from registry.models import Case, Owner

LAST_ASSIGNMENT_KEY = "assigned-last"
"""Session key. By owner slug: the last assignment (as :func:`_serialize_changes`) and its Unix time."""
UNDO_SECONDS = 300.0
"""Seconds during which a button undoes the last assignment."""

Options = list[tuple[str, str]]


def build_assignee_filters(request: HttpRequest, owner: Owner, state: CaseState, selected_assignee: str) -> Options:
    """Return the queue's assignee filters with case counts; empty if no case is assigned."""
    counts = assignments.count_by_member(owner, state)
    if not counts.keys() - {None} and not selected_assignee:
        return []
    members, own_id = dict(_list_members(owner)), str(get_user(request).pk)
    colleagues = sorted((members[str(key)], str(key)) for key in counts if str(key) in members and str(key) != own_id)
    names = [(own_id, _("Assigned to me")), (UNASSIGNED, _("Unassigned")), *((key, name) for name, key in colleagues)]
    counts_by_key = {UNASSIGNED if key is None else str(key): count for key, count in counts.items()}
    options = [(key, f"{name} ({grouped(counts_by_key.get(key, 0))})") for key, name in names]
    return [("", _("All assignees")), *options]


def has_other_members(owner: Owner) -> bool:
    """Return True if the owner has other members to assign cases to."""
    return accounts.list_members(owner).count() > 1


def build_assignee_options(owner: Owner, row: Case) -> Options:
    """Return the form options for assigning a case; empty if there is no choice."""
    members = _list_members(owner)
    assignee_id = row.assigned_to_id
    if assignee_id is None and len(members) < 2:
        return []
    return [*members, *([(UNASSIGNED, _("Unassigned"))] if assignee_id else [])]


def parse_assignee(query: QueryDict) -> str:
    """Return the assignee in a query string: a member's number, ``UNASSIGNED``, or empty for all assignees."""
    assignee = query.get("for", "")
    return UNASSIGNED if assignee == UNASSIGNED else str(parse_number(assignee) or "")


def get_recent_assignment(request: HttpRequest, owner: Owner) -> dict[str, Any]:
    """Return the changes and the number of cases of the last assignment, for its undo button; empty if too old."""
    changes, at = request.session.get(LAST_ASSIGNMENT_KEY, {}).get(owner.slug, ("", 0.0))
    is_expired = now().timestamp() - at > UNDO_SECONDS
    return {} if is_expired else {"changes": changes, "count": len(changes.split())}


@decider_page("web/cases-assign.html")
def choose_assignee(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the chosen cases and the members they can be assigned to."""
    numbers = _parse_numbers(request.GET.getlist("case"))[:MAX_CASES]
    rows = scoped.list_owner_cases(owner).filter(number__in=numbers).select_related("assigned_to")
    return {
        "rows": rows,
        "whom": [*_list_members(owner), (UNASSIGNED, _("Unassigned"))],
        "me": str(get_user(request).pk),
    }


@decider_post()
def assign(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Assign cases, or undo an assignment (``undo``). Scripts get JSON with the updated HTML of each case."""
    is_script = request.headers.get("Accept") == "application/json"
    try:
        changes = _apply_assignment(request, owner)
    except InvalidRequestError as error:
        if is_script:
            return JsonResponse({"error": in_words(error)}, status=400)
        messages.error(request, in_words(error))
        changes = []
    if is_script:
        rows = (
            scoped.list_owner_cases(owner)
            .filter(number__in=[change.case for change in changes])
            .select_related("assigned_to")
        )
        updates = [{"number": row.number, "html": _render_assignee(request, owner, row)} for row in rows]
        remaining = queue.count_pending_cases(owner, parse_assignee(QueryDict(request.POST.get("query", ""))))
        return JsonResponse({"left": remaining, "cases": updates, "undo": _serialize_changes(changes)})
    other_assignments = {
        key: value for key, value in request.session.get(LAST_ASSIGNMENT_KEY, {}).items() if key != owner.slug
    }
    if "undo" in request.POST:
        request.session[LAST_ASSIGNMENT_KEY] = other_assignments
        if changes:
            messages.success(request, _("The previous assignment was restored."))
    elif changes:
        request.session[LAST_ASSIGNMENT_KEY] = {
            **other_assignments,
            owner.slug: (_serialize_changes(changes), now().timestamp()),
        }
    if (case_number := parse_number(request.POST.get("back"))) is not None:
        return redirect("case", slug=owner.slug, number=case_number)
    query = clean_text(request.POST.get("query", ""))
    return redirect(reverse("cases", args=[owner.slug]) + (f"?{query}" if query else ""))


def _apply_assignment(request: HttpRequest, owner: Owner) -> list[AssignmentChange]:
    """Perform a form's action.

    The form contains ``undo`` with changes, ``assign`` with an assignee and cases, or ``to`` and ``case``.
    """
    by, fields = request.user.get_username(), request.POST
    if "undo" in fields:
        return assignments.undo_assignments(owner, _parse_changes(fields["undo"]), by=by)
    assignee, *numbers = fields.get("assign", "").split() or [fields.get("to", ""), *fields.getlist("case")]
    member = None if assignee == UNASSIGNED else parse_number(assignee) or 0
    return assignments.assign_cases(owner, _parse_numbers(numbers), member, by=by)


def _render_assignee(request: HttpRequest, owner: Owner, row: Case) -> str:
    """Render the assignee of a case in the queue, with the button to assign the case to oneself."""
    return render_to_string("web/cases-assigned.html", {"case": row, "may_decide": True}, request)


def _list_members(owner: Owner) -> Options:
    return [(str(row.user_id), row.user.get_username()) for row in accounts.list_members(owner)]


def _parse_numbers(texts: Sequence[str]) -> list[int]:
    return [number for number in (parse_number(item) for text in texts for item in text.split()) if number]


def _serialize_changes(changes: Sequence[AssignmentChange]) -> str:
    return " ".join(f"{change.case}:{change.before or ''}:{change.after or ''}" for change in changes)


def _parse_changes(text: str) -> list[AssignmentChange]:
    """Parse the result of :func:`_serialize_changes`.

    Raises:
        InvalidRequestError: The text is invalid.
    """
    changes = []
    for item in text.split()[: MAX_CASES + 1]:
        number, *members = item.split(":")
        if (
            len(members) != 2
            or parse_number(number) is None
            or any(key and parse_number(key) is None for key in members)
        ):
            raise InvalidRequestError(_("No case was specified."))
        changes.append(AssignmentChange(int(number), parse_number(members[0]), parse_number(members[1])))
    return changes
