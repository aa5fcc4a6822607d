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

from desk.cli.common.context import CommandContext, exit_with, format_examples, get_actor_name, open_command_context
from desk.cli.common.options import AT_LEAST_1, EXISTING_PATH, json_option, owner_option
from desk.cli.common.output import echo_note, echo_result, echo_table, echo_text, format_count, format_size, truncate
from exhibit.config.secrets import BUCKET, get_secret_path
from exhibit.errors import ExitCode, InvalidRequestError
from exhibit.files.delimited import format_csv
from exhibit.plain import replace_unprintable
from exhibit.types import Json

if TYPE_CHECKING:
    from crawler.crawling.files import FileSummary
    from crawler.lists import files, line
    from registry import models
    from registry.crawls import forecasts, list_ingestion, url_lists

REPORT_SECONDS = 10.0
"""Seconds between two lines of progress if standard error is not a terminal."""
SKIPPED_HELP = "Output file (CSV) for skipped URLs and the reasons."
_MAX_EXAMPLES = 5
"""Maximum number of file names listed for each reason for skipping files."""
KINDS = click.Choice(["image", "page"])


@click.command(
    "ingest",
    epilog=format_examples(
        "exhibit ingest laion-part-00000.parquet --watch laion --min-width 300",
        "exhibit ingest lists/ --watch agency --host shop.example --exclude-host cdn.shop.example",
        "exhibit ingest addresses.csv.gz --watch agency --column image --word sunset --word beach",
        "AWS_SKIP_SIGNATURE=true AWS_REGION=us-east-1 exhibit ingest --bucket s3://lists/2026 --watch agency",
        "exhibit ingest CC-MAIN-2026-01.warc.wat.gz cdx-00000.gz --watch crawl --only image --dry-run",
    ),
)
@click.argument("paths", nargs=-1, type=EXISTING_PATH)
@owner_option
@click.option(
    "--watch", "name", required=True, metavar="NAME", help="Watch that visits the URLs; created if it does not exist."
)
@click.option("--bucket", "buckets", multiple=True, metavar="URL", help="Bucket with lists: s3://…, gs://… or az://….")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Import only URLs on this host or its subdomains.")
@click.option(
    "--exclude-host", "without_hosts", multiple=True, metavar="HOST", help="Skip URLs on this host and its subdomains."
)
@click.option(
    "--word", "words", multiple=True, metavar="WORD", help="Import only rows with this word in the caption or URL."
)
@click.option(
    "--min-width", type=AT_LEAST_1, metavar="PIXELS", help="Minimum width; rows without a width are imported."
)
@click.option(
    "--min-height", type=AT_LEAST_1, metavar="PIXELS", help="Minimum height; rows without a height are imported."
)
@click.option(
    "--suffix", "suffixes", multiple=True, metavar="SUFFIX", help="Import only pictures with this suffix, such as .jpg."
)
@click.option("--only", type=KINDS, help="Import only URLs of pictures (image) or of pages (page).")
@click.option("--column", metavar="NAME", default="", help="Table column that contains the URLs. [default: url]")
@click.option(
    "--kind",
    "kind",
    type=KINDS,
    default="image",
    show_default=True,
    help="Whether the URLs in a table point to pictures (image) or pages (page).",
)
@click.option("--dry-run", is_flag=True, help="Estimate requests, hosts and time without importing anything.")
@click.option("--skipped", type=click.File("w", "utf-8", "replace"), metavar="FILE", help=SKIPPED_HELP)
@json_option
def ingest_command(*, paths: tuple[Path, ...], owner_name: str | None, as_json: bool, **option_values: Json) -> None:
    """Import lists of picture and page URLs into a watch. PATHS are files and folders that contain lists.

    The command reads Parquet and CSV files (columns url, caption, page_url, width, height), and WAT and CDX files of
    web archives. Files may be compressed as .gz or .zst. WARC, ARC and WACZ files are added to a separate watch.

    The import sends no requests to the URLs. Workers visit them later under the usual crawling rules, without following
    links. Files in a bucket are first copied to lists/ in the data folder. Credentials are read from environment
    variables, as for the setting blobs_url.

    After an interruption, run the command again. Exits with 4 if a list could not be read completely.
    """
    if not paths and not option_values["buckets"]:
        raise InvalidRequestError("No list was given.", hint="Specify files or folders, or add --bucket URL.")
    context = open_command_context()
    from crawler.lists import files
    from registry.crawls import forecasts, list_ingestion, planning, url_lists, watch_settings

    sources = files.find_files([*paths, *(_fetch_bucket(context, url) for url in option_values["buckets"])])
    filters = _build_filter(option_values)
    owner = context.get_owner(owner_name)
    with _catch_signals() as received_signals:
        watch = (
            None
            if option_values["dry_run"]
            else url_lists.get_or_create_watch(owner, option_values["name"], by=get_actor_name())
        )
        hosts = forecasts.HostForecast.from_politeness(url_lists.get_politeness(owner, option_values["name"]))

        def is_stopping() -> bool:
            return bool(received_signals)

        ingest_options = list_ingestion.IngestOptions(
            watch, filters, context.services.guard, option_values["column"], option_values["kind"], is_stopping, hosts
        )
        results = _read_lists(sources, ingest_options, option_values["skipped"])
        archive_sources = [("warc", path) for path in sources.archives]
        counted_files = (
            count_archives(archive_sources, is_stopping) if option_values["dry_run"] and not received_signals else []
        )
    archives_message = (
        ""
        if option_values["dry_run"] or received_signals
        else _import_archives(context, owner, option_values["name"], sources)
    )
    skipped_files = _group_skipped_files(sources)
    values: dict[str, Json] = {
        "files": [_result_to_json(result) for result in results],
        "archives": archives_message,
        "left_out": skipped_files,
    }
    if option_values["dry_run"]:
        values |= forecast_to_json(hosts, counted_files)
    echo_result(values, lambda: _echo_summary(results, archives_message, skipped_files), as_json=as_json)
    if option_values["dry_run"] and not as_json:
        echo_forecast(hosts if sources.lists else None, counted_files)
    if watch is not None:
        crawl = watch_settings.get_running_crawl(watch)
        planning.plan_crawls(context.services, [] if crawl is None else [crawl.pk])
        if not context.has_workers:
            echo_note(
                f"No worker is running. Start Exhibit (exhibit up), or run: exhibit watch "
                f"run {quote(option_values['name'])} --wait"
            )
    if received_signals:
        remainder = (
            "The estimate covers the part read so far."
            if option_values["dry_run"]
            else "Run the command again to continue."
        )
        echo_note(f"Interrupted. {remainder}")
        exit_with(ExitCode.INTERRUPTED)
    if any(result.problem for result in results) or any(counted_file.problems for counted_file in counted_files):
        exit_with(ExitCode.INCOMPLETE)


def _fetch_bucket(context: CommandContext, url: str) -> Path:
    from crawler.lists import files

    config = context.services.config
    folder = files.get_download_folder(url, config.data_dir / "lists")
    for name, count in files.download_bucket(url, folder, get_secret_path(config, BUCKET)):
        echo_note(f"{name}: {format_size(count)}")
    return folder


def _build_filter(options: Json) -> "line.LineFilter":
    from crawler.lists import line
    from exhibit.network.addresses import normalise_host

    return line.LineFilter(
        hosts=tuple(sorted(map(normalise_host, options["hosts"]))),
        without_hosts=tuple(sorted(map(normalise_host, options["without_hosts"]))),
        words=tuple(word.casefold() for word in options["words"]),
        min_width=options["min_width"] or 0,
        min_height=options["min_height"] or 0,
        suffixes=tuple("." + suffix.lower().lstrip(".") for suffix in options["suffixes"]),
        only=options["only"] or "",
    )


def _read_lists(
    sources: "files.FoundFiles", options: "list_ingestion.IngestOptions", skipped: TextIO | None
) -> list["list_ingestion.ListProgress"]:
    """Import the lists, print the progress on standard error, and write skipped URLs to a file.

    On a terminal, the progress is a single line that is overwritten; otherwise a new line every few seconds.
    """
    from crawler.lists import line
    from registry.crawls import list_ingestion

    results_by_path: dict[Path, list_ingestion.ListProgress] = {}
    is_terminal, last_shown = sys.stderr.isatty(), 0.0
    if skipped is not None:
        skipped.write(format_csv([("file", "reason", "address", "sentence")]))
    for result, skipped_rows in list_ingestion.ingest_lists(sources.lists, options):
        results_by_path[result.path] = result
        is_finished = bool(result.problem or result.row.whole)
        if is_terminal or is_finished or time.monotonic() - last_shown > REPORT_SECONDS:
            last_shown = time.monotonic()
            text = replace_unprintable(f"{result.path.name}: {_describe_progress(result)}")
            click.echo(f"\r\x1b[K{text}" if is_terminal else text, err=True, nl=is_finished or not is_terminal)
        if skipped is not None:
            skipped.write(
                format_csv((result.path.name, reason, url, line.SKIP_REASONS[reason]) for reason, url in skipped_rows)
            )
    if is_terminal:
        click.echo(err=True)
    return list(results_by_path.values())


def _describe_progress(result: "list_ingestion.ListProgress") -> str:
    row = result.row
    if row.whole and row.lines == result.earlier_lines:
        return f"already imported, {format_count(row.lines, 'row')}"
    parts = [format_count(row.lines, "row"), f"{row.kept:,} imported"]
    parts += [f"{count:,} skipped ({reason})" for reason, (count, _examples) in _sort_by_count(row.skipped)]
    if result.seconds:
        parts.append(f"{(row.lines - result.earlier_lines) / result.seconds:,.0f} per second")
    if result.remaining_seconds is not None and not row.whole:
        parts.append(f"{timedelta(seconds=round(result.remaining_seconds))} left")
    if result.has_changed:
        parts.append("read from the start, because the file has changed")
    return ", ".join(parts) + (f". {result.problem}" if result.problem else "")


def _sort_by_count(skipped: Mapping[str, "url_lists.SkippedCount"]) -> list[tuple[str, "url_lists.SkippedCount"]]:
    return sorted(skipped.items(), key=lambda entry: (-entry[1][0], entry[0]))


def _import_archives(context: CommandContext, owner: "models.Owner", name: str, sources: "files.FoundFiles") -> str:
    """Add web archives to their own watch, and return a message about it; empty if there are none."""
    from registry.crawls import planning

    if not sources.archives:
        return ""
    watch, crawl = planning.watch_archive_files(
        context.services, owner, f"{name} archives", sources.archives, by=get_actor_name()
    )
    return f"Web archives: {'added to' if crawl else 'already in'} the watch {watch.name}."


def count_archives(sources: Sequence[tuple[str, Path]], is_stopping: Callable[[], bool]) -> list["FileSummary"]:
    """Count the pictures in web archives and folders, and print the progress on standard error.

    Args:
        sources: Kinds and paths.
        is_stopping: Returns True if counting should stop.
    """
    from crawler.crawling.files import count_files
    from crawler.formats.job import SourceKind

    counts: dict[Path, FileSummary] = {}
    last_shown = time.monotonic()
    for file in (file_counts for kind, path in sources for file_counts in count_files(SourceKind(kind), path)):
        counts[file.path] = file
        if time.monotonic() - last_shown > REPORT_SECONDS:
            last_shown = time.monotonic()
            echo_note(f"{file.path.name}: {format_count(file.pictures, 'picture')} found")
        if is_stopping():
            break
    return list(counts.values())


def echo_forecast(hosts: "forecasts.HostForecast | None", archive_files: Sequence["FileSummary"]) -> None:
    """Print the expected requests by host, and the content of archive files, which requires no requests."""
    from desk.texts import schedules

    for sentence in schedules.describe_hosts(hosts) if hosts is not None else ():
        echo_text(sentence)
    for entry in archive_files:
        for sentence in schedules.describe_file(entry):
            echo_text(sentence)


def forecast_to_json(hosts: "forecasts.HostForecast", archive_files: Sequence["FileSummary"]) -> dict[str, Json]:
    """Convert the expected requests and the content of archive files to JSON."""
    remaining_hosts, remaining_urls = hosts.remaining_counts
    largest = [
        {"host": host, "addresses": url_count, "seconds": hosts.estimate_seconds(url_count)}
        for host, url_count in hosts.largest_hosts
    ]
    return {
        "requests": {
            "addresses": hosts.url_count,
            "hosts": len(hosts.counts),
            "seconds": hosts.estimate_seconds(),
            "largest": largest,
            "others": {"hosts": remaining_hosts, "addresses": remaining_urls},
        },
        "in_files": [
            {
                "file": str(entry.path),
                "pictures": entry.pictures,
                "refused": dict(entry.refusals),
                "problems": entry.problems,
                "whole": entry.is_complete,
            }
            for entry in archive_files
        ],
    }


def _group_skipped_files(sources: "files.FoundFiles") -> dict[str, Json]:
    """Group skipped files in folders by reason, with their number, an explanation and the first paths."""
    from crawler.lists import files

    groups: dict[str, list[str]] = {}
    for item in sources.skipped_paths:
        groups.setdefault(item.reason, []).append(str(item.path))
    return {
        reason: {"files": len(paths), "sentence": files.SKIPPED_PATH_REASONS[reason], "examples": paths[:_MAX_EXAMPLES]}
        for reason, paths in groups.items()
    }


def _echo_summary(
    results: Sequence["list_ingestion.ListProgress"], archives_message: str, skipped_files: Mapping[str, Json]
) -> None:
    """Print the number of imported and skipped rows of all lists, with the reasons."""
    from crawler.lists import line
    from registry.crawls import url_lists

    row_count, imported_count = sum(result.row.lines for result in results), sum(result.row.kept for result in results)
    echo_text(f"{format_count(row_count, 'row')}: {imported_count:,} imported, {row_count - imported_count:,} skipped.")
    rows = [
        (count, line.SKIP_REASONS[reason], " ".join(map(truncate, examples)))
        for reason, (count, examples) in _sort_by_count(
            url_lists.merge_skipped(result.row.skipped for result in results)
        )
    ]
    if rows:
        echo_table(("rows", "reason", "examples"), rows)
    problems = [f"{result.path.name}: {result.problem}" for result in results if result.problem]
    for sentence in filter(None, [*problems, archives_message]):
        echo_text(sentence)
    for group in skipped_files.values():
        names = ", ".join(Path(path).name for path in group["examples"])
        echo_note(
            f"{format_count(group['files'], 'file or folder', 'files or folders')} skipped ({names}). "
            f"{group['sentence']}"
        )


def _result_to_json(result: "list_ingestion.ListProgress") -> dict[str, Json]:
    from crawler.lists import line

    skipped = {
        reason: {"lines": count, "sentence": line.SKIP_REASONS[reason], "examples": examples}
        for reason, (count, examples) in _sort_by_count(result.row.skipped)
    }
    return {
        "file": str(result.path),
        "lines": result.row.lines,
        "kept": result.row.kept,
        "skipped": skipped,
        "whole": result.row.whole,
        "changed": result.has_changed,
        "problem": result.problem,
    }


@contextmanager
def _catch_signals() -> Iterator[list[int]]:
    """Yield a list to which the first SIGINT or SIGTERM is added, so that the current batch can finish.

    A second signal raises ``KeyboardInterrupt``.
    """
    received_signals: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if received_signals:
            raise KeyboardInterrupt
        received_signals.append(number)

    previous_handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received_signals
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
