"""Periodic jobs that have no rows of their own, by interval.

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


def list_minute_jobs(services: Services) -> tuple[Task, ...]:
    """Return the jobs of each minute. They run in beat's own process, because no user waits for them."""
    from registry import due_times
    from registry.cases import recaptures
    from registry.crawls import copy_checks, revisits
    from registry.events import mail_choices
    from registry.notices import deadlines, replies

    days = services.config.recapture_days
    return (
        partial(due_times.correct_times, days),
        revisits.record_results,
        copy_checks.record_misses,
        deadlines.record_due_events,
        replies.record_visit_results,
        partial(recaptures.start_due_visits, now(), days),
        mail_choices.create_missing_choices,
    )


def run_minute_jobs(services: Services) -> None:
    """Run the jobs of each minute. Raises the last error, after all have run."""
    run_all(list_minute_jobs(services))


def list_hourly_jobs(services: Services) -> tuple[Task, ...]:
    """Return the hourly jobs for one worker: expired blobs, leftovers of killed processes, ended links."""
    # These modules import image libraries, which must be loaded after the fork.
    from registry.bundles import links, packages, timestamp_requests
    from registry.retention import expiry
    from registry.works import uploads
    from workers.operations import cleanup

    return (
        partial(expiry.expire_bytes, services),
        partial(cleanup.remove_leftovers, services),
        partial(uploads.delete_idle_bytes, services),
        partial(packages.expire_packages, services),
        partial(timestamp_requests.complete_timestamps, services),
        partners.delete_old_calls,
        idempotency.delete_old_responses,
        events.delete_old_events,
        devices.delete_expired_sessions,
        invitations.delete_ended_invitations,
        links.delete_ended_links,
    )


def list_long_hourly_jobs(services: Services) -> tuple[Task, ...]:
    """Return the hourly jobs that may take hours, such as index repair. They run after the others, in one worker."""
    from registry.alliance import cosigning
    from registry.matches import index_upkeep, local_feature_upkeep
    from workers.operations import cleanup, updates

    return (
        partial(updates.check_for_update, services),
        partial(index_upkeep.repair_indexes, services),
        partial(cleanup.find_damage, services),
        partial(local_feature_upkeep.maintain_local_features, services),
        partial(cosigning.compare_checkpoints, services),  # Last, because partners may be slow.
    )


def list_machine_jobs(services: Services) -> tuple[Task, ...]:
    """Return the hourly jobs for one worker on every machine: cleanup of leftovers on its disk."""
    from workers.operations import cleanup

    return (partial(cleanup.remove_local_leftovers, services),)


def run_all(jobs: Iterable[Task]) -> None:
    """Run several jobs, each regardless of the others. Raises the last error."""
    last_error: Exception | None = None
    for job in jobs:
        try:
            job()
        except Exception as error:
            logging.getLogger(__name__).exception("A maintenance task failed. The other tasks continue.")
            last_error = error
    if last_error is not None:
        raise last_error
