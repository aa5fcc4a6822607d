"""Test `exhibit user add`: accounts, with passwords that are shown once."""

from registry.models import User
from tests.assets.command_line import Terminal


def test_password_is_shown_once_and_a_role_is_assigned(cli: Terminal, studio: str) -> None:
    own = ("--owner", studio)
    assert "--generate-password" in cli.run("user", "add", "ann@studio.example", *own, code=2).err
    cli.run("user", "add", "ann", "--generate-password", *own, code=2)
    output = cli.run("user", "add", "ann@studio.example", "--generate-password", *own).out
    assert User.objects.get().check_password(output.split()[-1])
    cli.run("user", "add", "bob@studio.example", "--generate-password", *own)
    cli.run("user", "add", "Ann@studio.example", *own)
    assert [member["role"] for member in cli.api("GET", "members")["items"]] == ["owner", "reviewer"]
    cli.run("user", "add", "bob@studio.example", "--role", "viewer")
    assert [member["role"] for member in cli.api("GET", "members")["items"]] == ["owner", "viewer"]
