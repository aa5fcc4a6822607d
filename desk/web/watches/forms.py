"""Form with the settings of a watch."""

from collections.abc import Mapping
from datetime import time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from crawler.formats.job import Politeness
from crawler.searches.mapping import SearchService
from desk.texts.schedules import describe_schedule
from registry.crawls import archive_captures, first_watches, own_sites
from registry.crawls.budgets import RENDERING, VISITS_KEY, VISITS_PER_DAY
from registry.crawls.inquiries import DEFAULT_SUBJECTS
from registry.crawls.schedules import DAY, WEEK, TimeOfDay, load_time_of_day
from registry.crawls.search_services import split_queries
from registry.crawls.watch_settings import (
    DEFAULT_BUDGET,
    FILE_KINDS,
    Subjects,
    is_archive_watch,
    is_search_watch,
    list_search_words,
)
from registry.models import Owner, Watch
from registry.works.licence_tables import parse_works
from workers import wiring

MEGABYTE = 1_000_000
HOUR = timedelta(hours=1)
MIN_DELAY = 0.5
"""Minimum seconds between two requests to a host that can be set on the site."""

PERIODS = (
    (HOUR, _("Every hour")),
    (6 * HOUR, _("Every 6 hours")),
    (12 * HOUR, _("Every 12 hours")),
    (DAY, _("Every day")),
    (WEEK, _("Every week")),
    (4 * WEEK, _("Every 4 weeks")),
)
UNCHANGED_PERIOD = "0"
BUDGET_UNITS = {
    "pages": ("pages", 1),
    "images": ("images", 1),
    "megabytes": ("bytes", MEGABYTE),
    "minutes": ("seconds", 60),
    "searches": ("searches", 1),
    "depth": ("depth", 1),
    "visits": ("visits", 1),
    "render_pages": ("render_pages", 1),
    "render_minutes": ("render_seconds", 60),
}
"""Budget fields: their name in the budget, and the factor to its unit."""
SEARCH_FIELDS = ("searches", "money", "money_month")
RENDER_FIELDS = ("rendering", "render_pages", "render_minutes")
SITE_FIELDS = ("pages", "depth", *RENDER_FIELDS)
NON_ARCHIVE_FIELDS = (*SEARCH_FIELDS, "images", "depth", *RENDER_FIELDS)
ARCHIVE_FIELDS = ("archive", "domains", "since", "until")
BUDGET_FIELDS = (*SEARCH_FIELDS, "pages", "images", "megabytes", "minutes", "depth", *RENDER_FIELDS, "visits")
WORK_FIELDS = ("works", "newest")
TIME_FIELDS = frozenset({"every", "at", "weekday", "zone"})
NIGHT_START = time(3, 0)


class WatchForm(forms.Form):
    """Form with the name, schedule, budget and politeness of an existing or new watch.

    A new watch with a ``service`` queries a search service instead of visiting sites. A new watch with ``archive``
    fetches the captures of given domains from a web archive.
    """

    name = forms.CharField(label=_("Name"), max_length=200)
    words = forms.CharField(label=_("Search terms, one search per line"), widget=forms.Textarea, max_length=20_000)
    archive = forms.ChoiceField(
        label=_("Archive"),
        choices=lambda: tuple(first_watches.list_archives(wiring.services()).items()),
        initial=lambda: next(iter(first_watches.list_archives(wiring.services())), ""),
        help_text=_(
            "The first archive in the list contains many pictures from many sites. The second archive "
            "contains few pictures from each of a very large number of sites."
        ),
    )
    domains = forms.CharField(
        label=_("Domains, one per line"),
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "example.com"}),
        max_length=20_000,
        help_text=_("Includes all subdomains: example.com also covers www.example.com."),
    )
    since = forms.CharField(
        label=_("Earliest archive date"),
        required=False,
        max_length=10,
        help_text=_("2019, 2019-03 or 2019-03-31. Leave empty for no limit."),
    )
    until = forms.CharField(label=_("Latest archive date"), required=False, max_length=10)
    every = forms.ChoiceField(
        label=_("Frequency"),
        help_text=_("If a run is still in progress at the next start time, that start is skipped."),
    )
    weekday = forms.TypedChoiceField(label=_("Weekday"), coerce=int, choices=tuple(WEEKDAYS.items()))
    at = forms.TimeField(label=_("Time"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    zone = forms.ChoiceField(label=_("Time zone"), required=False)
    own = forms.BooleanField(
        label=_("These are my own sites"),
        required=False,
        help_text=_(
            "Pictures on these sites that are not registered as works yet are proposed as works. Nothing on "
            "these sites counts as a match."
        ),
    )
    pages = forms.IntegerField(label=_("Pages"), min_value=1, max_value=1_000_000)
    images = forms.IntegerField(label=_("Pictures"), min_value=1, max_value=10_000_000)
    megabytes = forms.IntegerField(label=_("Megabytes"), min_value=1, max_value=1_000_000)
    minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=30 * 24 * 60)
    searches = forms.IntegerField(
        label=_("Searches"),
        min_value=1,
        max_value=100_000,
        help_text=_("Each search may cost money or count against a quota."),
    )
    works = forms.CharField(
        label=_("Works to search for"),
        required=False,
        max_length=20_000,
        help_text=_("Numbers or file names, separated by semicolons (;). Leave empty for all."),
    )
    newest = forms.BooleanField(label=_("Start each run with the newest work"), required=False)
    money = forms.CharField(
        label=_("Spending limit for searches per run"),
        required=False,
        max_length=20,
        help_text=_("Include the currency, for example 5 USD. Leave empty for no limit."),
    )
    money_month = forms.CharField(label=_("Spending limit for searches per month"), required=False, max_length=20)
    depth = forms.IntegerField(
        label=_("Link depth from the sources"),
        min_value=0,
        max_value=50,
        help_text=_("Enter 0 to visit only the sources."),
    )
    rendering = forms.ChoiceField(
        label=_("Pages rendered in a browser"),
        required=False,
        choices=(("auto", _("When useful")), ("always", _("All")), ("never", _("No pages"))),
        help_text=_(
            "A browser runs the scripts of a page, which may show more pictures but sends more requests to each site."
        ),
    )
    render_pages = forms.IntegerField(
        label=_("Maximum rendered pages"), min_value=0, max_value=1_000_000, required=False
    )
    render_minutes = forms.IntegerField(
        label=_("Maximum rendering time (minutes)"), min_value=0, max_value=30 * 24 * 60, required=False
    )
    visits = forms.IntegerField(
        label=_("Maximum captures per day"),
        min_value=0,
        max_value=1_000_000,
        required=False,
        help_text=_(
            "Limits automatic captures of new matches. Cases that you mark as not licensed are captured immediately."
        ),
    )
    delay = forms.FloatField(
        label=_("Seconds between requests to the same host"),
        min_value=MIN_DELAY,
        max_value=60,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=_("At least half a second. The crawler waits longer if robots.txt requires it."),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        watch: Watch | None = None,
        name: str = "",
        service: SearchService | None = None,
        archive: bool = False,
        own: bool = False,
    ) -> None:
        default_seconds = int((WEEK if archive else DAY).total_seconds())
        self._watch = watch = watch or Watch(
            name=name, sources=[], budget={**RENDERING}, interval_seconds=default_seconds, own=own
        )
        super().__init__(data, initial=_build_initial_values(watch), label_suffix="")
        self.is_archive_query = archive or is_archive_watch(watch)
        is_search, input_kind = is_search_watch(watch) or service is not None, service.query_kind if service else ""
        takes_queries = input_kind == "words" or bool(list_search_words(watch))
        unused_fields: tuple[str, ...] = SITE_FIELDS if is_search else SEARCH_FIELDS
        if is_file_watch(watch):
            unused_fields = (*BUDGET_FIELDS, "delay")
        elif self.is_archive_query:
            unused_fields = NON_ARCHIVE_FIELDS
        unused_fields += () if archive else ARCHIVE_FIELDS
        if is_search or self.is_archive_query or any(source["kind"] not in own_sites.KINDS for source in watch.sources):
            unused_fields += ("own",)
        unused_work_fields = WORK_FIELDS if takes_queries or not is_search or input_kind == "nothing" else ()
        for field in (*unused_fields, *(() if takes_queries else ("words",)), *unused_work_fields):
            del self.fields[field]
        if service is not None:
            self.initial["searches"] = service.pace.searches
        choices = [(str(int(period.total_seconds())), str(label)) for period, label in PERIODS]
        if str(watch.interval_seconds) not in dict(choices):
            choices.insert(0, (UNCHANGED_PERIOD, describe_schedule(watch)))
        interval_field: Any = self.fields["every"]
        interval_field.choices = choices
        zone_field: Any = self.fields["zone"]
        zones = dict.fromkeys(
            [self.initial["zone"], str(_get_reader_time_zone()), timezone.get_default_timezone_name()]
        )
        zone_field.choices = [(name, name) for name in zones]

    def parse_settings(self) -> dict[str, Any]:
        """Return the settings as arguments of ``set_up_watch`` and ``update_watch``."""
        values = {name: value for name, value in self.cleaned_data.items() if value is not None}
        budget = {name: values[field] * unit for field, (name, unit) in BUDGET_UNITS.items() if field in values}
        budget |= {name: values[name] for name in ("money", "money_month") if name in values}
        if values.get("rendering"):
            budget["render"] = values["rendering"]
        interval = timedelta(seconds=int(values["every"]) or self._watch.interval_seconds)
        changed_times = {name for name in TIME_FIELDS & set(self.changed_data) if values.get(name) != ""}
        keeps_schedule = self._watch.pk and not changed_times
        zone = ZoneInfo(values["zone"] or self.initial["zone"])
        return {
            "name": values["name"],
            "every": interval,
            "when": None if keeps_schedule else TimeOfDay(values["at"], zone, values["weekday"]),
            "budget": budget,
            "politeness": {"delay": values["delay"]} if "delay" in values else {},
            **({"own": values["own"]} if "own" in values else {}),
        }

    @property
    def subject_fields(self) -> list[forms.BoundField]:
        """Fields for the name and the search subjects, if present."""
        return [self[name] for name in ("name", "own", "words", *WORK_FIELDS) if name in self.fields]

    @property
    def archive_fields(self) -> list[forms.BoundField]:
        """Fields for the archive query, if present."""
        return [self[name] for name in ARCHIVE_FIELDS if name in self.fields]

    @property
    def budget_fields(self) -> list[forms.BoundField]:
        """Fields for the budget of a run, if present."""
        return [self[name] for name in BUDGET_FIELDS if name in self.fields]

    def parse_archive_subjects(self) -> Subjects:
        """Parse the subjects of an archive query.

        Raises:
            InvalidRequestError: A domain or time is invalid.
        """
        values = self.cleaned_data
        return archive_captures.build_archive_query(values["domains"].split(), values["since"], values["until"])

    def parse_subjects(self, owner: Owner) -> dict[str, Any]:
        """Parse the subjects of search queries.

        Raises:
            InvalidRequestError: A work does not exist.
        """
        values = self.cleaned_data
        result: dict[str, Any] = {"words": split_queries(values["words"])} if "words" in values else {}
        if "works" in values:
            result |= {
                "works": [work.number for work in parse_works(owner, values["works"])],
                "newest": values["newest"],
            }
        return result


def _get_reader_time_zone() -> tzinfo:
    """Return the reader's time zone."""
    return timezone.get_current_timezone()


def is_file_watch(watch: Watch) -> bool:
    """Return True if a watch reads files. Files cause no load on sites and are read completely, without limits."""
    return any(source["kind"] in FILE_KINDS for source in watch.sources)


def _build_initial_values(watch: Watch) -> dict[str, Any]:
    source: Mapping[str, Any] = next(iter(watch.sources), {})
    budget: Mapping[str, Any] = {
        "searches": DEFAULT_SUBJECTS,
        VISITS_KEY: VISITS_PER_DAY,
        **DEFAULT_BUDGET,
        **RENDERING,
        "render": "never",
        **watch.budget,
    }
    amounts = {field: int(budget[name]) // unit for field, (name, unit) in BUDGET_UNITS.items()}
    start_time = load_time_of_day(watch) or (
        TimeOfDay.from_datetime(watch.next_run_at, _get_reader_time_zone()) if watch.next_run_at is not None else None
    )
    offered_seconds = {int(period.total_seconds()) for period, _words in PERIODS}
    return amounts | {
        "name": watch.name,
        "own": watch.own,
        "words": "\n".join(list_search_words(watch)),
        "every": str(watch.interval_seconds) if watch.interval_seconds in offered_seconds else UNCHANGED_PERIOD,
        "weekday": (start_time.weekday if start_time is not None else None) or 0,
        "at": start_time.at.replace(second=0, microsecond=0) if start_time is not None else NIGHT_START,
        "zone": str(start_time.zone if start_time is not None else _get_reader_time_zone()),
        "megabytes": max(1, amounts["megabytes"]),
        "minutes": max(1, amounts["minutes"]),
        "money": budget.get("money", ""),
        "money_month": budget.get("money_month", ""),
        "works": "; ".join(map(str, source.get("works", []))),
        "newest": source.get("newest", False),
        "rendering": budget["render"],
        "delay": float(watch.politeness.get("delay", Politeness().delay)),
    }
