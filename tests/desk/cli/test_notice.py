"""`exhibit notice`: how notices stand, and what became of them."""

import pytest

from desk.cli.notice import HAPPENED, STATES
from registry.models import Notice
from registry.notices import notices
from tests.assets.command_line import Terminal
from tests.assets.noticed import begun, confirmed, signed
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_a_notice_is_listed_shown_and_followed(cli: Terminal, inline: SyncRunner) -> None:
    studio = confirmed(inline)
    assert cli.run("notice", "list").out.startswith("There is no such notice.")
    row = signed(inline, begun(studio))
    assert "hasn't been sent" in cli.run("notice", "event", "1", "removed", code=2).err
    notices.sent_by_hand(row, by="Ann")
    (line,) = cli.ask("notice", "list", "--state", "sent", "--party", "shop.example")["notices"]
    assert (line["number"], line["kind"], line["state"]) == (1, "dmca", "sent")
    assert cli.ask("notice", "list", "--party", "other.example") == {"notices": []}
    assert "shop.example" in cli.run("notice", "list").out
    said = cli.run("notice", "event", "1", "removed", "--words", "It is gone.").out
    assert said == "Written down for notice 1: removed.\n"
    told = cli.run("notice", "show", "1").out
    for words in ("Copyright Agent", "It is gone.", "(command line)"):
        assert words in told
    assert cli.ask("notice", "show", "1")["state"] == "removed"
    assert "day lies" in cli.run("notice", "event", "1", "online", "--day", "2001-01-01", code=2).err
    assert cli.run("notice", "show", "2", code=2).err


@pytest.mark.long
def test_a_draft_says_what_it_lacks(cli: Terminal, inline: SyncRunner) -> None:
    notices.draft(confirmed(inline), (1,), "dmca", "en", by="Ann")
    assert "Name the addressee." in cli.run("notice", "show", "1").out


def test_the_states_are_those_of_notices() -> None:
    assert set(STATES) == {*Notice.State.values} - {Notice.State.DISCARDED}
    assert set(HAPPENED) == {*notices.HAPPENED}
