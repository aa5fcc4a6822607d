"""Waiting for what workers make: what holds it up is said, and only what was given up ends the wait."""

from collections.abc import Callable

import click
import pytest

from desk.cli.common import wait
from desk.cli.common.frame import Desk
from desk.cli.watching.watch import _falls_short
from exhibit.errors import ExitCode
from registry.models import Inquiry, Picture, Report
from tests.assets.rows import bring, claimed_slice, owner, photograph
from workers.tasks.sync_runner import SyncRunner


def test_a_report_that_is_held_up_is_waited_for_and_one_that_is_given_up_ends_with_4(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Report.objects.create(owner=owner("studio"), number=1, error="The disk is nearly full.")
    looks = []

    def look(_desk: Desk, done: Callable[[], bool], **_shown: object) -> None:
        looks.extend([done(), done()])
        Report.objects.update(state="failed", error="No font was found.")
        looks.append(done())

    monkeypatch.setattr(wait, "work_until", look)
    with click.Context(click.Command("make")), pytest.raises(click.exceptions.Exit) as ended:
        wait.work_until_made(
            Desk(inline.services.config), row, label="Writing", counted=lambda: (0, 1), again="exhibit report make"
        )
    assert looks == [False, False, True]
    assert ended.value.exit_code == ExitCode.INCOMPLETE
    assert capsys.readouterr().err.splitlines() == [
        "It waits, and goes on by itself: The disk is nearly full.",
        "It can't be made: No font was found.",
        "Try again: exhibit report make",
    ]


def test_a_run_falls_short_where_a_search_or_a_picture_was_given_up(
    inline: SyncRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    planned, epoch = claimed_slice(owner("studio"))
    bring(inline.services, planned, epoch, [photograph(1)])
    crawl = planned.crawl
    assert not _falls_short(crawl)
    asked = Inquiry.objects.create(crawl=crawl, service="tineye", left=1, state="done", outcome="quota")
    assert _falls_short(crawl)
    Inquiry.objects.filter(pk=asked.pk).update(state="failed", outcome="")
    assert _falls_short(crawl)
    asked.delete()
    Picture.objects.update(state="failed", error="The step broke off.")
    assert _falls_short(crawl)
    assert capsys.readouterr().err == "Given up: 1 picture not compared. Try again: exhibit retry match\n"
    Picture.objects.update(state="done")
    crawl.state = "failed"
    crawl.watch.name = "My shop"
    assert _falls_short(crawl)
    assert "The run was given up. What it refused: exhibit crawl show 'My shop'\n" in capsys.readouterr().err
