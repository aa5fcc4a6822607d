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
    from registry.crawls import forecasts, ingest, lists

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
    from registry.crawls import forecasts, ingest, lists, plan, watching

    found = files.find([*paths, *(_fetched(desk, url) for url in given["buckets"])])
    wanted = _wanted(given)
    of = desk.owner(named)
    with _stopped_by_signals() as stopping:
        watch = None if given["dry_run"] else lists.watch_of(of, given["name"], by=person())
        hosts = forecasts.Hosts.at_pace(lists.politeness_of(of, given["name"]))

        def given_up() -> bool:
            return bool(stopping)

        order = ingest.Order(watch, wanted, desk.services.guard, given["column"], given["kind"], given_up, hosts)
        reads = _read(found, order, given["skipped"])
        archived = [("warc", path) for path in found.archives]
        counted_files = count_archives(archived, given_up) if given["dry_run"] and not stopping else []
    archives = "" if given["dry_run"] or stopping else _archives(desk, of, given["name"], found)
    left_out = _left_out(found)
    told: dict[str, Json] = {"files": [_as_json(read) for read in reads], "archives": archives, "left_out": left_out}
    if given["dry_run"]:
        told |= forecast_as_json(hosts, counted_files)
    tell(told, lambda: _tell(reads, archives, left_out), as_json=as_json)
    if given["dry_run"] and not as_json:
        tell_forecast(hosts if found.lists else None, counted_files)
    if watch is not None:
        crawl = watching.crawl_under_way(watch)
        plan.plan_crawls(desk.services, [] if crawl is None else [crawl.pk])
        if not desk.workers_run:
            note(f"No worker is running. Start them: exhibit up; or: exhibit watch run {quote(given['name'])} --wait")
    if stopping:
        said = "The estimate covers the part read so far." if given["dry_run"] else "Run the command again to continue."
        note(f"Interrupted. {said}")
        finish(ExitCode.INTERRUPTED)
    if any(read.problem for read in reads) or any(one.problems for one in counted_files):
        finish(ExitCode.INCOMPLETE)


def _fetched(desk: Desk, url: str) -> Path:
    from crawler.lists import files

    config = desk.services.config
    folder = files.folder_for(url, config.data_dir / "lists")
    for name, count in files.fetch(url, folder, secret_path(config, BUCKET)):
        note(f"{name}: {size(count)}")
    return folder


def _wanted(given: Json) -> "line.Wanted":
    from crawler.lists import line
    from exhibit.network.addresses import plain_host

    return line.Wanted(
        hosts=tuple(sorted(map(plain_host, given["hosts"]))),
        without_hosts=tuple(sorted(map(plain_host, given["without_hosts"]))),
        words=tuple(word.casefold() for word in given["words"]),
        min_width=given["min_width"] or 0,
        min_height=given["min_height"] or 0,
        suffixes=tuple("." + suffix.lower().lstrip(".") for suffix in given["suffixes"]),
        only=given["only"] or "",
    )


def _read(found: "files.Found", order: "ingest.Order", skipped: TextIO | None) -> list["ingest.Read"]:
    """Read the lists; tells on standard error how far it is, and writes what is left out.

    Where standard error is a terminal, one line is written over and over, else a line now and then.
    """
    from crawler.lists import line
    from registry.crawls import ingest

    reads: dict[Path, ingest.Read] = {}
    live, told = sys.stderr.isatty(), 0.0
    if skipped is not None:
        skipped.write(csv_text([("file", "reason", "address", "sentence")]))
    for read, left_out in ingest.ingest(found.lists, order):
        reads[read.path] = read
        ended = bool(read.problem or read.row.whole)
        if live or ended or time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            text = printable(f"{read.path.name}: {_so_far(read)}")
            click.echo(f"\r\x1b[K{text}" if live else text, err=True, nl=ended or not live)
        if skipped is not None:
            skipped.write(csv_text((read.path.name, reason, url, line.REASONS[reason]) for reason, url in left_out))
    if live:
        click.echo(err=True)
    return list(reads.values())


def _so_far(read: "ingest.Read") -> str:
    row = read.row
    if row.whole and row.lines == read.before:
        return f"imported before, {counted(row.lines, 'row')}"
    parts = [counted(row.lines, "row"), f"{row.kept:,} imported"]
    parts += [f"{count:,} skipped ({reason})" for reason, (count, _examples) in _by_number(row.skipped)]
    if read.seconds:
        parts.append(f"{(row.lines - read.before) / read.seconds:,.0f} per second")
    if read.left is not None and not row.whole:
        parts.append(f"{timedelta(seconds=round(read.left))} left")
    if read.changed:
        parts.append("read from the start, because the file has changed")
    return ", ".join(parts) + (f". {read.problem}" if read.problem else "")


def _by_number(skipped: Mapping[str, "lists.Skipped"]) -> list[tuple[str, "lists.Skipped"]]:
    return sorted(skipped.items(), key=lambda entry: (-entry[1][0], entry[0]))


def _archives(desk: Desk, of: "models.Owner", name: str, found: "files.Found") -> str:
    """Let web archives be read; returns what is to be said of it."""
    from registry.crawls import plan

    if not found.archives:
        return ""
    watch, begun = plan.read_archives(desk.services, of, f"{name} archives", found.archives, by=person())
    return f"Web archives: {'added to' if begun else 'already in'} the watch {watch.name}."


def count_archives(sources: Sequence[tuple[str, Path]], stopped: Callable[[], bool]) -> list["InFile"]:
    """What web archives and folders hold, each by its kind; tells now and then on standard error how far it is."""
    from crawler.crawling.files import count_files
    from crawler.formats.job import SourceKind

    found: dict[Path, InFile] = {}
    told = time.monotonic()
    for one in (each for kind, path in sources for each in count_files(SourceKind(kind), path)):
        found[one.path] = one
        if time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            note(f"{one.path.name}: {counted(one.pictures, 'picture')} found")
        if stopped():
            break
    return list(found.values())


def tell_forecast(hosts: "forecasts.Hosts | None", found: Sequence["InFile"]) -> None:
    """Say what would be asked of whom, and what is read from files themselves."""
    from desk.texts import schedules

    for sentence in schedules.asked(hosts) if hosts is not None else ():
        say(sentence)
    for one in found:
        for sentence in schedules.in_file(one):
            say(sentence)


def forecast_as_json(hosts: "forecasts.Hosts", found: Sequence["InFile"]) -> dict[str, Json]:
    """The same as JSON."""
    more, rest = hosts.others
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
                "file": str(one.path),
                "pictures": one.pictures,
                "refused": dict(one.refused),
                "problems": one.problems,
                "whole": one.whole,
            }
            for one in found
        ],
    }


def _left_out(found: "files.Found") -> dict[str, Json]:
    """What of folders is not read, by the reason: how much, why, and the first of it."""
    from crawler.lists import files

    groups: dict[str, list[str]] = {}
    for one in found.left_out:
        groups.setdefault(one.reason, []).append(str(one.path))
    return {
        reason: {"files": len(paths), "sentence": files.LEFT_OUT_REASONS[reason], "examples": paths[:_EXAMPLES]}
        for reason, paths in groups.items()
    }


def _tell(reads: Sequence["ingest.Read"], archives: str, left_out: Mapping[str, Json]) -> None:
    """Say of all lists together how many lines there were, and why some were left out."""
    from crawler.lists import line
    from registry.crawls import lists

    lines, kept = sum(read.row.lines for read in reads), sum(read.row.kept for read in reads)
    say(f"{counted(lines, 'row')}: {kept:,} imported, {lines - kept:,} skipped.")
    rows = [
        (count, line.REASONS[reason], " ".join(map(short, examples)))
        for reason, (count, examples) in _by_number(lists.together(read.row.skipped for read in reads))
    ]
    if rows:
        table(("rows", "reason", "examples"), rows)
    problems = [f"{read.path.name}: {read.problem}" for read in reads if read.problem]
    for sentence in filter(None, [*problems, archives]):
        say(sentence)
    for group in left_out.values():
        names = ", ".join(Path(path).name for path in group["examples"])
        note(f"{counted(group['files'], 'file or folder', 'files or folders')} skipped ({names}). {group['sentence']}")


def _as_json(read: "ingest.Read") -> dict[str, Json]:
    from crawler.lists import line

    skipped = {
        reason: {"lines": count, "sentence": line.REASONS[reason], "examples": examples}
        for reason, (count, examples) in _by_number(read.row.skipped)
    }
    return {
        "file": str(read.path),
        "lines": read.row.lines,
        "kept": read.row.kept,
        "skipped": skipped,
        "whole": read.row.whole,
        "changed": read.changed,
        "problem": read.problem,
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
