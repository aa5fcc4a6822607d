"""The tick: looks at the rows and sends what waits. Messages are hints; this is what makes them dispensable."""

import logging
import time
from functools import cache, lru_cache

from evidence.log.append_only import BrokenHistoryError
from exhibit.clock import SLACK, now
from exhibit.errors import ExhibitError
from exhibit.machine import machine_fault
from registry.cases import recaptures
from registry.crawls import canaries, crawling, due_times, revisits
from registry.db import steps
from registry.models import MailChoice
from registry.notices import terms
from registry.notifications import mail_choices
from workers.log.configuration import witness_configuration
from workers.log.sequencer import checkpoint_due, sequence_log, sign_checkpoint
from workers.pipeline.steps import MAX_MESSAGES, release_ended, with_rows
from workers.servers.redis import forget_tries
from workers.services.wiring import Services
from workers.steps.crawls.plan import plan_crawls, start_due_crawls

_ahead: dict[str, float] = {}
"""By how many seconds the clock was ahead of the monotonic one when this process looked last."""
_witness_once = cache(witness_configuration)
"""A process keeps its configuration until it ends."""


def tick(services: Services) -> None:
    """One round: schedules, crawls, waiting rows of each step, and the log."""
    _witness_once(services)
    release_ended()
    _bring_back(services, int(time.monotonic() // 60))
    _forget_tries(services)
    start_due_crawls(services)
    plan_crawls(services, crawling.running_crawls())
    revisits.conclude_ended()
    canaries.tell_missed()
    terms.tell_due()
    recaptures.start_due(now(), services.config.recapture_days)
    mail_choices.make_missing()
    _send_waiting(services)
    sequence_log(services)
    if checkpoint_due(services):
        try:
            sign_checkpoint(services)
        except BrokenHistoryError as error:  # everything else goes on; `exhibit status` says it too
            _tell_once(str(error))
        except (ExhibitError, OSError) as error:  # the head's file can't be written
            if not machine_fault(error):
                raise
            _tell_once(machine_fault(error))


def _send_waiting(services: Services) -> None:
    """Send what waits: no step has the queue that it shares with others to itself, no owner the step."""
    # all asked before anything is sent
    free = [step for step in with_rows() if services.queued(step.name) < MAX_MESSAGES]
    for step in free:
        limit = step.batch * MAX_MESSAGES
        if step.rows is MailChoice:
            services.enqueue(step.name, mail_choices.due(services.stale_after, limit))
        else:
            services.enqueue(step.name, steps.due_ids(step.rows, services.stale_after, limit, step.owner))


@lru_cache(maxsize=1)
def _bring_back(services: Services, minute: int) -> None:  # noqa: ARG001 - once in each
    """Bring back what a clock that was ahead has put off."""
    due_times.bring_back(services.config.recapture_days)


def _forget_tries(services: Services) -> None:
    """Once the clock has been set back, forget what the site has counted by it."""
    ahead = now().timestamp() - time.monotonic()
    if ahead < _ahead.get("of monotonic", ahead) - SLACK.total_seconds():
        forget_tries(services.config)
    _ahead["of monotonic"] = ahead


@cache
def _tell_once(sentence: str) -> None:
    logging.getLogger(__name__).error("The log's head isn't signed: %s", sentence)
