"""Other people's machines that help to fetch and measure pictures."""

import click

from desk.cli.common.command import AsJson, Word, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.show import counted, echo_json, listed, moment, note, say, tell

edge_command = click.Group("edge", help="Machines of others that help: they fetch and measure, and never see works.")


@command("invite", 'exhibit edge invite "Ann\'s machine"', of=edge_command)
def invite_contributor(*, desk: Desk, name: Word, as_json: AsJson) -> None:
    """Let somebody help, under NAME: prints a token, once, with which one machine joins."""
    from registry.edge import contributors

    row, token = contributors.invite(name, by=person())
    url = desk.config.public_url or f"http://{desk.config.web_host}:{desk.config.web_port}"
    said = "The token is shown this once. On the other machine, where Exhibit is installed:"
    tell({"name": row.name, "token": token, "url": url}, said, f"  exhibit edge join {url} {token}", as_json=as_json)


@command("join", "exhibit edge join https://exhibit.example exe_…", of=edge_command)
def join_edge(*, url: Word, token: Word) -> None:
    """Help the installation at URL, with the TOKEN that its operator gave you, until Ctrl-C.

    This machine fetches pictures by the rules of every crawl and sends hashes and descriptors of them, signed with a
    key that it makes for itself; no database is needed. It learns addresses, and not for whom they are visited.
    """
    from workers.configuration import load_config
    from workers.edge.helping import helping

    pictures = 0
    for brought in helping(load_config(), url, token):
        pictures += brought
        note(f"{counted(pictures, 'picture')} so far.")


@command("list", "exhibit edge list", "exhibit edge list --json > account.json", of=edge_command)
def list_contributors(*, desk: Desk, as_json: AsJson) -> None:
    """List who helps or has helped, what each has brought, what checks said, and why one was thrown out.

    As JSON it is an account for whoever pays or thanks, signed with the log's key.
    """
    from desk.schemas import owners as schemas
    from registry.models import Contributor
    from workers.edge.taking import signed_account

    found = schemas.Contributor.from_rows(Contributor.objects.order_by("pk"))
    if as_json:
        echo_json(signed_account(desk.services, [row.model_dump(mode="json") for row in found]))
        return

    def line(row: schemas.Contributor) -> tuple[object, ...]:
        state = row.reason or ("removed" if row.revoked_at else "helps" if row.key else "invited")
        return row.name, state, row.pictures, row.seconds, row.checked, row.wrong, moment(row.used_at, desk.zone)

    columns = ("name", "state", "pictures", "seconds", "checked", "wrong", "last seen")
    nothing = "Nobody helps yet. Invite somebody: exhibit edge invite NAME"
    listed("contributors", found, columns, line, nothing=nothing, as_json=False)


@command("remove", 'exhibit edge remove "Ann\'s machine" --drop', of=edge_command)
@click.option("--drop", is_flag=True, help="Drop all that it sent, too; its addresses are fetched here.")
def remove_contributor(*, desk: Desk, name: Word, drop: bool) -> None:
    """Take no more results from the contributor NAME."""
    from registry.edge import contributors

    del desk
    contributors.throw_out(contributors.named(name), by=person(), drop=drop)
    say("Removed. What it sent is dropped." if drop else "Removed. What it sent stays.")
