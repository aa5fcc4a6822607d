"""Template tags about notices for other pages: the notices of a case, and those that are due."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.db.models import Count, QuerySet
from django.utils import timezone

from desk.web.notices.words import REPLIES, state_of
from desk.web.parties.words import amount
from registry.models import Case, Membership, Notice, NoticeReply, Owner
from registry.notices import replies
from registry.notices.deadlines import build_due_soon_filter, list_due
from registry.notices.notices import annotate_replies

register = template.Library()
register.filter("amount", amount)

MAX_SHOWN = 3
"""Maximum number of notices that are listed; further ones are indicated."""


@register.inclusion_tag("web/case-notices.html")
def case_notices(owner: Owner, case: Case, *, may_decide: bool = False) -> dict[str, Any]:
    """Return a case's notices, the link to start one, and whether a counter-notice pauses the case. One query."""
    about = Notice.objects.filter(notice_cases__case=case).exclude(state=Notice.State.DISCARDED)
    rows: QuerySet[Any, Any] = annotate_replies(about)
    notices_with_states = [(row, state_of(row)) for row in rows.order_by("-unread", "-number")]
    return {
        "owner": owner,
        "case": case,
        "rows": notices_with_states,
        "paused": any(row.state == Notice.State.COUNTERED for row, _ in notices_with_states),
        "may_begin": may_decide and case.decision == Case.Decision.CONFIRMED,
    }


@register.simple_tag
def unread_answers(owner: Owner) -> list[tuple[NoticeReply, str]]:
    """Return unread replies to notices, oldest first, one more than are listed. One query."""
    rows = replies.list_unread(owner)[: MAX_SHOWN + 1]
    return [(row, str(REPLIES[NoticeReply.Kind(row.kind)])) for row in rows]


@register.inclusion_tag("web/notices-due.html")
def notices_due(owner: Owner) -> dict[str, Any]:
    """Return the notices that need attention now, most urgent first. One query."""
    today = timezone.localdate()
    rows = list(list_due(owner, today)[: MAX_SHOWN + 1])
    return {"owner": owner, "rows": rows[:MAX_SHOWN], "more": len(rows) > MAX_SHOWN, "today": today}


@register.simple_tag
def with_due(memberships: Sequence[Membership]) -> list[Membership]:
    """Annotate memberships with ``list_due`` (notices that are due) and ``list_unread`` (unread replies).

    Two queries.
    """
    members = list(memberships)
    unread = NoticeReply.objects.filter(seen_at=None, notice__owner__in=[member.owner_id for member in members])
    unread_owners = unread.exclude(notice__state=Notice.State.DISCARDED).order_by().values_list("notice__owner")
    answers = dict(unread_owners.annotate(n=Count("pk")))
    owners = Notice.objects.filter(
        build_due_soon_filter(timezone.localdate()), owner__in=[membership.owner_id for membership in members]
    )
    counts = dict(owners.order_by().values_list("owner").annotate(n=Count("pk")))
    for membership in members:
        membership.due = counts.get(membership.owner_id, 0)  # type: ignore[attr-defined] # for the template
        membership.unread = answers.get(membership.owner_id, 0)  # type: ignore[attr-defined] # the same
    return members
