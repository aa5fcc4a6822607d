"""Watches: arranging them and running them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.frame import Desk, examples, json_option, open_desk, owner_option, person
from desk.cli.periods import period, shown
from desk.cli.show import counted, echo_json, moment, note, say, size, table
from desk.cli.wait import work_until
from exhibit.clock import parse_rfc3339
from exhibit.errors import ServiceMissingError, WrongUseError

if TYPE_CHECKING:
    from registry.models import Crawl

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
MOST_LISTED = 100_000


@click.group("watch")
def watch_command() -> None:
    """Scheduled visits to places where copies may be."""


@watch_command.command(
    "add",
    epilog=examples(
        "exhibit watch add shop --site https://shop.example/ --every 24h --pages 500",
        "exhibit watch add news --feed https://news.example/feed.xml --every 1h",
        "exhibit watch add archive --warc crawl.warc.gz",
    ),
)
@click.argument("name")
@owner_option
@click.option("--site", multiple=True, metavar="URL", help="A page to begin with; its site is followed.")
@click.option("--sitemap", multiple=True, metavar="URL", help="A sitemap or an index of sitemaps.")
@click.option("--feed", multiple=True, metavar="URL", help="An RSS or Atom feed.")
@click.option(
    "--list", "lists", multiple=True, metavar="FILE", type=FILE, help="A file with a page's URL in each line."
)
@click.option(
    "--folder",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of pictures.",
)
@click.option("--warc", multiple=True, metavar="FILE", type=FILE, help="A WARC file.")
@click.option(
    "--every", type=period, metavar="PERIOD", default="24h", show_default=True, help="How often it runs: 30m, 24h, 7d."
)
@click.option(
    "--pages",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pages that a run visits at most; 1,000 on the web, if absent.",
)
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Links that are followed from the source.")
@click.option("--delay", type=click.FloatRange(min=0), metavar="S", help="Least seconds between requests to a host.")
@json_option
def add_watch(**given: Any) -> None:  # noqa: ANN401 - twelve options, each checked above
    """Add the watch NAME over one or more sources. Its first run comes after one period, or by exhibit watch run.

    Only pages of the given sites are followed; pictures may lie anywhere. Pages of a list are visited alone, unless
    --depth says otherwise.
    """
    sources = list(_sources(given))
    if not sources:
        raise WrongUseError(
            "A watch needs a source.", hint="Name one: --site, --sitemap, --feed, --list, --folder, --warc"
        )
    depth = given["depth"] if given["depth"] is not None or not given["lists"] else 0
    budget = {name: value for name, value in (("pages", given["pages"]), ("depth", depth)) if value is not None}
    politeness = {} if given["delay"] is None else {"delay": given["delay"]}
    desk = open_desk()
    from desk import shapes
    from registry import watching

    for kind, address in sources:
        if kind not in watching.FILE_KINDS:
            desk.house.guard.check_url(address)
    every: timedelta = given["every"]
    of = desk.owner(given["owner"])
    watch = watching.add_watch(
        of, given["name"], sources, every=every, budget=budget, politeness=politeness, by=person()
    )
    if given["as_json"]:
        echo_json(shapes.watch(watch))
        return
    first = moment(watch.next_run_at, desk.zone)
    say(f"Added watch {watch.number}, {watch.name}. Its first run: {first}.")
    say(f"Sooner: exhibit watch run {watch.name}" + ("" if desk.workers_run else " --wait"))
    if not desk.config.contact and not desk.config.allowed_networks:
        note("No contact is set: sites can't reach you. Set EXHIBIT_CONTACT before you crawl the public web.")


def _sources(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in ("site", "sitemap", "feed"):
        yield from ((kind, address) for address in given[kind])
    for file in given["lists"]:
        addresses = list(_addresses(file))
        if not addresses:
            raise WrongUseError(f"{file.name} lists no address.", hint="Write the URL of a page in each line.")
        yield from (("list", address) for address in addresses)
    for kind in ("folder", "warc"):
        yield from ((kind, str(path.resolve())) for path in given[kind])


def _addresses(file: Path) -> Iterator[str]:
    """The lines of a list; empty ones and those that begin with # are left out."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{file.name} can't be read as a list of addresses.") from error
    if len(lines) > MOST_LISTED:
        raise WrongUseError(f"{file.name} has more than {MOST_LISTED:,} lines.", hint="Make several watches of it.")
    yield from (line.strip() for line in lines if line.strip() and not line.startswith("#"))


@watch_command.command("list", epilog=examples("exhibit watch list", "exhibit watch list --json"))
@owner_option
@json_option
def list_watches(*, owner: str | None, as_json: bool) -> None:
    """List the watches."""
    desk = open_desk()
    from desk import shapes
    from registry import owned

    found = [shapes.watch(row) for row in owned.watches(desk.owner(owner))]
    if as_json:
        echo_json({"watches": found})
    elif not found:
        say("There is no watch yet. Add one: exhibit watch add NAME --site URL")
    else:
        table(("watch", "name", "source", "every", "next run", "last crawl"), [_line(desk, one) for one in found])


def _line(desk: Desk, one: Mapping[str, Any]) -> list[object]:
    first, *more = one["sources"]
    source = f"{first['kind']} {first['url']}" + (f" and {len(more)} more" if more else "")
    if first["kind"] == "past":
        source, following, every = "pictures seen before", "for a new work", ""
    else:
        every = shown(one["every_seconds"])
        following = "paused" if one["paused"] else moment(parse_rfc3339(one["next_run_at"]), desk.zone)
    last = one["last_crawl"]
    told = (
        "" if last is None else f"{last['number']}: {counted(last['pages'], 'page')}, {last['reason'] or 'under way'}"
    )
    return [one["number"], one["name"], source, every, following, told]


@watch_command.command("run", epilog=examples("exhibit watch run shop", "exhibit watch run shop --wait"))
@click.argument("name")
@owner_option
@click.option("--wait", is_flag=True, help="Return when the crawl has ended and all it brought is matched.")
@json_option
def run_watch(*, name: str, owner: str | None, wait: bool, as_json: bool) -> None:
    """Run the watch NAME now, once, beside its schedule.

    Workers do it if they run (exhibit up); else this command does it itself, with --wait.
    """
    desk = open_desk()
    from registry import owned

    of = desk.owner(owner)
    crawl = _started(desk, name, of.slug)
    if wait:
        _wait_for(desk, crawl)
        crawl.refresh_from_db()
    cases = owned.cases(of).filter(case_sightings__sighting__crawl=crawl).distinct().count()
    from desk import shapes

    if as_json:
        echo_json({**shapes.crawl(crawl), "refused": owned.refusal_counts(crawl), "cases": cases})
    elif wait:
        one = shapes.crawl(crawl)
        found = f"{counted(one['pages'], 'page')}, {counted(one['pictures'], 'picture')}, {counted(cases, 'case')}"
        say(f"Crawl {crawl.number} of {name}: {found}.")
        say("Look at them: exhibit case list" if cases else f"What it refused: exhibit crawl show {name}")
    else:
        say(f"Crawl {crawl.number} of {name} has begun.")
        if not desk.workers_run:
            note("No worker runs: start them with `exhibit up`, or add --wait.")


def _started(desk: Desk, name: str, slug: str) -> "Crawl":
    """Start the crawl and hand out its first slices.

    Raises:
        ServiceMissingError: the disk is nearly full, and crawling has stopped.
    """
    from registry import owned, watching
    from workers.steps.plan import plan_crawls
    from workers.steps.retain import disk_is_full

    watch = owned.watch(owned.owner(slug), name)
    if disk_is_full(desk.house):
        floor = size(desk.config.disk_floor_bytes)
        raise ServiceMissingError(f"The disk is nearly full: crawling stops below {floor}.", hint="Make room.")
    crawl = watching.start_now(watch)
    if desk.workers_run:
        plan_crawls(desk.house, [crawl.pk])
    return crawl


def _wait_for(desk: Desk, crawl: "Crawl") -> None:
    """Wait until a crawl has ended and the pictures that it saw are matched."""
    from registry.models import Crawl, FrontierUrl, Picture, StepState

    over = (StepState.DONE, StepState.FAILED)

    def waiting() -> int:
        rows = Picture.objects.filter(sightings__crawl=crawl).exclude(state__in=over)
        return rows.distinct().count()

    def done() -> bool:
        return Crawl.objects.filter(pk=crawl.pk, state__in=over).exists() and not waiting()

    def so_far() -> tuple[int, int]:
        urls = FrontierUrl.objects.filter(crawl=crawl)
        left = urls.filter(state__in=[FrontierUrl.State.PENDING, FrontierUrl.State.LEASED]).count() + waiting()
        seen = urls.count() + Picture.objects.filter(sightings__crawl=crawl).distinct().count()
        return seen - left, seen

    work_until(desk, done, label=f"Crawling {crawl.watch.name}", counted=so_far)


@watch_command.command("pause", epilog=examples("exhibit watch pause shop"))
@click.argument("name")
@owner_option
def pause_watch(*, name: str, owner: str | None) -> None:
    """Start no more crawls of the watch NAME."""
    desk = open_desk()
    from registry import owned, watching

    watching.pause(owned.watch(desk.owner(owner), name), by=person())
    say(f"{name} is paused. Go on: exhibit watch resume {name}")


@watch_command.command("resume", epilog=examples("exhibit watch resume shop"))
@click.argument("name")
@owner_option
def resume_watch(*, name: str, owner: str | None) -> None:
    """Start crawls of the watch NAME again."""
    desk = open_desk()
    from registry import owned, watching

    watching.resume(owned.watch(desk.owner(owner), name), by=person())
    say(f"{name} runs again at its usual times.")
