"""Spread of a work: a timeline by site, drawn on the server, and the same data in tables."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import NamedTuple

from django.db.models import Max, Min
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localtime

from desk.texts.cases import status_in_words
from desk.web.common.pages import get_page, member_page
from registry import scoped
from registry.models import Case, Owner
from registry.parties import spread as registry_spread

LANES_PER_PAGE = 15
"""Maximum number of sites per page. With fifty steps each, the drawing stays below the page size limit."""
LANE_HEIGHT, TOP_HEIGHT = 44, 24  # Height of a lane and of the space above the first, in pixels.
MAX_RADIUS, MIN_RADIUS = 9, 3  # Maximum and minimum radius of a dot, in pixels.
STEPS = {  # By step: maximum length of the timeline, half a step, and date format.
    "week": (timedelta(weeks=26), timedelta(days=3.5), "DATE_FORMAT"),
    "month": (timedelta(days=1461), timedelta(days=15), "YEAR_MONTH_FORMAT"),
    "year": (timedelta.max, timedelta(days=182), "Y"),
}


class Lane(NamedTuple):
    """A site in the drawing, with times in percent of the width and sizes in pixels, and the values of the table."""

    case: Case
    country: registry_spread.Country
    y: int
    ends: tuple[str, str]
    dots: Sequence[tuple[str, str, bool]]  # Position, radius, and whether the dot is after a notice.
    notices: Sequence[tuple[str, datetime]]
    after: int | None  # Number of new pages after a notice; None without a notice.
    status: str


@member_page("web/spread.html")
def spread(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show the sites on which a work was seen, in order of first sighting, and the times of new pages."""
    work = scoped.get_work(owner, number)
    rows = registry_spread.list_cases(owner, work)
    page = get_page(request, rows, size=LANES_PER_PAGE)
    values: dict[str, object] = {"work": work, "page": page}
    if page.object_list:
        ends = rows.aggregate(first=Min("first_seen"), last=Max("last_seen"))
        if ends["first"] is not None:
            values |= _build_timeline(owner, list(page.object_list), **ends)
        values["by_country"] = registry_spread.count_by_country(owner, rows)
    return values


def _build_timeline(owner: Owner, cases: Sequence[Case], first: datetime, last: datetime) -> dict[str, object]:
    span = max(last - first, timedelta(seconds=1))
    period, half_step, label_format = next(
        (name, half_step, label_format)
        for name, (max_span, half_step, label_format) in STEPS.items()
        if span <= max_span
    )
    span = max(span, 2 * half_step)  # At least one step.
    new_pages, notice_times = registry_spread.count_new_places(cases, period), registry_spread.list_notice_times(cases)
    countries = registry_spread.locate_parties(owner, {case.party for case in cases})
    steps = [step for case_steps in new_pages.values() for step in case_steps]
    max_places = max((step.places for step in steps), default=1)
    page_counts, counts_after_notice = Counter[datetime](), Counter[datetime]()
    for step in steps:
        page_counts[step.period_start] += step.places
        counts_after_notice[step.period_start] += step.places * step.after_notice

    tick_times = (first, last) if last - first > span / 3 else (first,)  # Otherwise the labels would overlap.

    def format_position(time: datetime | None) -> str:
        time = first if time is None else time
        return f"{2 + 96 * min(max((time - first) / span, 0.0), 1.0):.1f}%"

    def build_lane(position: int, case: Case) -> Lane:
        case_steps, notices = (
            new_pages[case.pk],
            [(format_position(notice_time), notice_time) for notice_time in notice_times.get(case.pk, ())],
        )
        sizes = (f"{max(MAX_RADIUS * sqrt(step.places / max_places), MIN_RADIUS):.1f}" for step in case_steps)
        dots = [
            (format_position(step.period_start + half_step), size, step.after_notice)
            for step, size in zip(case_steps, sizes, strict=True)
        ]
        ends = format_position(case.first_seen), format_position(case.last_seen)  # type: ignore[attr-defined]
        pages_after_notice = sum(step.places for step in case_steps if step.after_notice) if notices else None
        status = status_in_words(case.standing) if case.standing else ""
        return Lane(
            case,
            countries[case.party],
            TOP_HEIGHT + LANE_HEIGHT * position,
            ends,
            dots,
            notices,
            pages_after_notice,
            status,
        )

    return {
        "lanes": [build_lane(position, case) for position, case in enumerate(cases, 1)],
        "height": TOP_HEIGHT + LANE_HEIGHT * len(cases) + 20,
        "ticks": [(format_position(moment), date_format(localtime(moment), "DATE_FORMAT")) for moment in tick_times],
        "steps": [
            (date_format(step_start, label_format), page_counts[step_start], counts_after_notice[step_start])
            for step_start in sorted(page_counts)
        ],
        "told": any(notice_times.values()),
    }
