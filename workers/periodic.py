"""What is done again and again though no row waits for it: each job is named here once, below how often it is due.

Beat looks each minute (:mod:`workers.tasks.beat`), and says each hour to a worker that the rest is due
(:mod:`workers.tasks.tasks`). A job that fails keeps none of the others from being done. What has rows of its own is in
:mod:`registry.jobs` instead.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from exhibit.clock import now
from registry.alliance import partners
from registry.db import idempotency
from registry.events import events
from registry.members import devices, invitations
from registry.services.services import Services

Task = Callable[[], object]


def each_minute(services: Services) -> tuple[Task, ...]:
    """What is due some day, and nobody waits for in these seconds; in beat's own process."""
    from registry import due_times
    from registry.cases import recaptures
    from registry.crawls import canaries, revisits
    from registry.events import mail_choices
    from registry.notices import replies, terms

    days = services.config.recapture_days
    return (
        partial(due_times.bring_back, days),
        revisits.conclude_ended,
        canaries.tell_missed,
        terms.tell_due,
        replies.tell_visited,
        partial(recaptures.start_due, now(), days),
        mail_choices.make_missing,
    )


def do_each_minute(services: Services) -> None:
    """Do what is due each minute; raises what the last one that failed raised."""
    do_all(each_minute(services))


def each_hour(services: Services) -> tuple[Task, ...]:
    """Bytes that have expired, what killed processes have left behind, ways in that have ended; in one worker."""
    from registry.bundles import links, packages, witness  # libraries for pictures come with them, after the fork
    from registry.retention import expiry
    from registry.works import uploads
    from workers.operations import cleanup

    return (
        partial(expiry.expire_bytes, services),
        partial(cleanup.sweep, services),
        partial(uploads.sweep, services),
        partial(packages.expire_packages, services),
        partial(witness.complete_stamps, services),
        partners.forget_calls,
        idempotency.forget_old,
        events.forget_old,
        devices.forget_ended,
        invitations.forget_ended,
        links.forget_ended,
    )


def each_hour_at_length(services: Services) -> tuple[Task, ...]:
    """What may take hours: mending indexes, looking for damage, votes that keep up; behind the rest, in one worker."""
    from registry.alliance import cosigning
    from registry.matches import index_upkeep, votes_upkeep
    from workers.operations import cleanup, updates

    return (
        partial(updates.look, services),
        partial(index_upkeep.mend_indexes, services),
        partial(cleanup.look_for_damage, services),
        partial(votes_upkeep.keep_up, services),
        partial(cosigning.compare_heads, services),  # last: partners may be slow
    )


def each_hour_everywhere(services: Services) -> tuple[Task, ...]:
    """What processes and purges have left behind on a machine; in a worker of every machine."""
    from workers.operations import cleanup

    return (partial(cleanup.sweep_here, services),)


def do_all(jobs: Iterable[Task]) -> None:
    """Do each of several jobs, whatever becomes of the others; raises what the last one that failed raised."""
    failed: Exception | None = None
    for job in jobs:
        try:
            job()
        except Exception as error:
            logging.getLogger(__name__).exception("A part of the upkeep failed; the rest goes on.")
            failed = error
    if failed is not None:
        raise failed
