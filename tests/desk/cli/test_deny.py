"""`exhibit deny`: hosts that are never visited."""

from tests.assets.command_line import Terminal


def test_a_host_is_denied_with_a_reason_and_listed(cli: Terminal) -> None:
    assert cli.run("deny").out == "Nothing is denied.\n"
    assert "A reason is needed" in cli.run("deny", "shop.example", code=2).err
    said = cli.run("deny", "https://Shop.Example/page", "--reason", "Asked to be left out").out
    assert said == "shop.example and the hosts below it aren't visited any more.\n"
    (denied,) = cli.ask("deny")["denied"]
    assert (denied["host"], denied["reason"]) == ("shop.example", "Asked to be left out")
    line = cli.run("deny").out.splitlines()[1]
    assert line.startswith("shop.example  ")
    assert line.endswith("Asked to be left out")
