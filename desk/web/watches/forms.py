"""What a person may set of a watch."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from crawler.formats.job import Politeness
from desk.texts.schedules import schedule
from registry.crawls.inquiries import USUAL
from registry.crawls.schedules import DAY, WEEK, first_run
from registry.crawls.watching import BUDGET, FILE_KINDS, searched_words, searches
from registry.models import Watch

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
LIMITS = ("pages", "images", "megabytes", "minutes", "searches", "depth", "delay")
SITES_ONLY = ("pages", "depth")
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
    depth = forms.IntegerField(
        label=_("Links followed from the start"), min_value=0, max_value=50, help_text=_("0 visits the sources alone.")
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
        unused = LIMITS if watch is not None and reads_files(watch) else SITES_ONLY if asks else ("searches",)
        for field in (*unused, *(() if asks_words else ("words",))):
            del self.fields[field]
        choices = [(str(int(period.total_seconds())), str(words)) for period, words in PERIODS]
        if watch is not None and str(watch.interval_seconds) not in dict(choices):
            choices.insert(0, (AS_IT_IS, schedule(watch)))
        every: Any = self.fields["every"]
        every.choices = choices

    def settings(self) -> dict[str, Any]:
        """What was set, as :func:`workers.crawls.watches.arrange` and ``change`` take it."""
        given = self.cleaned_data
        budget: dict[str, int] = {}
        politeness: dict[str, float] = {}
        if "megabytes" in given:
            budget = {name: given[name] for name in ("pages", "images", "depth", "searches") if name in given}
            budget |= {"bytes": given["megabytes"] * MEGABYTE, "seconds": given["minutes"] * 60}
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

    def _first(self, every: timedelta, at: time, weekday: int) -> datetime | None:
        """The next time of the schedule; nothing where it wasn't touched, and the next run stays where it is."""
        if self._watch is not None and not TIMES & set(self.changed_data):
            return None
        return first_run(every, at, weekday, timezone.get_current_timezone())


class SearchWatchForm(WatchForm):
    """The same for a new watch that asks a search, so often in a run: for words, or for the owner's pictures."""

    asks = True

    def __init__(self, data: Mapping[str, Any] | None, *, name: str, searches: int, asks_words: bool) -> None:
        self.asks_words = asks_words
        super().__init__(data, name=name)
        self.initial["searches"] = searches


def reads_files(watch: Watch) -> bool:
    """Whether a watch reads files, which cost no site anything and are read to their end."""
    return any(source["kind"] in FILE_KINDS for source in watch.sources)


def _initial(watch: Watch | None) -> dict[str, Any]:
    spent: Mapping[str, float] = {**BUDGET, **(watch.budget if watch is not None else {})}
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
        "depth": int(spent["depth"]),
        "delay": float(polite.get("delay", Politeness().delay)),
    }
