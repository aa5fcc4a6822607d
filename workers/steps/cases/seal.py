"""Sealing a confirmed case: facts, pictures and captures become one signed manifest, and the log witnesses it."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from evidence.anchors import KINDS
from evidence.bundle.sealing import ContentFile, SealedCase, seal, seal_opening, stand_in
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.log.append_only import BrokenHistoryError
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry.cases import history
from registry.db import steps
from registry.db.rows import alone_with, locked
from registry.log import witnesses
from registry.log.log import submit
from registry.models import UNFINISHED, Bundle, Capture, Case, CrawlSlice, EventKind, SealingKey, StepState
from registry.notifications import events
from workers.evidence.documents import LazyPictures, in_each_language, languages_of
from workers.evidence.drawings import pair_of
from workers.evidence.facts import Gathered, gather
from workers.evidence.keys import HOLDER, sealing_key, signer_of, still_counts
from workers.log.sequencer import asked_receipt
from workers.pipeline.steps import OPENED_AGAIN
from workers.services.wiring import Services

WAIT_FOR_CAPTURES = timedelta(seconds=2)
WAIT_FOR_LOG = timedelta(minutes=1)


def seal_bundles(services: Services, ids: Sequence[int]) -> None:
    """Seal each bundle whose captures have ended, and the slices that saw it first; the others wait."""
    for pk in steps.claim(Bundle, ids, services.stale_after):
        bundle = Bundle.objects.select_related("case__owner", "case__work").get(pk=pk)
        if bundle.case.decision != Case.Decision.CONFIRMED:
            steps.fail(Bundle, pk, OPENED_AGAIN, retry=False)
            continue
        if _is_under_way(bundle.case):
            steps.wait(Bundle, pk, now() + WAIT_FOR_CAPTURES)
            continue
        with steps.ending(Bundle, [pk]):
            try:
                _seal(services, bundle)
            except BrokenHistoryError as error:  # until the operator has decided; nothing is wrong with the bundle
                steps.wait(Bundle, pk, now() + WAIT_FOR_LOG, str(error))


def _is_under_way(case: Case) -> bool:
    """Whether a capture hasn't ended, or a slice: its entry in the log is the first witness of what it saw."""
    captures = Capture.objects.filter(case=case, state__in=UNFINISHED)
    slices = CrawlSlice.objects.filter(sightings__case_sightings__case=case, state__in=UNFINISHED)
    return captures.exists() or slices.exists()


def _seal(services: Services, bundle: Bundle) -> None:
    """1. Gather facts. 2. Draw and typeset. 3. Seal and sign. 4. Rows, and an entry of the log, in one transaction."""
    case = bundle.case
    language = languages_of(services)[0]
    gathered = gather(services, case, bundle=bundle.number, language=language, sealed=True)
    files = [*gathered.files, *_drawings(services, gathered)]
    files += _sheets(services, gathered, files)
    registered = gathered.facts.work.pictures
    files += [stand_in(picture.file, services.blobs.get(picture.digest), services.blobs) for picture in registered]
    key = sealing_key(services, case.owner)
    signer = signer_of(services, key)
    sealed = seal(gathered.facts, files, signer, holder=HOLDER, sealed_at=now(), blobs=services.blobs)
    with alone_with(case) as present:
        if locked(bundle).state != StepState.DOING:
            return
        if (present.decision, present.decided_at) != (case.decision, case.decided_at):
            steps.fail(Bundle, bundle.pk, OPENED_AGAIN, retry=False)
            return
        still_counts(key)
        _record(services, bundle, sealed, key)


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
    told = {"bundle": bundle.number, "case": bundle.case.number, "seal": sealed.seal.hex}
    events.record(bundle.case.owner, EventKind.BUNDLE_SEALED, told, name=sealed.seal.hex)
    _stamp_directly(services, bundle, sealed.seal)


def _stamp_directly(services: Services, bundle: Bundle, seal_digest: Digest) -> None:
    """Have the time-stamping authorities asked about the seal digest itself, so many times a day as is set."""
    if witnesses.stamped_directly_since(now() - witnesses.DAY) >= services.config.direct_stamps_a_day:
        return
    for anchor in services.anchors:
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
    """The exhibit sheet in each of the installation's languages; one whose font is missing is left out."""
    facts = gathered.facts
    shown = {file.path: file.digest for file in files if file.media_type.startswith("image/") or file.role == "network"}
    shown |= {picture.file: picture.digest for picture in facts.work.pictures}
    shown |= {sighting.picture.file: sighting.picture.digest for sighting in facts.sightings}
    pictures = LazyPictures({path: partial(services.blobs.get, digest) for path, digest in shown.items()})
    render = partial(render_exhibit_sheet, facts, pictures, time_zone=services.config.time_zone)
    return in_each_language(services, render, "data/exhibit.pdf", "exhibit-sheet")
