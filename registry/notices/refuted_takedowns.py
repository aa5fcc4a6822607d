"""Takedown statements refuted by later visits that found the image at a place named in the letter."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, F, Func, JSONField, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Greatest

from registry.cases.models import Capture
from registry.cases.recaptures import FOLLOWED_DECISIONS
from registry.db.claimable import StepState
from registry.notices.models import Notice, NoticeEvent, NoticeReply

ONLINE = "captured"
"""Outcome of a visit that found the image on its page."""


def find_refuting_visits(notice: Notice | OuterRef, since: "datetime | OuterRef | F") -> QuerySet[Capture]:
    """Return the last visit to each place in a letter, if it began after ``since`` and found the image still online."""
    page, image = (Func(F(key), Value("hex"), function="encode", output_field=TextField()) for key in _KEYS)
    place_keys = _json_array(_json_array(page, image))
    place = {name: OuterRef(name) for name in ("case", *_KEYS)}
    later = Capture.objects.filter(**place, state=StepState.DONE, number__gt=OuterRef("number"))
    rows = Capture.objects.filter(
        case__notice_cases__notice=notice,
        case__notice_cases__places__contains=place_keys,
        case__decision__in=FOLLOWED_DECISIONS,
    )
    return rows.filter(~Exists(later), state=StepState.DONE, outcome=ONLINE, started_at__gte=since)


def list_refuting_visits(reply: NoticeReply) -> list[Capture]:
    """Return the visits that refute a reply. Empty unless the reply is a current takedown statement."""
    if reply.kind != NoticeReply.Kind.REMOVED or reply.withdrawn_at is not None:
        return []
    return list(find_refuting_visits(reply.notice, reply.at))


def annotate_refuted(rows: QuerySet[Notice]) -> QuerySet[Notice]:
    """Annotate notices with ``refuted``: a takedown was reported, and a later visit found the image online."""
    about = {"notice": OuterRef("pk")}
    reported = NoticeReply.objects.filter(**about, kind=NoticeReply.Kind.REMOVED, withdrawn_at=None).order_by("-at")
    recorded = NoticeEvent.objects.filter(**about, kind=Notice.State.REMOVED).order_by("-at")
    moments = (Subquery(reported.values("at")[:1]), Subquery(recorded.values("at")[:1]))
    rows = rows.annotate(said_removed_at=Greatest(*moments))  # PostgreSQL ignores nulls in GREATEST.
    annotations: dict[str, Any] = {"refuted": Exists(find_refuting_visits(OuterRef("pk"), OuterRef("said_removed_at")))}
    return rows.annotate(**annotations)


_KEYS = ("page_key", "image_key")


def _json_array(*parts: Any) -> Any:  # noqa: ANN401 - functions of any column
    return Func(*parts, function="jsonb_build_array", output_field=JSONField())
