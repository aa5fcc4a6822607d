"""Test `exhibit key rotate`: an owner's keys, and the master key."""

from tests.assets.command_line import Terminal


def test_key_is_rotated_within_its_purpose(cli: Terminal, studio: str) -> None:
    for use in ("sealing", "documents"):
        for _ in range(2):
            cli.run("key", "rotate", "--use", use, "--reason", "yearly")
    states = [(key["use"], key["state"]) for key in cli.api("GET", "keys")["items"]]
    assert sorted(states) == [(use, state) for use in ("documents", "sealing") for state in ("in use", "retired")]


def test_master_key_is_rotated_for_all_owners(cli: Terminal, studio: str) -> None:
    cli.run("key", "rotate", "--reason", "the first one")
    before = (cli.data / "secrets" / "master_key").read_bytes()
    cli.run("key", "rotate", "--master", "--owner", studio, "--reason", "an operator left", code=2)
    cli.run("key", "rotate", "--master", "--reason", "an operator left")
    assert (cli.data / "secrets" / "master_key").read_bytes() != before
    cli.run("key", "rotate", "--reason", "yearly")
