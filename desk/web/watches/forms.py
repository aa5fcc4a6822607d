"""What a person may set of a watch."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from crawler.formats.job import Politeness
from crawler.search_mapping import Service
from desk.texts.schedules import schedule
from registry.crawls.budgets import RENDERING
from registry.crawls.inquiries import USUAL
from registry.crawls.schedules import DAY, WEEK, first_run
from registry.crawls.watching import BUDGET, FILE_KINDS, searched_words, searches
from registry.models import Owner, Watch
from workers.crawls.search_services import words_of
from workers.works.licences import works_named

MEGABYTE = 1_000_000
HOUR = timedelta(hours=1)
MIN_DELAY = 0.5
"""Seconds between two requests to a host that anybody may set on the site."""

PERIODS = (
    (HOUR, _("Every hour")),
    (6 * HOUR, _("Every 6 hours")),
    (12 * HOUR, _("Every 12 hours")),
    (DAY, _("Every day")),
    (WEEK, _("Every week")),
    (4 * WEEK, _("Every 4 weeks")),
)
AS_IT_IS = "0"
SEARCHES_ONLY = ("searches", "money", "money_month")
RENDER = ("rendering", "render_pages", "render_minutes")
LIMITS = ("pages", "images", "megabytes", "minutes", *SEARCHES_ONLY, "depth", "delay", *RENDER)
SITES_ONLY = ("pages", "depth", *RENDER)
OF_WORKS = ("works", "newest")
TIMES = frozenset({"every", "at", "weekday"})
NIGHT = time(3, 0)


class WatchForm(forms.Form):
    """Name, schedule, budget and politeness of a watch; of a new one, if none is given."""

    asks, asks_words = False, False
    """Whether a new watch asks a search instead of visiting sites, and for words."""

    name = forms.CharField(label=_("Name"), max_length=200)
    words = forms.CharField(label=_("What to search for, one search a line"), widget=forms.Textarea, max_length=20_000)
    every = forms.ChoiceField(
        label=_("How often"), help_text=_("A time that falls into a run is passed over: a watch runs once at a time.")
    )
    weekday = forms.TypedChoiceField(label=_("On"), coerce=int, choices=tuple(WEEKDAYS.items()))
    at = forms.TimeField(label=_("At"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    pages = forms.IntegerField(label=_("Pages"), min_value=1, max_value=1_000_000)
    images = forms.IntegerField(label=_("Pictures"), min_value=1, max_value=10_000_000)
    megabytes = forms.IntegerField(label=_("Megabytes"), min_value=1, max_value=1_000_000)
    minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=30 * 24 * 60)
    searches = forms.IntegerField(
        label=_("Searches"),
        min_value=1,
        max_value=100_000,
        help_text=_("Each may cost money or count against a quota."),
    )
    works = forms.CharField(
        label=_("Works to ask for"),
        required=False,
        max_length=20_000,
        help_text=_("Numbers or file names with ; between; empty for all."),
    )
    newest = forms.BooleanField(label=_("Begin each run with the newest work"), required=False)
    money = forms.CharField(
        label=_("Money for the searches of a run"),
        required=False,
        max_length=20,
        help_text=_("With its currency, such as 5 USD; empty for no limit."),
    )
    money_month = forms.CharField(label=_("Money for the searches of a month"), required=False, max_length=20)
    depth = forms.IntegerField(
        label=_("Links followed from the start"), min_value=0, max_value=50, help_text=_("0 visits the sources alone.")
    )
    rendering = forms.ChoiceField(
        label=_("Pages rendered in a browser"),
        required=False,
        choices=(
            ("auto", _("Where it helps")),
            ("always", _("All")),
            ("never", _("No pages")),
        ),
        help_text=_("A browser runs the scripts of a page, which may show more pictures. It asks each site for more."),
    )
    render_pages = forms.IntegerField(
        label=_("Rendered pages at most"), min_value=0, max_value=1_000_000, required=False
    )
    render_minutes = forms.IntegerField(
        label=_("Minutes for rendering"), min_value=0, max_value=30 * 24 * 60, required=False
    )
    delay = forms.FloatField(
        label=_("Seconds between two requests to a host"),
        min_value=MIN_DELAY,
        max_value=60,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=_("At least half a second. Where robots.txt asks for more, we wait longer."),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, watch: Watch | None = None, name: str = "") -> None:
        super().__init__(data, initial=_initial(watch) | ({"name": name} if name else {}), label_suffix="")
        self._watch = watch
        asks = self.asks if watch is None else searches(watch)
        asks_words = self.asks_words if watch is None else bool(searched_words(watch))
        unused = LIMITS if watch is not None and reads_files(watch) else SITES_ONLY if asks else SEARCHES_ONLY
        for field in (*unused, *(() if asks_words else ("words",)), *(OF_WORKS if asks_words or not asks else ())):
            del self.fields[field]
        choices = [(str(int(period.total_seconds())), str(words)) for period, words in PERIODS]
        if watch is not None and str(watch.interval_seconds) not in dict(choices):
            choices.insert(0, (AS_IT_IS, schedule(watch)))
        every: Any = self.fields["every"]
        every.choices = choices

    def settings(self) -> dict[str, Any]:
        """What was set, as :func:`workers.crawls.watches.arrange` and ``change`` take it."""
        given = self.cleaned_data
        budget: dict[str, Any] = {}
        politeness: dict[str, float] = {}
        if "megabytes" in given:
            budget = {name: given[name] for name in ("pages", "images", "depth", *SEARCHES_ONLY) if name in given}
            budget |= {"bytes": given["megabytes"] * MEGABYTE, "seconds": given["minutes"] * 60}
            if given.get("rendering"):
                budget["render"] = given["rendering"]
            if given.get("render_pages") is not None:
                budget["render_pages"] = given["render_pages"]
            if given.get("render_minutes") is not None:
                budget["render_seconds"] = given["render_minutes"] * 60
            politeness = {"delay": given["delay"]}
        seconds = int(given["every"])
        every = timedelta(seconds=seconds or (self._watch.interval_seconds if self._watch else 0))
        return {
            "name": given["name"],
            "every": every,
            "first": self._first(every, given["at"], given["weekday"]),
            "budget": budget,
            "politeness": politeness,
        }

    def subjects(self, owner: Owner) -> dict[str, Any]:
        """What searches are asked for, likewise; raises ``WrongUseError`` for a work that isn't there."""
        given = self.cleaned_data
        said: dict[str, Any] = {"words": words_of(given["words"])} if "words" in given else {}
        if "works" in given:
            said |= {"works": [work.number for work in works_named(owner, given["works"])], "newest": given["newest"]}
        return said

    def _first(self, every: timedelta, at: time, weekday: int) -> datetime | None:
        """The next time of the schedule; nothing where it wasn't touched, and the next run stays where it is."""
        if self._watch is not None and not TIMES & set(self.changed_data):
            return None
        return first_run(every, at, weekday, timezone.get_current_timezone())


class SearchWatchForm(WatchForm):
    """The same for a new watch that asks a search, so often in a run: for words, or for the owner's pictures."""

    asks = True

    def __init__(self, data: Mapping[str, Any] | None, *, name: str, service: Service) -> None:
        self.asks_words = service.takes == "words"
        super().__init__(data, name=name)
        self.initial["searches"] = service.pace.searches
        if service.takes == "nothing":
            for field in OF_WORKS:
                del self.fields[field]


def reads_files(watch: Watch) -> bool:
    """Whether a watch reads files, which cost no site anything and are read to their end."""
    return any(source["kind"] in FILE_KINDS for source in watch.sources)


def _initial(watch: Watch | None) -> dict[str, Any]:
    source: Mapping[str, Any] = next(iter(watch.sources), {}) if watch is not None else {}
    spent: Mapping[str, Any] = {**BUDGET, **(watch.budget if watch is not None else {})}
    rendering: Mapping[str, Any] = {**RENDERING, **({"render": "never"} | watch.budget if watch is not None else {})}
    polite = watch.politeness if watch is not None else {}
    begin = timezone.localtime(watch.next_run_at) if watch is not None and watch.next_run_at is not None else None
    seconds = watch.interval_seconds if watch is not None else int(DAY.total_seconds())
    known = {int(period.total_seconds()) for period, _words in PERIODS}
    return {
        "name": watch.name if watch is not None else "",
        "words": "\n".join(searched_words(watch)) if watch is not None else "",
        "every": str(seconds) if seconds in known else AS_IT_IS,
        "weekday": begin.weekday() if begin is not None else 0,
        "at": begin.time().replace(second=0, microsecond=0) if begin is not None else NIGHT,
        "pages": int(spent["pages"]),
        "images": int(spent["images"]),
        "megabytes": max(1, int(spent["bytes"]) // MEGABYTE),
        "minutes": max(1, int(spent["seconds"]) // 60),
        "searches": int(spent.get("searches", USUAL)),
        "money": spent.get("money", ""),
        "money_month": spent.get("money_month", ""),
        "works": "; ".join(map(str, source.get("works", []))),
        "newest": source.get("newest", False),
        "depth": int(spent["depth"]),
        "rendering": str(rendering["render"]),
        "render_pages": int(rendering["render_pages"]),
        "render_minutes": int(rendering["render_seconds"]) // 60,
        "delay": float(polite.get("delay", Politeness().delay)),
    }
