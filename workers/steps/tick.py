"""The tick: looks at the rows and sends what waits. Messages are hints; this is what makes them dispensable."""

import logging
from functools import cache

from evidence.log import BrokenHistoryError
from exhibit.clock import now
from registry import canaries, crawling, mail_choices, recaptures, revisits, steps
from registry.models import (
    AnchorReceipt,
    Bundle,
    Capture,
    Claimable,
    CrawlSlice,
    Delivery,
    DescriptorModel,
    Inquiry,
    LedgerChange,
    NoticeMail,
    Package,
    Picture,
    Report,
    UploadFile,
    WorkPicture,
)
from workers.configuration import witness_configuration
from workers.steps.log import checkpoint_due, sequence_log, sign_checkpoint
from workers.steps.plan import plan_crawls, start_due_crawls
from workers.wiring import House

BATCHES: tuple[tuple[str, type[Claimable], int], ...] = (
    ("match", Picture, 32),
    ("register", UploadFile, 8),
    ("search", WorkPicture, 16),
    ("capture", Capture, 2),
    ("seal", Bundle, 4),
    ("witness", AnchorReceipt, 50),
    ("report", Report, 1),
    ("ledger", LedgerChange, 1),
    ("notice", NoticeMail, 4),
    ("package", Package, 1),
    ("deliver", Delivery, 50),
    ("slice", CrawlSlice, 1),
    ("inquire", Inquiry, 1),
    ("refingerprint", DescriptorModel, 1),
)
"""Step, its rows, and how many of them travel in one message."""

MOST_MESSAGES = 8
"""Messages of one step that a tick sends, unless so many wait already: enough to keep the workers busy."""


def tick(house: House) -> None:
    """One round: schedules, crawls, waiting rows of each step, and the log."""
    _witness_configuration(house)
    start_due_crawls(house)
    plan_crawls(house, crawling.running_crawls())
    revisits.conclude_ended()
    canaries.tell_missed()
    recaptures.start_due(now(), house.config.recapture_days)
    for step, model, size in BATCHES:
        if house.queued(step) >= MOST_MESSAGES:
            continue
        waiting = steps.due_ids(model, house.stale_after, size * MOST_MESSAGES)
        for start in range(0, len(waiting), size):
            house.hint(step, waiting[start : start + size])
    mail_choices.make_missing()
    house.hint("mail", mail_choices.due(house.stale_after))
    sequence_log(house)
    if checkpoint_due(house):
        try:
            sign_checkpoint(house)
        except BrokenHistoryError as error:  # everything else goes on; `exhibit status` says it too
            _tell_once(str(error))


@cache
def _witness_configuration(house: House) -> None:
    """Once in a process: it keeps its configuration until it ends."""
    witness_configuration(house)


@cache
def _tell_once(sentence: str) -> None:
    logging.getLogger(__name__).error("The log's head isn't signed: %s", sentence)
