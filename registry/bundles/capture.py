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
from registry.bundles.seal import WAIT_FOR_CAPTURES
from registry.cases import history, log_entries, page_readings, recaptures, web_archive
from registry.cases.history import Said
from registry.cases.models import Capture, Case
from registry.cases.picture_usage import is_shown
from registry.crawls import budgets
from registry.crawls.crawling import denials
from registry.crawls.models import Sighting
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.fields import KeptFile
from registry.db.rows import columns
from registry.pictures import scoped
from registry.pictures.blocks import blocked
from registry.services.disk import NEARLY_FULL, disk_is_full
from registry.services.services import Services

BLOCKED = Sentence("A file of this page is on the operator's blocklist. Files that contain or show it were not stored.")
REPORTED = Sentence("A picture on this page was reported as illegal. Files that contain or show it were not stored.")


USED_UP = Sentence("The daily limit of automatic visits has been reached. This visit will be made tomorrow (UTC).")
ASIDE = Sentence("The case is snoozed. The page will be visited when the case is reopened.")
LONG = timedelta(days=30)
"""Interval at which a case that was put aside is checked again. Reopening it triggers a visit directly."""
MAX_TOGETHER = 10
"""Maximum number of places covered by one visit to a page. With partners, each place has its own simultaneous visit."""


def capture_sightings(services: Services, ids: Sequence[int]) -> None:
    """Visit each page once for all of an owner's places on it and record the outcome for each.

    A missing page is an outcome like any other. Visits that nobody requested stay within the watch's budget.
    """
    most = 1 if cocaptures.asks_partners() else MAX_TOGETHER  # A partner makes one visit at a time.
    claimed = steps.claim(Capture, _with_others(services, ids, most), services.stale_after)
    if disk_is_full(services, share=0.5):
        steps.hold_up(Capture, claimed, NEARLY_FULL)
        return
    recaptures.look_for_the_newest(claimed)
    pages: dict[tuple[int, str], list[Capture]] = defaultdict(list)
    for row in (
        Capture.objects.filter(pk__in=claimed)
        .select_related("sighting__picture", "sighting__crawl__watch", "case__owner")
        .order_by("pk")
    ):
        pages[row.case.owner_id, row.sighting.page_url].append(row)
    for rows in pages.values():
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            with steps.ending(Capture, [row.pk for row in some]):
                _capture(services, some)


def _with_others(services: Services, ids: Sequence[int], most: int) -> list[int]:
    """Return these captures and other due ones of the same owners and pages, up to the maximum per visit."""
    owners_and_pages = Capture.objects.filter(pk__in=ids).values_list("case__owner", "page_key")
    pages, keys = Counter((owner, bytes(page)) for owner, page in owners_and_pages), list(ids)
    due = Capture.objects.filter(steps.due(services.stale_after), case__owner__in={owner for owner, _ in pages})
    others = due.filter(page_key__in={page for _, page in pages}).exclude(pk__in=keys).order_by("pk")
    for pk, owner, page in others.values_list("pk", "case__owner", "page_key"):
        if 0 < pages[owner, bytes(page)] < most:
            pages[owner, bytes(page)] += 1
            keys.append(pk)
    return keys


def _capture(services: Services, rows: Sequence[Capture]) -> None:
    """Visit the page of some captures. For denied hosts, record that they were not visited.

    Cases that were cleared or licensed in the meantime are not visited.
    """
    aside = [row for row in rows if row.case.decision not in recaptures.FOLLOWED]
    if aside:
        _put_off(aside, now() + LONG, ASIDE)
    rows = [row for row in rows if row not in aside]
    denied = {row.pk: unvisited for row in rows if (unvisited := _unvisited(row.sighting))}
    to_visit = [row for row in rows if row.pk not in denied]
    until = None if _asked(to_visit) else _turn(to_visit)
    if until is not None:
        _put_off(to_visit, until, USED_UP)
    for row in rows:
        if row.pk in denied:
            _record(services, row, denied[row.pk])
    if to_visit and until is None:
        for row, captured in _visited(services, to_visit):
            _record(services, row, captured)


def _turn(rows: Sequence[Capture]) -> datetime | None:
    """Take one of today's visits from the budget of any payer; return None, or when the next one is available.

    A watch pays for what it found for its own owner. For finds of other owners' watches, the owner of the case pays, so
    that budgets are neither disclosed to nor spent by others.
    """
    until = None
    watches = [(row.case.owner, row.sighting.crawl.watch) for row in rows]
    for payer in dict.fromkeys(watch if watch.owner_id == owner.pk else owner for owner, watch in watches):
        until = budgets.take_visit(payer)
        if until is None:
            break
    return until


def _asked(rows: Sequence[Capture]) -> set[int]:
    """Return the cases among these captures whose bundles a person waits for."""
    bundles = Bundle.objects.filter(case__in={row.case_id for row in rows}, state__in=UNFINISHED)
    return set(bundles.values_list("case", flat=True))


def _put_off(rows: Sequence[Capture], until: datetime, why: Sentence) -> None:
    """Postpone captures. Those that a person has requested or whose case has a new decision are due at once."""
    with transaction.atomic():
        cases = Case.objects.select_for_update(no_key=True).filter(pk__in={row.case_id for row in rows})
        decided = dict(cases.order_by("pk").values_list("pk", "decision"))
        requested = _asked(rows)
        for row in rows:
            otherwise = row.case_id in requested or decided[row.case_id] != row.case.decision
            steps.wait(Capture, row.pk, now() if otherwise else until, why)


def _record(services: Services, row: Capture, came: Captured) -> None:
    captured, files = _kept(services, row.case, came)
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=row.case_id)
        if Capture.objects.select_for_update(no_key=True).get(pk=row.pk).state != StepState.DOING:
            return  # Another worker claimed the row first.
        standing = recaptures.standing_of(captured.outcome)
        pause = services.config.recapture_days
        outcomes = [captured.outcome, *recaptures.outcomes_before(row, captured.finished, pause)]
        Capture.objects.filter(pk=row.pk).update(
            **columns(captured, "method", "outcome", "sentence"),
            sighting=row.sighting_id,  # The one that this visit looked for, even if the row was claimed again.
            started_at=captured.started,
            finished_at=captured.finished,
            files=files,
            digests=sorted(digest.hex for digest in captured.digests),
            next_at=recaptures.next_visit(outcomes, captured.finished, pause),
        )
        again: list[Said] = [(f"again-{standing}", {})] if row.number > 1 else []
        history.record(row.case, "captured", "", *again, words=captured.sentence)
        log_entries.log_capture(row.case, captured.outcome, files)
        steps.finish(Capture, [row.pk])
        recaptures.look_after(case)
        page_readings.request_reading(services, Capture.objects.get(pk=row.pk))
    waiting = Bundle.objects.filter(case=row.case, state="todo")
    # Bundles whose decision can still be undone keep their longer delay.
    waiting.filter(not_before__lte=now() + WAIT_FOR_CAPTURES).update(not_before=None)
    services.enqueue(Bundle, list(waiting.values_list("pk", flat=True)))


def _visited(services: Services, rows: Sequence[Capture]) -> Iterator[tuple[Capture, Captured]]:
    """Visit a page and yield the result for each capture, merged with those of partners and an archive.

    Results are yielded one at a time so that the caller can record each at once: a visit for ten places uses much
    memory. The archive is queried once about the page, for cases whose pages may be disclosed to it and that are
    public.
    """
    asking = {row.pk: cocaptures.ask_partners(services, row.sighting) for row in rows}
    disclosable = [row for row in rows if row.sighting.private_to_id is None and web_archive.wanted(services, row.case)]
    add_archive = web_archive.ask(services, disclosable[0].case, disclosable[0].sighting) if disclosable else None
    places: dict[tuple[str, Digest], list[Capture]] = defaultdict(list)
    for row in rows:
        places[row.sighting.image_url, row.sighting.picture.digest].append(row)
    each = services.capturer.capture_all(rows[0].sighting.page_url, list(places), denials())
    for of_place, captured in zip(places.values(), each, strict=True):
        for row in of_place:
            partners = asking[row.pk]
            joined = captured if partners is None else partners.join(captured)
            yield row, joined if add_archive is None or row not in disclosable else add_archive(joined)


def _unvisited(sighting: Sighting) -> Captured | None:
    """Return the result to record instead of a visit if a host is denied, or None."""
    denied = denials()
    for host in (host_of(sighting.page_url), host_of(sighting.image_url)):
        if denied(host):
            moment = now()
            sentence = Sentence("Not visited: the operator's rules exclude %(host)s.", host=host)
            return Captured("unreachable", sentence, moment, moment, None, ())
    return None


def _kept(services: Services, case: Case, captured: Captured) -> tuple[Captured, list[KeptFile]]:
    """Store the files of a visit and return the list. Of blocked files, only the digest is kept.

    A file is blocked if it contains or shows an image on the operator's blocklist or one that a member of the owner
    reported as illegal. The visit's sentence then states this.
    """
    met = {*captured.digests, *(Digest.of(file.data) for file in captured.files)}
    blocklisted, reported = blocked(met), met & {*scoped.reported(case.owner)}
    refused = sorted(blocklisted | reported, key=lambda digest: digest.hex)
    files: list[KeptFile] = []
    for file in captured.files:
        digest = Digest.of(file.data)
        because = next((one for one in refused if is_shown(one, file.role, digest, file.data)), None)
        stored: KeptFile = {
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
