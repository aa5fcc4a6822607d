"""Commands about many works at once: changing them, undoing that, and collections of them."""

from typing import TYPE_CHECKING

import click

from desk.cli.common.command import AsJson, Number, TheirOwner, Word, command
from desk.cli.common.finding import collection_named, finds, found_works
from desk.cli.common.frame import Desk, person
from desk.cli.common.show import counted, listed, only_json, say
from desk.cli.work import work_command
from exhibit.errors import WrongUseError
from exhibit.types import Untyped

if TYPE_CHECKING:
    from registry import models

AT_ONCE = "author holder credit rights created first_publication medium author_kind".split()  # noqa: SIM905 - names to read


@command(
    "change",
    '12 13 --set author="Ann Lee" --reason "All of that day are hers."',
    "--match harbour --put Harbours",
    "--all --in Harbours --take Harbours",
    of=work_command,
)
@click.argument("numbers", nargs=-1, type=click.IntRange(min=1))
@finds
@click.option("--all", "everything", is_flag=True, help="All works, or all that the other options find.")
@click.option("--set", "assigned", metavar="FIELD=VALUE", help=f"Declare this: {', '.join(AT_ONCE)}.")
@click.option("--put", metavar="NAME", help="Put them into this collection, which is made where there is none.")
@click.option("--take", metavar="NAME", help="Take them out of this collection.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the history of each.")
def change_works(*, desk: Desk, numbers: tuple[int, ...], owner: TheirOwner, as_json: AsJson, **asked: Untyped) -> None:
    """Change the works NUMBERS at once, or all that --match, --only and --in find; `exhibit work undo` takes it back.

    Each work gets its line of history, and where something is declared its entry of the log, as when it is changed by
    hand.
    """
    from registry.works import collections
    from workers.works import bulk

    given = [(collections.PUT, asked["put"]), (collections.TAKE, asked["take"]), _assigned(asked["assigned"])]
    wanted = [(what, value) for what, value in given if value is not None]
    if len(wanted) != 1:
        raise WrongUseError("Say one thing that is to change.", hint="Give --set FIELD=VALUE, --put or --take.")
    finding = {name: asked[name] for name in ("match", "only", "within")}
    if (any(finding.values()) or asked["everything"]) == bool(numbers):
        raise WrongUseError("Say which works.", hint="Name their numbers, or find them with --match, --only or --in.")
    chosen = found_works(owner, **finding)
    chosen = chosen.filter(number__in=numbers) if numbers else chosen
    ((what, value),) = wanted
    made = bulk.edit_many(desk.services, owner, chosen, what, value, by=person(), reason=asked["reason"])
    _tell(desk, made, as_json=as_json)


@command("undo", "3", of=work_command)
def undo_change(*, desk: Desk, number: Number, owner: TheirOwner, as_json: AsJson) -> None:
    """Undo a change of many works by its NUMBER; what somebody has changed since stays as it is."""
    from registry.accounts import scoped
    from workers.works import bulk

    _tell(desk, bulk.undo(desk.services, scoped.bulk_edit(owner, number), by=person()), as_json=as_json)


@command("collections", "--json", of=work_command)
def list_collections(*, owner: TheirOwner, as_json: AsJson) -> None:
    """List the collections with how many works are in each."""
    from desk.schemas import owners as schemas
    from registry.works import collections

    found = schemas.Collection.from_rows(collections.counted(collections.collections_of(owner)))
    nothing = "There is no collection yet. Make one: exhibit work change NUMBERS --put NAME"
    columns = ("collection", "name", "works")
    listed(
        "collections", found, columns, lambda one: [one.number, one.name, one.works], nothing=nothing, as_json=as_json
    )


@command("collection", "Harbours --rename Ports", "Ports --remove", of=work_command)
@click.option("--rename", metavar="NAME", help="Its name from then on.")
@click.option("--remove", is_flag=True, help="Remove it; its works stay.")
def change_collection(*, name: Word, owner: TheirOwner, rename: str | None, remove: bool) -> None:
    """Rename the collection NAME, or remove it."""
    from registry.works import collections

    row = collection_named(owner, name)
    if remove == bool(rename):
        raise WrongUseError("Say what is to become of it.", hint="Give --rename NAME or --remove.")
    if rename:
        collections.rename_collection(row, rename, by=person())
        say(f"{name} is called {row.name}.")
    else:
        collections.remove_collection(row, by=person())
        say(f"{name} is removed; its works stay.")


def _assigned(text: str | None) -> tuple[str, str | None]:
    """A field and what it is to say; raises ``WrongUseError`` for what isn't one."""
    if text is None:
        return "", None
    name, mark, value = text.partition("=")
    if not mark or name not in AT_ONCE:
        raise WrongUseError(f"{text!r} sets nothing.", hint=f"Write FIELD=VALUE with one of {', '.join(AT_ONCE)}.")
    return {"rights": "rights_statement"}.get(name, name), value


def _tell(desk: Desk, edit: "models.BulkEdit", *, as_json: bool) -> None:
    from desk.schemas import owners as schemas
    from registry.accounts import scoped
    from workers.steps import portions

    while edit.state == "todo":  # a worker may have taken it: then it goes on without us
        portions.edit_works(desk.services, [edit.pk])
        edit.refresh_from_db(fields=["state"])
    one = schemas.BulkEdit.from_row(scoped.bulk_edit(edit.owner, edit.number))
    only_json(one, asked=as_json)
    say(f"Change {one.number}: {counted(one.changed, 'work')} changed of {one.works:,}. {one.sentence}.")
    if one.state == "doing":
        say("A worker goes on with it.")
