"""`exhibit down`."""

from tests.assets.command_line import Terminal


def test_without_anything_running_it_says_so(alone: Terminal) -> None:
    ran = alone.run("down", code=3)
    assert (ran.out, ran.err) == ("", "Exhibit isn't running.\n")
