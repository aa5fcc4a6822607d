"""Waiting for work: workers do it while the command looks on, or the command works it off itself."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from desk.cli.frame import Desk

PAUSE = 0.3
"""Seconds between two looks at what workers have done."""

Counted = Callable[[], tuple[int, int]]
"""How much is done, and how much there is so far."""


def work_until(desk: Desk, done: Callable[[], bool], *, label: str, counted: Counted | None = None) -> None:
    """Return when something is so; shows on standard error how far it is."""
    with progress(label, counted) as shown:

        def look() -> bool:
            shown()
            return done()

        if desk.workers_run:
            while not look():
                time.sleep(PAUSE)
            return
        if look():
            return
        from workers.inline import Inline

        Inline(desk.config).run_until(look)


@contextmanager
def progress(label: str, counted: Counted | None) -> Iterator[Callable[[], None]]:
    """A bar on standard error that a call brings up to date; one plain line where that is no terminal."""
    if counted is None or not sys.stderr.isatty():
        click.echo(f"{label} …", err=True)
        yield lambda: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True, show_eta=False) as bar:
        seen = [0.0]

        def show() -> None:
            if time.monotonic() - seen[0] < PAUSE:
                return
            seen[0] = time.monotonic()
            done, total = counted()
            bar.length = max(total, 1)
            bar.pos = 0
            bar.update(done)

        yield show
        seen[0] = 0.0
        show()
