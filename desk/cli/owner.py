"""`exhibit owner add`."""

import click

from desk.cli.common.frame import examples, open_desk, person
from desk.cli.common.options import json_option
from desk.cli.common.show import tell

owner_command = click.Group("owner", help="Manage owners: rights holders with their own works, watches and cases.")


@owner_command.command(
    "add",
    epilog=examples(
        'exhibit owner add "Studio Example"',
        'exhibit owner add "Studio Example" --slug studio --contact rights@studio.example',
    ),
)
@click.argument("name")
@click.option(
    "--slug", default="", metavar="WORD", help="Short name for commands and URLs; derived from NAME by default."
)
@click.option("--contact", default="", metavar="TEXT", help="Contact address for documents.")
@json_option
def add_owner(*, name: str, slug: str, contact: str, as_json: bool) -> None:
    """Add an owner, a rights holder with this NAME.

    List owners with their counts: exhibit api GET /owners
    """
    open_desk()
    from desk.schemas import owners as schemas
    from registry.members import accounts

    owner = accounts.add_owner(name, slug=slug, contact=contact, by=person())
    message = f"Added {owner.name}. Use --owner {owner.slug} in commands."
    tell(schemas.Owner.from_row(owner), message, as_json=as_json)
