"""The spread of a work: a timeline by party, drawn on the server, and the same data in tables."""

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
"""Maximum number of parties per page. With fifty steps each, the drawing stays below the page size limit."""
LANE, TOP = 44, 24  # Height of a lane and of the space above the first, in pixels.
LARGEST, LEAST = 9, 3  # Maximum and minimum radius of a dot, in pixels.
STEPS = {  # Timeline steps: maximum length of the timeline, middle of a step, and format of its start.
    "week": (timedelta(weeks=26), timedelta(days=3.5), "DATE_FORMAT"),
    "month": (timedelta(days=1461), timedelta(days=15), "YEAR_MONTH_FORMAT"),
    "year": (timedelta.max, timedelta(days=182), "Y"),
}


class Lane(NamedTuple):
    """A party in the drawing, with times in percent of the width and sizes in pixels, and the table's values."""

    case: Case
    country: spreading.Country
    y: int
    ends: tuple[str, str]
    dots: Sequence[tuple[str, str, bool]]  # Position, size, and whether it is after a notice.
    notices: Sequence[tuple[str, datetime]]
    after: int | None  # New places after a notice; None without a notice.
    standing: str


@member_page("web/spread.html")
def spread(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the parties that showed a work, in order of first sighting, and the times of new places."""
    work = scoped.work(owner, number)
    rows = spreading.list_cases(owner, work)
    page = page_of(request, rows, size=LANES)
    values: dict[str, object] = {"work": work, "page": page}
    if page.object_list:
        ends = rows.aggregate(first=Min("first_seen"), last=Max("last_seen"))
        if ends["first"] is not None:
            values |= _timeline(owner, list(page.object_list), **ends)
        values["by_country"] = spreading.count_by_country(owner, rows)
    return values


def _timeline(owner: Owner, cases: Sequence[Case], first: datetime, last: datetime) -> dict[str, object]:
    span = max(last - first, timedelta(seconds=1))
    period, half, form = next(
        (name, half, form) for name, (max_places, half, form) in STEPS.items() if span <= max_places
    )
    span = max(span, 2 * half)  # At least one step.
    newly, sent = spreading.count_new_places(cases, period), spreading.list_notice_times(cases)
    countries = spreading.locate_parties(owner, {case.party for case in cases})
    steps = [step for case_steps in newly.values() for step in case_steps]
    max_places = max((step.places for step in steps), default=1)
    every, after = Counter[datetime](), Counter[datetime]()
    for step in steps:
        every[step.begins] += step.places
        after[step.begins] += step.places * step.after_notice

    days = (first, last) if last - first > span / 3 else (first,)  # Otherwise the labels would overlap.

    def at(moment: datetime | None) -> str:
        moment = first if moment is None else moment
        return f"{2 + 96 * min(max((moment - first) / span, 0.0), 1.0):.1f}%"

    def lane(place: int, case: Case) -> Lane:
        case_steps, notices = newly[case.pk], [(at(moment), moment) for moment in sent.get(case.pk, ())]
        sizes = (f"{max(LARGEST * sqrt(step.places / max_places), LEAST):.1f}" for step in case_steps)
        dots = [(at(step.begins + half), size, step.after_notice) for step, size in zip(case_steps, sizes, strict=True)]
        ends = at(case.first_seen), at(case.last_seen)  # type: ignore[attr-defined]
        later = sum(step.places for step in case_steps if step.after_notice) if notices else None
        stands = standing_in_words(case.standing) if case.standing else ""
        return Lane(case, countries[case.party], TOP + LANE * place, ends, dots, notices, later, stands)

    return {
        "lanes": [lane(place, case) for place, case in enumerate(cases, 1)],
        "height": TOP + LANE * len(cases) + 20,
        "ticks": [(at(moment), date_format(localtime(moment), "DATE_FORMAT")) for moment in days],
        "steps": [(date_format(begins, form), every[begins], after[begins]) for begins in sorted(every)],
        "told": any(sent.values()),
    }
