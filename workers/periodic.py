"""Periodic jobs that no row waits for. Each is listed here once, by interval.

Beat runs the per-minute jobs (:mod:`workers.tasks.beat`) and sends the hourly ones to a worker
(:mod:`workers.tasks.tasks`). A failing job does not keep the others from running. Jobs with rows of their own are in
:mod:`registry.jobs`.
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
    """Return the jobs of each minute, which nobody waits for. They run in beat's own process."""
    from registry import due_times
    from registry.cases import recaptures
    from registry.crawls import canaries, revisits
    from registry.events import mail_choices
    from registry.notices import deadlines, replies

    days = services.config.recapture_days
    return (
        partial(due_times.correct_times, days),
        revisits.record_results,
        canaries.record_misses,
        deadlines.record_due_events,
        replies.record_visit_results,
        partial(recaptures.start_due_visits, now(), days),
        mail_choices.create_missing,
    )


def do_each_minute(services: Services) -> None:
    """Run the jobs of each minute. Raises the last error, after all have run."""
    do_all(each_minute(services))


def each_hour(services: Services) -> tuple[Task, ...]:
    """Return the hourly jobs for one worker: expired bytes, leftovers of killed processes, ended links."""
    # These modules import image libraries, which must be loaded after the fork.
    from registry.bundles import links, packages, timestamp_requests
    from registry.retention import expiry
    from registry.works import uploads
    from workers.operations import cleanup

    return (
        partial(expiry.expire_bytes, services),
        partial(cleanup.sweep, services),
        partial(uploads.delete_idle, services),
        partial(packages.expire_packages, services),
        partial(timestamp_requests.complete_timestamps, services),
        partners.delete_old_calls,
        idempotency.delete_old_responses,
        events.delete_old_events,
        devices.delete_expired_sessions,
        invitations.delete_ended,
        links.delete_ended,
    )


def each_hour_at_length(services: Services) -> tuple[Task, ...]:
    """Return the hourly jobs that may take hours, such as index repair. They run after the others, in one worker."""
    from registry.alliance import cosigning
    from registry.matches import index_upkeep, local_feature_upkeep
    from workers.operations import cleanup, updates

    return (
        partial(updates.look, services),
        partial(index_upkeep.repair_indexes, services),
        partial(cleanup.look_for_damage, services),
        partial(local_feature_upkeep.maintain, services),
        partial(cosigning.compare_checkpoints, services),  # Last, because partners may be slow.
    )


def each_hour_everywhere(services: Services) -> tuple[Task, ...]:
    """Return the hourly jobs for a worker of every machine: leftovers of processes and purges on its disk."""
    from workers.operations import cleanup

    return (partial(cleanup.sweep_here, services),)


def do_all(jobs: Iterable[Task]) -> None:
    """Run several jobs, each regardless of the others. Raises the last error."""
    failed: Exception | None = None
    for job in jobs:
        try:
            job()
        except Exception as error:
            logging.getLogger(__name__).exception("A part of the upkeep failed; the rest goes on.")
            failed = error
    if failed is not None:
        raise failed
