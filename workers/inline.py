"""Working everything off in this process, for commands that run while no worker does, and for tests."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from exhibit.config import Config
from registry import steps
from workers.batches import batches
from workers.meter import metered
from workers.steps import (
    capture,
    crawl,
    deliver,
    inquire,
    ledger,
    mail,
    match,
    notice,
    package,
    plan,
    refingerprint,
    report,
    seal,
    search,
    take_in,
    tick,
    witness,
)
from workers.wiring import House

Step = Callable[[House, Sequence[int]], None]


def _slices(house: House, ids: Sequence[int]) -> None:
    for pk in ids:
        crawl.crawl_slice(house, pk)


STEPS: dict[str, Step] = {
    "match": match.match_pictures,
    "register": take_in.take_in,
    "search": search.search_pictures,
    "refingerprint": refingerprint.describe_anew,
    "slice": _slices,
    "inquire": inquire.inquire,
    "plan": plan.plan_crawls,
    "capture": capture.capture_sightings,
    "seal": seal.seal_bundles,
    "witness": witness.ask_witnesses,
    "report": report.make_reports,
    "ledger": ledger.look_at_ledger,
    "notice": notice.send_notices,
    "package": package.make_packages,
    "deliver": deliver.deliver,
    "mail": mail.send_digests,
}
CLAIMED = {step: model for step, model, _ in tick.ROWS}


class Inline:
    """A house whose hints are worked off one after the other, in this process."""

    def __init__(self, config: Config) -> None:
        self._waiting: deque[tuple[str, list[int]]] = deque()
        self.house = House(config, self._note)

    def _note(self, step: str, ids: Sequence[int]) -> None:
        step = step.removesuffix("_asked")  # the same step, in a queue of its own
        self._waiting.extend((step, rows) for rows in batches(step, ids))

    def run_until(self, done: Callable[[], bool], *, pause: float = 0.2) -> None:
        """Tick and work until something is so.

        Args:
            done: asked after each step.
            pause: seconds between two ticks that found nothing.
        """
        while not done():
            tick.tick(self.house)
            if not self._waiting:
                time.sleep(pause)
            while self._waiting and not done():
                self._work(*self._waiting.popleft())

    def run_until_idle(self) -> None:
        """Work until a tick finds nothing that is due now."""
        tick.tick(self.house)
        while self._waiting:
            self._work(*self._waiting.popleft())
            if not self._waiting:
                tick.tick(self.house)

    def _work(self, step: str, ids: Sequence[int]) -> None:
        try:
            with metered(step):
                STEPS[step](self.house, ids)
        except BaseException as error:  # also Ctrl-C: nobody should have to wait until the claims are stale
            if step in CLAIMED:
                steps.break_off(CLAIMED[step], ids, error)
            raise
