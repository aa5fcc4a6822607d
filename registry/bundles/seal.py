"""Sealing of confirmed cases: facts, images and captures become one signed manifest, which is logged."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from evidence.anchors import KINDS
from evidence.bundle.sealing import ContentFile, SealedCase, seal, seal_opening, stand_in
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import Absence
from evidence.log.append_only import BrokenHistoryError
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry.bundles.documents import LazyPictures, in_each_language, languages_of
from registry.bundles.drawings import pair_of
from registry.bundles.facts import Gathered, absent_in, gather
from registry.bundles.models import OPENED_AGAIN, Bundle
from registry.cases import history, recaptures
from registry.cases.models import Capture, Case
from registry.cases.presence import absent
from registry.crawls.models import CrawlSlice
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import alone_with, locked
from registry.events import events
from registry.events.models import EventKind
from registry.keys.models import SealingKey
from registry.keys.signing_keys import HOLDER, sealing_key, signer_of, still_counts
from registry.log import witnesses
from registry.log.anchors import get_anchors
from registry.log.log import submit
from registry.log.sequencer import asked_receipt
from registry.pictures.models import Picture
from registry.services.services import Services

WAIT_FOR_CAPTURES = timedelta(seconds=2)
WAIT_FOR_LOG = timedelta(minutes=1)
ANEW = frozenset({Absence.REPORTED, Absence.PURGED, Absence.LOST})
"""Reasons for a missing file that a new visit may replace."""


def seal_bundles(services: Services, ids: Sequence[int]) -> None:
    """Seal each bundle whose captures and first slices have completed; the others wait."""
    for pk in steps.claim(Bundle, ids, services.stale_after):
        bundle = Bundle.objects.select_related("case__owner", "case__work").get(pk=pk)
        if bundle.case.decision != Case.Decision.CONFIRMED:
            steps.fail(Bundle, pk, OPENED_AGAIN, retry=False)
            continue
        if _is_under_way(bundle.case):
            steps.wait(Bundle, pk, now() + WAIT_FOR_CAPTURES)
            continue
        if again := visits_anew(services, bundle.case):
            steps.wait(Bundle, pk, now() + WAIT_FOR_CAPTURES)
            services.enqueue(Capture, again, asked=True)
            continue
        with steps.ending(Bundle, [pk]):
            try:
                _seal(services, bundle)
            except BrokenHistoryError as error:  # Until the operator has decided; the bundle itself has no fault.
                steps.wait(Bundle, pk, now() + WAIT_FOR_LOG, error.sentence)


def _is_under_way(case: Case) -> bool:
    """Return True if a capture or a slice is unfinished. A slice's log entry is the first proof of what it saw."""
    captures = Capture.objects.filter(case=case, state__in=UNFINISHED)
    slices = CrawlSlice.objects.filter(sightings__case_sightings__case=case, state__in=UNFINISHED)
    return captures.exists() or slices.exists()


def visits_anew(services: Services, case: Case) -> list[int]:
    """Queue another visit to each place whose last visit lacks files that were removed, reported or lost since.

    Each visit is queried only once: files that the new visit cannot keep either, because the page still shows a blocked
    image, are left out.
    """
    done = list(Capture.objects.filter(case=case, state=StepState.DONE))
    gone = absent(services, case.owner, (), done)
    last: dict[tuple[bytes, bytes], Capture] = {}
    for row in Capture.objects.filter(case=case).order_by("number"):
        last[recaptures.place_of(row)] = row
    requested = []
    for row in last.values():
        lacking = [gone[digest] for file in row.files if (digest := Digest.from_hex(file["digest"])) in gone]
        since = [one.since or case.decided_at for one in lacking if one.why in ANEW]
        if row.finished_at is not None and any(moment is not None and moment > row.finished_at for moment in since):
            requested.append(recaptures.follow(row))
    return requested


def _seal(services: Services, bundle: Bundle) -> None:
    """Seal a bundle: 1. gather facts, 2. draw and typeset, 3. seal and sign, 4. save rows and log entry atomically."""
    case = bundle.case
    language = languages_of(services)[0]
    gathered = gather(services, case, bundle=bundle.number, language=language, sealed=True)
    key = sealing_key(services, case.owner)
    try:
        sealed = _sealed(services, gathered, key)
    except NotFoundError:
        if absent_in(services, case) == gathered.absent:
            raise
        steps.wait(Bundle, bundle.pk, now())  # A file was removed in the meantime, so the facts are gathered again.
        return
    with alone_with(case) as present:
        if locked(bundle).state != StepState.DOING:
            return
        if (present.decision, present.decided_at) != (case.decision, case.decided_at):
            steps.fail(Bundle, bundle.pk, OPENED_AGAIN, retry=False)
            return
        if _is_outdated(services, case, gathered):
            steps.wait(Bundle, bundle.pk, now())
            return
        still_counts(key)
        _record(services, bundle, sealed, key)


def _sealed(services: Services, gathered: Gathered, key: SealingKey) -> SealedCase:
    files = [*gathered.files, *_drawings(services, gathered)]
    files += _sheets(services, gathered, files)
    registered = [picture for picture in gathered.facts.work.pictures if picture.file not in gathered.facts.absent]
    files += [stand_in(picture.file, services.blobs.get(picture.digest), services.blobs) for picture in registered]
    signer = signer_of(services, key)
    return seal(gathered.facts, files, signer, holder=HOLDER, sealed_at=now(), blobs=services.blobs)


def _is_outdated(services: Services, case: Case, gathered: Gathered) -> bool:
    """Return True if a file of the case was removed or reported after its facts were gathered.

    The images are locked as a purge locks them, so that the second of two concurrent actions sees the first.
    """
    facts = gathered.facts
    met = {sighting.picture.digest for sighting in facts.sightings} | {
        picture.digest for picture in facts.work.pictures
    }
    captures = Capture.objects.filter(case=case, state=StepState.DONE)
    met |= {Digest.from_hex(digest) for capture in captures for digest in capture.digests}
    list(Picture.objects.select_for_update(no_key=True).filter(digest__in=met).order_by("pk").values_list("pk"))
    return absent_in(services, case) != gathered.absent


def _record(services: Services, bundle: Bundle, sealed: SealedCase, key: SealingKey) -> None:
    submission = submit(EntryType.SEAL, seal_opening(sealed), bundle.case.owner)
    Bundle.objects.filter(pk=bundle.pk).update(
        seal_digest=sealed.seal,
        manifest=sealed.seal,
        signature=sealed.signature,
        key=key,
        sealed_at=sealed.manifest.sealed_at,
        submission=submission,
        contents=[{"path": file.path, "digest": file.sha256.hex} for file in sealed.manifest.files],
    )
    steps.finish(Bundle, [bundle.pk])
    history.record(bundle.case, "sealed", "", ("sealed", {"number": bundle.number}))
    details = {"bundle": bundle.number, "case": bundle.case.number, "seal": sealed.seal.hex}
    events.record(bundle.case.owner, EventKind.BUNDLE_SEALED, details, name=sealed.seal.hex)
    _stamp_directly(services, bundle, sealed.seal)


def _stamp_directly(services: Services, bundle: Bundle, seal_digest: Digest) -> None:
    """Queue direct timestamps (RFC 3161) of the seal digest, within the configured daily limit."""
    if witnesses.stamped_directly_since(now() - witnesses.DAY) >= services.config.direct_stamps_a_day:
        return
    for anchor in get_anchors(services):
        if KINDS[anchor.kind].is_direct:
            asked_receipt(anchor, seal_digest, bundle=bundle)


def _drawings(services: Services, gathered: Gathered) -> list[ContentFile]:
    files = []
    for facts, row in zip(gathered.facts.matches, gathered.matches, strict=True):
        if facts.drawings:
            pair = pair_of(services, row)
            for role, path in facts.drawings.items():
                files.append(ContentFile(path, role, MEDIA_TYPE, services.blobs.put(draw(View(role), pair))))
    return files


def _sheets(services: Services, gathered: Gathered, files: Sequence[ContentFile]) -> list[ContentFile]:
    """Render the exhibit sheet in each of the installation's languages, except those whose font is missing."""
    facts = gathered.facts
    shown = {file.path: file.digest for file in files if file.media_type.startswith("image/") or file.role == "network"}
    shown |= {picture.file: picture.digest for picture in facts.work.pictures}
    shown |= {document.file: document.digest for document in facts.work.attachments}
    shown |= {sighting.picture.file: sighting.picture.digest for sighting in facts.sightings}
    shown = {path: digest for path, digest in shown.items() if path not in facts.absent}
    pictures = LazyPictures({path: partial(services.blobs.get, digest) for path, digest in shown.items()})
    render = partial(render_exhibit_sheet, facts, pictures, time_zone=services.config.time_zone)
    return in_each_language(services, render, "data/exhibit.pdf", "exhibit-sheet")
