"""`exhibit contributor join`."""

import click

from desk.cli.common.frame import examples
from desk.cli.common.show import counted, note

contributor_command = click.Group("contributor", help="Fetch and measure pictures for another installation.")


@contributor_command.command("join", epilog=examples("exhibit contributor join https://exhibit.example exe_…"))
@click.argument("url")
@click.argument("token")
def join_installation(*, url: str, token: str) -> None:
    """Fetch and measure pictures for the installation at URL until Ctrl-C, with a TOKEN from its operator.

    This machine follows the same crawling rules. It sends hashes and descriptors, signed with a key that it creates. It
    needs no database. It learns the URLs, but not the owners for whom they are visited.

    Operators create tokens: exhibit api POST /operator/contributors --field name=NAME
    """
    from registry import configuration
    from registry.edge import client

    pictures = 0
    for brought in client.help_installation(configuration.load_config(), url, token):
        pictures += brought
        note(f"{counted(pictures, 'picture')} processed.")
