"""What a case's page says of the notices about it."""

from typing import Any

from django import template

from desk.web.notice_forms import STATES
from registry.models import Case, Notice, Owner

register = template.Library()


@register.inclusion_tag("web/case-notices.html")
def case_notices(owner: Owner, case: Case, *, may_decide: bool = False) -> dict[str, Any]:
    """The notices about a case, and where another is begun; whether a counter-notice pauses it. One query."""
    rows = Notice.objects.filter(notice_cases__case=case).exclude(state=Notice.State.DISCARDED).order_by("-number")
    found = [(row, STATES[Notice.State(row.state)]) for row in rows]
    return {
        "owner": owner,
        "case": case,
        "rows": found,
        "paused": any(row.state == Notice.State.COUNTERED for row, _ in found),
        "may_begin": may_decide and case.decision == Case.Decision.CONFIRMED,
    }
