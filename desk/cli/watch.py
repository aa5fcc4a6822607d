"""`exhibit watch`: adding watches and running them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from desk.cli import watch_options as options
from desk.cli.common.context import (
    CommandContext,
    check_crawling_allowed,
    exit_with,
    format_examples,
    get_actor_name,
    open_command_context,
)
from desk.cli.common.options import json_option, owner_option
from desk.cli.common.output import echo_json, echo_json_and_exit, echo_note, echo_text, format_count, format_time
from desk.cli.common.wait import wait_until
from exhibit.errors import ExitCode, InvalidRequestError
from exhibit.types import Json

if TYPE_CHECKING:
    from registry import models
    from registry.crawls.watch_settings import Subjects

SEARCH = "search"
SEARCH_HELP = "Image search service or marketplace; list services with `exhibit api GET searches`."
MAX_LISTED_ARCHIVES = 10  # Maximum number of damaged archives that are listed.
REMEDIES = {"key": "key", "no-key": "key", "no-consent": "consent", "no-price": "price"}
"""Last path segment of the API operation that makes a search available, by obstacle."""
PROPOSAL_COMMANDS = "exhibit api GET proposals; register them: exhibit api POST proposals/register"
"""Commands that list and register pictures from your own sites."""
watch_command = click.Group("watch", help="Manage watches: scheduled crawls of sites where copies may appear.")


@watch_command.command(
    "add",
    epilog=format_examples(
        "exhibit watch add shop --site https://shop.example/ --every 24h --at 02:30 --pages 500",
        "exhibit watch add news --feed https://news.example/feed.xml --every 1h",
        "exhibit watch add archive --warc crawl.warc.gz --dry-run",
        "exhibit watch add copies --search tineye --every 7d --searches 50",
        "exhibit watch add copies --search google-vision --max-cost 2USD --max-cost-month 5USD --dry-run",
        "exhibit watch add mine --site https://studio.example/ --own-site",
        "exhibit watch add export --folder ~/Pictures/export --own-site --every 15m",
        "exhibit watch add shop-then --archive wayback --domain shop.example --from 2019 --dry-run",
        notes=(
            "List watches:    exhibit api GET watches",
            "Change a watch:  exhibit api PATCH watches/N --field pages=2000",
            "Pause a watch:   exhibit api POST watches/N/pause",
            "Resume a watch:  exhibit api POST watches/N/resume",
            "Delete a watch:  exhibit api DELETE watches/N",
        ),
    ),
)
@click.argument("name")
@owner_option
@options.source_options
@options.archive_options
@click.option("--search", "search_services", multiple=True, metavar="NAME", help=SEARCH_HELP)
@click.option("--dry-run", is_flag=True, help="Estimate requests, costs and pictures without adding the watch.")
@click.option(
    "--every",
    type=options.parse_interval,
    metavar="PERIOD",
    default="24h",
    show_default=True,
    help="Interval between crawls, such as 30m, 24h or 7d.",
)
@options.time_options
@options.limit_options
@json_option
def add_watch(*, name: str, owner_name: str | None, as_json: bool, **option_values: Json) -> None:
    """Add a watch with this NAME and one or more sources. The watch first runs after one interval, or at --at.

    The crawler follows links within the given sites only; pictures may be on any host. Links on pages from
    --list are not followed unless --depth is set. A watch cannot combine web URLs, files, searches and archives.

    With --own-site, pictures that show none of your works are proposed as works, and no cases are opened.
    """
    sources = list(options.parse_sources(option_values))
    search_names = option_values["search_services"]
    archives = option_values["archives"]
    if not sources and not search_names and not archives:
        hint = "Add --site, --sitemap, --feed, --list, --folder, --warc, --search or --archive."
        raise InvalidRequestError("A watch requires a source.", hint=hint)
    context = open_command_context()
    from desk.schemas import watches as schemas
    from desk.texts import schedules
    from registry.crawls import archive_captures, search_keys, watches

    settings = {"budget": options.parse_budget(option_values), **options.parse_subjects(option_values)}
    domains = archive_captures.build_archive_query(
        option_values["domains"], option_values["since"], option_values["until"]
    )
    if option_values["dry_run"]:
        _echo_estimates(context, sources, option_values, domains)
    if search_names:
        estimates = search_keys.estimate_costs(
            context.services, context.get_owner(owner_name), search_names, **settings
        )
        for line in schedules.describe_costs(estimates, settings["budget"]):
            (echo_text if option_values["dry_run"] else echo_note)(line)
    if option_values["dry_run"]:
        return
    sources += [(SEARCH, search) for search in search_names] + [("archive", name) for name in archives]
    settings |= {
        **domains,
        "every": option_values["every"],
        "when": options.parse_time_of_day(option_values),
        "politeness": options.parse_politeness(option_values),
    }
    is_own_site = bool(option_values["own"])
    watch = watches.set_up_watch(
        context.services, context.get_owner(owner_name), name, sources, own=is_own_site, by=get_actor_name(), **settings
    )
    echo_json_and_exit(schemas.Watch.from_row(watch), is_requested=as_json)
    first_run = format_time(watch.next_run_at, context.zone)
    echo_text(f"Added watch {watch.number}, {watch.name}. First run: {first_run}.")
    echo_text(f"Run it now: exhibit watch run {quote(watch.name)}" + ("" if context.has_workers else " --wait"))
    if is_own_site:
        echo_text(f"List proposed works: {PROPOSAL_COMMANDS}")
    _echo_missing_keys(context, watch)
    if not context.config.contact and not context.config.allowed_networks:
        echo_note("Site owners cannot contact you. Set EXHIBIT_CONTACT before you crawl the public web.")


def _echo_estimates(
    context: CommandContext, sources: Sequence[tuple[str, str]], settings: Mapping[str, Json], domains: "Subjects"
) -> None:
    """Print the content of lists, files and archives.

    Raises:
        InvalidRequestError: The sources cannot be estimated without visiting them.
    """
    from desk.cli.ingest import count_archives, echo_forecast
    from desk.texts import schedules
    from registry.crawls import archive_captures, forecasts, watch_settings

    listed_urls = [address for kind, address in sources if kind == "list"]
    files = [(kind, Path(address)) for kind, address in sources if kind in watch_settings.FILE_KINDS]
    if not (settings["search_services"] or settings["archives"] or listed_urls or files):
        hint = "--dry-run works with --search, --archive, --list, --folder and --warc."
        raise InvalidRequestError("The size of a site is unknown before its first crawl.", hint=hint)
    hosts = forecasts.HostForecast.from_politeness(options.parse_politeness(settings))
    hosts.add(listed_urls)
    echo_forecast(hosts if listed_urls else None, count_archives(files, lambda: False))
    if settings["archives"]:
        estimates = archive_captures.estimate_runs(
            context.services, settings["archives"], options.parse_budget(settings), domains
        )
        for line in schedules.describe_archive_estimates(estimates):
            echo_text(line)


@watch_command.command(
    "run",
    epilog=format_examples(
        "exhibit watch run shop",
        "exhibit watch run shop --wait",
        "exhibit watch run shop --all-pages --wait",
        notes=(
            "URLs that crawl M skipped: exhibit api GET watches/N/crawls/M/refusals",
            "Stop crawl M:              exhibit api POST watches/N/crawls/M/stop",
            "Visit one page:            exhibit api POST looks --field url=URL",
        ),
    ),
)
@click.argument("name")
@owner_option
@click.option("--all-pages", is_flag=True, help="Also request pages that have not changed for a long time.")
@click.option("--wait", is_flag=True, help="Wait until the crawl has finished and all its pictures are matched.")
@json_option
def run_watch(*, name: str, owner_name: str | None, all_pages: bool, wait: bool, as_json: bool) -> None:
    """Start a crawl of the watch NAME now, in addition to its schedule.

    If Exhibit is running (exhibit up), its workers perform the crawl. Otherwise, add --wait to crawl in this command.
    If a crawl of the watch is in progress, no other crawl is started. With --wait, the command exits with 4 if the
    crawl failed, if pictures could not be compared, if a web archive could not be read completely, or if a search was
    not completed, for example because its key is invalid or you have not consented to sending it copies of works.
    """
    context = open_command_context()
    owner = context.get_owner(owner_name)
    from registry import scoped
    from registry.crawls import planning, revisits, watch_settings

    watch = scoped.get_watch(owner, name)
    if watch.paused and not revisits.is_revisit_watch(watch):
        hint = f"Resume it first: exhibit api POST watches/{watch.number}/resume"
        raise InvalidRequestError(f"The watch {name} is paused.", hint=hint)
    running_crawl = watch_settings.get_running_crawl(watch)
    check_crawling_allowed(context.config)
    crawl = planning.start_crawl_now(context.services, watch, everything=all_pages)
    if is_already_running := running_crawl == crawl:
        next_crawl_note = " The next crawl requests all pages." if all_pages else ""
        echo_note(f"Crawl {crawl.number} of {name} is already in progress.{next_crawl_note}")
    if wait:
        _wait_for(context, crawl)
        crawl.refresh_from_db()
    _echo_crawl(context, crawl, is_already_running=is_already_running, wait=wait, as_json=as_json)
    if _is_incomplete(crawl):
        exit_with(ExitCode.INCOMPLETE)


def _echo_crawl(
    context: CommandContext, crawl: "models.Crawl", *, is_already_running: bool, wait: bool, as_json: bool
) -> None:
    """Print that a crawl has started, or with ``wait`` its result."""
    from desk.schemas import watches as schemas
    from registry import scoped

    watch = crawl.watch
    owner = watch.owner
    cases = (
        scoped.list_owner_cases(owner)
        .filter(case_sightings__sighting__crawl=crawl, is_related=False)
        .distinct()
        .count()
    )
    if as_json:
        echo_json(schemas.RunCrawl.from_row(crawl, refused=scoped.count_refusals(crawl), cases=cases))
    elif wait:
        values = schemas.Crawl.from_row(crawl)
        summary = (
            f"{format_count(values.pages, 'page')}, {format_count(values.pictures, 'picture')}, "
            f"{format_count(cases, 'case')}"
        )
        echo_text(f"Crawl {crawl.number} of {watch.name}: {summary}.")
        _echo_unrequested_pages(crawl)
        _echo_unrendered_pages(crawl)
        _echo_omissions(crawl)
        _echo_searches(crawl)
        _echo_proposals(watch)
        echo_text(
            "Review them: exhibit case list" if cases else f"List skipped URLs: {_format_refusals_command(crawl)}"
        )
    else:
        if not is_already_running:
            echo_text(f"Crawl {crawl.number} of {watch.name} has started.")
        _echo_missing_keys(context, watch)
        if not context.has_workers:
            echo_note("No worker is running, so the crawl is waiting. Start Exhibit with `exhibit up`, or add --wait.")


def _format_refusals_command(crawl: "models.Crawl") -> str:
    """Return the command that lists the URLs that a crawl skipped."""
    return f"exhibit api GET watches/{crawl.watch.number}/crawls/{crawl.number}/refusals"


def _echo_proposals(watch: "models.Watch") -> None:
    """Print the number of pictures of the watch that are proposed as works."""
    from registry.matches import proposals

    if watch.own and (count := proposals.list_open_watch_proposals(watch).count()):
        echo_text(f"{format_count(count, 'picture')} proposed as works. List them: {PROPOSAL_COMMANDS}")


def _echo_missing_keys(context: CommandContext, watch: "models.Watch") -> None:
    """Print the searches that cannot be used, with the commands that make them available."""
    from registry.crawls import search_keys, search_services, watch_settings

    reasons = {
        "no-key": "No key is stored for {}",
        "no-consent": "You have not consented to sending copies of works to {}",
    }
    services = search_services.load_services(context.config)
    for name in [name for kind, name in watch_settings.list_sources(watch) if kind == SEARCH and name in services]:
        if obstacle := search_keys.get_obstacle(context.services, watch.owner, name, services[name]):
            echo_note(
                f"{reasons[obstacle].format(name)}, so the search is not used. To enable it: exhibit api PUT "
                f"searches/{name}/{REMEDIES[obstacle]}"
            )


def _is_incomplete(crawl: "models.Crawl") -> bool:
    """Return True if a search was not completed or something failed. Failures are printed on standard error."""
    from registry import jobs, models
    from workers.operations import backlog

    failed_pictures = models.Picture.objects.filter(sightings__crawl=crawl, state=models.StepState.FAILED)
    unmatched_pictures = failed_pictures.exclude(backlog.build_settled_filter(jobs.JOBS["match"]))
    if unmatched_count := unmatched_pictures.distinct().count():
        retry_command = "exhibit api POST /operator/failures/match/retry"
        echo_note(f"{format_count(unmatched_count, 'picture')} could not be compared. Retry: {retry_command}")
    if has_failed := crawl.state == models.StepState.FAILED:
        echo_note(f"The crawl failed. List skipped URLs: {_format_refusals_command(crawl)}")
    damaged_archives = crawl.refusals.filter(reason="unreadable", url__startswith="file:").order_by("pk")
    for sentence in damaged_archives.values_list("sentence", flat=True)[:MAX_LISTED_ARCHIVES]:
        echo_note(sentence)
    incomplete_searches = crawl.inquiries.filter(
        outcome__in=("key", "no-key", "no-consent", "no-price", "no-service", "quota")
    )
    incomplete_searches |= crawl.inquiries.filter(state=models.StepState.FAILED)
    return bool(unmatched_count or has_failed or incomplete_searches.exists() or damaged_archives.exists())


def _echo_unrequested_pages(crawl: "models.Crawl") -> None:
    """Print the number of known pages that were not requested, and the command to request them."""
    from desk.texts import crawl_refusals

    for sentence in crawl_refusals.describe_skipped_pages(crawl):
        echo_text(sentence)
    if crawl.skipped_pages:
        echo_text(f"Request every page: exhibit watch run {quote(crawl.watch.name)} --all-pages")


def _echo_unrendered_pages(crawl: "models.Crawl") -> None:
    """Print the number of pages whose scripts may add pictures, and the commands to render them."""
    from desk.texts.numbers import counted as in_words
    from registry.crawls import budgets, crawling

    command = f"exhibit api PATCH watches/{crawl.watch.number} --field"
    if over_budget := budgets.count_unrendered(crawl).get("budget"):
        echo_text(f"{in_words(over_budget, 'unrendered')} Allow more: {command} render_pages=N")
    if not (pages := crawling.count_unrun_scripts([crawl])[crawl.pk]):
        return
    subject = f"{format_count(pages, 'page')} {'runs' if pages == 1 else 'run'} scripts that may add pictures"
    if crawling.was_browser_missing(crawl):
        echo_text(f"{subject}, but no browser is installed to render them. See: exhibit doctor")
    else:
        echo_text(f"{subject}. Render them: {command} render=always")


def _echo_omissions(crawl: "models.Crawl") -> None:
    """Print the numbers of items that the crawler's limits excluded or that could not be read, by kind."""
    from desk.texts import crawl_refusals
    from registry.crawls import crawling

    if counts := crawling.count_omissions(crawl):
        echo_text("Skipped because of the crawler's limits, or unreadable:")
    for omission, number in counts.items():
        echo_text(f"{number:,} {crawl_refusals.describe_omission(omission)}")


def _echo_searches(crawl: "models.Crawl") -> None:
    """Print the results of searches, with the reasons why searches were not completed and may have missed copies."""
    from desk.texts import crawl_refusals

    for row in crawl.inquiries.order_by("pk"):
        requests = (
            f"{format_count(row.requests, 'request')}, {format_count(row.found, 'URL')}" if row.requests else "not used"
        )
        reason = crawl_refusals.describe_inquiry(row)
        remedy = f" exhibit api PUT searches/{row.service}/{REMEDIES[row.outcome]}" if row.outcome in REMEDIES else ""
        echo_text(" ".join(filter(None, (f"{row.service}: {requests}.", reason))) + remedy)
    if costs := crawl_refusals.describe_spending(crawl):
        echo_text(costs)


def _wait_for(context: CommandContext, crawl: "models.Crawl") -> None:
    """Wait until a crawl has finished and its pictures have been matched."""
    from registry import models
    from registry.crawls import crawling

    final_states = (models.StepState.DONE, models.StepState.FAILED)

    def count_unmatched() -> int:
        rows = models.Picture.objects.filter(sightings__crawl=crawl).exclude(state__in=final_states)
        return rows.distinct().count()

    def is_done() -> bool:
        return models.Crawl.objects.filter(pk=crawl.pk, state__in=final_states).exists() and not count_unmatched()

    def count_progress() -> tuple[int, int]:
        visited, remaining = crawling.count_urls(crawl.pk)
        total = visited + remaining + models.Picture.objects.filter(sightings__crawl=crawl).distinct().count()
        return total - remaining - count_unmatched(), total

    wait_until(context, is_done, label=f"Crawling {crawl.watch.name}", count_progress=count_progress)
