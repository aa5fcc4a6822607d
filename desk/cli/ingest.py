"""`exhibit ingest`."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, TextIO

import click

from desk.cli.common.frame import Desk, examples, finish, open_desk, person
from desk.cli.common.options import AT_LEAST_1, THERE, json_option, owner_option
from desk.cli.common.show import counted, note, say, short, size, table, tell
from exhibit.config.secrets import BUCKET, secret_path
from exhibit.errors import ExitCode, WrongUseError
from exhibit.files.delimited import csv_text
from exhibit.plain import printable
from exhibit.types import Json

if TYPE_CHECKING:
    from crawler.crawling.files import InFile
    from crawler.lists import files, line
    from registry import models
    from registry.crawls import forecasts, list_ingestion, url_lists

TOLD_EVERY = 10.0
"""Seconds between two lines about how far it is, where standard error is no terminal."""
LEFT_OUT = "Output file for skipped URLs and reasons (CSV)."
_EXAMPLES = 5
"""Names of files that are told of those left out for one reason."""
KINDS = click.Choice(["image", "page"])


@click.command(
    "ingest",
    epilog=examples(
        "exhibit ingest laion-part-00000.parquet --watch laion --min-width 300",
        "exhibit ingest lists/ --watch agency --host shop.example --exclude-host cdn.shop.example",
        "exhibit ingest addresses.csv.gz --watch agency --column image --word sunset --word beach",
        "AWS_SKIP_SIGNATURE=true AWS_REGION=us-east-1 exhibit ingest --bucket s3://lists/2026 --watch agency",
        "exhibit ingest CC-MAIN-2026-01.warc.wat.gz cdx-00000.gz --watch crawl --only image --dry-run",
    ),
)
@click.argument("paths", nargs=-1, type=THERE)
@owner_option
@click.option(
    "--watch", "name", required=True, metavar="NAME", help="Name of the watch that visits the URLs; created if missing."
)
@click.option("--bucket", "buckets", multiple=True, metavar="URL", help="Bucket with lists: s3://…, gs://… or az://….")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Only URLs on this host and its subdomains.")
@click.option(
    "--exclude-host", "without_hosts", multiple=True, metavar="HOST", help="Skip URLs on this host and its subdomains."
)
@click.option("--word", "words", multiple=True, metavar="WORD", help="Only rows with this word in caption or URL.")
@click.option("--min-width", type=AT_LEAST_1, metavar="PIXELS", help="Minimum width in pixels, if the list states it.")
@click.option(
    "--min-height", type=AT_LEAST_1, metavar="PIXELS", help="Minimum height in pixels, if the list states it."
)
@click.option(
    "--suffix", "suffixes", multiple=True, metavar="SUFFIX", help="Only pictures with this suffix, such as .jpg."
)
@click.option("--only", type=KINDS, help="Only URLs of this kind.")
@click.option("--column", metavar="NAME", default="", help="Column of a table with the URLs; default url.")
@click.option("--kind", "kind", type=KINDS, default="image", show_default=True, help="Kind of the URLs in a table.")
@click.option("--dry-run", is_flag=True, help="Estimate requests, hosts and time without importing anything.")
@click.option("--skipped", type=click.File("w", "utf-8", "replace"), metavar="FILE", help=LEFT_OUT)
@json_option
def ingest_command(*, paths: tuple[Path, ...], named: str | None, as_json: bool, **given: Json) -> None:
    """Import lists of picture and page URLs from files and folders PATHS into a watch.

    Reads Parquet and CSV files (columns url, caption, page_url, width, height), and WAT and CDX files of web archives,
    also compressed as .gz or .zst. WARC, ARC and WACZ files get their own watch. The import requests nothing: workers
    visit the URLs later under the usual crawling rules, without following links. Files in a bucket are first copied to
    lists/ in the data folder, with credentials from the environment, as for blobs_url.

    After an interruption, run the command again. Exits with 4 if a list could not be read completely.
    """
    if not paths and not given["buckets"]:
        raise WrongUseError("No list was given.", hint="Enter files, folders, or --bucket URL.")
    desk = open_desk()
    from crawler.lists import files
    from registry.crawls import forecasts, list_ingestion, planning, url_lists, watch_settings

    sources = files.find([*paths, *(_fetched(desk, url) for url in given["buckets"])])
    filters = _wanted(given)
    of = desk.owner(named)
    with _stopped_by_signals() as stopping:
        watch = None if given["dry_run"] else url_lists.get_or_create_watch(of, given["name"], by=person())
        hosts = forecasts.Hosts.at_pace(url_lists.get_politeness(of, given["name"]))

        def given_up() -> bool:
            return bool(stopping)

        order = list_ingestion.IngestOptions(
            watch, filters, desk.services.guard, given["column"], given["kind"], given_up, hosts
        )
        reads = _read(sources, order, given["skipped"])
        archived = [("warc", path) for path in sources.archives]
        counted_files = count_archives(archived, given_up) if given["dry_run"] and not stopping else []
    archives = "" if given["dry_run"] or stopping else _archives(desk, of, given["name"], sources)
    left_out = _left_out(sources)
    values: dict[str, Json] = {
        "files": [_as_json(result) for result in reads],
        "archives": archives,
        "left_out": left_out,
    }
    if given["dry_run"]:
        values |= forecast_as_json(hosts, counted_files)
    tell(values, lambda: _tell(reads, archives, left_out), as_json=as_json)
    if given["dry_run"] and not as_json:
        tell_forecast(hosts if sources.lists else None, counted_files)
    if watch is not None:
        crawl = watch_settings.get_running_crawl(watch)
        planning.plan_crawls(desk.services, [] if crawl is None else [crawl.pk])
        if not desk.workers_run:
            note(f"No worker is running. Start them: exhibit up; or: exhibit watch run {quote(given['name'])} --wait")
    if stopping:
        remainder = (
            "The estimate covers the part read so far." if given["dry_run"] else "Run the command again to continue."
        )
        note(f"Interrupted. {remainder}")
        finish(ExitCode.INTERRUPTED)
    if any(result.problem for result in reads) or any(counted_file.problems for counted_file in counted_files):
        finish(ExitCode.INCOMPLETE)


def _fetched(desk: Desk, url: str) -> Path:
    from crawler.lists import files

    config = desk.services.config
    folder = files.folder_for(url, config.data_dir / "lists")
    for name, count in files.fetch(url, folder, secret_path(config, BUCKET)):
        note(f"{name}: {size(count)}")
    return folder


def _wanted(options: Json) -> "line.LineFilter":
    from crawler.lists import line
    from exhibit.network.addresses import plain_host

    return line.LineFilter(
        hosts=tuple(sorted(map(plain_host, options["hosts"]))),
        without_hosts=tuple(sorted(map(plain_host, options["without_hosts"]))),
        words=tuple(word.casefold() for word in options["words"]),
        min_width=options["min_width"] or 0,
        min_height=options["min_height"] or 0,
        suffixes=tuple("." + suffix.lower().lstrip(".") for suffix in options["suffixes"]),
        only=options["only"] or "",
    )


def _read(
    sources: "files.Found", order: "list_ingestion.IngestOptions", skipped: TextIO | None
) -> list["list_ingestion.ListProgress"]:
    """Read the lists; tells on standard error how far it is, and writes what is left out.

    Where standard error is a terminal, one line is written over and over, else a line now and then.
    """
    from crawler.lists import line
    from registry.crawls import list_ingestion

    reads: dict[Path, list_ingestion.ListProgress] = {}
    live, last_shown = sys.stderr.isatty(), 0.0
    if skipped is not None:
        skipped.write(csv_text([("file", "reason", "address", "sentence")]))
    for result, left_out in list_ingestion.ingest(sources.lists, order):
        reads[result.path] = result
        ended = bool(result.problem or result.row.whole)
        if live or ended or time.monotonic() - last_shown > TOLD_EVERY:
            last_shown = time.monotonic()
            text = printable(f"{result.path.name}: {_so_far(result)}")
            click.echo(f"\r\x1b[K{text}" if live else text, err=True, nl=ended or not live)
        if skipped is not None:
            skipped.write(csv_text((result.path.name, reason, url, line.REASONS[reason]) for reason, url in left_out))
    if live:
        click.echo(err=True)
    return list(reads.values())


def _so_far(result: "list_ingestion.ListProgress") -> str:
    row = result.row
    if row.whole and row.lines == result.before:
        return f"imported before, {counted(row.lines, 'row')}"
    parts = [counted(row.lines, "row"), f"{row.kept:,} imported"]
    parts += [f"{count:,} skipped ({reason})" for reason, (count, _examples) in _by_number(row.skipped)]
    if result.seconds:
        parts.append(f"{(row.lines - result.before) / result.seconds:,.0f} per second")
    if result.remaining_seconds is not None and not row.whole:
        parts.append(f"{timedelta(seconds=round(result.remaining_seconds))} left")
    if result.changed:
        parts.append("read from the start, because the file has changed")
    return ", ".join(parts) + (f". {result.problem}" if result.problem else "")


def _by_number(skipped: Mapping[str, "url_lists.Skipped"]) -> list[tuple[str, "url_lists.Skipped"]]:
    return sorted(skipped.items(), key=lambda entry: (-entry[1][0], entry[0]))


def _archives(desk: Desk, of: "models.Owner", name: str, sources: "files.Found") -> str:
    """Let web archives be read; returns what is to be said of it."""
    from registry.crawls import planning

    if not sources.archives:
        return ""
    watch, crawl = planning.read_archives(desk.services, of, f"{name} archives", sources.archives, by=person())
    return f"Web archives: {'added to' if crawl else 'already in'} the watch {watch.name}."


def count_archives(sources: Sequence[tuple[str, Path]], stopped: Callable[[], bool]) -> list["InFile"]:
    """What web archives and folders hold, each by its kind; tells now and then on standard error how far it is."""
    from crawler.crawling.files import count_files
    from crawler.formats.job import SourceKind

    counts: dict[Path, InFile] = {}
    last_shown = time.monotonic()
    for file in (each for kind, path in sources for each in count_files(SourceKind(kind), path)):
        counts[file.path] = file
        if time.monotonic() - last_shown > TOLD_EVERY:
            last_shown = time.monotonic()
            note(f"{file.path.name}: {counted(file.pictures, 'picture')} found")
        if stopped():
            break
    return list(counts.values())


def tell_forecast(hosts: "forecasts.Hosts | None", found: Sequence["InFile"]) -> None:
    """Say what would be asked of whom, and what is read from files themselves."""
    from desk.texts import schedules

    for sentence in schedules.describe_hosts(hosts) if hosts is not None else ():
        say(sentence)
    for entry in found:
        for sentence in schedules.describe_file(entry):
            say(sentence)


def forecast_as_json(hosts: "forecasts.Hosts", found: Sequence["InFile"]) -> dict[str, Json]:
    """The same as JSON."""
    more, rest = hosts.remaining
    largest = [{"host": host, "addresses": n, "seconds": hosts.seconds(n)} for host, n in hosts.largest]
    return {
        "asked": {
            "addresses": hosts.addresses,
            "hosts": len(hosts.counts),
            "seconds": hosts.seconds(),
            "largest": largest,
            "others": {"hosts": more, "addresses": rest},
        },
        "in_files": [
            {
                "file": str(entry.path),
                "pictures": entry.pictures,
                "refused": dict(entry.refused),
                "problems": entry.problems,
                "whole": entry.whole,
            }
            for entry in found
        ],
    }


def _left_out(sources: "files.Found") -> dict[str, Json]:
    """What of folders is not read, by the reason: how much, why, and the first of it."""
    from crawler.lists import files

    groups: dict[str, list[str]] = {}
    for item in sources.left_out:
        groups.setdefault(item.reason, []).append(str(item.path))
    return {
        reason: {"files": len(paths), "sentence": files.LEFT_OUT_REASONS[reason], "examples": paths[:_EXAMPLES]}
        for reason, paths in groups.items()
    }


def _tell(reads: Sequence["list_ingestion.ListProgress"], archives: str, left_out: Mapping[str, Json]) -> None:
    """Say of all lists together how many lines there were, and why some were left out."""
    from crawler.lists import line
    from registry.crawls import url_lists

    lines, kept_count = sum(result.row.lines for result in reads), sum(result.row.kept for result in reads)
    say(f"{counted(lines, 'row')}: {kept_count:,} imported, {lines - kept_count:,} skipped.")
    rows = [
        (count, line.REASONS[reason], " ".join(map(short, examples)))
        for reason, (count, examples) in _by_number(url_lists.merge_skipped(result.row.skipped for result in reads))
    ]
    if rows:
        table(("rows", "reason", "examples"), rows)
    problems = [f"{result.path.name}: {result.problem}" for result in reads if result.problem]
    for sentence in filter(None, [*problems, archives]):
        say(sentence)
    for group in left_out.values():
        names = ", ".join(Path(path).name for path in group["examples"])
        note(f"{counted(group['files'], 'file or folder', 'files or folders')} skipped ({names}). {group['sentence']}")


def _as_json(result: "list_ingestion.ListProgress") -> dict[str, Json]:
    from crawler.lists import line

    skipped = {
        reason: {"lines": count, "sentence": line.REASONS[reason], "examples": examples}
        for reason, (count, examples) in _by_number(result.row.skipped)
    }
    return {
        "file": str(result.path),
        "lines": result.row.lines,
        "kept": result.row.kept,
        "skipped": skipped,
        "whole": result.row.whole,
        "changed": result.changed,
        "problem": result.problem,
    }


@contextmanager
def _stopped_by_signals() -> Iterator[list[int]]:
    """A list that is filled by the first Ctrl-C or SIGTERM, so that a batch ends whole; a second one ends it."""
    came: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
