"""`exhibit contributor join`."""

import click

from desk.cli.common.context import format_examples
from desk.cli.common.output import echo_note, format_count

contributor_command = click.Group("contributor", help="Fetch and measure pictures for another installation.")


@contributor_command.command("join", epilog=format_examples("exhibit contributor join https://exhibit.example exe_…"))
@click.argument("url")
@click.argument("token")
def join_installation(*, url: str, token: str) -> None:
    """Fetch and measure pictures for the installation at URL, until you press Ctrl-C.

    TOKEN comes from the operator of that installation.

    This machine follows the crawling rules of that installation, and needs no database. It sends hashes and
    descriptors, signed with a key that it creates. It receives the URLs to visit, but no information about
    the owners.

    Operators create tokens: exhibit api POST /operator/contributors --field name=NAME
    """
    from registry import configuration
    from registry.edge import client

    pictures = 0
    for batch_size in client.contribute_to_installation(configuration.load_config(), url, token):
        pictures += batch_size
        echo_note(f"{format_count(pictures, 'picture')} processed.")
