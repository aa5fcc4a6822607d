"""Watches: arranging them and running them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from desk.cli import watch_options as options
from desk.cli.common.frame import Desk, ask, check_crawling, examples, finish, open_desk, person
from desk.cli.common.options import AT_LEAST_1, json_option, owner_option, yes_option
from desk.cli.common.show import counted, echo_json, fields, listed, moment, note, only_json, say, table, tell
from desk.cli.common.wait import work_until
from exhibit.errors import ExitCode, NotFoundError, WrongUseError
from exhibit.types import Json

if TYPE_CHECKING:
    from desk.schemas import watches as schemas
    from registry import models
    from registry.crawls.watching import Subjects

SEARCH = "search"
SEARCHES = "An image search or a marketplace; `exhibit api GET searches` shows them."
TOLD = 10  # damaged archives that are named
OFTEN = "How often it runs: 30m, 24h, 7d."
REMEDIES = {"key": "key", "no-key": "key", "no-consent": "consent", "no-price": "price"}
"""What of a search has to be set, as the API names it."""
SHOWN = 20
"""Refusals that are named."""
PROPOSED = "exhibit api GET proposals; register some: exhibit api POST proposals/register"
"""How to see what own places propose as works, and what to do then."""
watch_command = click.Group("watch", help="Scheduled visits to places where copies may be.")


@watch_command.command(
    "add",
    epilog=examples(
        "exhibit watch add shop --site https://shop.example/ --every 24h --at 02:30 --pages 500",
        "exhibit watch add news --feed https://news.example/feed.xml --every 1h",
        "exhibit watch add archive --warc crawl.warc.gz --dry-run",
        "exhibit watch add copies --search tineye --every 7d --searches 50",
        "exhibit watch add copies --search google-vision --money 2USD --money-month 5USD --dry-run",
        "exhibit watch add mine --site https://studio.example/ --own",
        "exhibit watch add export --folder ~/Pictures/export --own --every 15m",
        "exhibit watch add shop-then --archive wayback --domain shop.example --from 2019 --dry-run",
    ),
)
@click.argument("name")
@owner_option
@options.source_options
@options.archive_options
@click.option("--search", "searches_asked", multiple=True, metavar="NAME", help=SEARCHES)
@click.option("--dry-run", is_flag=True, help="Say what it would ask and cost, or read of files; add nothing.")
@click.option("--every", type=options.period, metavar="PERIOD", default="24h", show_default=True, help=OFTEN)
@options.time_options
@options.limit_options
@json_option
def add_watch(*, name: str, named: str | None, as_json: bool, **given: Json) -> None:
    """Add the watch NAME over one or more sources. Its first run comes after one period, or as --at says.

    Sooner: exhibit watch run.

    Only pages of the given sites are followed; pictures may lie anywhere. Pages of a list are visited alone, unless
    --depth says otherwise. Addresses on the web, files, a search and an archive can't be in one watch.

    With --own, pictures there that show none of the works are proposed as works; what lies there is no find.
    """
    sources = list(options.sources(given))
    names = given["searches_asked"]
    archives = given["archives"]
    if not sources and not names and not archives:
        hint = "Name one: --site, --sitemap, --feed, --list, --folder, --warc, --search, --archive"
        raise WrongUseError("A watch needs a source.", hint=hint)
    desk = open_desk()
    from desk.schemas import watches as schemas
    from desk.texts import schedules
    from registry.crawls import captures, search_keys, watches

    asked = {"budget": options.budget(given), **options.subjects(given)}
    domains = captures.subjects(given["domains"], given["since"], given["until"])
    if given["dry_run"]:
        _tell_beforehand(desk, sources, given, domains)
    if names:
        estimates = search_keys.estimate(desk.services, desk.owner(named), names, **asked)
        for line in schedules.costs(estimates, asked["budget"]):
            (say if given["dry_run"] else note)(line)
    if given["dry_run"]:
        return
    sources += [(SEARCH, search) for search in names] + [("archive", name) for name in archives]
    asked |= {**domains, "every": given["every"], "when": options.when(given), "politeness": options.politeness(given)}
    own = bool(given["own"])
    watch = watches.arrange(desk.services, desk.owner(named), name, sources, own=own, by=person(), **asked)
    only_json(schemas.Watch.from_row(watch), asked=as_json)
    first = moment(watch.next_run_at, desk.zone)
    say(f"Added watch {watch.number}, {watch.name}. Its first run: {first}.")
    say(f"Sooner: exhibit watch run {quote(watch.name)}" + ("" if desk.workers_run else " --wait"))
    if own:
        say(f"What it proposes: {PROPOSED}")
    _note_missing_keys(desk, watch)
    if not desk.config.contact and not desk.config.allowed_networks:
        note("No contact is set: sites can't reach you. Set EXHIBIT_CONTACT before you crawl the public web.")


def _tell_beforehand(
    desk: Desk, sources: Sequence[tuple[str, str]], given: Mapping[str, Json], domains: "Subjects"
) -> None:
    """What lists, files and archives come to; raises ``WrongUseError`` where nothing can be known before a visit."""
    from desk.cli.ingest import count_archives, tell_forecast
    from desk.texts import schedules
    from registry.crawls import captures, forecasts, watching

    listed = [address for kind, address in sources if kind == "list"]
    files = [(kind, Path(address)) for kind, address in sources if kind in watching.FILE_KINDS]
    if not (given["searches_asked"] or given["archives"] or listed or files):
        hint = "Name one: --search, --archive, --list, --folder, --warc"
        raise WrongUseError("What a site would be asked for is known when it has been visited.", hint=hint)
    hosts = forecasts.Hosts.at_pace(options.politeness(given))
    hosts.add(listed)
    tell_forecast(hosts if listed else None, count_archives(files, lambda: False))
    if given["archives"]:
        estimates = captures.estimate(desk.services, given["archives"], options.budget(given), domains)
        for line in schedules.captures(estimates):
            say(line)


@watch_command.command(
    "edit",
    epilog=examples(
        "exhibit watch edit shop --every 7d --pages 2000",
        "exhibit watch edit shop --feed https://shop.example/new.xml --remove https://shop.example/old/",
        'exhibit watch edit shop --name "The shop"',
    ),
)
@click.argument("name")
@owner_option
@click.option("--name", "new_name", metavar="NAME", help="Its name from now on.")
@options.source_options
@click.option("--remove", multiple=True, metavar="URL", help="A place that it looks at no more.")
@click.option("--every", type=options.period, metavar="PERIOD", help=OFTEN)
@options.time_options
@options.limit_options
@json_option
def edit_watch(*, name: str, named: str | None, as_json: bool, **given: Json) -> None:
    """Change the watch NAME; what isn't named stays as it is, and so does what it has seen.

    Places are added and, with --remove, taken off; a run that is under way ends when one is taken off.
    """
    add = list(options.sources(given))
    if all(value in (None, ()) for value in given.values()):
        raise WrongUseError("Nothing to change is named.", hint="exhibit watch edit --help says what can be changed.")
    desk = open_desk()
    from desk.schemas import watches as schemas
    from registry import scoped
    from registry.crawls import watches

    of = desk.owner(named)
    watch = scoped.watch(of, name)
    watches.change(
        desk.services,
        watch,
        name=given["new_name"],
        every=given["every"],
        when=options.when(given, watch),
        budget=options.budget(given),
        politeness=options.politeness(given),
        own=given["own"],
        by=person(),
        add=add,
        remove=_removed(watch, given["remove"]),
        **options.subjects(given),
    )
    watch = scoped.watch_numbered(of, watch.number)
    following = moment(watch.next_run_at, desk.zone)
    said = f"Changed watch {watch.number}, {watch.name}. Its next run: {following}."
    tell(schemas.Watch.from_row(watch), said, as_json=as_json)


def _removed(watch: "models.Watch", urls: Sequence[str]) -> list[tuple[str, str]]:
    """The watch's sources at these addresses; a folder or a file may be named as it is from here."""
    from registry.crawls import watching

    found = []
    for url in urls:
        named = {url, str(Path(url).resolve())}
        one = [(kind, address) for kind, address in watching.places(watch) if address in named]
        if not one:
            raise WrongUseError(f"{watch.name} doesn't look at {url}.", hint="exhibit watch list --json names all.")
        found += one
    return found


@watch_command.command("list", epilog=examples("exhibit watch list", "exhibit watch list --json"))
@owner_option
@json_option
def list_watches(*, named: str | None, as_json: bool) -> None:
    """List the watches."""
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import watches as schemas
    from registry import scoped

    found = schemas.Watch.from_rows(scoped.watches(owner))
    columns = ("watch", "name", "source", "every", "next run", "last crawl")
    nothing = "There is no watch yet. Add one: exhibit watch add NAME --site URL"
    listed("watches", found, columns, lambda watch: _line(desk, watch), nothing=nothing, as_json=as_json)


def _line(desk: Desk, one: "schemas.Watch") -> list[object]:
    first, *more = one.sources
    of = getattr(first, "domains", [])
    source = " ".join([first.kind, first.url, *of]) + (f" and {len(more)} more" if more else "")
    if first.kind == "bulk":
        source, following, every = "lists of addresses", "", ""
    elif first.kind == "hand":
        source, following, every = "pages named by hand", "", ""
    elif first.kind == "past":
        source, following, every = "pictures seen before", "for a new work", ""
    else:
        zone = "" if one.time_zone == str(desk.zone) else one.time_zone
        often = [options.shown(one.every_seconds), one.weekday, one.at and f"at {one.at}", zone]
        every = " ".join(filter(None, often))
        following = "paused" if one.paused else moment(one.next_run_at, desk.zone)
    last = one.last_crawl
    told = "" if last is None else f"{last.number}: {counted(last.pages, 'page')}, {last.reason or 'under way'}"
    return [one.number, one.name, source, every, following, told]


@watch_command.command(
    "run",
    epilog=examples(
        "exhibit watch run shop", "exhibit watch run shop --wait", "exhibit watch run shop --everything --wait"
    ),
)
@click.argument("name")
@owner_option
@click.option("--everything", is_flag=True, help="Ask for pages that haven't changed for long, too.")
@click.option("--wait", is_flag=True, help="Return when the crawl has ended and all it brought is matched.")
@json_option
def run_watch(*, name: str, named: str | None, everything: bool, wait: bool, as_json: bool) -> None:
    """Run the watch NAME now, once, beside its schedule.

    Workers do it if they run (exhibit up); else this command does it itself, with --wait. A crawl that is under way
    isn't begun twice. With --wait it ends with 4 when a web archive couldn't be read whole, or when a search has no key
    or no consent to be sent copies of works, or doesn't accept the key.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from registry import scoped
    from registry.crawls import plan, revisits, watching

    watch = scoped.watch(owner, name)
    if watch.paused and not revisits.is_past(watch):
        raise WrongUseError(f"The watch {name} is paused.", hint=f"Resume it first: exhibit watch resume {quote(name)}")
    under_way = watching.crawl_under_way(watch)
    check_crawling(desk.config)
    crawl = plan.start_now(desk.services, watch, everything=everything)
    if joined := under_way == crawl:
        later = " The next one asks for everything." if everything else ""
        note(f"Crawl {crawl.number} of {name} is under way already; no other one is begun.{later}")
    _tell_run(desk, crawl, joined=joined, wait=wait, as_json=as_json)


@watch_command.command("look", epilog=examples("exhibit watch look https://shop.example/42 --wait"))
@click.argument("url")
@owner_option
@click.option("--wait", is_flag=True, help="Return when the page was visited and all it brought is matched.")
@json_option
def look_at_page(*, url: str, named: str | None, wait: bool, as_json: bool) -> None:
    """Look at the page URL once, without a watch of its own, and compare its pictures with the works.

    URL may be a picture's own address. What shows a work becomes a case. robots.txt is followed, as by every crawl.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from registry.crawls import looks

    check_crawling(desk.config)
    crawl = looks.look(desk.services, owner, url, by=person())
    _tell_run(desk, crawl, joined=False, wait=wait, as_json=as_json)


def _tell_run(desk: Desk, crawl: "models.Crawl", *, joined: bool, wait: bool, as_json: bool) -> None:
    """Say that a crawl has begun, or with ``wait`` what came of it."""
    from desk.schemas import watches as schemas
    from registry import scoped

    watch, name = crawl.watch, crawl.watch.name
    owner = watch.owner
    if wait:
        _wait_for(desk, crawl)
        crawl.refresh_from_db()
    cases = scoped.cases(owner).filter(case_sightings__sighting__crawl=crawl, resembles=False).distinct().count()
    if as_json:
        echo_json(schemas.RunCrawl.from_row(crawl, refused=scoped.refusal_counts(crawl), cases=cases))
    elif wait:
        one = schemas.Crawl.from_row(crawl)
        found = f"{counted(one.pages, 'page')}, {counted(one.pictures, 'picture')}, {counted(cases, 'case')}"
        say(f"Crawl {crawl.number} of {name}: {found}.")
        tell_not_asked(crawl)
        tell_unrendered(crawl)
        tell_left_out(crawl)
        tell_searches(crawl)
        _tell_proposals(watch)
        say("Look at them: exhibit case list" if cases else f"What it refused: exhibit watch show {quote(name)}")
    else:
        if not joined:
            say(f"Crawl {crawl.number} of {name} has begun.")
        _note_missing_keys(desk, watch)
        if not desk.workers_run:
            note("No worker runs: start them with `exhibit up`, or add --wait.")
    if _falls_short(crawl):
        finish(ExitCode.INCOMPLETE)


def _tell_proposals(watch: "models.Watch") -> None:
    """How many pictures of the watch wait to be registered as works."""
    from registry.matches import proposals

    if watch.own and (count := proposals.of_watch(watch).count()):
        say(f"{counted(count, 'picture')} proposed as works: {PROPOSED}")


def _note_missing_keys(desk: Desk, watch: "models.Watch") -> None:
    """Say which searches won't be asked, and what to do."""
    from registry.crawls import search_keys, search_services, watching

    said = {"no-key": "There is no key for {}", "no-consent": "{} may not be sent copies of your works"}
    known = search_services.services(desk.config)
    for name in [name for kind, name in watching.places(watch) if kind == SEARCH and name in known]:
        if why := search_keys.lacking(desk.services, watch.owner, name, known[name]):
            note(f"{said[why].format(name)}, so it isn't asked: exhibit api PUT searches/{name}/{REMEDIES[why]}")


def _falls_short(crawl: "models.Crawl") -> bool:
    """Whether a search wasn't asked to the end, or something was given up; what was is said on standard error."""
    from registry import jobs, models
    from workers.operations import backlog

    lost = models.Picture.objects.filter(sightings__crawl=crawl, state=models.StepState.FAILED)
    given_up = lost.exclude(backlog.settled(jobs.JOBS["match"]))
    if pictures := given_up.distinct().count():
        note(f"Given up: {counted(pictures, 'picture')} not compared. Try again: exhibit retry match")
    if failed := crawl.state == models.StepState.FAILED:
        note(f"The run was given up. What it refused: exhibit watch show {quote(crawl.watch.name)}")
    damaged = crawl.refusals.filter(reason="unreadable", url__startswith="file:").order_by("pk")
    for sentence in damaged.values_list("sentence", flat=True)[:TOLD]:
        note(sentence)
    unasked = crawl.inquiries.filter(outcome__in=("key", "no-key", "no-consent", "no-price", "no-service", "quota"))
    unasked |= crawl.inquiries.filter(state=models.StepState.FAILED)
    return bool(pictures or failed or unasked.exists() or damaged.exists())


def tell_not_asked(crawl: "models.Crawl") -> None:
    """How many known pages were left alone, and how to have them asked for."""
    from desk.texts import crawl_refusals

    for sentence in crawl_refusals.not_asked_in_words(crawl):
        say(sentence)
    if crawl.not_asked:
        say(f"Ask for every page: exhibit watch run {quote(crawl.watch.name)} --everything")


def tell_unrendered(crawl: "models.Crawl") -> None:
    """How many pages may show more once their scripts run, and how to have them rendered."""
    from desk.texts.numbers import counted as in_words
    from registry.crawls import budgets, crawling

    name = quote(crawl.watch.name)
    if over := budgets.unrendered(crawl).get("budget"):
        say(f"{in_words(over, 'unrendered')} Allow more: exhibit watch edit {name} --render-pages N")
    if not (pages := crawling.scripts_not_run([crawl])[crawl.pk]):
        return
    them = f"{counted(pages, 'page')} {'runs' if pages == 1 else 'run'} scripts that may add pictures"
    if crawling.lacked_browser(crawl):
        say(f"{them}: there is no browser to render them. See: exhibit doctor")
    else:
        say(f"{them}. Render them: exhibit watch edit {name} --render always")


def tell_left_out(crawl: "models.Crawl") -> None:
    """Report what the crawler's limits left out, and list entries that it could not read."""
    from desk.texts import crawl_refusals
    from registry.crawls import crawling

    if counts := crawling.left_out(crawl):
        say("Left out by the crawler's limits, or not readable:")
    for what, number in counts.items():
        say(f"{number:,} {crawl_refusals.left_out_in_words(what)}")


def tell_searches(crawl: "models.Crawl") -> None:
    """What searches found, and why one wasn't asked to the end: silence would look as if there were no copies."""
    from desk.texts import crawl_refusals

    for row in crawl.inquiries.order_by("pk"):
        asked = f"{counted(row.asked, 'request')}, {counted(row.found, 'place')}" if row.asked else "wasn't asked"
        why = crawl_refusals.inquiry_in_words(row)
        key = f" exhibit api PUT searches/{row.service}/{REMEDIES[row.outcome]}" if row.outcome in REMEDIES else ""
        say(" ".join(filter(None, (f"{row.service}: {asked}.", why))) + key)
    if spent := crawl_refusals.spending_in_words(crawl):
        say(spent)


def _wait_for(desk: Desk, crawl: "models.Crawl") -> None:
    """Wait until a crawl has ended and the pictures that it saw are matched."""
    from registry import models
    from registry.crawls import crawling

    over = (models.StepState.DONE, models.StepState.FAILED)

    def waiting() -> int:
        rows = models.Picture.objects.filter(sightings__crawl=crawl).exclude(state__in=over)
        return rows.distinct().count()

    def done() -> bool:
        return models.Crawl.objects.filter(pk=crawl.pk, state__in=over).exists() and not waiting()

    def so_far() -> tuple[int, int]:
        visited, left = crawling.addresses(crawl.pk)
        seen = visited + left + models.Picture.objects.filter(sightings__crawl=crawl).distinct().count()
        return seen - left - waiting(), seen

    work_until(desk, done, label=f"Crawling {crawl.watch.name}", counted=so_far)


@watch_command.command("show", epilog=examples("exhibit watch show shop", "exhibit watch show shop 3 --json"))
@click.argument("name")
@click.argument("number", type=AT_LEAST_1, required=False)
@owner_option
@json_option
def show_watch(*, name: str, number: int | None, named: str | None, as_json: bool) -> None:
    """Show what run NUMBER of the watch NAME saw, the newest by default, and all it refused."""
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import watches as schemas
    from desk.texts.schedules import visits_used_up
    from registry import scoped

    watch = scoped.watch(owner, name)
    newest = scoped.crawls(owner).filter(watch=watch)
    row = newest.first() if number is None else scoped.crawl(owner, watch.number, number)
    if row is None:
        raise NotFoundError(f"{watch.name} hasn't run yet.", hint=f"exhibit watch run {quote(watch.name)} --wait")
    one = schemas.ShownCrawl.from_row(row, refusals=schemas.Refusal.of(row))
    only_json(one, asked=as_json)
    fields(
        ("crawl", f"{one.number} of {one.watch}"),
        ("started", moment(row.started_at, desk.zone)),
        ("ended", f"{moment(row.finished_at, desk.zone)} ({row.reason})" if row.finished_at else "under way"),
        ("pages", f"{one.pages:,}"),
        ("pictures", f"{one.pictures:,} at {counted(one.sightings, 'place')}"),
        ("not yet matched", f"{one.waiting:,}" if one.waiting else ""),
        *(("waits for", f"{host}, until {moment(at, desk.zone)}") for host, at in one.waits_for.items()),
        ("without a picture", ", ".join(f"{n:,} {reason}" for reason, n in scoped.passed_counts(row).items())),
    )
    tell_not_asked(row)
    tell_unrendered(row)
    tell_left_out(row)
    tell_searches(row)
    if used_up := visits_used_up(row.watch):
        say(used_up)
    _tell_opt_outs(row.watch)
    _show_refusals(one.refusals)


def _tell_opt_outs(watch: "models.Watch") -> None:
    """Which hosts keep programs out, and which finds are known to lie there."""
    from desk.texts.numbers import counted as in_words
    from registry.cases import opt_outs

    if not (found := opt_outs.of_watch(watch)):
        return
    click.echo()
    say("Sites that keep programs out; nothing of that was fetched:")
    for one in found[:SHOWN]:
        cases = ". Your cases there: " + ", ".join(map(str, one.cases)) if one.cases else ""
        say(f"{one.host}: " + "; ".join(in_words(n, why) for why, n in one.how.items()) + cases)
    if len(found) > SHOWN:
        say(f"… and {len(found) - SHOWN:,} more: exhibit api GET watches/{watch.number}/opt-outs")
    say("You may open such a page yourself, and ask of one picture: exhibit identify FILE")


def _show_refusals(refusals: "Sequence[schemas.Refusal]") -> None:
    if not refusals:
        say("Nothing was refused.")
        return
    click.echo()
    counts = Counter(refusal.reason for refusal in refusals)
    table(("refused", "how often"), sorted(counts.items()))
    click.echo()
    for refusal in refusals[:SHOWN]:
        say(f"{refusal.reason}: {refusal.url}")
    if len(refusals) > SHOWN:
        say(f"… and {len(refusals) - SHOWN:,} more; --json lists them all with sentences.")


@watch_command.command("pause", epilog=examples("exhibit watch pause shop"))
@click.argument("name")
@owner_option
def pause_watch(*, name: str, named: str | None) -> None:
    """Start no more crawls of the watch NAME."""
    owner = open_desk().owner(named)
    from registry import scoped
    from registry.crawls import watching

    watching.pause(scoped.watch(owner, name), by=person())
    say(f"{name} is paused. Go on: exhibit watch resume {quote(name)}")


@watch_command.command("resume", epilog=examples("exhibit watch resume shop"))
@click.argument("name")
@owner_option
def resume_watch(*, name: str, named: str | None) -> None:
    """Start crawls of the watch NAME again, at the next of its usual times."""
    owner = open_desk().owner(named)
    from registry import scoped
    from registry.crawls import watching

    watching.resume(scoped.watch(owner, name), by=person())
    say(f"{name} runs again at its usual times.")


@watch_command.command("stop", epilog=examples("exhibit watch stop shop"))
@click.argument("name")
@owner_option
def stop_watch(*, name: str, named: str | None) -> None:
    """Let the run of the watch NAME that is under way end with what it has. Its schedule stays."""
    desk = open_desk()
    owner = desk.owner(named)
    from registry import scoped
    from registry.crawls import plan, watching

    crawl = watching.crawl_under_way(scoped.watch(owner, name))
    if crawl is None:
        say(f"{name} isn't running.")
        return
    stopped = plan.stop(desk.services, crawl, by=person())
    say(f"Run {crawl.number} of {name} " + ("ends with what it has." if stopped else "is ending already."))
    if not desk.workers_run:
        note("No worker runs: it ends when they do (exhibit up).")


@watch_command.command("delete", epilog=examples("exhibit watch delete shop --yes"))
@click.argument("name")
@owner_option
@yes_option
def delete_watch(*, name: str, named: str | None, yes: bool) -> None:
    """Run the watch NAME no more, for good. Cases, evidence and what its runs saw stay; pausing can be undone."""
    desk = open_desk()
    owner = desk.owner(named)
    from registry import scoped
    from registry.crawls import plan

    watch = scoped.watch(owner, name)
    if not yes:
        ask(f"Delete the watch {watch.name}? This can't be undone; pausing can.")
    plan.remove_watch(desk.services, watch, by=person())
    say(f"{watch.name} is deleted. What it saw stays.")
