"""`exhibit user add`."""

import secrets
import sys

import click

from desk.cli.common.context import format_examples, get_actor_name, open_command_context
from desk.cli.common.options import owner_option
from desk.cli.common.output import echo_text
from exhibit.errors import InvalidRequestError

ROLES = ("owner", "reviewer", "viewer")
user_command = click.Group("user", help="Manage users who can sign in to the web interface.")


@user_command.command(
    "add",
    epilog=format_examples(
        "exhibit user add ann@studio.example --owner studio-example --role reviewer",
        "exhibit user add ann@studio.example --generate-password",
    ),
)
@click.argument("email")
@owner_option
@click.option(
    "--role", type=click.Choice(ROLES), help="Role; by default owner for the first member, reviewer for others."
)
@click.option("--generate-password", "generate", is_flag=True, help="Generate a password and print it once.")
def add_user(*, email: str, owner_name: str | None, role: str | None, generate: bool) -> None:
    """Add the user with the email address EMAIL as a member of an owner. Members can sign in to the web interface.

    The command prompts for the password of a new account, or generates one with --generate-password. An existing
    account keeps its password and, without --role, its role.

    Reset the password of an account: exhibit api POST /operator/passwords --field email=EMAIL
    """
    owner = open_command_context().get_owner(owner_name)
    from registry.members import accounts

    if role is None and (membership := owner.memberships.filter(user__email__iexact=email).first()) is not None:
        echo_text(f"{email} already has the role {membership.role} for {owner.name}. To change the role, add --role.")
        return
    password = None if accounts.user_exists(email) else _get_password(generate=generate)
    new_role = role or ("reviewer" if owner.memberships.filter(role="owner").exists() else "owner")
    accounts.add_member(owner, email, new_role, password, by=get_actor_name())
    echo_text(f"{email} has the role {new_role} for {owner.name}.")
    if generate and password is not None:
        echo_text(f"Password, shown only once: {password}")


def _get_password(*, generate: bool) -> str:
    """Ask for a password twice, or generate one of 16 characters."""
    if generate:
        return secrets.token_urlsafe(12)
    if not sys.stdin.isatty():
        raise InvalidRequestError(
            "A new account requires a password.", hint="Run the command in a terminal, or add --generate-password."
        )
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password
