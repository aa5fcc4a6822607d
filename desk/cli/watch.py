"""`exhibit watch`: adding watches and running them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from desk.cli import watch_options as options
from desk.cli.common.frame import Desk, check_crawling, examples, finish, open_desk, person
from desk.cli.common.options import json_option, owner_option
from desk.cli.common.show import counted, echo_json, moment, note, only_json, say
from desk.cli.common.wait import work_until
from exhibit.errors import ExitCode, WrongUseError
from exhibit.types import Json

if TYPE_CHECKING:
    from registry import models
    from registry.crawls.watch_settings import Subjects

SEARCH = "search"
SEARCHES = "Image search or marketplace; list them with `exhibit api GET searches`."
TOLD = 10  # damaged archives that are listed
REMEDIES = {"key": "key", "no-key": "key", "no-consent": "consent", "no-price": "price"}
"""What a search needs, as the API names it."""
PROPOSED = "exhibit api GET proposals; register them: exhibit api POST proposals/register"
"""Commands that list and register pictures from your own sites."""
watch_command = click.Group("watch", help="Manage watches: scheduled crawls of sites where copies may appear.")


@watch_command.command(
    "add",
    epilog=examples(
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
            "Pause or resume: exhibit api POST watches/N/pause",
            "Delete a watch:  exhibit api DELETE watches/N",
        ),
    ),
)
@click.argument("name")
@owner_option
@options.source_options
@options.archive_options
@click.option("--search", "searches_asked", multiple=True, metavar="NAME", help=SEARCHES)
@click.option("--dry-run", is_flag=True, help="Estimate requests, costs and pictures without adding the watch.")
@click.option(
    "--every",
    type=options.period,
    metavar="PERIOD",
    default="24h",
    show_default=True,
    help="Interval between crawls, such as 30m, 24h or 7d.",
)
@options.time_options
@options.limit_options
@json_option
def add_watch(*, name: str, named: str | None, as_json: bool, **given: Json) -> None:
    """Add a watch with this NAME and one or more sources. It first runs after one interval, or at the time of --at.

    The crawler follows links within the given sites only; pictures may be on any host. It follows no links from listed
    pages, unless --depth is given. URLs, files, searches and archives require separate watches.

    With --own-site, pictures that show none of your works are proposed as works, and none become cases.
    """
    sources = list(options.sources(given))
    names = given["searches_asked"]
    archives = given["archives"]
    if not sources and not names and not archives:
        hint = "Add --site, --sitemap, --feed, --list, --folder, --warc, --search or --archive."
        raise WrongUseError("A watch requires a source.", hint=hint)
    desk = open_desk()
    from desk.schemas import watches as schemas
    from desk.texts import schedules
    from registry.crawls import archive_captures, search_keys, watches

    settings = {"budget": options.budget(given), **options.subjects(given)}
    domains = archive_captures.make_subjects(given["domains"], given["since"], given["until"])
    if given["dry_run"]:
        _tell_beforehand(desk, sources, given, domains)
    if names:
        estimates = search_keys.estimate(desk.services, desk.owner(named), names, **settings)
        for line in schedules.describe_costs(estimates, settings["budget"]):
            (say if given["dry_run"] else note)(line)
    if given["dry_run"]:
        return
    sources += [(SEARCH, search) for search in names] + [("archive", name) for name in archives]
    settings |= {
        **domains,
        "every": given["every"],
        "when": options.when(given),
        "politeness": options.politeness(given),
    }
    own = bool(given["own"])
    watch = watches.arrange(desk.services, desk.owner(named), name, sources, own=own, by=person(), **settings)
    only_json(schemas.Watch.from_row(watch), asked=as_json)
    first = moment(watch.next_run_at, desk.zone)
    say(f"Added watch {watch.number}, {watch.name}. First run: {first}.")
    say(f"Run it now: exhibit watch run {quote(watch.name)}" + ("" if desk.workers_run else " --wait"))
    if own:
        say(f"Proposed works: {PROPOSED}")
    _note_missing_keys(desk, watch)
    if not desk.config.contact and not desk.config.allowed_networks:
        note("Site owners cannot contact you. Set EXHIBIT_CONTACT before you crawl the public web.")


def _tell_beforehand(
    desk: Desk, sources: Sequence[tuple[str, str]], settings: Mapping[str, Json], domains: "Subjects"
) -> None:
    """Print what lists, files and archives contain; raises ``WrongUseError`` for sources that need a visit."""
    from desk.cli.ingest import count_archives, tell_forecast
    from desk.texts import schedules
    from registry.crawls import archive_captures, forecasts, watch_settings

    listed = [address for kind, address in sources if kind == "list"]
    files = [(kind, Path(address)) for kind, address in sources if kind in watch_settings.FILE_KINDS]
    if not (settings["searches_asked"] or settings["archives"] or listed or files):
        hint = "--dry-run works with --search, --archive, --list, --folder and --warc."
        raise WrongUseError("The size of a site is unknown before its first crawl.", hint=hint)
    hosts = forecasts.Hosts.at_pace(options.politeness(settings))
    hosts.add(listed)
    tell_forecast(hosts if listed else None, count_archives(files, lambda: False))
    if settings["archives"]:
        estimates = archive_captures.estimate(desk.services, settings["archives"], options.budget(settings), domains)
        for line in schedules.describe_captures(estimates):
            say(line)


@watch_command.command(
    "run",
    epilog=examples(
        "exhibit watch run shop",
        "exhibit watch run shop --wait",
        "exhibit watch run shop --all-pages --wait",
        notes=(
            "List refused URLs: exhibit api GET watches/N/crawls/M/refusals",
            "Stop a crawl:      exhibit api POST watches/N/crawls/M/stop",
            "Visit one page:    exhibit api POST looks --field url=URL",
        ),
    ),
)
@click.argument("name")
@owner_option
@click.option("--all-pages", "everything", is_flag=True, help="Also request pages that have not changed for long.")
@click.option("--wait", is_flag=True, help="Wait until the crawl has finished and all its pictures are matched.")
@json_option
def run_watch(*, name: str, named: str | None, everything: bool, wait: bool, as_json: bool) -> None:
    """Start a crawl of the watch NAME now, in addition to its schedule.

    If Exhibit is running (exhibit up), its workers perform the crawl; otherwise add --wait, and this command does. If a
    crawl is in progress, no other one is started. With --wait, exits with 4 if a web archive could not be read
    completely, or a search has no valid key or no consent to receive copies of works.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from registry import scoped
    from registry.crawls import planning, revisits, watch_settings

    watch = scoped.watch(owner, name)
    if watch.paused and not revisits.is_past(watch):
        hint = f"Resume it first: exhibit api POST watches/{watch.number}/resume"
        raise WrongUseError(f"The watch {name} is paused.", hint=hint)
    under_way = watch_settings.get_running_crawl(watch)
    check_crawling(desk.config)
    crawl = planning.start_now(desk.services, watch, everything=everything)
    if joined := under_way == crawl:
        later = " The next one requests all pages." if everything else ""
        note(f"Crawl {crawl.number} of {name} is already in progress.{later}")
    if wait:
        _wait_for(desk, crawl)
        crawl.refresh_from_db()
    _show_crawl(desk, crawl, joined=joined, wait=wait, as_json=as_json)
    if _is_incomplete(crawl):
        finish(ExitCode.INCOMPLETE)


def _show_crawl(desk: Desk, crawl: "models.Crawl", *, joined: bool, wait: bool, as_json: bool) -> None:
    """Print that a crawl has started, or with ``wait`` its result."""
    from desk.schemas import watches as schemas
    from registry import scoped

    watch = crawl.watch
    owner = watch.owner
    cases = scoped.cases(owner).filter(case_sightings__sighting__crawl=crawl, resembles=False).distinct().count()
    if as_json:
        echo_json(schemas.RunCrawl.from_row(crawl, refused=scoped.count_refusals(crawl), cases=cases))
    elif wait:
        values = schemas.Crawl.from_row(crawl)
        summary = f"{counted(values.pages, 'page')}, {counted(values.pictures, 'picture')}, {counted(cases, 'case')}"
        say(f"Crawl {crawl.number} of {watch.name}: {summary}.")
        _show_not_requested(crawl)
        _show_unrendered(crawl)
        _show_left_out(crawl)
        _show_searches(crawl)
        _show_proposals(watch)
        say("Review them: exhibit case list" if cases else f"Refused URLs: {_refusals(crawl)}")
    else:
        if not joined:
            say(f"Crawl {crawl.number} of {watch.name} has started.")
        _note_missing_keys(desk, watch)
        if not desk.workers_run:
            note("No worker is running, so the crawl is waiting. Start Exhibit with `exhibit up`, or add --wait.")


def _refusals(crawl: "models.Crawl") -> str:
    """The command that lists what a crawl refused."""
    return f"exhibit api GET watches/{crawl.watch.number}/crawls/{crawl.number}/refusals"


def _show_proposals(watch: "models.Watch") -> None:
    """Print how many pictures of the watch can be registered as works."""
    from registry.matches import proposals

    if watch.own and (count := proposals.list_open_of_watch(watch).count()):
        say(f"{counted(count, 'picture')} proposed as works: {PROPOSED}")


def _note_missing_keys(desk: Desk, watch: "models.Watch") -> None:
    """Print which searches cannot be used, and what they need."""
    from registry.crawls import search_keys, search_services, watch_settings

    reasons = {"no-key": "{} has no key", "no-consent": "{} has no consent to receive copies of your works"}
    services = search_services.load_services(desk.config)
    for name in [name for kind, name in watch_settings.list_sources(watch) if kind == SEARCH and name in services]:
        if why := search_keys.get_obstacle(desk.services, watch.owner, name, services[name]):
            note(f"{reasons[why].format(name)}, so it is not used: exhibit api PUT searches/{name}/{REMEDIES[why]}")


def _is_incomplete(crawl: "models.Crawl") -> bool:
    """Whether a search was not completed or something failed, which is printed on standard error."""
    from registry import jobs, models
    from workers.operations import backlog

    lost = models.Picture.objects.filter(sightings__crawl=crawl, state=models.StepState.FAILED)
    given_up = lost.exclude(backlog.filter_settled(jobs.JOBS["match"]))
    if pictures := given_up.distinct().count():
        again = "exhibit api POST /operator/failures/match/retry"
        note(f"Failed: {counted(pictures, 'picture')} not compared. Retry: {again}")
    if failed := crawl.state == models.StepState.FAILED:
        note(f"The crawl failed. Refused URLs: {_refusals(crawl)}")
    damaged = crawl.refusals.filter(reason="unreadable", url__startswith="file:").order_by("pk")
    for sentence in damaged.values_list("sentence", flat=True)[:TOLD]:
        note(sentence)
    unasked = crawl.inquiries.filter(outcome__in=("key", "no-key", "no-consent", "no-price", "no-service", "quota"))
    unasked |= crawl.inquiries.filter(state=models.StepState.FAILED)
    return bool(pictures or failed or unasked.exists() or damaged.exists())


def _show_not_requested(crawl: "models.Crawl") -> None:
    """Print how many known pages were not requested, and how to request them."""
    from desk.texts import crawl_refusals

    for sentence in crawl_refusals.not_asked_in_words(crawl):
        say(sentence)
    if crawl.not_asked:
        say(f"Request every page: exhibit watch run {quote(crawl.watch.name)} --all-pages")


def _show_unrendered(crawl: "models.Crawl") -> None:
    """Print how many pages may show more after their scripts run, and how to have them rendered."""
    from desk.texts.numbers import counted as in_words
    from registry.crawls import budgets, crawling

    change = f"exhibit api PATCH watches/{crawl.watch.number} --field"
    if over := budgets.count_unrendered(crawl).get("budget"):
        say(f"{in_words(over, 'unrendered')} Allow more: {change} render_pages=N")
    if not (pages := crawling.count_unrun_scripts([crawl])[crawl.pk]):
        return
    them = f"{counted(pages, 'page')} {'runs' if pages == 1 else 'run'} scripts that may add pictures"
    if crawling.has_lacked_browser(crawl):
        say(f"{them}, but no browser is installed to render them. See: exhibit doctor")
    else:
        say(f"{them}. Render them: {change} render=always")


def _show_left_out(crawl: "models.Crawl") -> None:
    """Print what the crawler's limits left out, and entries that it could not read."""
    from desk.texts import crawl_refusals
    from registry.crawls import crawling

    if counts := crawling.count_omissions(crawl):
        say("Skipped because of the crawler's limits, or not readable:")
    for what, number in counts.items():
        say(f"{number:,} {crawl_refusals.left_out_in_words(what)}")


def _show_searches(crawl: "models.Crawl") -> None:
    """Print what searches found, and why one was not completed, which would look like the absence of copies."""
    from desk.texts import crawl_refusals

    for row in crawl.inquiries.order_by("pk"):
        requests = f"{counted(row.asked, 'request')}, {counted(row.found, 'URL')}" if row.asked else "not used"
        why = crawl_refusals.inquiry_in_words(row)
        key = f" exhibit api PUT searches/{row.service}/{REMEDIES[row.outcome]}" if row.outcome in REMEDIES else ""
        say(" ".join(filter(None, (f"{row.service}: {requests}.", why))) + key)
    if spent := crawl_refusals.spending_in_words(crawl):
        say(spent)


def _wait_for(desk: Desk, crawl: "models.Crawl") -> None:
    """Wait until a crawl has finished and the pictures that it saw are matched."""
    from registry import models
    from registry.crawls import crawling

    over = (models.StepState.DONE, models.StepState.FAILED)

    def waiting() -> int:
        rows = models.Picture.objects.filter(sightings__crawl=crawl).exclude(state__in=over)
        return rows.distinct().count()

    def done() -> bool:
        return models.Crawl.objects.filter(pk=crawl.pk, state__in=over).exists() and not waiting()

    def so_far() -> tuple[int, int]:
        visited, remaining = crawling.count_urls(crawl.pk)
        total = visited + remaining + models.Picture.objects.filter(sightings__crawl=crawl).distinct().count()
        return total - remaining - waiting(), total

    work_until(desk, done, label=f"Crawling {crawl.watch.name}", counted=so_far)
