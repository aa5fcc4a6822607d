"""Waiting for jobs: workers run them while the command polls, or the command runs them itself."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from desk.cli.common.context import CommandContext, are_workers_running, exit_with
from desk.cli.common.output import echo_note
from exhibit.errors import ExitCode

if TYPE_CHECKING:
    from registry import models

POLL_SECONDS = 0.3
"""Seconds between two progress queries. The database does not notify commands of changes."""

WORKER_CHECK_SECONDS = 5.0
"""Seconds between checks that workers are still running."""

MAX_RESTART_SECONDS = 120.0
"""Seconds to wait for a database that has become unavailable."""

T = TypeVar("T")
ProgressCounter = Callable[[], tuple[int, int]]
"""Function that returns the completed and the total amount of work known so far."""


def wait_until(
    context: CommandContext, is_done: Callable[[], bool], *, label: str, count_progress: ProgressCounter | None = None
) -> None:
    """Wait until a condition is met, and show the progress on standard error.

    If no workers are running, this process runs the jobs.
    """
    from workers.tasks import sync_runner

    with show_progress_bar(label, count_progress) as progress_bar:

        def poll() -> bool:
            def update_and_check() -> bool:
                progress_bar()
                return is_done()

            return retry_during_restart(update_and_check)

        if not (context.has_workers and _wait_for_workers(context, poll)) and not poll():
            sync_runner.SyncRunner(context.config).run_until(poll)


def exit_if_unsealed(bundles: "Iterable[models.Bundle]") -> None:
    """Print each bundle that is not sealed with the reason, and exit with 4 if there are any."""
    from registry.bundles.models import REOPENED_CASE

    unsealed_bundles = [bundle for bundle in bundles if bundle.seal_digest is None]
    for bundle in unsealed_bundles:
        retry_hint = (
            " Retry: exhibit api POST /operator/failures/seal/retry"
            if bundle.state == "failed"
            else " Exhibit will try again."
        )
        reason = bundle.error or "Sealing is still pending."
        if bundle.error == REOPENED_CASE:
            retry_hint = ""
        echo_note(f"Bundle {bundle.number} of case {bundle.case.number} is not sealed: {reason}{retry_hint}")
    if unsealed_bundles:
        exit_with(ExitCode.INCOMPLETE)


def wait_for_seals(context: CommandContext, cases: "Sequence[models.Case]") -> None:
    """Wait until the bundles of the cases are sealed and timestamped, or their first attempt has failed."""
    from registry import models
    from registry.bundles import bundles as bundling

    requested_bundles = models.Bundle.objects.filter(case__in=[case.pk for case in cases])
    unsealed_bundles = requested_bundles.filter(state__in=models.UNFINISHED, error="")

    def is_done() -> bool:
        return not unsealed_bundles.exists() and not any(
            map(bundling.is_awaiting_timestamps, requested_bundles.exclude(seal_digest=None))
        )

    def count_sealed() -> tuple[int, int]:
        total = requested_bundles.count()
        return total - unsealed_bundles.count(), total

    wait_until(context, is_done, label="Capturing and sealing", count_progress=count_sealed)


def retry_during_restart(query: Callable[[], T]) -> T:
    """Run a query, and retry it for ``MAX_RESTART_SECONDS`` while the database is not available."""
    from django import db

    deadline = time.monotonic() + MAX_RESTART_SECONDS
    while True:
        try:
            return query()
        except (db.OperationalError, db.InterfaceError):
            db.connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _wait_for_workers(context: CommandContext, poll: Callable[[], bool]) -> bool:
    """Poll until the condition is met. Return False if workers stop before that."""
    last_check = time.monotonic()
    while not poll():
        time.sleep(POLL_SECONDS)
        if time.monotonic() - last_check > WORKER_CHECK_SECONDS:
            if not are_workers_running(context.config):
                return False
            last_check = time.monotonic()
    return True


@contextmanager
def show_progress_bar(label: str, count_progress: ProgressCounter | None) -> Iterator[Callable[[], None]]:
    """Show a progress bar on standard error, and yield a function that updates it; one line if it is not a terminal."""
    if count_progress is None or not sys.stderr.isatty():
        click.echo(f"{label} …", err=True)
        yield lambda: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True, show_eta=False) as bar:
        last_update = [0.0]

        def show() -> None:
            if time.monotonic() - last_update[0] < POLL_SECONDS:
                return
            last_update[0] = time.monotonic()
            done, total = count_progress()
            bar.length = max(total, 1)
            bar.pos = 0
            bar.update(done)

        yield show
        last_update[0] = 0.0
        retry_during_restart(show)
