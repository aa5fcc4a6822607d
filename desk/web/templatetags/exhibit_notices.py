"""Template tags about notices for other pages: the notices of a case, and those that are due."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.db.models import Count, QuerySet
from django.utils import timezone

from desk.web.notices.words import REPLY_LABELS, describe_state
from desk.web.parties.words import format_amount
from registry.models import Case, Membership, Notice, NoticeReply, Owner
from registry.notices import replies
from registry.notices.deadlines import build_due_soon_filter, list_due
from registry.notices.notices import annotate_replies

register = template.Library()
register.filter("amount", format_amount)

MAX_SHOWN = 3
"""Maximum number of notices that are listed; further ones are indicated."""


@register.inclusion_tag("web/case-notices.html")
def case_notices(owner: Owner, case: Case, *, may_decide: bool = False) -> dict[str, Any]:
    """Return the template data of a case's notices; ``paused`` if there is a counter-notice. Needs one query."""
    related_notices = Notice.objects.filter(notice_cases__case=case).exclude(state=Notice.State.DISCARDED)
    rows: QuerySet[Any, Any] = annotate_replies(related_notices)
    notices_with_states = [(row, describe_state(row)) for row in rows.order_by("-unread", "-number")]
    return {
        "owner": owner,
        "case": case,
        "rows": notices_with_states,
        "paused": any(row.state == Notice.State.COUNTERED for row, _ in notices_with_states),
        "may_begin": may_decide and case.decision == Case.Decision.CONFIRMED,
    }


@register.simple_tag
def unread_replies(owner: Owner) -> list[tuple[NoticeReply, str]]:
    """Return at most ``MAX_SHOWN`` + 1 unread replies to notices, oldest first. Needs one query."""
    rows = replies.list_unread_replies(owner)[: MAX_SHOWN + 1]
    return [(row, str(REPLY_LABELS[NoticeReply.Kind(row.kind)])) for row in rows]


@register.inclusion_tag("web/notices-due.html")
def notices_due(owner: Owner) -> dict[str, Any]:
    """Return the notices that need attention now, most urgent first. Needs one query."""
    today = timezone.localdate()
    rows = list(list_due(owner, today)[: MAX_SHOWN + 1])
    return {"owner": owner, "rows": rows[:MAX_SHOWN], "more": len(rows) > MAX_SHOWN, "today": today}


@register.simple_tag
def annotate_due(memberships: Sequence[Membership]) -> list[Membership]:
    """Annotate memberships with ``due`` (number of notices that are due) and ``unread`` (number of unread replies).

    Needs two queries.
    """
    rows = list(memberships)
    owner_ids = [row.owner_id for row in rows]
    unread = NoticeReply.objects.filter(seen_at=None, notice__owner__in=owner_ids)
    unread = unread.exclude(notice__state=Notice.State.DISCARDED).order_by()
    unread_counts = dict(unread.values_list("notice__owner").annotate(n=Count("pk")))
    due_notices = Notice.objects.filter(build_due_soon_filter(timezone.localdate()), owner__in=owner_ids)
    due_counts = dict(due_notices.order_by().values_list("owner").annotate(n=Count("pk")))
    for membership in rows:
        membership.due = due_counts.get(membership.owner_id, 0)  # type: ignore[attr-defined] # for the template
        membership.unread = unread_counts.get(membership.owner_id, 0)  # type: ignore[attr-defined] # for the template
    return rows
