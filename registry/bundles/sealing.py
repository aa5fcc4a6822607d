"""Sealing of confirmed cases: facts, images and captures become one signed manifest, which is logged."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from evidence.anchors import KINDS
from evidence.bundle.sealing import ContentFile, SealedCase, build_seal_opening, create_reduced_picture, seal_case
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import AbsenceCode
from evidence.log.append_only import BrokenHistoryError
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry.bundles.documents import LazyPictures, list_languages, render_in_each_language
from registry.bundles.drawings import load_pair
from registry.bundles.facts import GatheredFacts, find_absent_files, gather_facts
from registry.bundles.models import REOPENED_CASE, Bundle
from registry.cases import history, recaptures
from registry.cases.file_availability import find_absences
from registry.cases.models import Capture, Case
from registry.crawls.models import CrawlSlice
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import lock_and_reload, lock_row
from registry.events import events
from registry.events.models import EventKind
from registry.keys.models import SealingKey
from registry.keys.signing_keys import KEY_HOLDER, check_not_revoked, get_sealing_key, unlock_signer
from registry.log import service_availability
from registry.log.anchors import get_anchors
from registry.log.log import submit_entry
from registry.log.sequencer import get_or_create_receipt
from registry.pictures.models import Picture
from registry.services.services import Services

CAPTURES_POLL_INTERVAL = timedelta(seconds=2)
LOG_POLL_INTERVAL = timedelta(minutes=1)
REPLACEABLE_ABSENCES = frozenset({AbsenceCode.REPORTED, AbsenceCode.PURGED, AbsenceCode.LOST})
"""Reasons for missing files that a new visit may replace."""


def seal_bundles(services: Services, ids: Sequence[int]) -> None:
    """Seal each bundle whose captures and slices have completed; postpone the others."""
    for pk in steps.claim(Bundle, ids, services.stale_after):
        bundle = Bundle.objects.select_related("case__owner", "case__work").get(pk=pk)
        if bundle.case.decision != Case.Decision.CONFIRMED:
            steps.record_failure(Bundle, pk, REOPENED_CASE, retry=False)
            continue
        if _has_unfinished_captures_or_slices(bundle.case):
            steps.postpone_by_id(Bundle, pk, now() + CAPTURES_POLL_INTERVAL)
            continue
        if new_visits := queue_new_visits(services, bundle.case):
            steps.postpone_by_id(Bundle, pk, now() + CAPTURES_POLL_INTERVAL)
            services.enqueue(Capture, new_visits, by_user=True)
            continue
        with steps.guard_processing(Bundle, [pk]):
            try:
                _seal_bundle(services, bundle)
            except BrokenHistoryError as error:  # Wait for the operator; the bundle itself is valid.
                steps.postpone_by_id(Bundle, pk, now() + LOG_POLL_INTERVAL, error.sentence)


def _has_unfinished_captures_or_slices(case: Case) -> bool:
    """Return True if a capture of the case, or a crawl slice with its sightings, is unfinished.

    A slice must be finished because its log entry is the first proof of its sightings.
    """
    captures = Capture.objects.filter(case=case, state__in=UNFINISHED)
    slices = CrawlSlice.objects.filter(sightings__case_sightings__case=case, state__in=UNFINISHED)
    return captures.exists() or slices.exists()


def queue_new_visits(services: Services, case: Case) -> list[int]:
    """Queue another visit to each place if files of its last visit were removed, reported or lost since then.

    Only one more visit is queued: if the page still shows a blocked image and the new visit cannot store the files
    either, they are omitted from the bundle.
    """
    finished_captures = list(Capture.objects.filter(case=case, state=StepState.DONE))
    absences = find_absences(services, case.owner, (), finished_captures)
    last_captures: dict[tuple[bytes, bytes], Capture] = {}
    for row in Capture.objects.filter(case=case).order_by("number"):
        last_captures[recaptures.get_place_key(row)] = row
    capture_ids = []
    for row in last_captures.values():
        missing_files = [
            absences[digest] for file in row.files if (digest := Digest.from_hex(file["digest"])) in absences
        ]
        absence_times = [
            absence.since or case.decided_at for absence in missing_files if absence.reason in REPLACEABLE_ABSENCES
        ]
        if row.finished_at is not None and any(
            absent_since is not None and absent_since > row.finished_at for absent_since in absence_times
        ):
            capture_ids.append(recaptures.request_next_visit(row))
    return capture_ids


def _seal_bundle(services: Services, bundle: Bundle) -> None:
    """Seal a bundle: gather facts, render drawings and sheets, sign, then save rows and log entry atomically."""
    case = bundle.case
    language = list_languages(services)[0]
    gathered_facts = gather_facts(services, case, bundle=bundle.number, language=language, for_sealing=True)
    key = get_sealing_key(services, case.owner)
    try:
        sealed_bundle = _seal_content(services, gathered_facts, key)
    except NotFoundError:
        if find_absent_files(services, case) == gathered_facts.absences:
            raise
        steps.postpone_by_id(Bundle, bundle.pk, now())  # A file was removed in the meantime. Gather the facts again.
        return
    with lock_row(case) as locked_case:
        if lock_and_reload(bundle).state != StepState.RUNNING:
            return
        if (locked_case.decision, locked_case.decided_at) != (case.decision, case.decided_at):
            steps.record_failure(Bundle, bundle.pk, REOPENED_CASE, retry=False)
            return
        if _is_outdated(services, case, gathered_facts):
            steps.postpone_by_id(Bundle, bundle.pk, now())
            return
        check_not_revoked(key)
        _record_seal(services, bundle, sealed_bundle, key)


def _seal_content(services: Services, gathered_facts: GatheredFacts, key: SealingKey) -> SealedCase:
    files = [*gathered_facts.files, *_draw_matches(services, gathered_facts)]
    files += _render_sheets(services, gathered_facts, files)
    registered_pictures = [
        picture
        for picture in gathered_facts.facts.work.pictures
        if picture.file not in gathered_facts.facts.omitted_files
    ]
    files += [
        create_reduced_picture(picture.file, services.blobs.get(picture.digest), services.blobs)
        for picture in registered_pictures
    ]
    signer = unlock_signer(services, key)
    return seal_case(gathered_facts.facts, files, signer, holder=KEY_HOLDER, sealed_at=now(), blobs=services.blobs)


def _is_outdated(services: Services, case: Case, gathered_facts: GatheredFacts) -> bool:
    """Return True if a file of the case was removed or reported after its facts were gathered.

    The images are locked in the same way as by a purge, so that concurrent purges and seals see each other's changes.
    """
    facts = gathered_facts.facts
    digests = {sighting.picture.digest for sighting in facts.sightings} | {
        picture.digest for picture in facts.work.pictures
    }
    captures = Capture.objects.filter(case=case, state=StepState.DONE)
    digests |= {Digest.from_hex(digest) for capture in captures for digest in capture.digests}
    list(Picture.objects.select_for_update(no_key=True).filter(digest__in=digests).order_by("pk").values_list("pk"))
    return find_absent_files(services, case) != gathered_facts.absences


def _record_seal(services: Services, bundle: Bundle, sealed_bundle: SealedCase, key: SealingKey) -> None:
    submission = submit_entry(EntryType.SEAL, build_seal_opening(sealed_bundle), bundle.case.owner)
    Bundle.objects.filter(pk=bundle.pk).update(
        seal_digest=sealed_bundle.seal_digest,
        manifest=sealed_bundle.seal_digest,
        signature=sealed_bundle.signature,
        key=key,
        sealed_at=sealed_bundle.manifest.sealed_at,
        submission=submission,
        contents=[{"path": file.path, "digest": file.sha256.hex} for file in sealed_bundle.manifest.files],
    )
    steps.finish(Bundle, [bundle.pk])
    history.record_event(bundle.case, "sealed", "", ("sealed", {"number": bundle.number}))
    details = {"bundle": bundle.number, "case": bundle.case.number, "seal": sealed_bundle.seal_digest.hex}
    events.record_event(bundle.case.owner, EventKind.BUNDLE_SEALED, details, name=sealed_bundle.seal_digest.hex)
    _request_direct_timestamps(services, bundle, sealed_bundle.seal_digest)


def _request_direct_timestamps(services: Services, bundle: Bundle, seal_digest: Digest) -> None:
    """Queue direct timestamps (RFC 3161) of the seal digest, unless the configured daily limit has been reached."""
    if (
        service_availability.count_direct_timestamps(now() - service_availability.DAY)
        >= services.config.direct_stamps_a_day
    ):
        return
    for anchor in get_anchors(services):
        if KINDS[anchor.kind].is_direct:
            get_or_create_receipt(anchor, seal_digest, bundle=bundle)


def _draw_matches(services: Services, gathered_facts: GatheredFacts) -> list[ContentFile]:
    files = []
    for facts, row in zip(gathered_facts.facts.matches, gathered_facts.matches, strict=True):
        if facts.drawings:
            pair = load_pair(services, row)
            for role, path in facts.drawings.items():
                files.append(ContentFile(path, role, MEDIA_TYPE, services.blobs.put(draw(View(role), pair))))
    return files


def _render_sheets(
    services: Services, gathered_facts: GatheredFacts, files: Sequence[ContentFile]
) -> list[ContentFile]:
    """Render the exhibit sheet in each of the installation's languages, except those whose font is missing."""
    facts = gathered_facts.facts
    digests = {
        file.path: file.digest for file in files if file.media_type.startswith("image/") or file.role == "network"
    }
    digests |= {picture.file: picture.digest for picture in facts.work.pictures}
    digests |= {document.file: document.digest for document in facts.work.attachments}
    digests |= {sighting.picture.file: sighting.picture.digest for sighting in facts.sightings}
    digests = {path: digest for path, digest in digests.items() if path not in facts.omitted_files}
    pictures = LazyPictures({path: partial(services.blobs.get, digest) for path, digest in digests.items()})
    render = partial(render_exhibit_sheet, facts, pictures, time_zone=services.config.time_zone)
    return render_in_each_language(services, render, "data/exhibit.pdf", "exhibit-sheet")
