"""`exhibit allow`: denials taken back."""

from tests.assets.command_line import Terminal


def test_a_denial_is_taken_back(cli: Terminal) -> None:
    cli.run("deny", "shop.example", "--reason", "Asked to be left out")
    assert cli.run("allow", "Shop.example").out == "shop.example may be visited again.\n"
    assert cli.ask("deny") == {"denied": []}
    assert "isn't a host" in cli.run("allow", "no host", code=2).err
