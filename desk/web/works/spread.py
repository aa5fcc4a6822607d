"""Where and when a work spreads: a timeline by party, drawn on the server, and the same in tables."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import NamedTuple

from django.db.models import Max, Min
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime

from desk.texts.cases import standing_in_words
from desk.web.common.pages import member_page, page_of
from registry import scoped
from registry.models import Case, Owner
from registry.parties import spread as spreading

LANES = 15
"""Parties on one page: with fifty steps each its drawing weighs less than a page may."""
LANE, TOP = 44, 24  # pixels from one party to the next, and above the first
LARGEST, LEAST = 9, 3  # radius of a dot in pixels
STEPS = {  # of a timeline: how long one may be for it, the middle of a step, and the form of its beginning
    "week": (timedelta(weeks=26), timedelta(days=3.5), "DATE_FORMAT"),
    "month": (timedelta(days=1461), timedelta(days=15), "YEAR_MONTH_FORMAT"),
    "year": (timedelta.max, timedelta(days=182), "Y"),
}


class Lane(NamedTuple):
    """One party as it is drawn: times in per cent of the width, sizes in pixels; and what the table says of it."""

    case: Case
    country: spreading.Country
    y: int
    ends: tuple[str, str]
    dots: Sequence[tuple[str, str, bool]]  # where, how large, and whether after a notice
    notices: Sequence[tuple[str, datetime]]
    after: int | None  # new places after a notice, if there was one
    standing: str


@member_page("web/spread.html")
def spread(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """The parties that showed a work, in the order in which they were seen, and when they did at new places."""
    work = scoped.work(owner, number)
    rows = spreading.cases_of(owner, work)
    page = page_of(request, rows, size=LANES)
    values: dict[str, object] = {"work": work, "page": page}
    if page.object_list:
        ends = rows.aggregate(first=Min("first_seen"), last=Max("last_seen"))
        if ends["first"] is not None:
            values |= _drawn(owner, list(page.object_list), **ends)
        values["by_country"] = spreading.by_country(owner, rows)
    return values


def _drawn(owner: Owner, cases: Sequence[Case], first: datetime, last: datetime) -> dict[str, object]:
    span = max(last - first, timedelta(seconds=1))
    period, half, form = next((name, half, form) for name, (most, half, form) in STEPS.items() if span <= most)
    span = max(span, 2 * half)  # of one step at least
    newly, sent = spreading.newly_seen(cases, period), spreading.notices_sent(cases)
    countries = spreading.countries(owner, {case.party for case in cases})
    steps = [step for found in newly.values() for step in found]
    most = max((step.places for step in steps), default=1)
    every, after = Counter[datetime](), Counter[datetime]()
    for step in steps:
        every[step.begins] += step.places
        after[step.begins] += step.places * step.after_notice

    days = (first, last) if last - first > span / 3 else (first,)  # else one would be written over the other

    def at(moment: datetime | None) -> str:
        moment = first if moment is None else moment
        return f"{2 + 96 * min(max((moment - first) / span, 0.0), 1.0):.1f}%"

    def lane(place: int, case: Case) -> Lane:
        found, told = newly[case.pk], [(at(moment), moment) for moment in sent.get(case.pk, ())]
        sizes = (f"{max(LARGEST * sqrt(step.places / most), LEAST):.1f}" for step in found)
        dots = [(at(step.begins + half), size, step.after_notice) for step, size in zip(found, sizes, strict=True)]
        ends = at(case.first_seen), at(case.last_seen)  # type: ignore[attr-defined]
        later = sum(step.places for step in found if step.after_notice) if told else None
        stands = standing_in_words(case.standing) if case.standing else ""
        return Lane(case, countries[case.party], TOP + LANE * place, ends, dots, told, later, stands)

    return {
        "lanes": [lane(place, case) for place, case in enumerate(cases, 1)],
        "height": TOP + LANE * len(cases) + 20,
        "ticks": [(at(moment), date_format(localtime(moment), "DATE_FORMAT")) for moment in days],
        "steps": [(date_format(begins, form), every[begins], after[begins]) for begins in sorted(every)],
        "told": any(sent.values()),
    }
