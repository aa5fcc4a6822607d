"""Where and when a work spreads: which parties showed it at how many new places, period by period."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import BooleanField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Trunc

from registry.accounts import scoped
from registry.models import Case, CaseSighting, NoticeCase, Owner, Work
from registry.works.works import seen_in


class Newly(NamedTuple):
    """Places of one case, images on pages, that were seen for the first time within one period."""

    begins: datetime  # of the period, in the time zone that is current
    after_notice: bool  # whether a notice about the case had been sent by then
    places: int


def cases_of(owner: Owner, work: Work) -> QuerySet[Case]:
    """The cases of a work that nobody cleared, in the order in which they were seen, with when first and last."""
    seen = Exists(CaseSighting.objects.filter(case=OuterRef("pk")))
    rows = scoped.cases(owner).filter(seen, work=work).exclude(decision=Case.Decision.CLEARED)
    return seen_in(rows).order_by(F("first_seen"), "number")


def newly_seen(cases: Collection[Case], period: str) -> Mapping[int, list[Newly]]:
    """When places of each case were seen first, oldest first, by primary key; a period is ``week``, say."""
    place = ("case_id", "sighting__page_key", "sighting__image_key")
    rows = CaseSighting.objects.filter(case__in=[case.pk for case in cases])
    first = rows.order_by(*place, "sighting__first_seen", "pk").distinct(*place).values("pk")
    sent = NoticeCase.objects.filter(case=OuterRef("case"), notice__sent_at__isnull=False).order_by("notice__sent_at")
    later = Q(sighting__first_seen__gt=F("sent"))
    counted = (
        CaseSighting.objects.filter(pk__in=first)
        .annotate(begins=Trunc("sighting__first_seen", period), sent=Subquery(sent.values("notice__sent_at")[:1]))
        .annotate(after=Coalesce(later, False, output_field=BooleanField()))  # noqa: FBT003
        .values_list("case_id", "begins", "after")
    )
    found: dict[int, list[Newly]] = defaultdict(list)
    for case, *step in counted.annotate(places=Count("pk")).order_by("case_id", "begins", "after"):
        found[case].append(Newly(*step))
    return found


def notices_sent(cases: Collection[Case]) -> Mapping[int, list[datetime]]:
    """When notices about each case were sent, oldest first, by primary key."""
    rows = NoticeCase.objects.filter(case__in=[case.pk for case in cases], notice__sent_at__isnull=False)
    found: dict[int, list[datetime]] = defaultdict(list)
    for case, sent in rows.order_by("notice__sent_at").values_list("case", "notice__sent_at"):
        if sent is not None:
            found[case].append(sent)
    return found
