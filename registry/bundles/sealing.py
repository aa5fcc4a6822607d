"""Sealing of confirmed cases: facts, images and captures become one signed manifest, which is logged."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from evidence.anchors import KINDS
from evidence.bundle.sealing import ContentFile, SealedCase, create_stand_in, seal, seal_opening
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import Absence
from evidence.log.append_only import BrokenHistoryError
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry.bundles.documents import LazyPictures, languages_of, render_in_each_language
from registry.bundles.drawings import load_pair
from registry.bundles.facts import GatheredFacts, find_absent_files, gather_facts
from registry.bundles.models import REOPENED, Bundle
from registry.cases import history, recaptures
from registry.cases.file_availability import find_absent
from registry.cases.models import Capture, Case
from registry.crawls.models import CrawlSlice
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import lock_and_reload, lock_row
from registry.events import events
from registry.events.models import EventKind
from registry.keys.models import SealingKey
from registry.keys.signing_keys import HOLDER, check_not_revoked, sealing_key, signer_of
from registry.log import service_availability
from registry.log.anchors import get_anchors
from registry.log.log import submit
from registry.log.sequencer import get_or_create_receipt
from registry.pictures.models import Picture
from registry.services.services import Services

WAIT_FOR_CAPTURES = timedelta(seconds=2)
WAIT_FOR_LOG = timedelta(minutes=1)
REPLACEABLE = frozenset({Absence.REPORTED, Absence.PURGED, Absence.LOST})
"""Reasons for a missing file that a new visit may replace."""


def seal_bundles(services: Services, ids: Sequence[int]) -> None:
    """Seal each bundle whose captures and first slices have completed; the others wait."""
    for pk in steps.claim(Bundle, ids, services.stale_after):
        bundle = Bundle.objects.select_related("case__owner", "case__work").get(pk=pk)
        if bundle.case.decision != Case.Decision.CONFIRMED:
            steps.fail(Bundle, pk, REOPENED, retry=False)
            continue
        if _has_unfinished_visits(bundle.case):
            steps.wait(Bundle, pk, now() + WAIT_FOR_CAPTURES)
            continue
        if new_visits := queue_new_visits(services, bundle.case):
            steps.wait(Bundle, pk, now() + WAIT_FOR_CAPTURES)
            services.enqueue(Capture, new_visits, by_user=True)
            continue
        with steps.processing(Bundle, [pk]):
            try:
                _seal(services, bundle)
            except BrokenHistoryError as error:  # Until the operator has decided; the bundle itself has no fault.
                steps.wait(Bundle, pk, now() + WAIT_FOR_LOG, error.sentence)


def _has_unfinished_visits(case: Case) -> bool:
    """Return True if a capture or a slice is unfinished. A slice's log entry is the first proof of what it saw."""
    captures = Capture.objects.filter(case=case, state__in=UNFINISHED)
    slices = CrawlSlice.objects.filter(sightings__case_sightings__case=case, state__in=UNFINISHED)
    return captures.exists() or slices.exists()


def queue_new_visits(services: Services, case: Case) -> list[int]:
    """Queue another visit to each place whose last visit lacks files that were removed, reported or lost since.

    Each visit is queried only once: files that the new visit cannot keep either, because the page still shows a blocked
    image, are left out.
    """
    done = list(Capture.objects.filter(case=case, state=StepState.DONE))
    absences = find_absent(services, case.owner, (), done)
    last: dict[tuple[bytes, bytes], Capture] = {}
    for row in Capture.objects.filter(case=case).order_by("number"):
        last[recaptures.place_of(row)] = row
    requested = []
    for row in last.values():
        missing = [absences[digest] for file in row.files if (digest := Digest.from_hex(file["digest"])) in absences]
        since = [absence.since or case.decided_at for absence in missing if absence.why in REPLACEABLE]
        if row.finished_at is not None and any(moment is not None and moment > row.finished_at for moment in since):
            requested.append(recaptures.request_next_visit(row))
    return requested


def _seal(services: Services, bundle: Bundle) -> None:
    """Seal a bundle: 1. gather facts, 2. draw and typeset, 3. seal and sign, 4. save rows and log entry atomically."""
    case = bundle.case
    language = languages_of(services)[0]
    gathered = gather_facts(services, case, bundle=bundle.number, language=language, for_sealing=True)
    key = sealing_key(services, case.owner)
    try:
        sealed_bundle = _seal_content(services, gathered, key)
    except NotFoundError:
        if find_absent_files(services, case) == gathered.absent:
            raise
        steps.wait(Bundle, bundle.pk, now())  # A file was removed in the meantime, so the facts are gathered again.
        return
    with lock_row(case) as current:
        if lock_and_reload(bundle).state != StepState.DOING:
            return
        if (current.decision, current.decided_at) != (case.decision, case.decided_at):
            steps.fail(Bundle, bundle.pk, REOPENED, retry=False)
            return
        if _is_outdated(services, case, gathered):
            steps.wait(Bundle, bundle.pk, now())
            return
        check_not_revoked(key)
        _record(services, bundle, sealed_bundle, key)


def _seal_content(services: Services, gathered: GatheredFacts, key: SealingKey) -> SealedCase:
    files = [*gathered.files, *_draw_matches(services, gathered)]
    files += _render_sheets(services, gathered, files)
    registered = [
        picture for picture in gathered.facts.work.pictures if picture.file not in gathered.facts.omitted_files
    ]
    files += [
        create_stand_in(picture.file, services.blobs.get(picture.digest), services.blobs) for picture in registered
    ]
    signer = signer_of(services, key)
    return seal(gathered.facts, files, signer, holder=HOLDER, sealed_at=now(), blobs=services.blobs)


def _is_outdated(services: Services, case: Case, gathered: GatheredFacts) -> bool:
    """Return True if a file of the case was removed or reported after its facts were gathered.

    The images are locked as a purge locks them, so that the second of two concurrent actions sees the first.
    """
    facts = gathered.facts
    digests = {sighting.picture.digest for sighting in facts.sightings} | {
        picture.digest for picture in facts.work.pictures
    }
    captures = Capture.objects.filter(case=case, state=StepState.DONE)
    digests |= {Digest.from_hex(digest) for capture in captures for digest in capture.digests}
    list(Picture.objects.select_for_update(no_key=True).filter(digest__in=digests).order_by("pk").values_list("pk"))
    return find_absent_files(services, case) != gathered.absent


def _record(services: Services, bundle: Bundle, sealed_bundle: SealedCase, key: SealingKey) -> None:
    submission = submit(EntryType.SEAL, seal_opening(sealed_bundle), bundle.case.owner)
    Bundle.objects.filter(pk=bundle.pk).update(
        seal_digest=sealed_bundle.seal,
        manifest=sealed_bundle.seal,
        signature=sealed_bundle.signature,
        key=key,
        sealed_at=sealed_bundle.manifest.sealed_at,
        submission=submission,
        contents=[{"path": file.path, "digest": file.sha256.hex} for file in sealed_bundle.manifest.files],
    )
    steps.finish(Bundle, [bundle.pk])
    history.record(bundle.case, "sealed", "", ("sealed", {"number": bundle.number}))
    details = {"bundle": bundle.number, "case": bundle.case.number, "seal": sealed_bundle.seal.hex}
    events.record(bundle.case.owner, EventKind.BUNDLE_SEALED, details, name=sealed_bundle.seal.hex)
    _request_direct_timestamps(services, bundle, sealed_bundle.seal)


def _request_direct_timestamps(services: Services, bundle: Bundle, seal_digest: Digest) -> None:
    """Queue direct timestamps (RFC 3161) of the seal digest, within the configured daily limit."""
    if (
        service_availability.count_direct_timestamps(now() - service_availability.DAY)
        >= services.config.direct_stamps_a_day
    ):
        return
    for anchor in get_anchors(services):
        if KINDS[anchor.kind].is_direct:
            get_or_create_receipt(anchor, seal_digest, bundle=bundle)


def _draw_matches(services: Services, gathered: GatheredFacts) -> list[ContentFile]:
    files = []
    for facts, row in zip(gathered.facts.matches, gathered.matches, strict=True):
        if facts.drawings:
            pair = load_pair(services, row)
            for role, path in facts.drawings.items():
                files.append(ContentFile(path, role, MEDIA_TYPE, services.blobs.put(draw(View(role), pair))))
    return files


def _render_sheets(services: Services, gathered: GatheredFacts, files: Sequence[ContentFile]) -> list[ContentFile]:
    """Render the exhibit sheet in each of the installation's languages, except those whose font is missing."""
    facts = gathered.facts
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
