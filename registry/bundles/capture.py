"""Evidence visits: fetch a sighting's page and image again, at once and by schedule, and store what was served."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.addresses import host_of
from exhibit.ports import Captured
from exhibit.sentences import Sentence, following
from registry.alliance import cocaptures
from registry.bundles.models import Bundle
from registry.bundles.sealing import WAIT_FOR_CAPTURES
from registry.cases import history, log_entries, page_readings, recaptures, web_archive
from registry.cases.history import HistoryPhrase
from registry.cases.models import Capture, Case
from registry.cases.picture_usage import is_shown
from registry.crawls import budgets
from registry.crawls.crawling import load_denials
from registry.crawls.models import Sighting
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.fields import StoredFile
from registry.db.rows import columns
from registry.pictures import scoped
from registry.pictures.blocklist import find_blocked
from registry.services.disk import NEARLY_FULL, disk_is_full
from registry.services.services import Services

BLOCKED = Sentence("A file of this page is on the operator's blocklist. Files that contain or show it were not stored.")
REPORTED = Sentence("A picture on this page was reported as illegal. Files that contain or show it were not stored.")


VISITS_USED_UP = Sentence(
    "The daily limit of automatic visits has been reached. This visit will be made tomorrow (UTC)."
)
CASE_SNOOZED = Sentence("The case is snoozed. The page will be visited when the case is reopened.")
SNOOZED_INTERVAL = timedelta(days=30)
"""Interval at which a case that was put aside is checked again. Reopening it triggers a visit directly."""
MAX_PLACES_PER_VISIT = 10
"""Maximum number of places covered by one visit to a page. With partners, each place has its own simultaneous visit."""


def capture_sightings(services: Services, ids: Sequence[int]) -> None:
    """Visit each page once for all of an owner's places on it and record the outcome for each.

    A missing page is an outcome like any other. Visits that nobody requested stay within the watch's budget.
    """
    max_rows = 1 if cocaptures.has_visiting_partners() else MAX_PLACES_PER_VISIT  # A partner makes one visit at a time.
    claimed = steps.claim(Capture, _add_due_on_same_pages(services, ids, max_rows), services.stale_after)
    if disk_is_full(services, share=0.5):
        steps.hold_up(Capture, claimed, NEARLY_FULL)
        return
    recaptures.target_newest_pictures(claimed)
    pages: dict[tuple[int, str], list[Capture]] = defaultdict(list)
    for row in (
        Capture.objects.filter(pk__in=claimed)
        .select_related("sighting__picture", "sighting__crawl__watch", "case__owner")
        .order_by("pk")
    ):
        pages[row.case.owner_id, row.sighting.page_url].append(row)
    for rows in pages.values():
        for start in range(0, len(rows), max_rows):
            batch = rows[start : start + max_rows]
            with steps.processing(Capture, [row.pk for row in batch]):
                _capture(services, batch)


def _add_due_on_same_pages(services: Services, ids: Sequence[int], max_rows: int) -> list[int]:
    """Return these captures and other due ones of the same owners and pages, up to the maximum per visit."""
    owners_and_pages = Capture.objects.filter(pk__in=ids).values_list("case__owner", "page_key")
    pages, keys = Counter((owner, bytes(page)) for owner, page in owners_and_pages), list(ids)
    due = Capture.objects.filter(
        steps.due_condition(services.stale_after), case__owner__in={owner for owner, _ in pages}
    )
    same_page_rows = due.filter(page_key__in={page for _, page in pages}).exclude(pk__in=keys).order_by("pk")
    for pk, owner, page in same_page_rows.values_list("pk", "case__owner", "page_key"):
        if 0 < pages[owner, bytes(page)] < max_rows:
            pages[owner, bytes(page)] += 1
            keys.append(pk)
    return keys


def _capture(services: Services, rows: Sequence[Capture]) -> None:
    """Visit the page of some captures. For denied hosts, record that they were not visited.

    Cases that were cleared or licensed in the meantime are not visited.
    """
    snoozed = [row for row in rows if row.case.decision not in recaptures.FOLLOWED_DECISIONS]
    if snoozed:
        _postpone(snoozed, now() + SNOOZED_INTERVAL, CASE_SNOOZED)
    rows = [row for row in rows if row not in snoozed]
    denied = {row.pk: unvisited for row in rows if (unvisited := _denied_result(row.sighting))}
    to_visit = [row for row in rows if row.pk not in denied]
    until = None if _find_requested_cases(to_visit) else _take_visit_from_budget(to_visit)
    if until is not None:
        _postpone(to_visit, until, VISITS_USED_UP)
    for row in rows:
        if row.pk in denied:
            _record(services, row, denied[row.pk])
    if to_visit and until is None:
        for row, captured in _visit_page(services, to_visit):
            _record(services, row, captured)


def _take_visit_from_budget(rows: Sequence[Capture]) -> datetime | None:
    """Take one of today's visits from the budget of any payer; return None, or when the next one is available.

    A watch pays for what it found for its own owner. For finds of other owners' watches, the owner of the case pays, so
    that budgets are neither disclosed to nor spent by others.
    """
    until = None
    watches = [(row.case.owner, row.sighting.crawl.watch) for row in rows]
    for payer in dict.fromkeys(watch if watch.owner_id == owner.pk else owner for owner, watch in watches):
        until = budgets.reserve_visit(payer)
        if until is None:
            break
    return until


def _find_requested_cases(rows: Sequence[Capture]) -> set[int]:
    """Return the cases among these captures whose bundles a person waits for."""
    bundles = Bundle.objects.filter(case__in={row.case_id for row in rows}, state__in=UNFINISHED)
    return set(bundles.values_list("case", flat=True))


def _postpone(rows: Sequence[Capture], until: datetime, why: Sentence) -> None:
    """Postpone captures. Those that a person has requested or whose case has a new decision are due at once."""
    with transaction.atomic():
        cases = Case.objects.select_for_update(no_key=True).filter(pk__in={row.case_id for row in rows})
        decided = dict(cases.order_by("pk").values_list("pk", "decision"))
        requested = _find_requested_cases(rows)
        for row in rows:
            is_due_now = row.case_id in requested or decided[row.case_id] != row.case.decision
            steps.wait(Capture, row.pk, now() if is_due_now else until, why)


def _record(services: Services, row: Capture, visit_result: Captured) -> None:
    captured, files = _store_files(services, row.case, visit_result)
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=row.case_id)
        if Capture.objects.select_for_update(no_key=True).get(pk=row.pk).state != StepState.DOING:
            return  # Another worker claimed the row first.
        standing = recaptures.standing_of(captured.outcome)
        pause = services.config.recapture_days
        outcomes = [captured.outcome, *recaptures.earlier_outcomes(row, captured.finished, pause)]
        Capture.objects.filter(pk=row.pk).update(
            **columns(captured, "method", "outcome", "sentence"),
            sighting=row.sighting_id,  # The one that this visit looked for, even if the row was claimed again.
            started_at=captured.started,
            finished_at=captured.finished,
            files=files,
            digests=sorted(digest.hex for digest in captured.digests),
            next_at=recaptures.next_visit(outcomes, captured.finished, pause),
        )
        recapture_phrases: list[HistoryPhrase] = [(f"again-{standing}", {})] if row.number > 1 else []
        history.record(row.case, "captured", "", *recapture_phrases, text=captured.sentence)
        log_entries.log_capture(row.case, captured.outcome, files)
        steps.finish(Capture, [row.pk])
        recaptures.update_standing(case)
        page_readings.request_reading(services, Capture.objects.get(pk=row.pk))
    pending_bundles = Bundle.objects.filter(case=row.case, state="todo")
    # Bundles whose decision can still be undone keep their longer delay.
    pending_bundles.filter(not_before__lte=now() + WAIT_FOR_CAPTURES).update(not_before=None)
    services.enqueue(Bundle, list(pending_bundles.values_list("pk", flat=True)))


def _visit_page(services: Services, rows: Sequence[Capture]) -> Iterator[tuple[Capture, Captured]]:
    """Visit a page and yield the result for each capture, merged with those of partners and an archive.

    Results are yielded one at a time so that the caller can record each at once: a visit for ten places uses much
    memory. The archive is queried once about the page, for cases whose pages may be disclosed to it and that are
    public.
    """
    partner_visits = {row.pk: cocaptures.request_visits(services, row.sighting) for row in rows}
    disclosable = [
        row for row in rows if row.sighting.private_to_id is None and web_archive.is_enabled_for(services, row.case)
    ]
    add_archive = (
        web_archive.start_saving(services, disclosable[0].case, disclosable[0].sighting) if disclosable else None
    )
    places: dict[tuple[str, Digest], list[Capture]] = defaultdict(list)
    for row in rows:
        places[row.sighting.image_url, row.sighting.picture.digest].append(row)
    results = services.capturer.capture_all(rows[0].sighting.page_url, list(places), load_denials())
    for of_place, captured in zip(places.values(), results, strict=True):
        for row in of_place:
            partners = partner_visits[row.pk]
            joined = captured if partners is None else partners.join(captured)
            yield row, joined if add_archive is None or row not in disclosable else add_archive(joined)


def _denied_result(sighting: Sighting) -> Captured | None:
    """Return the result to record instead of a visit if a host is denied, or None."""
    denied = load_denials()
    for host in (host_of(sighting.page_url), host_of(sighting.image_url)):
        if denied(host):
            moment = now()
            sentence = Sentence("Not visited: the operator's rules exclude %(host)s.", host=host)
            return Captured("unreachable", sentence, moment, moment, None, ())
    return None


def _store_files(services: Services, case: Case, captured: Captured) -> tuple[Captured, list[StoredFile]]:
    """Store the files of a visit and return the list. Of blocked files, only the digest is kept.

    A file is blocked if it contains or shows an image on the operator's blocklist or one that a member of the owner
    reported as illegal. The visit's sentence then states this.
    """
    digests = {*captured.digests, *(Digest.of(file.data) for file in captured.files)}
    blocklisted, reported = find_blocked(digests), digests & {*scoped.list_reported(case.owner)}
    refused = sorted(blocklisted | reported, key=lambda digest: digest.hex)
    files: list[StoredFile] = []
    for file in captured.files:
        digest = Digest.of(file.data)
        because = next(
            (blocked_digest for blocked_digest in refused if is_shown(blocked_digest, file.role, digest, file.data)),
            None,
        )
        stored: StoredFile = {
            "name": file.name,
            "media_type": file.media_type,
            "digest": digest.hex,
            "size": len(file.data),
        }
        stored |= {"role": file.role}
        if because is None:
            services.blobs.put(file.data)
        else:
            stored |= {"because": because.hex}
        files.append(stored)
    if refused:
        captured = replace(captured, sentence=following(captured.sentence, BLOCKED if blocklisted else REPORTED))
    return captured, files
