"""What is said of a watch on the command line: what it looks at, how often, and what a run may spend."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.options import AT_LEAST_1, FILE, FOLDER, together
from exhibit.errors import WrongUseError

if TYPE_CHECKING:
    from registry import models
    from registry.crawls import schedules

MAX_LISTED = 100_000
AT_LEAST_0 = click.IntRange(0)


source_options = together(
    click.option("--site", multiple=True, metavar="URL", help="A page to begin with; its site is followed."),
    click.option("--sitemap", multiple=True, metavar="URL", help="A sitemap or an index of sitemaps."),
    click.option("--feed", multiple=True, metavar="URL", help="A feed: RSS, Atom or JSON Feed."),
    click.option(
        "--list", "lists", multiple=True, metavar="FILE", type=FILE, help="A file with a page's URL in each line."
    ),
    click.option("--folder", multiple=True, metavar="DIR", type=FOLDER, help="A folder of pictures."),
    click.option("--warc", multiple=True, metavar="FILE", type=FILE, help="A web archive: WARC, ARC or WACZ."),
    click.option("--own/--not-own", default=None, help="The places are your own: pictures there become proposals."),
    click.option("--words", metavar="FILE", type=FILE, help="What a search is asked for, one search a line."),
    click.option("--works", metavar="N,N,…", help="Works that a search is asked for; all of them by default."),
    click.option("--newest/--in-turn", default=None, help="Each run begins with the newest work, or goes on."),
)
"""What a watch looks at."""

archive_options = together(
    click.option(
        "--archive",
        "archives",
        multiple=True,
        type=click.Choice(["wayback", "common-crawl"]),
        help="A web archive, of whose captures of a domain the pictures are taken.",
    ),
    click.option("--domain", "domains", multiple=True, metavar="NAME", help="That domain, with all hosts below it."),
    click.option("--from", "since", metavar="DATE", help="Captures from here on: 2019, 2019-03 or 2019-03-31."),
    click.option("--to", "until", metavar="DATE", help="Captures up to here."),
)
"""What a watch takes from web archives."""

time_options = together(
    click.option("--at", metavar="HH:MM", help="Time of day of its runs, where whole days lie between them."),
    click.option("--weekday", metavar="DAY", help="The same of whole weeks: monday, tuesday, …"),
    click.option("--zone", metavar="ZONE", help="Where it is that time, such as Europe/Berlin; the installation's."),
)
"""At which time a watch runs."""

limit_options = together(
    click.option("--pages", type=AT_LEAST_1, metavar="N", help="Pages that a run visits at most; 1,000 at first."),
    click.option("--depth", type=AT_LEAST_0, metavar="N", help="Links that are followed; 3 at first, 0 with a list."),
    click.option("--visits", type=AT_LEAST_0, metavar="N", help="Visits for evidence a day by itself; 1,000 at first."),
    click.option("--searches", type=AT_LEAST_1, metavar="N", help="Searches of a run; 50 unless its mapping says so."),
    click.option("--money", metavar="AMOUNT", help="What the searches of a run cost at most, such as 5USD; or none."),
    click.option("--money-month", metavar="AMOUNT", help="The same of a calendar month."),
    click.option(
        "--render",
        type=click.Choice(["never", "auto", "always"]),
        help="Which pages a browser renders: none, those where that promises pictures (auto, at first), or all.",
    ),
    click.option("--render-pages", type=AT_LEAST_0, metavar="N", help="Pages of a run that it renders; 200."),
    click.option("--render-seconds", type=AT_LEAST_0, metavar="S", help="Seconds of a run that it may take; 1,800."),
    click.option("--delay", type=click.FloatRange(0), metavar="S", help="Least seconds between requests to a host."),
)
"""What a run may spend."""


def budget(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of what a run may spend."""
    money = {name: "" if given[name] == "none" else given[name] for name in ("money", "money_month")}
    names = ("pages", "depth", "visits", "searches", "render", "render_pages", "render_seconds")
    said = {name: given.get(name) for name in names} | money
    return {name: value for name, value in said.items() if value is not None}


def works(given: Mapping[str, Any]) -> list[int] | None:
    """The works that are named, none for all of them; raises ``WrongUseError``. Nothing where nothing is said."""
    text = given["works"]
    if text is None or text == "all":
        return text and []
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise WrongUseError(f"{text!r} doesn't name works.", hint="Write their numbers: 3,7,12; or all.")
    return [int(number) for number in text.split(",")]


def when(given: Mapping[str, Any], watch: "models.Watch | None" = None) -> "schedules.TimeOfDay | None":
    """At which time it runs, if that is said; raises ``WrongUseError``."""
    from registry.crawls import schedules

    weekday = given["weekday"]
    before = None if watch is None else schedules.kept(watch)
    every = given["every"] or (timedelta(seconds=watch.interval_seconds) if watch else timedelta())
    return schedules.chosen(given["at"], weekday and weekday.lower(), given["zone"], every, before)


def politeness(given: Mapping[str, Any]) -> dict[str, float]:
    """What is said of how it treats sites."""
    return {} if given["delay"] is None else {"delay": given["delay"]}


def sources(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and address of each source that is named; raises ``WrongUseError`` for a list that can't be read."""
    for kind in ("site", "sitemap", "feed"):
        yield from ((kind, address) for address in given[kind])
    for file in given["lists"]:
        addresses = _lines(file)
        if not addresses:
            raise WrongUseError(f"{file.name} lists no address.", hint="Write the URL of a page in each line.")
        yield from (("list", address) for address in addresses)
    for kind in ("folder", "warc"):
        yield from ((kind, str(path.resolve())) for path in given[kind])


def _lines(file: Path) -> list[str]:
    """The lines of a list; empty ones and those that begin with # are left out."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{file.name} can't be read as a list: it isn't text in UTF-8.") from error
    if len(lines) > MAX_LISTED:
        raise WrongUseError(f"{file.name} has more than {MAX_LISTED:,} lines.", hint="Make several watches of it.")
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def words(given: Mapping[str, Any]) -> list[str]:
    """What a search is asked for, from its file."""
    from registry.crawls import search_services

    return [] if given["words"] is None else search_services.words_of("\n".join(_lines(given["words"])))


def subjects(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a search is asked for, as :class:`registry.crawls.watching.Subjects`."""
    asked = None if given["words"] is None else words(given)
    return {"words": asked, "works": works(given), "newest": given["newest"]}


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


def period(text: str) -> timedelta:
    """Read a period, as the type of an option."""
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} isn't a period such as 30m, 24h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def shown(seconds: int) -> str:
    """A period in the largest unit of which it is a whole number, such as ``7d``; a day is ``24h``."""
    for letter, name in _UNITS.items():
        length = int(timedelta(**{name: 1}).total_seconds())
        if seconds % length == 0 and (letter != "d" or seconds > length):
            return f"{seconds // length}{letter}"
    return f"{seconds}s"
