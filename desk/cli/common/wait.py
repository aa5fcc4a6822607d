"""Waiting for work: workers do it while the command looks on, or the command works it off itself."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from desk.cli.common.frame import Desk, finish, workers_run
from desk.cli.common.show import note
from exhibit.errors import ExitCode

if TYPE_CHECKING:
    from registry import models

PAUSE = 0.3
"""Seconds between two looks at what workers have done: rows tell nobody that they have changed."""

ASK_AGAIN = 5.0
"""Seconds after which workers are looked for again, which may have been stopped meanwhile."""

MAX_RESTART = 120.0
"""Seconds for which a database is waited for that has gone away meanwhile."""

T = TypeVar("T")
Counted = Callable[[], tuple[int, int]]
"""How much is done, and how much there is so far."""


def work_until(desk: Desk, done: Callable[[], bool], *, label: str, counted: Counted | None = None) -> None:
    """Return when something is so; shows on standard error how far it is."""
    from workers.tasks import sync_runner

    with progress(label, counted) as progress_bar:

        def look() -> bool:
            def once() -> bool:
                progress_bar()
                return done()

            return through_a_restart(once)

        if not (desk.workers_run and _done_by_workers(desk, look)) and not look():
            sync_runner.SyncRunner(desk.config).run_until(look)


def end_where_unsealed(bundles: "Iterable[models.Bundle]") -> None:
    """End the command with 4 where a bundle isn't sealed, and say of each why."""
    from registry.bundles.models import REOPENED

    unsealed = [bundle for bundle in bundles if bundle.seal_digest is None]
    for bundle in unsealed:
        again = (
            " Retry: exhibit api POST /operator/failures/seal/retry"
            if bundle.state == "failed"
            else " Exhibit retries it."
        )
        why = bundle.error or "It is still waiting."
        if bundle.error == REOPENED:
            again = ""
        note(f"Bundle {bundle.number} of case {bundle.case.number} is not sealed: {why}{again}")
    if unsealed:
        finish(ExitCode.INCOMPLETE)


def wait_for_seals(desk: Desk, cases: "Sequence[models.Case]") -> None:
    """Wait until the bundles of the cases are sealed and witnesses have answered, or it didn't work the first time."""
    from registry import models
    from registry.bundles import bundles as bundling

    requested = models.Bundle.objects.filter(case__in=[case.pk for case in cases])
    unsealed = requested.filter(state__in=models.UNFINISHED, error="")

    def done() -> bool:
        return not unsealed.exists() and not any(map(bundling.awaits_timestamps, requested.exclude(seal_digest=None)))

    def so_far() -> tuple[int, int]:
        total = requested.count()
        return total - unsealed.count(), total

    work_until(desk, done, label="Capturing and sealing", counted=so_far)


def through_a_restart(look: Callable[[], T]) -> T:
    """Look at the rows, again and again for two minutes while the database is away, as when its server restarts."""
    from django import db

    until = time.monotonic() + MAX_RESTART
    while True:
        try:
            return look()
        except (db.OperationalError, db.InterfaceError):
            db.connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE)


def _done_by_workers(desk: Desk, look: Callable[[], bool]) -> bool:
    """Look on until it is so; false when no worker is left to do it."""
    looked_for_workers = time.monotonic()
    while not look():
        time.sleep(PAUSE)
        if time.monotonic() - looked_for_workers > ASK_AGAIN:
            if not workers_run(desk.config):
                return False
            looked_for_workers = time.monotonic()
    return True


@contextmanager
def progress(label: str, counted: Counted | None) -> Iterator[Callable[[], None]]:
    """A bar on standard error that a call brings up to date; one plain line where that is no terminal."""
    if counted is None or not sys.stderr.isatty():
        click.echo(f"{label} …", err=True)
        yield lambda: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True, show_eta=False) as bar:
        highest = [0.0]

        def show() -> None:
            if time.monotonic() - highest[0] < PAUSE:
                return
            highest[0] = time.monotonic()
            done, total = counted()
            bar.length = max(total, 1)
            bar.pos = 0
            bar.update(done)

        yield show
        highest[0] = 0.0
        through_a_restart(show)
