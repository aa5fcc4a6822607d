"""Options of `exhibit watch add`: sources, schedule, and limits of a crawl."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.options import AT_LEAST_1, EXISTING_FILE, EXISTING_FOLDER, combine_options
from exhibit.errors import InvalidRequestError

if TYPE_CHECKING:
    from registry.crawls import schedules

MAX_LISTED = 100_000
AT_LEAST_0 = click.IntRange(0)


source_options = combine_options(
    click.option("--site", multiple=True, metavar="URL", help="URL of a site; links within the site are followed."),
    click.option("--sitemap", multiple=True, metavar="URL", help="URL of a sitemap or a sitemap index."),
    click.option("--feed", multiple=True, metavar="URL", help="URL of an RSS, Atom or JSON feed."),
    click.option(
        "--list",
        "lists",
        multiple=True,
        metavar="FILE",
        type=EXISTING_FILE,
        help="Text file with one page URL per line.",
    ),
    click.option("--folder", multiple=True, metavar="DIR", type=EXISTING_FOLDER, help="Folder of pictures."),
    click.option(
        "--warc", multiple=True, metavar="FILE", type=EXISTING_FILE, help="Web archive file: WARC, ARC or WACZ."
    ),
    click.option(
        "--own-site",
        "own",
        is_flag=True,
        help="Treat the sources as your own sites, and propose their pictures as works.",
    ),
    click.option(
        "--queries",
        "words",
        metavar="FILE",
        type=EXISTING_FILE,
        help="Text file with search queries, one per line.",
    ),
    click.option("--works", metavar="N,N,…", help="Numbers of works to search for; all works by default."),
    click.option(
        "--newest-first/--in-turn",
        "newest",
        default=None,
        help="Start with the newest work, or continue where the previous run ended.",
    ),
)
"""Sources of a watch."""

archive_options = combine_options(
    click.option(
        "--archive",
        "archives",
        multiple=True,
        type=click.Choice(["wayback", "common-crawl"]),
        help="Public web archive to search for captures of --domain.",
    ),
    click.option(
        "--domain",
        "domains",
        multiple=True,
        metavar="NAME",
        help="Domain to search for in --archive, including its subdomains.",
    ),
    click.option("--from", "since", metavar="DATE", help="Date of the earliest capture: 2019, 2019-03 or 2019-03-31."),
    click.option("--to", "until", metavar="DATE", help="Date of the latest capture, in the format of --from."),
)
"""Sources in public web archives."""

time_options = combine_options(
    click.option("--at", metavar="HH:MM", help="Time of day of each crawl, for intervals of whole days."),
    click.option("--weekday", metavar="DAY", help="Day of the week, such as monday, for intervals of whole weeks."),
    click.option("--zone", metavar="ZONE", help="Time zone of --at, such as Europe/Berlin."),
)
"""Time of day of crawls."""

limit_options = combine_options(
    click.option("--pages", type=AT_LEAST_1, metavar="N", help="Maximum pages per crawl. [default: 1,000]"),
    click.option("--depth", type=AT_LEAST_0, metavar="N", help="Maximum link depth. [default: 3; with --list: 0]"),
    click.option("--visits", type=AT_LEAST_0, metavar="N", help="Maximum automatic captures per day. [default: 1,000]"),
    click.option("--searches", type=AT_LEAST_1, metavar="N", help="Maximum searches per crawl. [default: 50]"),
    click.option(
        "--max-cost",
        "money",
        metavar="AMOUNT",
        help="Maximum search costs per crawl, such as 5USD, or none for no limit.",
    ),
    click.option(
        "--max-cost-month",
        "money_month",
        metavar="AMOUNT",
        help="Maximum search costs per month, or none for no limit.",
    ),
    click.option(
        "--render",
        type=click.Choice(["never", "auto", "always"]),
        help="Pages to render in a browser: none, pages whose scripts may add pictures, or all. [default: auto]",
    ),
    click.option(
        "--render-pages", type=AT_LEAST_0, metavar="N", help="Maximum rendered pages per crawl. [default: 200]"
    ),
    click.option(
        "--render-seconds",
        type=AT_LEAST_0,
        metavar="S",
        help="Maximum rendering time per crawl in seconds. [default: 1,800]",
    ),
    click.option(
        "--delay", type=click.FloatRange(0), metavar="S", help="Minimum delay in seconds between requests to a host."
    ),
)
"""Limits of a crawl."""


def parse_budget(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits of a crawl from the options."""
    money = {name: "" if options[name] == "none" else options[name] for name in ("money", "money_month")}
    names = ("pages", "depth", "visits", "searches", "render", "render_pages", "render_seconds")
    values = {name: options.get(name) for name in names} | money
    return {name: value for name, value in values.items() if value is not None}


def parse_works(options: Mapping[str, Any]) -> list[int] | None:
    """Parse the numbers of works; an empty list means all works. Return None if the option is missing.

    Raises:
        InvalidRequestError: The option is invalid.
    """
    text = options["works"]
    if text is None or text == "all":
        return text and []
    if not re.fullmatch(r"\d{1,9}(,\d{1,9})*", text):
        raise InvalidRequestError(
            f"{text!r} is not a list of work numbers.", hint="Enter numbers such as 3,7,12, or all."
        )
    return [int(number) for number in text.split(",")]


def parse_time_of_day(options: Mapping[str, Any]) -> "schedules.TimeOfDay | None":
    """Parse the time of day of crawls; None if the option is missing.

    Raises:
        InvalidRequestError: The option is invalid.
    """
    from registry.crawls import schedules

    weekday = options["weekday"]
    return schedules.parse_time_of_day(
        options["at"], weekday and weekday.lower(), options["zone"], options["every"], None
    )


def parse_politeness(options: Mapping[str, Any]) -> dict[str, float]:
    """Return the delay between requests from the options, as politeness settings of the crawler."""
    return {} if options["delay"] is None else {"delay": options["delay"]}


def parse_sources(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the kind and the URL or path of each source.

    Raises:
        InvalidRequestError: A list is empty or cannot be read.
    """
    for kind in ("site", "sitemap", "feed"):
        yield from ((kind, address) for address in options[kind])
    for file in options["lists"]:
        addresses = _read_lines(file)
        if not addresses:
            raise InvalidRequestError(f"{file.name} contains no URL.", hint="Write one page URL per line.")
        yield from (("list", address) for address in addresses)
    for kind in ("folder", "warc"):
        yield from ((kind, str(path.resolve())) for path in options[kind])


def _read_lines(file: Path) -> list[str]:
    """Read the lines of a list, without empty lines and comments (#)."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file.name} is not a UTF-8 text file.") from error
    if len(lines) > MAX_LISTED:
        raise InvalidRequestError(
            f"{file.name} has more than {MAX_LISTED:,} lines.",
            hint="Import it instead: exhibit ingest",
        )
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def parse_queries(options: Mapping[str, Any]) -> list[str]:
    """Read the search queries from the file in the options; an empty list if there is none."""
    from registry.crawls import search_services

    return [] if options["words"] is None else search_services.split_queries("\n".join(_read_lines(options["words"])))


def parse_subjects(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the queries and works of a search, as in :class:`registry.crawls.watch_settings.Subjects`."""
    search_terms = None if options["words"] is None else parse_queries(options)
    return {"words": search_terms, "works": parse_works(options), "newest": options["newest"]}


_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


def parse_interval(text: str) -> timedelta:
    """Parse an interval such as 30m, 24h or 7d (a click option type)."""
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is not an interval such as 30m, 24h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
