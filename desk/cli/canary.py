"""Known copies that the watches have to find."""

from collections.abc import Sequence

import click

from desk.cli.common.command import AsJson, Numbers, TheirOwner, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.show import listed, moment, say, tell

canary_command = click.Group("canary", help="Known copies on pages of your own: a watch that misses one says so.")


@command("add", "--work 12 --url https://studio.example/hidden --watch shop", of=canary_command)
@click.option("--work", type=click.IntRange(min=1), required=True, metavar="N", help="Which work the page shows.")
@click.option("--url", required=True, metavar="URL", help="The page that shows the copy.")
@click.option("--watch", "watch_name", required=True, metavar="NAME", help="Which watch has to find it.")
def add_canary(*, desk: Desk, owner: TheirOwner, work: int, url: str, watch_name: str, as_json: AsJson) -> None:
    """Say that a page of yours shows a known copy, which a watch has to find from its next run on.

    Put the copy there first, and let the watch's sources lead to the page. A licence for this page is added too, so
    that no case comes of it.
    """
    from desk.schemas import watches as schemas
    from registry.accounts import scoped
    from workers.crawls import watches

    row = watches.plant(desk.services, scoped.work(owner, work), scoped.watch(owner, watch_name), url, by=person())
    said = f"Known copy {row.number}: from its next run on, {row.watch.name} has to find work {work} at {row.url}"
    tell(schemas.Canary.from_row(row), said, as_json=as_json)


@command("list", of=canary_command)
def list_canaries(*, desk: Desk, owner: TheirOwner, as_json: AsJson) -> None:
    """List the known copies, and what the last run that had to find each made of it."""
    from desk.schemas import watches as schemas
    from desk.texts import canaries as canary_words
    from registry.crawls import canaries

    found = schemas.Canary.from_rows(canaries.active(owner))

    def line(canary: schemas.Canary) -> Sequence[object]:
        run = canary.last_run
        last = canary_words.last_run(run.outcome, run.reason) if run else canary_words.last_run()
        return canary.number, canary.work, canary.url, canary.watch, moment(canary.added_at, desk.zone), last

    columns = ("canary", "work", "page", "watch", "planted", "last run")
    nothing = "There is no known copy yet. Plant one: exhibit canary add --work N --url URL --watch NAME"
    listed("canaries", found, columns, line, nothing=nothing, as_json=as_json)


@command("remove", "3", of=canary_command)
def remove_canaries(*, numbers: Numbers, owner: TheirOwner) -> None:
    """Expect the known copies NUMBERS no longer. What earlier runs made of them stays."""
    from registry.accounts import scoped
    from registry.crawls import canaries

    for row in [scoped.canary(owner, number) for number in numbers]:
        canaries.withdraw(row, by=person())
    say(f"Removed: {', '.join(map(str, numbers))}.")
