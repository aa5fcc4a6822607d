"""People who sign in for owners."""

import secrets
import sys
from operator import itemgetter

import click

from desk.cli.common.frame import examples, open_desk, person as by_person
from desk.cli.common.options import any_owner_option, json_option, owner_option
from desk.cli.common.show import listed, say
from exhibit.errors import WrongUseError

ROLES = ("owner", "reviewer", "viewer")
generate_option = click.option("--generate", is_flag=True, help="Make a password and show it once, here.")
user_command = click.Group("user", help="People who sign in to the site.")


@user_command.command(
    "add",
    epilog=examples(
        "exhibit user add ann@studio.example --owner studio-example --role reviewer",
        "exhibit user add ann@studio.example --generate",
    ),
)
@click.argument("email")
@owner_option
@click.option(
    "--role", type=click.Choice(ROLES), help="What they may do; the first one of an owner is owner, others reviewer."
)
@generate_option
def add_user(*, email: str, named: str | None, role: str | None, generate: bool) -> None:
    """Let the person with the address EMAIL sign in for an owner.

    A new person needs a password: it is asked for, or made with --generate. One who is known keeps the password, and
    without --role the role.
    """
    owner = open_desk().owner(named)
    from registry.members import people

    if role is None and (present := owner.memberships.filter(user__email__iexact=email).first()) is not None:
        say(f"{email} is {present.role} of {owner.name} already. Another role: --role")
        return
    password = None if people.is_user(email) else _password(generate=generate)
    given = role or ("reviewer" if owner.memberships.filter(role="owner").exists() else "owner")
    people.add_member(owner, email, given, password, by=by_person())
    say(f"{email} is {given} of {owner.name}.")
    if generate and password is not None:
        say(f"Password, shown this once: {password}")


@user_command.command("operator", epilog=examples("exhibit user operator"))
def make_operator_link() -> None:
    """Print a link that lets one person run this installation: once, within 24 hours. Earlier links end."""
    desk = open_desk()
    from registry.notifications import invitations

    say(invitations.operator_link(desk.config, by=by_person()))


@user_command.command("password", epilog=examples("exhibit user password ann@studio.example --generate"))
@click.argument("email")
@generate_option
def change_password(*, email: str, generate: bool) -> None:
    """Give the person with the address EMAIL a new password."""
    open_desk()
    from registry.members import people

    person = people.user(email)
    password = _password(generate=generate)
    people.change_password(person, password, by=by_person())
    say(f"{person.email} has a new password.")
    if generate:
        say(f"Password, shown this once: {password}")


@user_command.command("list", epilog=examples("exhibit user list", "exhibit user list --owner studio-example"))
@any_owner_option
@json_option
def list_users(*, named: str | None, as_json: bool) -> None:
    """List who may sign in, with their roles."""
    desk = open_desk()
    owner = None if named is None else desk.owner(named)
    from registry import models

    members = models.Membership.objects if owner is None else owner.memberships
    rows = members.select_related("user", "owner").order_by("user__email", "owner__slug")
    found = [{"email": row.user.email, "owner": row.owner.slug, "role": row.role} for row in rows]
    columns, nothing = ("email", "owner", "role"), "Nobody can sign in yet. Add somebody: exhibit user add EMAIL"
    listed("users", found, columns, itemgetter(*columns), nothing=nothing, as_json=as_json)


def _password(*, generate: bool) -> str:
    """Ask for a password twice, or make one of 16 characters."""
    if generate:
        return secrets.token_urlsafe(12)
    if not sys.stdin.isatty():
        raise WrongUseError("A password is needed and nobody can be asked.", hint="Use --generate.")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed
