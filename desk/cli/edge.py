"""Other people's machines that help to fetch and measure pictures."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import read_file, write_file
from desk.cli.common.frame import Desk, examples, open_desk, person
from desk.cli.common.options import FILE, TO_WRITE, json_option
from desk.cli.common.show import counted, echo_json, listed, moment, note, only_json, say, table, tell
from exhibit.errors import NotFoundError

if TYPE_CHECKING:
    from registry import models

edge_command = click.Group("edge", help="Machines of others that help: they fetch and measure, and never see works.")


@edge_command.command("invite", epilog=examples('exhibit edge invite "Ann\'s machine"'))
@click.argument("name")
@json_option
def invite_contributor(*, name: str, as_json: bool) -> None:
    """Let somebody help, under NAME: prints a token, once, with which one machine joins."""
    desk = open_desk()
    from registry.edge import contributors
    from registry.services import addresses

    row, token = contributors.invite(name, by=person())
    url = addresses.absolute(desk.config)
    said = "The token is shown this once. On the other machine, where Exhibit is installed:"
    tell({"name": row.name, "token": token, "url": url}, said, f"  exhibit edge join {url} {token}", as_json=as_json)


@edge_command.command("join", epilog=examples("exhibit edge join https://exhibit.example exe_…"))
@click.argument("url")
@click.argument("token")
def join_edge(*, url: str, token: str) -> None:
    """Help the installation at URL, with the TOKEN that its operator gave you, until Ctrl-C.

    This machine fetches pictures by the rules of every crawl and sends hashes and descriptors of them, signed with a
    key that it makes for itself; no database is needed. It learns addresses, and not for whom they are visited.
    """
    from registry import configuration
    from registry.edge import helping

    pictures = 0
    for brought in helping.helping(configuration.load_config(), url, token):
        pictures += brought
        note(f"{counted(pictures, 'picture')} so far.")


@edge_command.command("list", epilog=examples("exhibit edge list", "exhibit edge list --json > account.json"))
@json_option
def list_contributors(*, as_json: bool) -> None:
    """List who helps or has helped, what each has brought, what checks said, and why one was thrown out.

    As JSON it is an account for whoever pays or thanks, signed with the log's key.
    """
    desk = open_desk()
    from desk.schemas import owners as schemas
    from registry import models

    rows = models.Contributor.objects.order_by("pk")
    if as_json:
        echo_json(_account(desk, rows))
        return
    found = schemas.Contributor.from_rows(rows)

    def line(row: schemas.Contributor) -> tuple[object, ...]:
        state = row.reason or ("removed" if row.revoked_at else "helps" if row.key else "invited")
        return row.name, state, row.pictures, row.seconds, row.checked, row.wrong, moment(row.used_at, desk.zone)

    columns = ("name", "state", "pictures", "seconds", "checked", "wrong", "last seen")
    nothing = "Nobody helps yet. Invite somebody: exhibit edge invite NAME"
    listed("contributors", found, columns, line, nothing=nothing, as_json=False)


def _account(desk: Desk, rows: "Iterable[models.Contributor]") -> dict[str, object]:
    from desk.schemas import owners as schemas
    from registry.edge import taking

    return taking.signed_account(
        desk.services, {row.pk: schemas.Contributor.from_row(row).model_dump(mode="json") for row in rows}
    )


@edge_command.command("account", epilog=examples('exhibit edge account "Ann\'s machine" --out account.json'))
@click.argument("name")
@click.option("--out", required=True, type=TO_WRITE, metavar="FILE", help="The file, JSON.")
def write_account(*, name: str, out: Path) -> None:
    """Write what the contributor NAME has done until now, signed with the log's key, for whoever pays or thanks."""
    desk = open_desk()
    from registry import models
    from registry.log.own_log import get_log

    rows = list(models.Contributor.objects.filter(name=name).order_by("pk"))
    if not rows:
        raise NotFoundError(f"There is no contributor {name!r}.", hint="List them: exhibit edge list")
    write_file(out, json.dumps(_account(desk, rows), indent=2, ensure_ascii=False).encode() + b"\n")
    say(f"Written to {out}, signed by {get_log(desk.services).vkey()}")


@edge_command.command(
    "check", epilog=examples("exhibit edge check account.json --key exhibit.example/log+9b84e97f+AX…")
)
@click.argument("file", type=FILE)
@click.option("--key", default="", metavar="KEY", help="The log's key, as the installation's operator told you.")
@json_option
def check_account(*, file: Path, key: str, as_json: bool) -> None:
    """Check an account that somebody wrote, by its signature, and print it; ends with 1 where it was changed.

    Without --key it is held against the key that it names itself: compare that with what its operator says.
    """
    from registry.edge import accounts

    account = accounts.read_account(read_file(file, accounts.MAX_BYTES), key)
    only_json(account, asked=as_json)
    columns = ("name", "slices", "pictures", "seconds", "since", "until")
    table(
        columns,
        [[*(row.get(of) for of in (*columns[:4], "made_at")), account["at"]] for row in account["contributors"]],
    )
    say(
        f"The signature holds, by {account['key']}" + ("" if key else ": compare this key with what its operator says.")
    )


@edge_command.command("remove", epilog=examples('exhibit edge remove "Ann\'s machine" --drop'))
@click.argument("name")
@click.option("--drop", is_flag=True, help="Drop all that it sent, too; its addresses are fetched here.")
def remove_contributor(*, name: str, drop: bool) -> None:
    """Take no more results from the contributor NAME."""
    open_desk()
    from registry.edge import contributors

    contributors.throw_out(contributors.named(name), by=person(), drop=drop)
    say("Removed. What it sent is dropped." if drop else "Removed. What it sent stays.")
