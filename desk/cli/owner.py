"""`exhibit owner add`."""

import click

from desk.cli.common.context import format_examples, get_actor_name, open_command_context
from desk.cli.common.options import json_option
from desk.cli.common.output import echo_result

owner_command = click.Group("owner", help="Manage owners. An owner is a rights holder with works, watches and cases.")


@owner_command.command(
    "add",
    epilog=format_examples(
        'exhibit owner add "Studio Example"',
        'exhibit owner add "Studio Example" --slug studio --contact rights@studio.example',
    ),
)
@click.argument("name")
@click.option(
    "--slug", default="", metavar="WORD", help="Short name for commands and URLs; derived from NAME by default."
)
@click.option("--contact", default="", metavar="TEXT", help="Contact details shown in documents.")
@json_option
def add_owner(*, name: str, slug: str, contact: str, as_json: bool) -> None:
    """Add an owner (rights holder) with this NAME.

    To list all owners with their numbers of works, watches, members and open cases: exhibit api GET /owners
    """
    open_command_context()
    from desk.schemas import owners as schemas
    from registry.members import accounts

    owner = accounts.add_owner(name, slug=slug, contact=contact, by=get_actor_name())
    message = f"Added {owner.name}. Use --owner {owner.slug} in commands."
    echo_result(schemas.Owner.from_row(owner), message, as_json=as_json)
