"""`exhibit canary`: known copies that a watch has to find."""

from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.rows import photograph, register

PAGE = "http://127.0.0.1/hidden"


def test_a_canary_is_planted_and_withdrawn(cli: Terminal, studio: str) -> None:
    of = Owner.objects.get()
    register(cli.desk.services, of, photograph(1))
    cli.run("watch", "add", "shop", "--site", "http://127.0.0.1/")
    assert cli.run("canary", "list").out.startswith("There is no known copy yet.")
    add = ("canary", "add", "--work", "1", "--watch", "shop", "--url")
    assert "isn't on the public internet" in cli.run(*add, "http://10.0.0.1/", code=2).err
    planted = cli.run(*add, PAGE).out
    assert planted == f"Known copy 1: from its next run on, shop has to find work 1 at {PAGE}\n"
    (one,) = cli.ask("canary", "list")["canaries"]
    assert (one["number"], one["work"], one["url"], one["watch"], one["last_run"]) == (1, 1, PAGE, "shop", None)
    assert cli.run("canary", "list").out.splitlines()[1].endswith("none yet")
    assert cli.ask("licence", "list")["licences"][0]["works"] == [1]
    cli.run("watch", "run", "shop")
    assert cli.ask("canary", "list")["canaries"][0]["last_run"]["outcome"] == "waiting"
    assert cli.run("canary", "list").out.splitlines()[1].endswith("under way")
    assert cli.run("canary", "remove", "1").out == "Removed: 1.\n"
    assert cli.ask("canary", "list") == {"canaries": []}
    assert "has no canary 2" in cli.run("canary", "remove", "2", code=2).err
