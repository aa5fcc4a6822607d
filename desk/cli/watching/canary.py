"""Known copies that the watches have to find."""

from collections.abc import Sequence

import click

from desk.cli.common.frame import examples, json_option, open_desk, owner_option, person
from desk.cli.common.show import echo_json, listed, moment, say


@click.group("canary")
def canary_command() -> None:
    """Known copies on pages of your own: a watch that misses one says so."""


@canary_command.command(
    "add", epilog=examples("exhibit canary add --work 12 --url https://studio.example/hidden --watch shop")
)
@owner_option
@click.option("--work", type=click.IntRange(min=1), required=True, metavar="N", help="Which work the page shows.")
@click.option("--url", required=True, metavar="URL", help="The page that shows the copy.")
@click.option("--watch", "watch_name", required=True, metavar="NAME", help="Which watch has to find it.")
@json_option
def add_canary(*, owner: str | None, work: int, url: str, watch_name: str, as_json: bool) -> None:
    """Say that a page of yours shows a known copy, which a watch has to find from its next run on.

    Put the copy there first, and let the watch's sources lead to the page. A licence for this page is added too, so
    that no case comes of it.
    """
    desk = open_desk()
    from desk.schemas import watches as schemas
    from registry.accounts import scoped
    from workers.crawls.watches import plant

    of = desk.owner(owner)
    row = plant(desk.services, scoped.work(of, work), scoped.watch(of, watch_name), url, by=person())
    if as_json:
        echo_json(schemas.Canary.from_row(row))
    else:
        say(f"Canary {row.number}: from its next run on, {row.watch.name} has to find work {work} at {row.url}")


@canary_command.command("list", epilog=examples("exhibit canary list"))
@owner_option
@json_option
def list_canaries(*, owner: str | None, as_json: bool) -> None:
    """List the canaries, and what the last run that had to find each made of it."""
    desk = open_desk()
    from desk.schemas import watches as schemas
    from desk.texts.canaries import last_run
    from registry.crawls import canaries

    found = schemas.Canary.from_rows(canaries.active(desk.owner(owner)))

    def line(one: schemas.Canary) -> Sequence[object]:
        last = last_run(one.last_run.outcome, one.last_run.reason) if one.last_run else last_run()
        return one.number, one.work, one.url, one.watch, moment(one.added_at, desk.zone), last

    columns = ("canary", "work", "page", "watch", "planted", "last run")
    nothing = "There is no canary yet. Plant one: exhibit canary add --work N --url URL --watch NAME"
    listed("canaries", found, columns, line, nothing=nothing, as_json=as_json)


@canary_command.command("remove", epilog=examples("exhibit canary remove 3"))
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(min=1))
@owner_option
def remove_canaries(*, numbers: tuple[int, ...], owner: str | None) -> None:
    """Expect the canaries NUMBERS no longer. What earlier runs made of them stays."""
    desk = open_desk()
    from registry.accounts import scoped
    from registry.crawls import canaries

    of = desk.owner(owner)
    for row in [scoped.canary(of, number) for number in numbers]:
        canaries.withdraw(row, by=person())
    say(f"Removed: {', '.join(map(str, numbers))}.")
