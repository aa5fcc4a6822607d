"""What the runs of a watch saw and refused."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from desk.cli.common.command import AsJson, MaybeNumber, MaybeWord, TheirOwner, Word, command
from desk.cli.common.frame import Desk
from desk.cli.common.show import fields, listed, moment, only_json, say, table
from desk.cli.watch import tell_searches, tell_unrendered
from exhibit.errors import NotFoundError

if TYPE_CHECKING:
    from desk.schemas import watches as schemas

SHOWN = 20
crawl_command = click.Group("crawl", help="Runs of watches.")


@command("list", "", "shop", of=crawl_command)
def list_crawls(*, desk: Desk, name: MaybeWord, owner: TheirOwner, as_json: AsJson) -> None:
    """List the crawls of all watches, or of the watch NAME, newest first."""
    from desk.schemas import watches as schemas
    from registry.accounts import scoped

    rows = scoped.crawls(owner) if name is None else scoped.crawls(owner).filter(watch=scoped.watch(owner, name))
    found = schemas.Crawl.from_rows(rows)
    columns = ("watch", "crawl", "started", "pages", "pictures", "sightings", "ended")
    nothing = "Nothing has been crawled yet. Run a watch: exhibit watch run NAME --wait"
    listed("crawls", found, columns, lambda crawl: _line(desk, crawl), nothing=nothing, as_json=as_json)


def _line(desk: Desk, one: "schemas.Crawl") -> list[object]:
    counts = [one.pages, one.pictures, one.sightings]
    return [one.watch, one.number, moment(one.started_at, desk.zone), *counts, one.reason or "under way"]


@command("show", "shop", "shop 3 --json", of=crawl_command)
def show_crawl(*, desk: Desk, name: Word, number: MaybeNumber, owner: TheirOwner, as_json: AsJson) -> None:
    """Show crawl NUMBER of the watch NAME, the newest by default, and all it refused."""
    from desk.schemas import watches as schemas
    from registry.accounts import scoped

    watch = scoped.watch(owner, name)
    newest = scoped.crawls(owner).filter(watch=watch)
    row = newest.first() if number is None else scoped.crawl(owner, watch.number, number)
    if row is None:
        raise NotFoundError(f"{watch.name} hasn't run yet.", hint=f"exhibit watch run {watch.name} --wait")
    one = schemas.ShownCrawl.from_row(row, refusals=schemas.Refusal.of(row))
    only_json(one, asked=as_json)
    fields(
        ("crawl", f"{one.number} of {one.watch}"),
        ("started", moment(row.started_at, desk.zone)),
        ("ended", f"{moment(row.finished_at, desk.zone)} ({row.reason})" if row.finished_at else "under way"),
        ("pages", f"{one.pages:,}"),
        ("pictures", f"{one.pictures:,} at {one.sightings:,} places"),
        ("not yet matched", f"{one.waiting:,}" if one.waiting else ""),
        *(("waits for", f"{host}, until {moment(at, desk.zone)}") for host, at in one.waits_for.items()),
        ("without a picture", ", ".join(f"{n:,} {reason}" for reason, n in scoped.passed_counts(row).items())),
    )
    tell_unrendered(row)
    tell_searches(row)
    _show_refusals(one.refusals)


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
