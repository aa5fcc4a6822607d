"""Options of `exhibit watch add`: sources, schedule, and limits of a crawl."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.options import AT_LEAST_1, FILE, FOLDER, together
from exhibit.errors import WrongUseError

if TYPE_CHECKING:
    from registry.crawls import schedules

MAX_LISTED = 100_000
AT_LEAST_0 = click.IntRange(0)


source_options = together(
    click.option("--site", multiple=True, metavar="URL", help="URL of a site; links within the site are followed."),
    click.option("--sitemap", multiple=True, metavar="URL", help="URL of a sitemap or a sitemap index."),
    click.option("--feed", multiple=True, metavar="URL", help="URL of an RSS, Atom or JSON feed."),
    click.option(
        "--list", "lists", multiple=True, metavar="FILE", type=FILE, help="Text file with one page URL per line."
    ),
    click.option("--folder", multiple=True, metavar="DIR", type=FOLDER, help="Folder of pictures."),
    click.option("--warc", multiple=True, metavar="FILE", type=FILE, help="Web archive file: WARC, ARC or WACZ."),
    click.option(
        "--own-site", "own", is_flag=True, help="Treat the sources as your own: propose their pictures as works."
    ),
    click.option(
        "--queries", "words", metavar="FILE", type=FILE, help="Text file with queries for a search, one per line."
    ),
    click.option("--works", metavar="N,N,…", help="Numbers of works to search for; all works by default."),
    click.option(
        "--newest-first/--in-turn", "newest", default=None, help="Start with the newest work, or continue in turn."
    ),
)
"""Sources of a watch."""

archive_options = together(
    click.option(
        "--archive",
        "archives",
        multiple=True,
        type=click.Choice(["wayback", "common-crawl"]),
        help="Public web archive to search for captures of --domain.",
    ),
    click.option(
        "--domain", "domains", multiple=True, metavar="NAME", help="Domain in --archive, including its subdomains."
    ),
    click.option("--from", "since", metavar="DATE", help="Earliest capture: 2019, 2019-03 or 2019-03-31."),
    click.option("--to", "until", metavar="DATE", help="Latest capture, in the same form."),
)
"""Sources in public web archives."""

time_options = together(
    click.option("--at", metavar="HH:MM", help="Time of day, for intervals of whole days."),
    click.option("--weekday", metavar="DAY", help="Day of the week, for intervals of whole weeks."),
    click.option("--zone", metavar="ZONE", help="Time zone of --at, such as Europe/Berlin."),
)
"""Time of day of crawls."""

limit_options = together(
    click.option("--pages", type=AT_LEAST_1, metavar="N", help="Maximum pages per crawl; default 1,000."),
    click.option("--depth", type=AT_LEAST_0, metavar="N", help="Maximum link depth; default 3, with a list 0."),
    click.option(
        "--visits", type=AT_LEAST_0, metavar="N", help="Maximum automatic evidence visits per day; default 1,000."
    ),
    click.option("--searches", type=AT_LEAST_1, metavar="N", help="Maximum searches per crawl; default 50."),
    click.option(
        "--max-cost", "money", metavar="AMOUNT", help="Maximum cost of searches per crawl, such as 5USD, or none."
    ),
    click.option(
        "--max-cost-month", "money_month", metavar="AMOUNT", help="Maximum cost of searches per month, or none."
    ),
    click.option(
        "--render",
        type=click.Choice(["never", "auto", "always"]),
        help="Pages to render in a browser: none, those likely to gain pictures, or all; default auto.",
    ),
    click.option("--render-pages", type=AT_LEAST_0, metavar="N", help="Maximum rendered pages per crawl; default 200."),
    click.option(
        "--render-seconds",
        type=AT_LEAST_0,
        metavar="S",
        help="Maximum rendering time per crawl in seconds; default 1,800.",
    ),
    click.option(
        "--delay", type=click.FloatRange(0), metavar="S", help="Minimum delay between requests to a host in seconds."
    ),
)
"""Limits of a crawl."""


def budget(given: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of a crawl that were given."""
    money = {name: "" if given[name] == "none" else given[name] for name in ("money", "money_month")}
    names = ("pages", "depth", "visits", "searches", "render", "render_pages", "render_seconds")
    values = {name: given.get(name) for name in names} | money
    return {name: value for name, value in values.items() if value is not None}


def works(given: Mapping[str, Any]) -> list[int] | None:
    """Numbers of the given works, none for all of them, or None if not given; raises ``WrongUseError``."""
    text = given["works"]
    if text is None or text == "all":
        return text and []
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise WrongUseError(f"{text!r} is not a list of works.", hint="Enter numbers such as 3,7,12, or all.")
    return [int(number) for number in text.split(",")]


def when(given: Mapping[str, Any]) -> "schedules.TimeOfDay | None":
    """The time of day of crawls, if given; raises ``WrongUseError``."""
    from registry.crawls import schedules

    weekday = given["weekday"]
    return schedules.parse_time_of_day(given["at"], weekday and weekday.lower(), given["zone"], given["every"], None)


def politeness(given: Mapping[str, Any]) -> dict[str, float]:
    """The crawler's politeness, as given."""
    return {} if given["delay"] is None else {"delay": given["delay"]}


def sources(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and address of each source; raises ``WrongUseError`` for a list that cannot be read."""
    for kind in ("site", "sitemap", "feed"):
        yield from ((kind, address) for address in given[kind])
    for file in given["lists"]:
        addresses = _lines(file)
        if not addresses:
            raise WrongUseError(f"{file.name} contains no URL.", hint="Write one page URL per line.")
        yield from (("list", address) for address in addresses)
    for kind in ("folder", "warc"):
        yield from ((kind, str(path.resolve())) for path in given[kind])


def _lines(file: Path) -> list[str]:
    """Lines of a list, without empty lines and those that start with #."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{file.name} is not a UTF-8 text file.") from error
    if len(lines) > MAX_LISTED:
        raise WrongUseError(
            f"{file.name} has more than {MAX_LISTED:,} lines.",
            hint="Import it instead: exhibit ingest",
        )
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def words(given: Mapping[str, Any]) -> list[str]:
    """Queries of a search, from their file."""
    from registry.crawls import search_services

    return [] if given["words"] is None else search_services.split_queries("\n".join(_lines(given["words"])))


def subjects(given: Mapping[str, Any]) -> dict[str, Any]:
    """Queries and works of a search, as in :class:`registry.crawls.watch_settings.Subjects`."""
    search_terms = None if given["words"] is None else words(given)
    return {"words": search_terms, "works": works(given), "newest": given["newest"]}


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


def period(text: str) -> timedelta:
    """Parse an interval, as the type of an option."""
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is not an interval such as 30m, 24h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
