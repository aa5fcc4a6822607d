"""Takedown statements that were refuted by later visits, which found the image on a page listed in the letter."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, F, Func, JSONField, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Greatest

from registry.cases.models import Capture
from registry.cases.recaptures import REVISITED_DECISIONS
from registry.db.claimable import StepState
from registry.notices.models import Notice, NoticeEvent, NoticeReply

ONLINE_OUTCOME = "captured"
"""Outcome of a visit that found the image on its page."""


def find_refuting_visits(notice: Notice | OuterRef, since: "datetime | OuterRef | F") -> QuerySet[Capture]:
    """Return the last visit to each page in a letter if it started after ``since`` and found the image still online."""
    page, image = (Func(F(key), Value("hex"), function="encode", output_field=TextField()) for key in _KEY_COLUMNS)
    place_keys = _build_json_array(_build_json_array(page, image))
    same_page = {name: OuterRef(name) for name in ("case", *_KEY_COLUMNS)}
    later_visits = Capture.objects.filter(**same_page, state=StepState.DONE, number__gt=OuterRef("number"))
    rows = Capture.objects.filter(
        case__notice_cases__notice=notice,
        case__notice_cases__places__contains=place_keys,
        case__decision__in=REVISITED_DECISIONS,
    )
    return rows.filter(~Exists(later_visits), state=StepState.DONE, outcome=ONLINE_OUTCOME, started_at__gte=since)


def list_refuting_visits(reply: NoticeReply) -> list[Capture]:
    """Return the visits that refute a reply. Empty unless the reply is a current takedown statement."""
    if reply.kind != NoticeReply.Kind.REMOVED or reply.withdrawn_at is not None:
        return []
    return list(find_refuting_visits(reply.notice, reply.at))


def annotate_refuted(rows: QuerySet[Notice]) -> QuerySet[Notice]:
    """Annotate notices with ``refuted``: a takedown was reported, and a later visit found the image online."""
    same_notice = {"notice": OuterRef("pk")}
    takedown_replies = NoticeReply.objects.filter(
        **same_notice, kind=NoticeReply.Kind.REMOVED, withdrawn_at=None
    ).order_by("-at")
    takedown_events = NoticeEvent.objects.filter(**same_notice, kind=Notice.State.REMOVED).order_by("-at")
    report_times = (Subquery(takedown_replies.values("at")[:1]), Subquery(takedown_events.values("at")[:1]))
    rows = rows.annotate(said_removed_at=Greatest(*report_times))  # PostgreSQL ignores nulls in GREATEST.
    annotations: dict[str, Any] = {"refuted": Exists(find_refuting_visits(OuterRef("pk"), OuterRef("said_removed_at")))}
    return rows.annotate(**annotations)


_KEY_COLUMNS = ("page_key", "image_key")


def _build_json_array(*parts: Any) -> Any:  # noqa: ANN401 - functions of any column
    return Func(*parts, function="jsonb_build_array", output_field=JSONField())
