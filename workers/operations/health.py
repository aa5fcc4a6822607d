"""Health checks of the installation. Each states one possible problem and its remedy in a sentence.

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
from workers.operations.checks import Check, archive_checks, damage_check, room, search_check, witnesses_check
from workers.operations.status import Status, Witness
from workers.pipeline.celery import all_queues
from workers.servers import liveness

LONG = timedelta(hours=1)  # Waiting time after which work that could have been done is late.
FOR_MILVUS = 10_000_000
"""Number of seen images above which Milvus is advised: each machine needs 6 GB, and a new one loads all rows."""
SILENT_WITNESS = timedelta(hours=6)
Saying = Callable[[str], str]


def checks(status: Status, config: Config, to_text: Saying = str) -> list[Check]:
    """Return the checks based on statistics, in the order in which problems should be fixed.

    ``to_text`` translates the reasons that rows store into the reader's language.
    """
    return [
        room(status.disk),
        damage_check(config),
        *_keys(status, to_text),
        *_workers(status),
        *_replaced(status, config),
        *_held_up(status, to_text),
        *_late(status),
        *_given_up(status),
        *_reported(status),
        *_crawls(status),
        *_canaries(status),
        *_floods(status),
        search_check(config),
        *archive_checks(config, to_text),
        *_indexes(status),
        *_large_archive(status, config),
        _log(status, to_text),
        *_witnesses(status, config, to_text),
        *_partners(status, to_text),
        *_settings(status, config),
        version_check(config),
    ]


def _keys(status: Status, to_text: Saying) -> Iterator[Check]:
    if status.closed_keys:
        sentence = _("Nothing can be sealed: the owners' keys cannot be decrypted. %(why)s") % {
            "why": to_text(status.closed_keys)
        }
        remedy = _(
            "Restore secrets/ from your backup. If the master key is lost, switch to other keys: exhibit key rotate"
        )
        yield Check("keys", ok=False, sentence=sentence, remedy=remedy)


def _workers(status: Status) -> Iterator[Check]:
    living = [process for process in status.heartbeats if status.at - process.seen_at < SILENCE_TIMEOUT]
    served = {queue for process in living for queue in process.queues.split(",")}
    missing = sorted(all_queues() - served)
    processes = [process for process in living if process.name != TICK]
    if not living:
        sentence = _("No worker is running: nothing is crawled, compared or sealed.")
        yield Check("workers", ok=False, sentence=sentence, remedy=_("Start workers: exhibit up"))
        return
    if missing:
        sentence = _("No worker processes these queues: %(queues)s.") % {"queues": ", ".join(missing)}
        remedy = _(
            "Start a worker for them as described in docs/how-to/operate/run-on-several-machines.md, and "
            "read the log of the previous one to see why it ended."
        )
        yield Check("workers", ok=False, sentence=sentence, remedy=remedy)
    if all(process.name != TICK for process in living):
        sentence = _("The scheduler is not running: scheduled tasks do not start.")
        yield Check("tick", ok=False, sentence=sentence, remedy=_("Start the beat process."))
    silent = [
        process
        for process in status.heartbeats
        if status.at - process.seen_at >= SILENCE_TIMEOUT and process.name != TICK
    ]
    for process in silent:
        values = {"name": process.name, "ago": _ago(process.seen_at, status.at)}
        sentence = _("The worker %(name)s was last seen %(ago)s ago and did not shut down cleanly.") % values
        remedy = _(
            "Check the worker's machine. If it was permanently removed, it disappears from this list after a day."
        )
        yield Check("worker", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if not missing and not silent:
        count = len(processes)
        sentence = ngettext("%(count)s worker is running.", "%(count)s workers are running.", count) % {"count": count}
        yield Check("workers", ok=True, sentence=sentence)


def _replaced(status: Status, config: Config) -> Iterator[Check]:
    """Yield this machine's hung processes that were replaced within a day, each with its last replacement."""
    last = {replacement.name: replacement for replacement in liveness.replacements(config)}
    for name, replacement in last.items():
        values = {"name": name, "ago": _ago(replacement.at, status.at), "seconds": replacement.seconds}
        sentence = _(
            "The process %(name)s was replaced %(ago)s ago because it did not respond for %(seconds)s seconds."
        )
        remedy = _("Work continues. If this happens again, read the process's log and check memory and disk load.")
        yield Check("replaced process", ok=False, sentence=sentence % values, remedy=remedy, needed=False)


def _reported(status: Status) -> Iterator[Check]:
    for digest in status.reported:
        sentence = _("A member reported a picture as illegal: %(digest)s. Other owners are affected, so you decide.")
        remedy = _(
            "Remove it permanently: exhibit api POST /operator/pictures/%(digest)s/purge --field reason=… "
            "Or show it again: exhibit api POST /operator/pictures/%(digest)s/keep --field reason=…"
        )
        values = {"digest": digest}
        yield Check("reported picture", ok=False, sentence=sentence % values, remedy=remedy % values)


def _held_up(status: Status, to_text: Saying) -> Iterator[Check]:
    for step, why in status.held_up.items():
        sentence = _("Blocked: %(what)s. %(why)s") % {"what": jobs.translated_label(step), "why": to_text(why)}
        yield Check(
            "held up", ok=False, sentence=sentence, remedy=_("Fix the cause. The tasks then continue automatically.")
        )


def _late(status: Status) -> Iterator[Check]:
    late = [
        row for row in status.steps if row.oldest and status.at - row.oldest > LONG and not jobs.JOBS[row.step].slow
    ]
    for row in late:
        assert row.oldest is not None
        values = {"what": jobs.translated_label(row.step), "age": _ago(row.oldest, status.at), "count": row.in_all}
        sentence = _("Waiting for %(age)s: %(what)s (%(count)s in total).") % values
        remedy = _("Raise EXHIBIT_WORKERS or add a machine, unless a worker is missing.")
        yield Check("late", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if not late:
        yield Check("queues", ok=True, sentence=_("No task has waited for more than an hour."))


def _given_up(status: Status) -> Iterator[Check]:
    for step in status.steps:
        if step.failed:
            values = {"what": jobs.translated_label(step.step), "count": f"{step.failed:,}"}
            sentence = _("Failed: %(count)s (%(what)s).") % values
            remedy = _(
                "Reasons: exhibit api GET /operator/failures. "
                "After fixing them: exhibit api POST /operator/failures/%(step)s/retry"
            ) % {"step": step.step}
            yield Check("given up", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if not any(step.failed for step in status.steps):
        yield Check("given up", ok=True, sentence=_("No tasks have failed."))


def _crawls(status: Status) -> Iterator[Check]:
    if status.crawls.late:
        count = status.crawls.late
        sentence = ngettext(
            "%(count)s watch is overdue and has not started.",
            "%(count)s watches are overdue and have not started.",
            count,
        ) % {"count": count}
        remedy = _("They start when the disk has enough free space and the scheduler is running.")
        yield Check("crawls", ok=False, sentence=sentence, remedy=remedy)
        return
    yield Check("crawls", ok=True, sentence=_("All watches run on schedule."))


def _canaries(status: Status) -> Iterator[Check]:
    for canary in status.missed:
        values = {"watch": canary.watch.name, "owner": canary.watch.owner.name, "number": canary.number}
        sentence = _("The watch %(watch)s of %(owner)s missed its known copy %(number)s.") % values
        path = f"{canary.watch.number}/crawls --owner {canary.watch.owner.slug}"
        remedy = _("Crawls of this watch: exhibit api GET watches/%(watch)s") % {"watch": path}
        yield Check("canary", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if not status.missed:
        yield Check("canaries", ok=True, sentence=_("No known copy was missed."), needed=False)


def _floods(status: Status) -> Iterator[Check]:
    for owner, number, sites in status.floods:
        values = {"number": number, "owner": owner, "sites": f"{sites:,}"}
        sentence = _("Work %(number)s of %(owner)s is on hold: it was found on %(sites)s new sites in one day.")
        remedy = _("The owner decides: exhibit api GET works/%(number)s --owner %(owner)s")
        yield Check("held work", ok=False, sentence=sentence % values, remedy=remedy % values, needed=False)


def _indexes(status: Status) -> Iterator[Check]:
    for index in status.indexes:
        values = {"index": f"{index.collection} {index.space}", "behind": f"{index.behind:,}"}
        if index.problems:
            sentence = _("The index %(index)s is damaged.") % values
            yield Check("index", ok=False, sentence=sentence, remedy=_("Rebuild it: exhibit index rebuild"))
        elif _is_behind(index):
            sentence = _("The index %(index)s is %(behind)s changes behind: each process applies them by itself.")
            remedy = _("Rebuild it: exhibit index rebuild")
            yield Check("index", ok=False, sentence=sentence % values, remedy=remedy, needed=False)
    if not any(index.problems or _is_behind(index) for index in status.indexes):
        behind = f"{max((index.behind for index in status.indexes), default=0):,}"
        sentence = _("All indexes are intact. Changes not yet indexed: at most %(behind)s.") % {"behind": behind}
        yield Check("indexes", ok=True, sentence=sentence)


def _is_behind(index: IndexState) -> bool:
    """Return True if an index on this machine lacks many changes. Indexes it never searches are not stored here."""
    return bool(index.vectors) and index.behind > 2 * MAX_TAIL


def _large_archive(status: Status, config: Config) -> Iterator[Check]:
    """Warn if each of several machines stores so many seen images that a shared Milvus would be better."""
    of_pictures = (
        candidate
        for candidate in status.indexes
        if (candidate.collection, candidate.space) == (Collection.PICTURES, PHASH.id)
    )
    seen_pictures = sum(index.vectors + index.behind for index in of_pictures)
    is_shared = bool(config.blobs_url) and not config.blobs_url.startswith("file:")
    if is_shared and not config.milvus_url and seen_pictures > FOR_MILVUS:
        sentence = _(
            "Each machine stores its own copy of %(count)s seen pictures; Milvus would store them once for "
            "all machines."
        )
        remedy = _("docs/how-to/operate/use-milvus.md describes the change: exhibit index rebuild --to milvus")
        yield Check(
            "archive", ok=False, sentence=sentence % {"count": f"{seen_pictures:,}"}, remedy=remedy, needed=False
        )


def _log(status: Status, to_text: Saying) -> Check:
    if status.log.stopped:
        sentence = _("The log's checkpoint is no longer signed. %(why)s") % {"why": to_text(status.log.stopped)}
        remedy = _("docs/reference/log.md describes the next steps. State of the log: exhibit api GET /operator/log")
        return Check("log", ok=False, sentence=sentence, remedy=remedy)
    sentence = _("The signed checkpoint covers %(size)s entries.") % {"size": f"{status.log.size:,}"}
    return Check("log", ok=True, sentence=sentence)


def _witnesses(status: Status, config: Config, to_text: Saying) -> Iterator[Check]:
    """Check that there are enough timestamp services and that each responds."""
    there = len(status.witnesses)
    count = witnesses_check(config, there - len(config.anchors))
    if not count.ok:
        yield count
    amiss = [check for witness in status.witnesses for check in _witness(witness, status.at, to_text)]
    yield from amiss
    if not amiss and count.ok:
        answer = sum(witness.health is not None and not witness.health.silent_since for witness in status.witnesses)
        sentence = ngettext(
            "%(count)s of %(there)s external timestamp service responded to the last request.",
            "%(count)s of %(there)s external timestamp services responded to the last request.",
            there,
        )
        yield Check("witnesses", ok=True, sentence=sentence % {"count": answer, "there": there}, needed=False)


def _witness(witness: Witness, at: datetime, to_text: Saying) -> Iterator[Check]:
    if witness.health is None:
        return
    silent, name = witness.health.silent_since, f"witness {witness.name}"
    if silent is not None and at - silent > SILENT_WITNESS:
        values = {"name": witness.name, "age": _ago(silent, at), "why": to_text(witness.health.error)}
        sentence = _("The timestamp service %(name)s has not responded for %(age)s: %(why)s") % values
    elif silent is None and witness.health.error:
        values, name = {"name": witness.name, "why": to_text(witness.health.error)}, f"receipts of {witness.name}"
        sentence = _("The timestamp service %(name)s returned an unusable response: %(why)s") % values
    else:
        return
    remedy = _(
        "Sealing continues without this service, and Exhibit queries it again. Check its settings: "
        "exhibit api GET /operator/witnesses"
    )
    yield Check(name, ok=False, sentence=sentence, remedy=remedy, needed=False)


def _partners(status: Status, to_text: Saying) -> Iterator[Check]:
    """Report faults in the logs of partners, or a single line if there are none."""
    amiss = [(name, fault) for name, fault in status.partners if fault]
    for name, fault in amiss:
        sentence = _("Partner %(name)s: %(why)s") % {"name": name, "why": to_text(fault)}
        remedy = _(
            "Contact the operator of the partner. docs/how-to/integrate/connect-a-partner.md explains the "
            "problem and the next steps."
        )
        yield Check(f"partner {name}", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if status.partners and not amiss:
        count = len(status.partners)
        sentence = ngettext(
            "No problems are known in the log of %(there)s partner.",
            "No problems are known in the logs of %(there)s partners.",
            count,
        )
        yield Check("partners", ok=True, sentence=sentence % {"there": count}, needed=False)


def _settings(status: Status, config: Config) -> Iterator[Check]:
    """Check that visited sites have a contact, and that all changed settings are in effect."""
    if status.crawls.anonymous:
        sentence = _("The crawler sends no contact: operators of visited sites cannot complain or opt out.")
        remedy = _("Enter one on the operator's page under Settings, or set EXHIBIT_CONTACT.")
        yield Check("contact", ok=False, sentence=sentence, remedy=remedy, needed=False)
    if names := list_pending_restart(config):
        sentence = _("Changed settings that take effect after a restart: %(names)s.") % {"names": ", ".join(names)}
        remedy = _("Restart: exhibit down, exhibit up; with containers: docker compose restart")
        yield Check("settings", ok=False, sentence=sentence, remedy=remedy, needed=False)


def version_check(config: Config) -> Check:
    """Report the running version, and a newer one if the configured URL has named it."""
    values, newest_version = {"version": __version__}, updates.newest(config)
    if newest_version is None:
        asked_for = _(
            "The current version is %(version)s. Exhibit checks for updates once a day and has not received "
            "a result yet."
        )
        sentence = _("The current version is %(version)s. Exhibit does not check for updates.")
        return Check("version", ok=True, sentence=(asked_for if config.update_url else sentence) % values, needed=False)
    values |= {"newest": newest_version[0], "ago": _ago(newest_version[1], now())}
    if updates.is_newer(newest_version[0]):
        sentence = _("Version %(newest)s is available; the current version is %(version)s.") % values
        remedy = _(
            "Read the release notes, make a backup, then upgrade as described in docs/how-to/operate/upgrade.md."
        )
        return Check("version", ok=False, sentence=sentence, remedy=remedy, needed=False)
    sentence = (
        _("The current version is %(version)s; the newest known version is %(newest)s, checked %(ago)s ago.") % values
    )
    return Check("version", ok=True, sentence=sentence, needed=False)


def _ago(since: datetime, at: datetime) -> str:
    return timesince(since, at, depth=1)
