"""`exhibit retry`: what was given up, listed and tried again."""

from registry.models import Picture
from tests.assets.command_line import Terminal
from tests.assets.rows import bring, claimed_slice, owner, photograph


def test_what_was_given_up_is_listed_left_and_tried_again(cli: Terminal) -> None:
    assert cli.run("retry").out == "Nothing was given up.\n"
    planned, epoch = claimed_slice(owner("studio"))
    bring(cli.desk.services, planned, epoch, [photograph(1)])
    Picture.objects.update(state="failed", error="The step broke off.")
    (failed,) = cli.ask("retry")["given_up"]
    assert (failed["step"], failed["count"], failed["error"], failed["left"]) == (
        "match", 1, "The step broke off.", False,
    )  # fmt: skip
    assert "No step was named." in cli.run("retry", "--leave", code=2).err
    assert cli.run("retry", "match", "--leave").out == "match: 1 row is left as it is.\n"
    assert "The step broke off. (left as it is)" in cli.run("retry").out
    assert cli.run("retry", "match").out == "match: 1 row is tried again.\n"
    assert Picture.objects.get().state == "todo"
    assert "nosuch" in cli.run("retry", "nosuch", code=2).err
