"""Captures: fetch a sighting's page and image again, immediately and on a schedule, and store the responses."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.addresses import get_url_host
from exhibit.ports import CaptureResult
from exhibit.sentences import Sentence, concatenate_sentences
from registry.alliance import cocaptures
from registry.bundles.models import Bundle
from registry.bundles.sealing import CAPTURES_POLL_INTERVAL
from registry.cases import history, log_entries, page_readings, recaptures, web_archive
from registry.cases.history import HistoryPhrase
from registry.cases.models import Capture, Case
from registry.cases.picture_usage import shows_picture
from registry.crawls import budgets
from registry.crawls.crawling import load_denials
from registry.crawls.models import Sighting
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.fields import StoredFile
from registry.db.rows import copy_columns
from registry.pictures import scoped
from registry.pictures.blocklist import find_blocked_digests
from registry.services.disk import NEARLY_FULL_MESSAGE, is_disk_full
from registry.services.services import Services

BLOCKED_FILES = Sentence(
    "A file of this page is on the operator's blocklist. Files that contain or show it were not stored."
)
REPORTED_PICTURE = Sentence(
    "A picture on this page was reported as illegal. Files that contain or show it were not stored."
)


VISIT_LIMIT_REACHED = Sentence(
    "The daily limit of automatic visits has been reached. The page will be visited tomorrow (UTC)."
)
CASE_SNOOZED = Sentence(
    "Pages of cases with this decision are not visited. Exhibit will visit the page if the case is reopened."
)
SNOOZED_INTERVAL = timedelta(days=30)
"""Interval at which the captures of a decided case are checked again. Reopening the case triggers a visit directly."""
MAX_PLACES_PER_VISIT = 10
"""Maximum number of places covered by one visit to a page. With partners, each place has its own simultaneous visit."""


def capture_sightings(services: Services, ids: Sequence[int]) -> None:
    """Visit each page once for all of an owner's pictures on it, and record the outcome for each picture.

    A missing page is recorded as an outcome. Automatic visits are limited by the watch's budget.
    """
    max_rows = 1 if cocaptures.has_visiting_partners() else MAX_PLACES_PER_VISIT  # A partner makes one visit at a time.
    claimed_ids = steps.claim(Capture, _add_due_captures(services, ids, max_rows), services.stale_after)
    if is_disk_full(services, fraction=0.5):
        steps.hold_up(Capture, claimed_ids, NEARLY_FULL_MESSAGE)
        return
    recaptures.target_newest_pictures(claimed_ids)
    pages: dict[tuple[int, str], list[Capture]] = defaultdict(list)
    for row in (
        Capture.objects.filter(pk__in=claimed_ids)
        .select_related("sighting__picture", "sighting__crawl__watch", "case__owner")
        .order_by("pk")
    ):
        pages[row.case.owner_id, row.sighting.page_url].append(row)
    for rows in pages.values():
        for start in range(0, len(rows), max_rows):
            batch = rows[start : start + max_rows]
            with steps.guard_processing(Capture, [row.pk for row in batch]):
                _capture_rows(services, batch)


def _add_due_captures(services: Services, ids: Sequence[int], max_rows: int) -> list[int]:
    """Return the given captures and other due captures of the same owners and pages, up to the maximum per visit."""
    owners_and_pages = Capture.objects.filter(pk__in=ids).values_list("case__owner", "page_key")
    pages, keys = Counter((owner, bytes(page)) for owner, page in owners_and_pages), list(ids)
    due_captures = Capture.objects.filter(
        steps.build_due_condition(services.stale_after), case__owner__in={owner for owner, _ in pages}
    )
    same_page_rows = due_captures.filter(page_key__in={page for _, page in pages}).exclude(pk__in=keys).order_by("pk")
    for pk, owner, page in same_page_rows.values_list("pk", "case__owner", "page_key"):
        if 0 < pages[owner, bytes(page)] < max_rows:
            pages[owner, bytes(page)] += 1
            keys.append(pk)
    return keys


def _capture_rows(services: Services, rows: Sequence[Capture]) -> None:
    """Visit the common page of some captures and record the outcomes. Denied hosts are recorded as not visited.

    Captures of cases that were dismissed or licensed in the meantime are postponed.
    """
    snoozed_rows = [row for row in rows if row.case.decision not in recaptures.REVISITED_DECISIONS]
    if snoozed_rows:
        _postpone_captures(snoozed_rows, now() + SNOOZED_INTERVAL, CASE_SNOOZED)
    rows = [row for row in rows if row not in snoozed_rows]
    denied_results = {row.pk: denied_result for row in rows if (denied_result := _build_denied_result(row.sighting))}
    rows_to_visit = [row for row in rows if row.pk not in denied_results]
    next_visit_at = None if _find_requested_cases(rows_to_visit) else _deduct_visit_from_budget(rows_to_visit)
    if next_visit_at is not None:
        _postpone_captures(rows_to_visit, next_visit_at, VISIT_LIMIT_REACHED)
    for row in rows:
        if row.pk in denied_results:
            _record_visit(services, row, denied_results[row.pk])
    if rows_to_visit and next_visit_at is None:
        for row, visit_result in _visit_page(services, rows_to_visit):
            _record_visit(services, row, visit_result)


def _deduct_visit_from_budget(rows: Sequence[Capture]) -> datetime | None:
    """Deduct one visit from today's budget of a payer that has visits left.

    A watch pays for visits to its owner's matches. If another owner's watch found the match, the owner of the case
    pays, so that owners neither see nor spend each other's budgets.

    Returns:
        None if a visit was deducted, else the time when the next visit is available.
    """
    next_visit_at = None
    watches = [(row.case.owner, row.sighting.crawl.watch) for row in rows]
    for payer in dict.fromkeys(watch if watch.owner_id == owner.pk else owner for owner, watch in watches):
        next_visit_at = budgets.reserve_visit(payer)
        if next_visit_at is None:
            break
    return next_visit_at


def _find_requested_cases(rows: Sequence[Capture]) -> set[int]:
    """Return the primary keys of cases with an unfinished bundle, which a member has requested."""
    bundles = Bundle.objects.filter(case__in={row.case_id for row in rows}, state__in=UNFINISHED)
    return set(bundles.values_list("case", flat=True))


def _postpone_captures(rows: Sequence[Capture], due_at: datetime, reason: Sentence) -> None:
    """Postpone captures, except those whose bundle was requested or whose case was decided in the meantime."""
    with transaction.atomic():
        cases = Case.objects.select_for_update(no_key=True).filter(pk__in={row.case_id for row in rows})
        current_decisions = dict(cases.order_by("pk").values_list("pk", "decision"))
        requested_cases = _find_requested_cases(rows)
        for row in rows:
            is_due_now = row.case_id in requested_cases or current_decisions[row.case_id] != row.case.decision
            steps.postpone_by_id(Capture, row.pk, now() if is_due_now else due_at, reason)


def _record_visit(services: Services, row: Capture, visit_result: CaptureResult) -> None:
    stored_result, files = _store_files(services, row.case, visit_result)
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=row.case_id)
        if Capture.objects.select_for_update(no_key=True).get(pk=row.pk).state != StepState.RUNNING:
            return  # Another worker has claimed the row.
        place_state = recaptures.get_place_state(stored_result.outcome)
        days = services.config.recapture_days
        outcomes = [stored_result.outcome, *recaptures.list_earlier_outcomes(row, stored_result.finished, days)]
        Capture.objects.filter(pk=row.pk).update(
            **copy_columns(stored_result, "method", "outcome", "sentence"),
            sighting=row.sighting_id,  # The sighting of this visit, even if the row was changed in the meantime.
            started_at=stored_result.started,
            finished_at=stored_result.finished,
            files=files,
            digests=sorted(digest.hex for digest in stored_result.digests),
            next_at=recaptures.compute_next_visit(outcomes, stored_result.finished, days),
        )
        recapture_phrases: list[HistoryPhrase] = [(f"again-{place_state}", {})] if row.number > 1 else []
        history.record_event(row.case, "captured", "", *recapture_phrases, text=stored_result.sentence)
        log_entries.log_capture(row.case, stored_result.outcome, files)
        steps.finish(Capture, [row.pk])
        recaptures.update_place_state(case)
        page_readings.request_reading(services, Capture.objects.get(pk=row.pk))
    pending_bundles = Bundle.objects.filter(case=row.case, state="queued")
    # Bundles whose decision can still be undone have a longer delay, which stays unchanged.
    pending_bundles.filter(not_before__lte=now() + CAPTURES_POLL_INTERVAL).update(not_before=None)
    services.enqueue(Bundle, list(pending_bundles.values_list("pk", flat=True)))


def _visit_page(services: Services, rows: Sequence[Capture]) -> Iterator[tuple[Capture, CaptureResult]]:
    """Visit a page and yield the result for each capture, merged with the results of partners and of a web archive.

    Results are yielded one at a time to limit memory use. The web archive is asked once to save the page,
    and its result is added to captures of public pages whose cases allow it.
    """
    partner_visits = {row.pk: cocaptures.request_visits(services, row.sighting) for row in rows}
    disclosable_rows = [
        row for row in rows if row.sighting.private_to_id is None and web_archive.is_enabled_for(services, row.case)
    ]
    add_archive = (
        web_archive.start_saving(services, disclosable_rows[0].case, disclosable_rows[0].sighting)
        if disclosable_rows
        else None
    )
    places: dict[tuple[str, Digest], list[Capture]] = defaultdict(list)
    for row in rows:
        places[row.sighting.image_url, row.sighting.picture.digest].append(row)
    results = services.capturer.capture_all(rows[0].sighting.page_url, list(places), load_denials())
    for place_rows, visit_result in zip(places.values(), results, strict=True):
        for row in place_rows:
            visits = partner_visits[row.pk]
            merged_result = visit_result if visits is None else visits.add_observations(visit_result)
            yield (
                row,
                merged_result if add_archive is None or row not in disclosable_rows else add_archive(merged_result),
            )


def _build_denied_result(sighting: Sighting) -> CaptureResult | None:
    """Return the result to record if the operator's rules deny a host of the sighting, else None."""
    is_denied = load_denials()
    for host in (get_url_host(sighting.page_url), get_url_host(sighting.image_url)):
        if is_denied(host):
            visited_at = now()
            sentence = Sentence("Not visited: the operator's rules exclude %(host)s.", host=host)
            return CaptureResult("unreachable", sentence, visited_at, visited_at, None, ())
    return None


def _store_files(services: Services, case: Case, visit_result: CaptureResult) -> tuple[CaptureResult, list[StoredFile]]:
    """Store the files of a visit, except blocked files, and return the visit's result and its list of files.

    A file is blocked if it contains or shows an image that is on the operator's blocklist or that a member of the owner
    reported as illegal. Only its digest is listed, and the result's sentence states this.
    """
    digests = {*visit_result.digests, *(Digest.from_bytes(file.data) for file in visit_result.files)}
    blocklisted_digests, reported_digests = (
        find_blocked_digests(digests),
        digests & {*scoped.list_reported_digests(case.owner)},
    )
    refused_digests = sorted(blocklisted_digests | reported_digests, key=lambda digest: digest.hex)
    files: list[StoredFile] = []
    for file in visit_result.files:
        digest = Digest.from_bytes(file.data)
        matching_digest = next(
            (
                blocked_digest
                for blocked_digest in refused_digests
                if shows_picture(blocked_digest, file.role, digest, file.data)
            ),
            None,
        )
        stored_file: StoredFile = {
            "name": file.name,
            "media_type": file.media_type,
            "digest": digest.hex,
            "size": len(file.data),
        }
        stored_file |= {"role": file.role}
        if matching_digest is None:
            services.blobs.put(file.data)
        else:
            stored_file |= {"because": matching_digest.hex}
        files.append(stored_file)
    if refused_digests:
        visit_result = replace(
            visit_result,
            sentence=concatenate_sentences(
                visit_result.sentence, BLOCKED_FILES if blocklisted_digests else REPORTED_PICTURE
            ),
        )
    return visit_result, files
