"""Health checks of the installation. Each reports a problem and its remedy.

They are shown on the operator's page and by `exhibit doctor`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.utils.timesince import timesince

from exhibit import __version__
from exhibit.clock import now
from exhibit.config.config import Config
from indexer.picture.spaces import PHASH
from registry import jobs
from registry.db.heartbeats import SILENCE_TIMEOUT, TICK
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import MAX_TAIL
from registry.log.site_settings import list_pending_restart
from registry.matches.index_upkeep import IndexState
from registry.translation import gettext as _, ngettext
from workers.operations import updates
from workers.operations.checks import (
    Check,
    check_archive,
    check_damage,
    check_free_space,
    check_search_mappings,
    check_timestamp_services,
)
from workers.operations.status import InstallationStatus, TimestampService
from workers.pipeline.celery import list_queues
from workers.servers import liveness

LATE_AFTER = timedelta(hours=1)  # Time after which a pending row counts as late.
MILVUS_THRESHOLD = 10_000_000
"""Number of crawled images above which Milvus is recommended: each machine needs 6 GB, and a new one loads all rows."""
TIMESTAMP_SERVICE_TIMEOUT = timedelta(hours=6)
Translator = Callable[[str], str]


def run_checks(status: InstallationStatus, config: Config, to_text: Translator = str) -> list[Check]:
    """Run the checks based on statistics, in the order in which problems should be fixed.

    ``to_text`` translates reasons that are stored in rows into the reader's language.
    """
    return [
        check_free_space(status.disk),
        check_damage(config),
        *_check_keys(status, to_text),
        *_check_workers(status),
        *_check_replacements(status, config),
        *_check_held_up_steps(status, to_text),
        *_check_late_steps(status),
        *_check_failures(status),
        *_check_reports(status),
        *_check_crawls(status),
        *_check_known_copies(status),
        *_check_works_on_hold(status),
        check_search_mappings(config),
        *check_archive(config, to_text),
        *_check_indexes(status),
        *_check_archive_size(status, config),
        _check_log(status, to_text),
        *_check_timestamp_services(status, config, to_text),
        *_check_partners(status, to_text),
        *_check_settings(status, config),
        check_version(config),
    ]


def _check_keys(status: InstallationStatus, to_text: Translator) -> Iterator[Check]:
    if status.locked_keys_reason:
        sentence = _("Nothing can be sealed: the owners' keys cannot be decrypted. %(why)s") % {
            "why": to_text(status.locked_keys_reason)
        }
        remedy = _(
            "Restore secrets/ from your backup. If the master key is lost, switch to other keys: exhibit key rotate"
        )
        yield Check("keys", ok=False, sentence=sentence, remedy=remedy)


def _check_workers(status: InstallationStatus) -> Iterator[Check]:
    live_processes = [process for process in status.heartbeats if status.at - process.seen_at < SILENCE_TIMEOUT]
    served_queues = {queue for process in live_processes for queue in process.queues.split(",")}
    unserved_queues = sorted(list_queues() - served_queues)
    processes = [process for process in live_processes if process.name != TICK]
    if not live_processes:
        sentence = _("No worker is running: nothing is crawled, compared or sealed.")
        yield Check("workers", ok=False, sentence=sentence, remedy=_("Start workers: exhibit up"))
        return
    if unserved_queues:
        sentence = _("No worker processes these queues: %(queues)s.") % {"queues": ", ".join(unserved_queues)}
        remedy = _(
            "Start a worker for these queues as described in "
            "docs/how-to/operate/run-on-several-machines.md, and read the log of the previous worker to see "
            "why it ended."
        )
        yield Check("workers", ok=False, sentence=sentence, remedy=remedy)
    if all(process.name != TICK for process in live_processes):
        sentence = _("The scheduler is not running: scheduled tasks do not start.")
        yield Check("tick", ok=False, sentence=sentence, remedy=_("Start the scheduler (beat process)."))
    missing_workers = [
        process
        for process in status.heartbeats
        if status.at - process.seen_at >= SILENCE_TIMEOUT and process.name != TICK
    ]
    for process in missing_workers:
        values = {"name": process.name, "ago": _format_age(process.seen_at, status.at)}
        sentence = _("The worker %(name)s was last seen %(ago)s ago and did not shut down cleanly.") % values
        remedy = _(
            "Check the worker's machine. If it was permanently removed, it disappears from this list after a day."
        )
        yield Check("worker", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if not unserved_queues and not missing_workers:
        count = len(processes)
        sentence = ngettext("%(count)s worker is running.", "%(count)s workers are running.", count) % {"count": count}
        yield Check("workers", ok=True, sentence=sentence)


def _check_replacements(status: InstallationStatus, config: Config) -> Iterator[Check]:
    """Report processes of this machine that hung and were replaced within a day, each with its last replacement."""
    last_by_name = {replacement.name: replacement for replacement in liveness.list_replacements(config)}
    for name, replacement in last_by_name.items():
        values = {"name": name, "ago": _format_age(replacement.at, status.at), "seconds": replacement.seconds}
        sentence = _(
            "The process %(name)s was replaced %(ago)s ago because it did not respond for %(seconds)s seconds."
        )
        remedy = _(
            "Processing continues. If this happens again, read the process's log and check the memory and disk load."
        )
        yield Check("replaced process", ok=False, sentence=sentence % values, remedy=remedy, needed=False)


def _check_reports(status: InstallationStatus) -> Iterator[Check]:
    for digest in status.reported_digests:
        sentence = _(
            "A member reported the picture %(digest)s as illegal. It is also part of other owners' evidence, "
            "so you decide whether to remove it."
        )
        remedy = _(
            "Remove the picture permanently: exhibit api POST /operator/pictures/%(digest)s/purge --field "
            "reason=… Or show the picture again: exhibit api POST /operator/pictures/%(digest)s/keep "
            "--field reason=…"
        )
        values = {"digest": digest}
        yield Check("reported picture", ok=False, sentence=sentence % values, remedy=remedy % values)


def _check_held_up_steps(status: InstallationStatus, to_text: Translator) -> Iterator[Check]:
    for step, reason in status.held_up.items():
        sentence = _("Blocked tasks: %(what)s. %(why)s") % {"what": jobs.translate_label(step), "why": to_text(reason)}
        yield Check(
            "held up", ok=False, sentence=sentence, remedy=_("Fix the cause. The tasks then continue automatically.")
        )


def _check_late_steps(status: InstallationStatus) -> Iterator[Check]:
    late_rows = [
        row
        for row in status.steps
        if row.oldest and status.at - row.oldest > LATE_AFTER and not jobs.JOBS[row.step].slow
    ]
    for row in late_rows:
        assert row.oldest is not None
        values = {
            "what": jobs.translate_label(row.step),
            "age": _format_age(row.oldest, status.at),
            "count": row.pending_label,
        }
        sentence = _("Tasks have been waiting for %(age)s: %(what)s (%(count)s in total).") % values
        remedy = _("If all workers are running, raise EXHIBIT_WORKERS or add a machine.")
        yield Check("late", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if not late_rows:
        yield Check("queues", ok=True, sentence=_("No task has waited for more than an hour."))


def _check_failures(status: InstallationStatus) -> Iterator[Check]:
    for step in status.steps:
        if step.failed:
            values = {"what": jobs.translate_label(step.step), "count": f"{step.failed:,}"}
            sentence = _("Failed tasks: %(count)s (%(what)s).") % values
            remedy = _(
                "To list the reasons: exhibit api GET /operator/failures. To retry after you have fixed them: "
                "exhibit api POST /operator/failures/%(step)s/retry"
            ) % {"step": step.step}
            yield Check("given up", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if not any(step.failed for step in status.steps):
        yield Check("given up", ok=True, sentence=_("No tasks have failed."))


def _check_crawls(status: InstallationStatus) -> Iterator[Check]:
    if status.crawls.late_watches:
        count = status.crawls.late_watches
        sentence = ngettext(
            "%(count)s watch is overdue and has not started.",
            "%(count)s watches are overdue and have not started.",
            count,
        ) % {"count": count}
        remedy = _("Overdue watches start when the disk has enough free space and the scheduler is running.")
        yield Check("crawls", ok=False, sentence=sentence, remedy=remedy)
        return
    yield Check("crawls", ok=True, sentence=_("All watches run on schedule."))


def _check_known_copies(status: InstallationStatus) -> Iterator[Check]:
    for known_copy in status.missed_known_copies:
        values = {"watch": known_copy.watch.name, "owner": known_copy.watch.owner.name, "number": known_copy.number}
        sentence = _("The watch %(watch)s of %(owner)s missed its known copy %(number)s.") % values
        path = f"{known_copy.watch.number}/crawls --owner {known_copy.watch.owner.slug}"
        remedy = _("To list the crawls of this watch: exhibit api GET watches/%(watch)s") % {"watch": path}
        yield Check("known_copy", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if not status.missed_known_copies:
        yield Check("known_copies", ok=True, sentence=_("No known copy was missed."), needed=False)


def _check_works_on_hold(status: InstallationStatus) -> Iterator[Check]:
    for owner, number, sites in status.works_on_hold:
        values = {"number": number, "owner": owner, "sites": f"{sites:,}"}
        sentence = _("Work %(number)s of %(owner)s is on hold: it was found on %(sites)s new sites in one day.")
        remedy = _("The owner has to review the work: exhibit api GET works/%(number)s --owner %(owner)s")
        yield Check("held work", ok=False, sentence=sentence % values, remedy=remedy % values, needed=False)


def _check_indexes(status: InstallationStatus) -> Iterator[Check]:
    for index in status.indexes:
        values = {"index": f"{index.collection} {index.space}", "behind": f"{index.behind:,}"}
        if index.problems:
            sentence = _("The index %(index)s is damaged.") % values
            yield Check("index", ok=False, sentence=sentence, remedy=_("Rebuild the index: exhibit index rebuild"))
        elif _is_outdated(index):
            sentence = _(
                "The index %(index)s is %(behind)s changes behind. Each process applies the missing changes "
                "automatically."
            )
            remedy = _("Rebuild the index: exhibit index rebuild")
            yield Check("index", ok=False, sentence=sentence % values, remedy=remedy, needed=False)
    if not any(index.problems or _is_outdated(index) for index in status.indexes):
        max_behind = f"{max((index.behind for index in status.indexes), default=0):,}"
        sentence = _("All indexes are intact. Changes not yet indexed: at most %(behind)s.") % {"behind": max_behind}
        yield Check("indexes", ok=True, sentence=sentence)


def _is_outdated(index: IndexState) -> bool:
    """Return True if an index on this machine lacks many changes. Indexes that it never searches are empty."""
    return bool(index.vectors) and index.behind > 2 * MAX_TAIL


def _check_archive_size(status: InstallationStatus, config: Config) -> Iterator[Check]:
    """Warn if each of several machines stores so many crawled images that a shared Milvus is recommended."""
    picture_indexes = (
        candidate
        for candidate in status.indexes
        if (candidate.collection, candidate.space) == (Collection.PICTURES, PHASH.id)
    )
    picture_count = sum(index.vectors + index.behind for index in picture_indexes)
    is_shared = bool(config.blobs_url) and not config.blobs_url.startswith("file:")
    if is_shared and not config.milvus_url and picture_count > MILVUS_THRESHOLD:
        sentence = _(
            "Each machine stores its own index of %(count)s previously seen pictures; Milvus would store "
            "one index for all machines."
        )
        remedy = _("To switch to Milvus, follow docs/how-to/operate/use-milvus.md: exhibit index rebuild --to milvus")
        yield Check(
            "archive", ok=False, sentence=sentence % {"count": f"{picture_count:,}"}, remedy=remedy, needed=False
        )


def _check_log(status: InstallationStatus, to_text: Translator) -> Check:
    if status.log.stopped:
        sentence = _("The log's checkpoint is no longer signed. %(why)s") % {"why": to_text(status.log.stopped)}
        remedy = _("Follow the steps in docs/reference/log.md. State of the log: exhibit api GET /operator/log")
        return Check("log", ok=False, sentence=sentence, remedy=remedy)
    sentence = _("The signed checkpoint covers %(size)s entries.") % {"size": f"{status.log.size:,}"}
    return Check("log", ok=True, sentence=sentence)


def _check_timestamp_services(status: InstallationStatus, config: Config, to_text: Translator) -> Iterator[Check]:
    """Check that there are enough timestamp services and that each responds."""
    total = len(status.timestamp_services)
    count_check = check_timestamp_services(config, total - len(config.anchors))
    if not count_check.ok:
        yield count_check
    failed_checks = [
        check
        for service in status.timestamp_services
        for check in _check_timestamp_service(service, status.at, to_text)
    ]
    yield from failed_checks
    if not failed_checks and count_check.ok:
        responding_count = sum(
            service.health is not None and not service.health.unresponsive_since
            for service in status.timestamp_services
        )
        sentence = ngettext(
            "%(count)s of %(there)s external timestamp service responded to the last request.",
            "%(count)s of %(there)s external timestamp services responded to the last request.",
            total,
        )
        yield Check(
            "timestamps", ok=True, sentence=sentence % {"count": responding_count, "there": total}, needed=False
        )


def _check_timestamp_service(service: TimestampService, at: datetime, to_text: Translator) -> Iterator[Check]:
    if service.health is None:
        return
    unresponsive_since, name = service.health.unresponsive_since, f"timestamp service {service.name}"
    if unresponsive_since is not None and at - unresponsive_since > TIMESTAMP_SERVICE_TIMEOUT:
        values = {
            "name": service.name,
            "age": _format_age(unresponsive_since, at),
            "why": to_text(service.health.error),
        }
        sentence = _("The timestamp service %(name)s has not responded for %(age)s: %(why)s") % values
    elif unresponsive_since is None and service.health.error:
        values, name = {"name": service.name, "why": to_text(service.health.error)}, f"receipts of {service.name}"
        sentence = _("The timestamp service %(name)s returned an unusable response: %(why)s") % values
    else:
        return
    remedy = _(
        "Sealing continues without this service, and Exhibit will retry the request. Check the settings "
        "of the service: exhibit api GET /operator/timestamp-services"
    )
    yield Check(name, ok=False, sentence=sentence, remedy=remedy, needed=False)


def _check_partners(status: InstallationStatus, to_text: Translator) -> Iterator[Check]:
    """Report faults in the logs of partners, or one passed check if there are none."""
    faults = [(name, fault) for name, fault in status.partner_faults if fault]
    for name, fault in faults:
        sentence = _("Partner %(name)s: %(why)s") % {"name": name, "why": to_text(fault)}
        remedy = _(
            "Contact the operator of the partner. docs/how-to/integrate/connect-a-partner.md explains the "
            "problem and the next steps."
        )
        yield Check(f"partner {name}", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if status.partner_faults and not faults:
        count = len(status.partner_faults)
        sentence = ngettext(
            "No problems are known in the log of %(there)s partner.",
            "No problems are known in the logs of %(there)s partners.",
            count,
        )
        yield Check("partners", ok=True, sentence=sentence % {"there": count}, needed=False)


def _check_settings(status: InstallationStatus, config: Config) -> Iterator[Check]:
    """Check that the crawler sends a contact, and that all changed settings are in effect."""
    if status.crawls.has_no_contact:
        sentence = _("The crawler sends no contact details, so operators of visited sites cannot complain or opt out.")
        remedy = _("Enter a contact on the operator's page under Settings, or set EXHIBIT_CONTACT.")
        yield Check("contact", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if names := list_pending_restart(config):
        sentence = _("Changed settings that take effect after a restart: %(names)s.") % {"names": ", ".join(names)}
        remedy = _("Restart: exhibit down, exhibit up; with containers: docker compose restart")
        yield Check("settings", ok=False, sentence=sentence, remedy=remedy, needed=False)


def check_version(config: Config) -> Check:
    """Report the running version, and a newer version if the configured URL has returned one."""
    values, newest_version = {"version": __version__}, updates.read_newest_version(config)
    if newest_version is None:
        pending_sentence = _(
            "The installed version is %(version)s. Exhibit checks for updates once a day and has not "
            "received a result yet."
        )
        sentence = _("The installed version is %(version)s. Exhibit does not check for updates.")
        return Check(
            "version", ok=True, sentence=(pending_sentence if config.update_url else sentence) % values, needed=False
        )
    values |= {"newest": newest_version[0], "ago": _format_age(newest_version[1], now())}
    if updates.is_newer(newest_version[0]):
        sentence = _("Version %(newest)s is available; the installed version is %(version)s.") % values
        remedy = _(
            "Read the release notes, make a backup, then upgrade as described in docs/how-to/operate/upgrade.md."
        )
        return Check("version", ok=False, sentence=sentence, remedy=remedy, needed=False)
    sentence = (
        _("The installed version is %(version)s; the newest known version is %(newest)s, checked %(ago)s ago.") % values
    )
    return Check("version", ok=True, sentence=sentence, needed=False)


def _format_age(since: datetime, at: datetime) -> str:
    return timesince(since, at, depth=1)
