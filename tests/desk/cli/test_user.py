"""Test `exhibit user add`: accounts, with passwords that are shown once."""

from registry.models import User
from tests.assets.command_line import Terminal


def test_a_person_gets_a_password_that_is_shown_once_and_a_role(cli: Terminal, studio: str) -> None:
    own = ("--owner", studio)
    assert "--generate-password" in cli.run("user", "add", "ann@studio.example", *own, code=2).err
    cli.run("user", "add", "ann", "--generate-password", *own, code=2)
    shown = cli.run("user", "add", "ann@studio.example", "--generate-password", *own).out
    assert User.objects.get().check_password(shown.split()[-1])
    cli.run("user", "add", "bob@studio.example", "--generate-password", *own)
    cli.run("user", "add", "Ann@studio.example", *own)
    assert [one["role"] for one in cli.api("GET", "members")["items"]] == ["owner", "reviewer"]
    cli.run("user", "add", "bob@studio.example", "--role", "viewer")
    assert [one["role"] for one in cli.api("GET", "members")["items"]] == ["owner", "viewer"]
