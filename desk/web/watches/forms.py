"""The form with the settings of a watch."""

from collections.abc import Mapping
from datetime import time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from crawler.formats.job import Politeness
from crawler.searches.mapping import Service
from desk.texts.schedules import describe_schedule
from registry.crawls import archive_captures, first_watches, own_sites
from registry.crawls.budgets import RENDERING, VISITS, VISITS_PER_DAY
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
AMOUNTS = {
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
SEARCHES_ONLY = ("searches", "money", "money_month")
RENDER = ("rendering", "render_pages", "render_minutes")
SITES_ONLY = ("pages", "depth", *RENDER)
NO_CAPTURES = (*SEARCHES_ONLY, "images", "depth", *RENDER)
ARCHIVE_FIELDS = ("archive", "domains", "since", "until")
SPENDING = (*SEARCHES_ONLY, "pages", "images", "megabytes", "minutes", "depth", *RENDER, "visits")
WORK_FIELDS = ("works", "newest")
TIMES = frozenset({"every", "at", "weekday", "zone"})
NIGHT = time(3, 0)


class WatchForm(forms.Form):
    """Name, schedule, budget and politeness of a watch; of a new one if no watch is given.

    A new watch with a ``service`` queries a search service instead of visiting sites; one with ``archive`` fetches what
    an archive has of some domains.
    """

    name = forms.CharField(label=_("Name"), max_length=200)
    words = forms.CharField(label=_("Search terms, one search per line"), widget=forms.Textarea, max_length=20_000)
    archive = forms.ChoiceField(
        label=_("Archive"),
        choices=lambda: tuple(first_watches.list_archives(wiring.services()).items()),
        initial=lambda: next(iter(first_watches.list_archives(wiring.services())), ""),
        help_text=_(
            "The first archive contains many pictures of many sites, the second contains few pictures of "
            "very many sites."
        ),
    )
    domains = forms.CharField(
        label=_("Domains, one per line"),
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "example.com"}),
        max_length=20_000,
        help_text=_("Includes all subdomains: example.com also covers www.example.com."),
    )
    since = forms.CharField(
        label=_("Archived from"),
        required=False,
        max_length=10,
        help_text=_("2019, 2019-03 or 2019-03-31. Leave empty for all."),
    )
    until = forms.CharField(label=_("Archived until"), required=False, max_length=10)
    every = forms.ChoiceField(
        label=_("Frequency"),
        help_text=_("A start time that falls into a run is skipped: a watch runs only once at a time."),
    )
    weekday = forms.TypedChoiceField(label=_("Weekday"), coerce=int, choices=tuple(WEEKDAYS.items()))
    at = forms.TimeField(label=_("Time"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    zone = forms.ChoiceField(label=_("Time zone"), required=False)
    own = forms.BooleanField(
        label=_("These are my own sites"),
        required=False,
        help_text=_(
            "Pictures on these sites that show none of your works are proposed as works. Nothing on these "
            "sites counts as a match."
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
        label=_("Link depth from the start"), min_value=0, max_value=50, help_text=_("0 visits only the sources.")
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
        label=_("Rendering time in minutes"), min_value=0, max_value=30 * 24 * 60, required=False
    )
    visits = forms.IntegerField(
        label=_("Captures per day"),
        min_value=0,
        max_value=1_000_000,
        required=False,
        help_text=_(
            "Applies to matches that the watch finds by itself. Cases that you mark as not licensed are "
            "captured immediately."
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
        service: Service | None = None,
        archive: bool = False,
        own: bool = False,
    ) -> None:
        usual = int((WEEK if archive else DAY).total_seconds())
        self._watch = watch = watch or Watch(
            name=name, sources=[], budget={**RENDERING}, interval_seconds=usual, own=own
        )
        super().__init__(data, initial=_initial(watch), label_suffix="")
        self.asks_archive = archive or is_archive_watch(watch)
        asks, takes = is_search_watch(watch) or service is not None, service.takes if service else ""
        asks_words = takes == "words" or bool(list_search_words(watch))
        unused: tuple[str, ...] = SITES_ONLY if asks else SEARCHES_ONLY
        if reads_files(watch):
            unused = (*SPENDING, "delay")
        elif self.asks_archive:
            unused = NO_CAPTURES
        unused += () if archive else ARCHIVE_FIELDS
        if asks or self.asks_archive or any(source["kind"] not in own_sites.KINDS for source in watch.sources):
            unused += ("own",)
        of_works = WORK_FIELDS if asks_words or not asks or takes == "nothing" else ()
        for field in (*unused, *(() if asks_words else ("words",)), *of_works):
            del self.fields[field]
        if service is not None:
            self.initial["searches"] = service.pace.searches
        choices = [(str(int(period.total_seconds())), str(words)) for period, words in PERIODS]
        if str(watch.interval_seconds) not in dict(choices):
            choices.insert(0, (UNCHANGED_PERIOD, describe_schedule(watch)))
        every: Any = self.fields["every"]
        every.choices = choices
        zone: Any = self.fields["zone"]
        zones = dict.fromkeys([self.initial["zone"], str(_reader_time_zone()), timezone.get_default_timezone_name()])
        zone.choices = [(name, name) for name in zones]

    def settings(self) -> dict[str, Any]:
        """Return the settings as :func:`registry.crawls.watches.arrange` and ``change`` accept them."""
        values = {name: value for name, value in self.cleaned_data.items() if value is not None}
        budget = {name: values[field] * unit for field, (name, unit) in AMOUNTS.items() if field in values}
        budget |= {name: values[name] for name in ("money", "money_month") if name in values}
        if values.get("rendering"):
            budget["render"] = values["rendering"]
        every = timedelta(seconds=int(values["every"]) or self._watch.interval_seconds)
        changed_times = {name for name in TIMES & set(self.changed_data) if values.get(name) != ""}
        stays = self._watch.pk and not changed_times
        zone = ZoneInfo(values["zone"] or self.initial["zone"])
        return {
            "name": values["name"],
            "every": every,
            "when": None if stays else TimeOfDay(values["at"], zone, values["weekday"]),
            "budget": budget,
            "politeness": {"delay": values["delay"]} if "delay" in values else {},
            **({"own": values["own"]} if "own" in values else {}),
        }

    @property
    def asked(self) -> list[forms.BoundField]:
        """Present fields for the name and the search subjects."""
        return [self[name] for name in ("name", "own", "words", *WORK_FIELDS) if name in self.fields]

    @property
    def captures(self) -> list[forms.BoundField]:
        """Present fields for the archive query."""
        return [self[name] for name in ARCHIVE_FIELDS if name in self.fields]

    @property
    def spending(self) -> list[forms.BoundField]:
        """Present fields for the budget of a run."""
        return [self[name] for name in SPENDING if name in self.fields]

    def of_archive(self) -> Subjects:
        """Return the subjects of an archive query.

        Raises:
            WrongUseError: A domain or time is invalid.
        """
        values = self.cleaned_data
        return archive_captures.make_subjects(values["domains"].split(), values["since"], values["until"])

    def subjects(self, owner: Owner) -> dict[str, Any]:
        """Return the subjects of search queries.

        Raises:
            WrongUseError: A work does not exist.
        """
        values = self.cleaned_data
        result: dict[str, Any] = {"words": split_queries(values["words"])} if "words" in values else {}
        if "works" in values:
            result |= {
                "works": [work.number for work in parse_works(owner, values["works"])],
                "newest": values["newest"],
            }
        return result


def _reader_time_zone() -> tzinfo:
    """Return the reader's time zone."""
    return timezone.get_current_timezone()


def reads_files(watch: Watch) -> bool:
    """Return True if a watch reads files, which put no load on a site and are read completely."""
    return any(source["kind"] in FILE_KINDS for source in watch.sources)


def _initial(watch: Watch) -> dict[str, Any]:
    source: Mapping[str, Any] = next(iter(watch.sources), {})
    spent: Mapping[str, Any] = {
        "searches": DEFAULT_SUBJECTS,
        VISITS: VISITS_PER_DAY,
        **DEFAULT_BUDGET,
        **RENDERING,
        "render": "never",
        **watch.budget,
    }
    amounts = {field: int(spent[name]) // unit for field, (name, unit) in AMOUNTS.items()}
    begin = load_time_of_day(watch) or (
        TimeOfDay.of(watch.next_run_at, _reader_time_zone()) if watch.next_run_at is not None else None
    )
    offered_seconds = {int(period.total_seconds()) for period, _words in PERIODS}
    return amounts | {
        "name": watch.name,
        "own": watch.own,
        "words": "\n".join(list_search_words(watch)),
        "every": str(watch.interval_seconds) if watch.interval_seconds in offered_seconds else UNCHANGED_PERIOD,
        "weekday": (begin.weekday if begin is not None else None) or 0,
        "at": begin.at.replace(second=0, microsecond=0) if begin is not None else NIGHT,
        "zone": str(begin.zone if begin is not None else _reader_time_zone()),
        "megabytes": max(1, amounts["megabytes"]),
        "minutes": max(1, amounts["minutes"]),
        "money": spent.get("money", ""),
        "money_month": spent.get("money_month", ""),
        "works": "; ".join(map(str, source.get("works", []))),
        "newest": source.get("newest", False),
        "rendering": spent["render"],
        "delay": float(watch.politeness.get("delay", Politeness().delay)),
    }
