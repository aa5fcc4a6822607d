"""Visiting a sighting's page and image again, at once and later on a schedule, and keeping exactly what was served."""

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.addresses import host_of
from exhibit.ports import Captured
from exhibit.sentences import Sentence, following
from registry import jobs
from registry.accounts import scoped
from registry.alliance import cocaptures, web_archive
from registry.bundles.seal import WAIT_FOR_CAPTURES
from registry.cases import history, recaptures
from registry.cases.history import Said
from registry.crawls.crawling import denials
from registry.crawls.sightings import blocked
from registry.db import steps
from registry.db.fields import KeptFile
from registry.db.rows import columns
from registry.log import audit_log
from registry.models import Bundle, Capture, Case, Sighting, StepState
from registry.pictures.picture_usage import is_shown
from registry.services.disk import NEARLY_FULL, disk_is_full
from registry.services.services import Services

BLOCKED = Sentence("The operator's blocklist names bytes of this page; what carries or shows it wasn't kept.")
REPORTED = Sentence("A picture of this page was reported as illegal; what carries or shows it wasn't kept.")


def capture_sightings(services: Services, ids: Sequence[int]) -> None:
    """Visit each place once and record what came of it; a page that has gone is an outcome like any other."""
    claimed = steps.claim(Capture, ids, services.stale_after)
    if disk_is_full(services, share=0.5):
        steps.hold_up(Capture, claimed, NEARLY_FULL)
        return
    for pk in claimed:
        with steps.ending(Capture, [pk]):
            _capture(services, pk)


def _capture(services: Services, pk: int) -> None:
    row = Capture.objects.select_related("sighting__picture", "case__owner").get(pk=pk)
    sighting = row.sighting
    captured, files = _kept(services, row.case, _unvisited(sighting) or _visited(services, row.case, sighting))
    with transaction.atomic():
        case = Case.objects.select_for_update(no_key=True).get(pk=row.case_id)
        if Capture.objects.select_for_update(no_key=True).get(pk=pk).state != StepState.DOING:
            return  # another claimer was faster
        standing = recaptures.standing_of(captured.outcome)
        outcomes = [captured.outcome, *recaptures.outcomes_before(row)]
        Capture.objects.filter(pk=pk).update(
            **columns(captured, "method", "outcome", "sentence"),
            started_at=captured.started,
            finished_at=captured.finished,
            files=files,
            digests=sorted(digest.hex for digest in captured.digests),
            next_at=recaptures.next_visit(outcomes, captured.finished, services.config.recapture_days),
        )
        again: list[Said] = [(f"again-{standing}", {})] if row.number > 1 else []
        history.record(row.case, "captured", "", *again, words=captured.sentence)
        audit_log.captured(row.case, captured.outcome, files)
        steps.finish(Capture, [pk])
        recaptures.look_after(case)
    waiting = Bundle.objects.filter(case=row.case, state="todo")
    waiting.filter(not_before__lte=now() + WAIT_FOR_CAPTURES).update(not_before=None)  # not what can still be undone
    services.enqueue(jobs.seal, list(waiting.values_list("pk", flat=True)))


def _visited(services: Services, case: Case, sighting: Sighting) -> Captured:
    """The visit, and what partners saw, and an archive told, who were asked at the same time."""
    asking, add_archive = cocaptures.ask_partners(services, sighting), web_archive.ask(services, case, sighting)
    captured = services.capturer.capture(sighting.page_url, sighting.image_url, sighting.picture.digest, denials())
    captured = captured if asking is None else asking.join(captured)
    return captured if add_archive is None else add_archive(captured)


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
