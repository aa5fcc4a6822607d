"""The facts of a case, read from the database: the content of seals and reports."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Prefetch, prefetch_related_objects

from evidence.bundle import sealing
from evidence.bundle.sealing import ContentFile
from evidence.documents.made_with import made_with
from evidence.documents.sheets.exhibit import ROOM
from evidence.facts.case import (
    Absence,
    AttachmentFacts,
    CalibrationFacts,
    CaptureFacts,
    CaseFacts,
    DecisionFacts,
    ElsewhereFacts,
    LeftOutFacts,
    LicenceCheckFacts,
    MatchFacts,
    ModelFacts,
    OfficialRegistration,
    OwnerFacts,
    PartyFacts,
    PasskeyFacts,
    PictureFacts,
    SightingFacts,
    SoftwareFacts,
    Visibility,
    WeighingFacts,
    WorkFacts,
)
from evidence.facts.elsewhere import ANSWERS
from evidence.facts.passkey import ASSERTION_PATH
from evidence.log.proofs import LogProof, SliceProof, SliceTree, record_leaf
from evidence.verify.checks.odds import ExposureWeights, RelatedWeights, WeighingFile, weighing_facts
from evidence.verify.checks.probability import calibration_facts
from exhibit import __version__
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.sentences import Sentence
from exhibit.types import SeenElsewhere, SeenKind
from indexer.compare import weighing
from indexer.draw.draw import View
from indexer.picture.spaces import DESCRIPTOR, PIPELINE
from registry.bundles.sentences import Said, not_checked, said_of
from registry.cases import signed_decisions
from registry.cases.licence_check import licences_for, why_not
from registry.cases.models import ArchiveQuestion, Capture, Case, CaseSighting
from registry.cases.places import Place, asked_place, places_of, rows_of
from registry.cases.presence import Absent, absent
from registry.crawls import sightings as seen
from registry.crawls.elsewhere import stated
from registry.crawls.models import Sighting
from registry.crawls.sightings import record_of
from registry.db.claimable import StepState
from registry.db.rows import columns
from registry.fingerprints import descriptors
from registry.keys.models import PasskeyQuestion
from registry.log.models import LogCheckpoint, LogSubmission
from registry.log.proofs import checkpoint_covering, checkpoint_witnesses, log_proof
from registry.matches import calibrations
from registry.matches.models import Match
from registry.pictures.models import BytesState, Picture
from registry.pictures.provenance import with_statements
from registry.services.services import Services
from registry.works.models import Work
from registry.works.registration_proofs import further_submissions_of

MAX_ELSEWHERE = 20
"""Maximum number of third-party statements per place; the oldest are stated."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts of a case, its captured files by path in the bundle, and its matches in order.

    ``absent`` maps digests of files that should be sealed but are unavailable to the reason.
    """

    facts: CaseFacts
    files: tuple[ContentFile, ...]
    matches: tuple[Match, ...]
    absent: Mapping[Digest, Absent]


def gather(services: Services, case: Case, *, bundle: int, language: str, sealed: bool) -> Gathered:
    """Gather the facts of a case, with log proofs if they are to be sealed. Outside a bundle, ``bundle`` is 0."""
    rows = rows_of(case, sealed=sealed)
    prefetch_related_objects([case], QUESTIONS)
    places = places_of(rows)
    matches = sorted({row.match for row in rows}, key=lambda match: match.pk)
    gone = absent_in(services, case) if sealed else {}
    submissions = [place.first.slice.submission for place in places if place.first.slice.submission is not None]
    registration = case.work.declaration
    further = further_submissions_of(case.work)
    signed = signed_decisions.signature_of(case, case.decided_at) if sealed else None
    of_passkey = [] if signed is None else [signed.key_entry, signed.entry]
    logged = [*submissions, *further, *filter(None, of_passkey), *([] if registration is None else [registration])]
    proofs = _Proofs(services, checkpoint_covering(services, logged) if sealed and logged else None)
    sightings: list[SightingFacts] = []
    files: list[ContentFile] = []
    visits: set[int] = set()
    for number, place in enumerate(places, 1):
        captures, of_place = _captures(case, place, number, visits)
        elsewhere, answers = elsewhere_of(case, place, number)
        sighting = replace(_sighting(case, place, number, captures, proofs), elsewhere=elsewhere)
        if sealed and sighting.picture.digest not in gone:
            sighting, manifests = with_statements(services, sighting)
            files += manifests
        sightings.append(sighting)
        files += [*of_place, *answers]
    by_owner = dict(case.work.work_pictures.exclude(stated=None).values_list("picture", "stated"))
    shown = tuple(_match(match, number, places, by_owner, gone) for number, match in enumerate(matches, 1))
    work = work_facts(services, case.work, proofs.entry(registration), proofs.entries(further))
    facts = CaseFacts(
        number=str(case.number),
        bundle=bundle,
        owner=OwnerFacts(case.owner.name, case.owner.contact),
        party=PartyFacts("domain", case.party),
        language=language,
        opened_at=case.opened_at,
        written_at=now(),
        software=software(),
        work=work,
        sightings=tuple(sightings),
        matches=shown,
        licence_check=_licence_check(case, rows),
        decision=DecisionFacts(
            case.decision,
            case.decided_by,
            case.decided_at,
            case.reason,
            case.demonstration,
            _signed(services, signed, proofs),
        ),
        witnesses=checkpoint_witnesses(proofs.checkpoint),
        not_checked=not_checked(language),
        calibrations=_calibrations(services, shown, sealed=sealed),
        made_with=made_with(services.config.time_zone),
        left_out=tuple(_left_out(work, sightings, files, gone)),
        weighings=_weighings(services, shown, sealed=sealed),
    )
    here = tuple(file for file in files if file.digest not in gone)
    return Gathered(facts, here, tuple(matches), gone)


def absent_in(services: Services, case: Case) -> dict[Digest, Absent]:
    """Return the images and captured files of a case that cannot be sealed, with the reason for each.

    Raises:
        NotFoundError: An image is lost. Nothing can be compared without it, and a backup may have it.
    """
    registered = list(case.work.work_pictures.select_related("picture"))
    never = {row.digest: Absent(Absence.NEVER) for row in registered if row.picture.bytes_state == BytesState.NEVER}
    seen_there = {row.sighting.picture.digest for row in rows_of(case, sealed=True)}
    pictures = seen_there | {row.digest for row in registered} - never.keys()
    captures = Capture.objects.filter(case=case, state=StepState.DONE)
    gone = absent(services, case.owner, pictures, captures) | never
    if lost := sorted(digest.hex for digest in pictures if digest in gone and gone[digest].why is Absence.LOST):
        sentence = Sentence(
            "The file of a picture in this case is missing, and no removal is recorded: %(digest)s.", digest=lost[0]
        )
        hint = Sentence("Restore them from a backup, then run: exhibit api POST /operator/failures/seal/retry")
        raise NotFoundError(sentence, hint=hint)
    return gone


def _left_out(
    work: WorkFacts, sightings: Sequence[SightingFacts], files: Sequence[ContentFile], gone: Mapping[Digest, Absent]
) -> Iterator[LeftOutFacts]:
    """Yield the files that the facts name but the bundle will not contain."""
    candidates = [(picture.file, "work-picture", picture.digest) for picture in work.pictures]
    candidates += [(seen.picture.file, "sighting-picture", seen.picture.digest) for seen in sightings]
    candidates += [(file.path, file.role, file.digest) for file in files]
    for path, role, digest in candidates:
        if digest in gone:
            yield LeftOutFacts(path, role, digest, gone[digest].why, gone[digest].since)


def software() -> SoftwareFacts:
    """Return the software and model that made the record."""
    choice = descriptors.choice_with()
    if choice is None:
        shipped = Digest.from_hex(dict(DESCRIPTOR.parameters)["sha256"])
        model = ModelFacts(DESCRIPTOR.name, DESCRIPTOR.version, shipped)
    else:
        model = ModelFacts(choice.serving.name, choice.serving.version, choice.serving.digest)
    return SoftwareFacts("Exhibit", __version__, PIPELINE, (model,))


def _signed(services: Services, row: PasskeyQuestion | None, proofs: "_Proofs") -> PasskeyFacts | None:
    """Return the passkey signature of the decision, or None if there is none or its log entries were erased."""
    if row is None:
        return None
    entry, key = proofs.entry(row.entry), proofs.entry(row.key_entry)
    if entry is None or key is None:
        return None
    return PasskeyFacts(ASSERTION_PATH, services.blobs.put(row.answer.encode()), entry, key)


def picture_facts(picture: Picture, path: str) -> PictureFacts:
    """Convert an image's row to facts."""
    size = (picture.width or 0, picture.height or 0)
    return PictureFacts(picture.digest, picture.size, picture.format, *size, path, bool(picture.incomplete))


def work_facts(
    services: Services, work: Work, registration: LogProof | None, further: tuple[LogProof, ...] = ()
) -> WorkFacts:
    """Convert a work's row to facts, with the proofs of its registration and its title documents."""
    pictures = [
        replace(picture_facts(row.picture, sealing.work_picture_path(number, row.picture.format)), digest=row.digest)
        for number, row in enumerate(work.work_pictures.select_related("picture").order_by("pk"), 1)
    ]
    return WorkFacts(
        number=str(work.number),
        **columns(work, "title", "author", "holder", "credit", "rights_statement", "created", "first_publication"),
        registrations=tuple(
            OfficialRegistration(**{name: official.get(name, "") for name in ("office", "number", "date")})
            for official in work.registrations
        ),
        registered_at=work.registered_at,
        registration=registration,
        pictures=tuple(pictures),
        attachments=tuple(_title_documents(services, work)),
        further_registrations=further,
    )


def _title_documents(services: Services, work: Work) -> Iterator[AttachmentFacts]:
    """Yield the documents of a work's chain of title, except purged ones."""
    for attachment in work.attachments.filter(removed_at=None).order_by("number"):
        assert attachment.digest is not None
        if attachment.digest in services.blobs:
            title = f"{attachment.about} ({attachment.name})" if attachment.about else attachment.name
            path = sealing.title_document_path(attachment.number, attachment.name)
            yield AttachmentFacts(title, sealing.TITLE_DOCUMENT, attachment.digest, path)


@dataclass(frozen=True, slots=True)
class _Proofs:
    """Log proofs under one checkpoint; None without a checkpoint. Each slice's tree is built once."""

    services: Services
    checkpoint: LogCheckpoint | None
    trees: dict[int, tuple[SliceTree, dict[int, int]]] = field(default_factory=dict)

    def entry(self, submission: LogSubmission | None) -> LogProof | None:
        return log_proof(self.services, submission, self.checkpoint)

    def entries(self, submissions: Sequence[LogSubmission]) -> tuple[LogProof, ...]:
        return tuple(proof for submission in submissions if (proof := self.entry(submission)) is not None)

    def slice(self, sighting: Sighting) -> SliceProof | None:
        log = self.entry(sighting.slice.submission)
        if log is None:
            return None
        if sighting.slice_id not in self.trees:
            rows = seen.of_slice(sighting.slice_id)
            tree = SliceTree([record_leaf(record_of(row)) for row in rows])
            self.trees[sighting.slice_id] = tree, {row.pk: place for place, row in enumerate(rows)}
        tree, places = self.trees[sighting.slice_id]
        return tree.prove(places[sighting.pk], record_of(sighting), log)


def _sighting(
    case: Case, place: Place, number: int, captures: tuple[CaptureFacts, ...], proofs: _Proofs
) -> SightingFacts:
    first = place.first
    own = first.crawl.watch.owner_id == case.owner_id  # Watch names of other owners are not disclosed.
    return SightingFacts(
        number=number,
        **columns(first, "page_url", "image_url", "final_url", "context", "status", "peer", "certificate", "period"),
        first_seen=place.first_seen,
        last_seen=place.last_seen,
        crawl=f"{first.crawl.watch.name} {first.crawl.number}" if own else str(first.crawl_id),
        headers=tuple((name, value) for name, value in first.response_headers),
        picture=picture_facts(first.picture, sealing.sighting_picture_path(number, first.picture.format)),
        visibility=Visibility.PUBLIC if first.private_to_id is None else Visibility.PRIVATE,
        slice=proofs.slice(first),
        captures=captures,
    )


def _captures(
    case: Case, place: Place, number: int, stated: set[int]
) -> tuple[tuple[CaptureFacts, ...], list[ContentFile]]:
    """Return the visits that looked for the image of this place and are not in ``stated``; add them to it.

    A URL may have served several images in turn, so each visit's outcome is stated only for the image it looked for.
    """
    first = place.first
    visits = Capture.objects.filter(case=case, state="done", page_key=first.page_key, image_key=first.image_key)
    facts, files = [], []
    for row in visits.filter(sighting__picture=first.picture_id).exclude(pk__in=stated).order_by("number"):
        stated.add(row.pk)
        folder = f"{sealing.sighting_folder(number)}/capture-{row.number}"
        of_row = [
            ContentFile(f"{folder}/{file['name']}", file["role"], file["media_type"], Digest.from_hex(file["digest"]))
            for file in row.files
        ]
        facts.append(_capture(row, of_row))
        files += of_row
    return tuple(facts), files


def elsewhere_of(case: Case, place: Place, number: int) -> tuple[tuple[ElsewhereFacts, ...], list[ContentFile]]:
    """Return third-party statements about a place, oldest first, and the stored answers of archives."""
    came: dict[SeenElsewhere, ElsewhereFacts] = {}
    for row in place.rows:
        learnt = (
            row.last_seen
            if row.last_seen is not None and row.found_in not in ("warc", "screenshot")
            else row.crawl.started_at
        )
        for one in stated(row.elsewhere):
            own = row.page_url if one.kind == SeenKind.PAGE_PUBLISHED else ""
            came.setdefault(one, _elsewhere_facts(replace(one, where=one.where or own), learnt))
    statements, files = sorted(came.values(), key=_oldest)[:MAX_ELSEWHERE], []
    for count, question in enumerate(answered(case, place), 1):
        file = next(stored for stored in question.files if stored["role"] == ANSWERS)
        path = f"{sealing.sighting_folder(number)}/archive-answers-{count}.json"
        files.append(ContentFile(path, ANSWERS, sealing.JSON, Digest.from_hex(file["digest"])))
        assert question.answered_at is not None
        statements += [_elsewhere_facts(one, question.answered_at, path) for one in stated(question.elsewhere)]
    return tuple(sorted(statements, key=_oldest)), files


def _elsewhere_facts(one: SeenElsewhere, learnt: datetime, file: str = "") -> ElsewhereFacts:
    return ElsewhereFacts(**columns(one, "kind", "by", "of", "stated", "where", "same"), learnt=learnt, file=file)


def _oldest(one: ElsewhereFacts) -> tuple[str, datetime]:
    """Sort key: statements without a time come last."""
    return one.stated or "~", one.learnt


def answered(case: Case, place: Place) -> list[ArchiveQuestion]:
    """Return the answered archive queries about a place of a case, oldest first."""
    rows = [row for row in case.archive_questions.all() if asked_place(row.sighting) == asked_place(place.first)]
    return sorted((row for row in rows if row.state == StepState.DONE), key=lambda row: row.pk)


QUESTIONS = Prefetch("archive_questions", ArchiveQuestion.objects.select_related("sighting"))
"""Prefetch of the archive queries that :func:`answered` reads, for many cases at once."""


def _capture(row: Capture, files: Sequence[ContentFile]) -> CaptureFacts:
    image = next((file.digest for file in files if file.role == "captured-image"), None)
    assert row.started_at is not None
    assert row.finished_at is not None
    return CaptureFacts(
        **columns(row, "method", "outcome", "sentence"),
        started=row.started_at,
        finished=row.finished_at,
        image=image,
        files=tuple(file.path for file in files),
    )


def said_of_match(match: Match) -> tuple[Said, ...]:
    """Return the measurements of a match as templates with values, for translation."""
    digest = match.calibration
    return said_of(match.verification, None if digest is None else calibrations.named(digest))


def _match(
    match: Match, number: int, places: Sequence[Place], stated: Mapping[int, Digest | None], gone: Container[Digest]
) -> MatchFacts:
    verification = match.verification
    shown = match.found.digest not in gone and match.registered.digest not in gone
    aligned = verification.transform is not None and shown
    closely = aligned and number <= ROOM.matches

    def path(view: View, *, drawn: bool) -> str | None:
        return f"{sealing.match_folder(number)}/{view.file_name}" if drawn else None

    return MatchFacts(
        number=number,
        work_picture=stated.get(match.registered_id) or match.registered.digest,
        picture=match.found.digest,
        sightings=tuple(n for n, place in enumerate(places, 1) if place.first.picture_id == match.found_id),
        verification=verification,
        words=tuple(sentence % values for sentence, values in said_of_match(match)),
        overlay=path(View.OVERLAY, drawn=aligned),
        side_by_side=path(View.SIDE_BY_SIDE, drawn=aligned),
        difference=path(View.DIFFERENCE, drawn=closely),
        points=path(View.POINTS, drawn=closely),
    )


def _calibrations(services: Services, matches: Sequence[MatchFacts], *, sealed: bool) -> tuple[CalibrationFacts, ...]:
    """Return the calibrations behind the matches' probabilities. If sealed, store them as blobs."""
    digests = {match.verification.calibration for match in matches if match.verification.calibration is not None}
    used = [calibrations.named(digest) for digest in sorted(digests, key=lambda digest: digest.hex)]
    if sealed:
        for calibration in used:
            services.blobs.put(calibration.to_json())
    return tuple(calibration_facts(row, sealing.calibration_path(number)) for number, row in enumerate(used, 1))


def _weighings(services: Services, matches: Sequence[MatchFacts], *, sealed: bool) -> tuple[WeighingFacts, ...]:
    """Return the weights behind the matches' odds. If sealed, store them as blobs."""
    compared = (match.verification for match in matches)
    pipelines = sorted({one.pipeline for one in compared if one.related is not None})
    files = [weighing_file(services, pipeline) for pipeline in pipelines]
    if sealed:
        for file in files:
            services.blobs.put(file.to_json())
    return tuple(weighing_facts(file, sealing.weighing_path(number)) for number, file in enumerate(files, 1))


def weighing_file(services: Services, pipeline: str) -> WeighingFile:
    """Return the weights of a comparison version in the form in which they are sealed.

    Raises:
        NotFoundError: The weights file of this version is missing.
    """
    one = weighing.kept(pipeline, services.weighings)
    if one is None:
        raise NotFoundError(f"The weights of {pipeline} are missing: they come with Exhibit.", hint="Install it again.")
    related = RelatedWeights(
        one.related.intercept, one.related.weights, limit=one.related_limit, works=one.works, decade=one.decade
    )
    exposure = ExposureWeights(
        one.exposure.intercept, one.exposure.weights, review=one.review_limit, certain=one.certain_limit
    )
    return WeighingFile(pipeline, related, exposure)


def _licence_check(case: Case, rows: Sequence[CaseSighting]) -> LicenceCheckFacts:
    """Check the licence ledger as it is now for every place. A place that a person found licensed counts as covered."""
    licences, moment = licences_for(case.work), now()
    places = {row.sighting_id: row for row in rows}.values()
    left = {row.sighting_id for row in places if row.licence_id is None}
    reasons = []
    for licence in licences:
        why = {row.sighting_id: why_not(licence, row.sighting) for row in places}
        fits = {sighting for sighting, reason in why.items() if not reason}
        left -= fits
        words = next((reason for reason in reversed(why.values()) if reason), "it covers the use")
        words = f"it covers {len(fits)} of {len(why)} sightings" if 0 < len(fits) < len(why) else words
        reasons.append(f"Licence {licence.number} ({licence.licensee}): {words}.")
    check = LicenceCheckFacts(moment, len(licences), not left, "", tuple(reasons), partly=0 < len(left) < len(places))
    return replace(check, result=_COVERED[check.outcome])


_COVERED = {
    "all": "The owner's licence ledger contains a licence that covers this use.",
    "some": "The owner's licence ledger contains licences that cover some of the sightings, not all.",
    "none": "The owner's licence ledger contains no licence that covers this use.",
    "unsearched": "No licence for this work had been entered, so no search was made.",
}
