"""Visiting a sighting's page and image again, at once and later on a schedule, and keeping exactly what was served."""

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

BLOCKED = Sentence("The operator's blocklist names bytes of this page; what carries or shows it wasn't kept.")
REPORTED = Sentence("A picture of this page was reported as illegal; what carries or shows it wasn't kept.")


USED_UP = Sentence("Today's visits that nobody asked for are used up. This one is made tomorrow (UTC).")
ASIDE = Sentence("Its case is put aside; the page is visited when it is opened again.")
LONG = timedelta(days=30)
"""After so long it is looked again whether a case that is put aside still is; opening it again asks by itself."""
MAX_TOGETHER = 10
"""Places of one page that a visit is for, at most; each has its own where partners visit it at the same time."""


def capture_sightings(services: Services, ids: Sequence[int]) -> None:
    """Visit each page once for all of an owner's places on it, and record what came of each.

    A page that has gone is an outcome like any other. What nobody has asked for keeps to the budget of its watch.
    """
    most = 1 if cocaptures.asks_partners() else MAX_TOGETHER  # a partner makes one visit at a time
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
    """These rows, and others of their owners that are due and for the same pages, as many as one visit may be for."""
    named = Capture.objects.filter(pk__in=ids).values_list("case__owner", "page_key")
    pages, found = Counter((owner, bytes(page)) for owner, page in named), list(ids)
    due = Capture.objects.filter(steps.due(services.stale_after), case__owner__in={owner for owner, _ in pages})
    others = due.filter(page_key__in={page for _, page in pages}).exclude(pk__in=found).order_by("pk")
    for pk, owner, page in others.values_list("pk", "case__owner", "page_key"):
        if 0 < pages[owner, bytes(page)] < most:
            pages[owner, bytes(page)] += 1
            found.append(pk)
    return found


def _capture(services: Services, rows: Sequence[Capture]) -> None:
    """Visit the one page of some rows; of hosts that are denied it is recorded that they weren't visited.

    For a case that was cleared or licensed meanwhile nothing is visited.
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
    """Take one of today's visits for some rows of an owner, which any of their payers gives; else when it is made.

    A watch pays for what it found for its own owner. What others' watches found is paid by the owner of the case:
    nobody's budget says anything to others, or is spent by them.
    """
    until = None
    watches = [(row.case.owner, row.sighting.crawl.watch) for row in rows]
    for payer in dict.fromkeys(watch if watch.owner_id == owner.pk else owner for owner, watch in watches):
        until = budgets.take_visit(payer)
        if until is None:
            break
    return until


def _asked(rows: Sequence[Capture]) -> set[int]:
    """The cases of some rows whose bundles a person waits for."""
    bundles = Bundle.objects.filter(case__in={row.case_id for row in rows}, state__in=UNFINISHED)
    return set(bundles.values_list("case", flat=True))


def _put_off(rows: Sequence[Capture], until: datetime, why: Sentence) -> None:
    """Put rows off but for those that a person asks for meanwhile, or whose case was decided otherwise, at once."""
    with transaction.atomic():
        cases = Case.objects.select_for_update(no_key=True).filter(pk__in={row.case_id for row in rows})
        decided = dict(cases.order_by("pk").values_list("pk", "decision"))
        asked = _asked(rows)
        for row in rows:
            otherwise = row.case_id in asked or decided[row.case_id] != row.case.decision
            steps.wait(Capture, row.pk, now() if otherwise else until, why)


def _record(services: Services, row: Capture, came: Captured) -> None:
    captured, files = _kept(services, row.case, came)
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=row.case_id)
        if Capture.objects.select_for_update(no_key=True).get(pk=row.pk).state != StepState.DOING:
            return  # another claimer was faster
        standing = recaptures.standing_of(captured.outcome)
        pause = services.config.recapture_days
        outcomes = [captured.outcome, *recaptures.outcomes_before(row, captured.finished, pause)]
        Capture.objects.filter(pk=row.pk).update(
            **columns(captured, "method", "outcome", "sentence"),
            sighting=row.sighting_id,  # that was looked for, whoever claimed the row since
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
    waiting.filter(not_before__lte=now() + WAIT_FOR_CAPTURES).update(not_before=None)  # not what can still be undone
    services.enqueue(Bundle, list(waiting.values_list("pk", flat=True)))


def _visited(services: Services, rows: Sequence[Capture]) -> Iterator[tuple[Capture, Captured]]:
    """What one visit brought for each row, and what partners saw, and an archive told, who were asked meanwhile.

    One row comes after the other, to be recorded at once: a visit for ten has much to be held.
    An archive is asked once about the page, for those cases whose pages it may be told and that anybody may see.
    """
    asking = {row.pk: cocaptures.ask_partners(services, row.sighting) for row in rows}
    told = [row for row in rows if row.sighting.private_to_id is None and web_archive.wanted(services, row.case)]
    add_archive = web_archive.ask(services, told[0].case, told[0].sighting) if told else None
    places: dict[tuple[str, Digest], list[Capture]] = defaultdict(list)
    for row in rows:
        places[row.sighting.image_url, row.sighting.picture.digest].append(row)
    each = services.capturer.capture_all(rows[0].sighting.page_url, list(places), denials())
    for of_place, captured in zip(places.values(), each, strict=True):
        for row in of_place:
            partners = asking[row.pk]
            joined = captured if partners is None else partners.join(captured)
            yield row, joined if add_archive is None or row not in told else add_archive(joined)


def _unvisited(sighting: Sighting) -> Captured | None:
    """What is recorded instead of a visit when a host of it is denied; ``None`` when none is."""
    denied = denials()
    for host in (host_of(sighting.page_url), host_of(sighting.image_url)):
        if denied(host):
            moment = now()
            sentence = Sentence("Not visited: the operator's rules name %(host)s.", host=host)
            return Captured("unreachable", sentence, moment, moment, None, ())
    return None


def _kept(services: Services, case: Case, captured: Captured) -> tuple[Captured, list[KeptFile]]:
    """Store the files of a visit, and list them; of one that carries or shows what may not be kept, only its digest.

    That is what the operator's blocklist names, and what a member of the owner has reported as illegal. The visit's
    sentence says so then.
    """
    met = {*captured.digests, *(Digest.of(file.data) for file in captured.files)}
    named, reported = blocked(met), met & {*scoped.reported(case.owner)}
    refused = sorted(named | reported, key=lambda digest: digest.hex)
    files: list[KeptFile] = []
    for file in captured.files:
        digest = Digest.of(file.data)
        because = next((one for one in refused if is_shown(one, file.role, digest, file.data)), None)
        kept: KeptFile = {
            "name": file.name,
            "media_type": file.media_type,
            "digest": digest.hex,
            "size": len(file.data),
        }
        kept |= {"role": file.role}
        if because is None:
            services.blobs.put(file.data)
        else:
            kept |= {"because": because.hex}
        files.append(kept)
    if refused:
        captured = replace(captured, sentence=following(captured.sentence, BLOCKED if named else REPORTED))
    return captured, files
