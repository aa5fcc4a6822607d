"""The facts of a case, read from the database: the content of seals and reports."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Prefetch, prefetch_related_objects

from evidence.bundle import sealing
from evidence.bundle.sealing import ContentFile
from evidence.documents.made_with import made_with
from evidence.documents.sheets.exhibit import ROOM
from evidence.facts.archive_answers import ANSWERS
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
from evidence.facts.passkey import ASSERTION_PATH
from evidence.log.proofs import LogProof, SliceProof, SliceTree, compute_record_leaf
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
from registry.bundles.sentences import TemplateWithValues, list_unchecked, measurement_templates
from registry.cases import signed_decisions
from registry.cases.file_availability import AbsenceReason, find_absent
from registry.cases.licence_check import explain_obstacle, licences_for
from registry.cases.models import ArchiveQuestion, Capture, Case, CaseSighting
from registry.cases.places import Place, archive_query_key, places_of, rows_of
from registry.crawls import sightings as seen
from registry.crawls.models import Sighting
from registry.crawls.outside_statements import from_rows
from registry.crawls.sightings import to_record
from registry.db.claimable import StepState
from registry.db.rows import columns
from registry.fingerprints import descriptors
from registry.keys.models import PasskeyQuestion
from registry.log.models import LogCheckpoint, LogSubmission
from registry.log.proofs import get_covering_checkpoint, list_timestamps, prove_inclusion
from registry.matches import calibrations
from registry.matches.models import Match
from registry.pictures.models import BytesState, Picture
from registry.pictures.provenance import add_statements
from registry.services.services import Services
from registry.works.models import Work
from registry.works.registration_proofs import list_later_submissions

MAX_ELSEWHERE = 20
"""Maximum number of third-party statements per place; the oldest are stated."""


@dataclass(frozen=True, slots=True)
class GatheredFacts:
    """The facts of a case, its captured files by path in the bundle, and its matches in order.

    ``find_absent`` maps digests of files that should be sealed but are unavailable to the reason.
    """

    facts: CaseFacts
    files: tuple[ContentFile, ...]
    matches: tuple[Match, ...]
    absent: Mapping[Digest, AbsenceReason]


def gather_facts(services: Services, case: Case, *, bundle: int, language: str, for_sealing: bool) -> GatheredFacts:
    """Gather the facts of a case, with log proofs if they are to be sealed. Outside a bundle, ``bundle`` is 0."""
    rows = rows_of(case, for_sealing=for_sealing)
    prefetch_related_objects([case], QUESTIONS)
    places = places_of(rows)
    matches = sorted({row.match for row in rows}, key=lambda match: match.pk)
    absences = find_absent_files(services, case) if for_sealing else {}
    submissions = [place.first.slice.submission for place in places if place.first.slice.submission is not None]
    registration = case.work.declaration
    further_submissions = list_later_submissions(case.work)
    signed = signed_decisions.signature_of(case, case.decided_at) if for_sealing else None
    passkey_entries = [] if signed is None else [signed.key_entry, signed.entry]
    entries = [
        *submissions,
        *further_submissions,
        *filter(None, passkey_entries),
        *([] if registration is None else [registration]),
    ]
    proofs = _Proofs(services, get_covering_checkpoint(services, entries) if for_sealing and entries else None)
    sightings: list[SightingFacts] = []
    files: list[ContentFile] = []
    visits: set[int] = set()
    for number, place in enumerate(places, 1):
        captures, place_files = _captures(case, place, number, visits)
        elsewhere, answers = elsewhere_of(case, place, number)
        sighting = replace(_sighting(case, place, number, captures, proofs), elsewhere=elsewhere)
        if for_sealing and sighting.picture.digest not in absences:
            sighting, manifests = add_statements(services, sighting)
            files += manifests
        sightings.append(sighting)
        files += [*place_files, *answers]
    stated_digests = dict(case.work.work_pictures.exclude(stated=None).values_list("picture", "stated"))
    match_facts = tuple(
        _match(match, number, places, stated_digests, absences) for number, match in enumerate(matches, 1)
    )
    work = work_facts(services, case.work, proofs.entry(registration), proofs.entries(further_submissions))
    facts = CaseFacts(
        number=str(case.number),
        bundle=bundle,
        owner=OwnerFacts(case.owner.name, case.owner.contact),
        party=PartyFacts("domain", case.party),
        language=language,
        opened_at=case.opened_at,
        written_at=now(),
        software=software_facts(),
        work=work,
        sightings=tuple(sightings),
        matches=match_facts,
        licence_check=_licence_check(case, rows),
        decision=DecisionFacts(
            case.decision,
            case.decided_by,
            case.decided_at,
            case.reason,
            case.demonstration,
            _passkey_facts(services, signed, proofs),
        ),
        witnesses=list_timestamps(proofs.checkpoint),
        not_checked=list_unchecked(language),
        calibrations=_calibrations(services, match_facts, for_sealing=for_sealing),
        made_with=made_with(services.config.time_zone),
        left_out=tuple(_list_left_out(work, sightings, files, absences)),
        weighings=_weighings(services, match_facts, for_sealing=for_sealing),
    )
    present_files = tuple(file for file in files if file.digest not in absences)
    return GatheredFacts(facts, present_files, tuple(matches), absences)


def find_absent_files(services: Services, case: Case) -> dict[Digest, AbsenceReason]:
    """Return the images and captured files of a case that cannot be sealed, with the reason for each.

    Raises:
        NotFoundError: An image is lost. Nothing can be compared without it, and a backup may have it.
    """
    registered = list(case.work.work_pictures.select_related("picture"))
    never_stored = {
        row.digest: AbsenceReason(Absence.NEVER) for row in registered if row.picture.bytes_state == BytesState.NEVER
    }
    sighting_digests = {row.sighting.picture.digest for row in rows_of(case, for_sealing=True)}
    pictures = sighting_digests | {row.digest for row in registered} - never_stored.keys()
    captures = Capture.objects.filter(case=case, state=StepState.DONE)
    absences = find_absent(services, case.owner, pictures, captures) | never_stored
    if lost_digests := sorted(
        digest.hex for digest in pictures if digest in absences and absences[digest].why is Absence.LOST
    ):
        sentence = Sentence(
            "The file of a picture in this case is missing, and no removal is recorded: %(digest)s.",
            digest=lost_digests[0],
        )
        hint = Sentence("Restore them from a backup, then run: exhibit api POST /operator/failures/seal/retry")
        raise NotFoundError(sentence, hint=hint)
    return absences


def _list_left_out(
    work: WorkFacts,
    sightings: Sequence[SightingFacts],
    files: Sequence[ContentFile],
    absences: Mapping[Digest, AbsenceReason],
) -> Iterator[LeftOutFacts]:
    """Yield the files that the facts name but the bundle will not contain."""
    candidates = [(picture.file, "work-picture", picture.digest) for picture in work.pictures]
    candidates += [(sighting.picture.file, "sighting-picture", sighting.picture.digest) for sighting in sightings]
    candidates += [(file.path, file.role, file.digest) for file in files]
    for path, role, digest in candidates:
        if digest in absences:
            yield LeftOutFacts(path, role, digest, absences[digest].why, absences[digest].since)


def software_facts() -> SoftwareFacts:
    """Return the software and model that made the record."""
    choice = descriptors.get_choice()
    if choice is None:
        shipped = Digest.from_hex(dict(DESCRIPTOR.parameters)["sha256"])
        model = ModelFacts(DESCRIPTOR.name, DESCRIPTOR.version, shipped)
    else:
        model = ModelFacts(choice.serving.name, choice.serving.version, choice.serving.digest)
    return SoftwareFacts("Exhibit", __version__, PIPELINE, (model,))


def _passkey_facts(services: Services, row: PasskeyQuestion | None, proofs: "_Proofs") -> PasskeyFacts | None:
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
    services: Services, work: Work, registration: LogProof | None, further_proofs: tuple[LogProof, ...] = ()
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
        further_registrations=further_proofs,
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
        return prove_inclusion(self.services, submission, self.checkpoint)

    def entries(self, submissions: Sequence[LogSubmission]) -> tuple[LogProof, ...]:
        return tuple(proof for submission in submissions if (proof := self.entry(submission)) is not None)

    def slice(self, sighting: Sighting) -> SliceProof | None:
        log = self.entry(sighting.slice.submission)
        if log is None:
            return None
        if sighting.slice_id not in self.trees:
            rows = seen.list_by_slice(sighting.slice_id)
            tree = SliceTree([compute_record_leaf(to_record(row)) for row in rows])
            self.trees[sighting.slice_id] = tree, {row.pk: place for place, row in enumerate(rows)}
        tree, places = self.trees[sighting.slice_id]
        return tree.prove(places[sighting.pk], to_record(sighting), log)


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
    case: Case, place: Place, number: int, used_visits: set[int]
) -> tuple[tuple[CaptureFacts, ...], list[ContentFile]]:
    """Return the visits that looked for the image of this place and are not in ``used_visits``; add them to it.

    A URL may have served several images in turn, so each visit's outcome is stated only for the image it looked for.
    """
    first = place.first
    visits = Capture.objects.filter(case=case, state="done", page_key=first.page_key, image_key=first.image_key)
    facts, files = [], []
    for row in visits.filter(sighting__picture=first.picture_id).exclude(pk__in=used_visits).order_by("number"):
        used_visits.add(row.pk)
        folder = f"{sealing.sighting_folder(number)}/capture-{row.number}"
        row_files = [
            ContentFile(f"{folder}/{file['name']}", file["role"], file["media_type"], Digest.from_hex(file["digest"]))
            for file in row.files
        ]
        facts.append(_capture(row, row_files))
        files += row_files
    return tuple(facts), files


def elsewhere_of(case: Case, place: Place, number: int) -> tuple[tuple[ElsewhereFacts, ...], list[ContentFile]]:
    """Return third-party statements about a place, oldest first, and the stored answers of archives."""
    facts_by_statement: dict[SeenElsewhere, ElsewhereFacts] = {}
    for row in place.rows:
        known_since = (
            row.last_seen
            if row.last_seen is not None and row.found_in not in ("warc", "screenshot")
            else row.crawl.started_at
        )
        for statement in from_rows(row.elsewhere):
            own = row.page_url if statement.kind == SeenKind.PAGE_PUBLISHED else ""
            facts_by_statement.setdefault(
                statement, _elsewhere_facts(replace(statement, where=statement.where or own), known_since)
            )
    statements, files = sorted(facts_by_statement.values(), key=_oldest_first_key)[:MAX_ELSEWHERE], []
    for count, question in enumerate(list_answered_questions(case, place), 1):
        file = next(stored for stored in question.files if stored["role"] == ANSWERS)
        path = f"{sealing.sighting_folder(number)}/archive-answers-{count}.json"
        files.append(ContentFile(path, ANSWERS, sealing.JSON, Digest.from_hex(file["digest"])))
        assert question.answered_at is not None
        statements += [
            _elsewhere_facts(statement, question.answered_at, path) for statement in from_rows(question.elsewhere)
        ]
    return tuple(sorted(statements, key=_oldest_first_key)), files


def _elsewhere_facts(statement: SeenElsewhere, known_since: datetime, file: str = "") -> ElsewhereFacts:
    return ElsewhereFacts(
        **columns(statement, "kind", "by", "of", "stated", "where", "same"), learnt=known_since, file=file
    )


def _oldest_first_key(facts: ElsewhereFacts) -> tuple[str, datetime]:
    """Sort key: statements without a time come last."""
    return facts.stated or "~", facts.learnt


def list_answered_questions(case: Case, place: Place) -> list[ArchiveQuestion]:
    """Return the answered archive queries about a place of a case, oldest first."""
    rows = [
        row for row in case.archive_questions.all() if archive_query_key(row.sighting) == archive_query_key(place.first)
    ]
    return sorted((row for row in rows if row.state == StepState.DONE), key=lambda row: row.pk)


QUESTIONS = Prefetch("archive_questions", ArchiveQuestion.objects.select_related("sighting"))
"""Prefetch of the archive queries that :func:`list_answered_questions` reads, for many cases at once."""


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


def match_templates(match: Match) -> tuple[TemplateWithValues, ...]:
    """Return the measurements of a match as templates with values, for translation."""
    digest = match.calibration
    return measurement_templates(match.verification, None if digest is None else calibrations.load_calibration(digest))


def _match(
    match: Match,
    number: int,
    places: Sequence[Place],
    stated_digests: Mapping[int, Digest | None],
    absences: Container[Digest],
) -> MatchFacts:
    verification = match.verification
    is_shown = match.found.digest not in absences and match.registered.digest not in absences
    aligned = verification.transform is not None and is_shown
    has_details = aligned and number <= ROOM.matches

    def path(view: View, *, is_drawn: bool) -> str | None:
        return f"{sealing.match_folder(number)}/{view.file_name}" if is_drawn else None

    return MatchFacts(
        number=number,
        work_picture=stated_digests.get(match.registered_id) or match.registered.digest,
        picture=match.found.digest,
        sightings=tuple(n for n, place in enumerate(places, 1) if place.first.picture_id == match.found_id),
        verification=verification,
        words=tuple(sentence % values for sentence, values in match_templates(match)),
        overlay=path(View.OVERLAY, is_drawn=aligned),
        side_by_side=path(View.SIDE_BY_SIDE, is_drawn=aligned),
        difference=path(View.DIFFERENCE, is_drawn=has_details),
        points=path(View.POINTS, is_drawn=has_details),
    )


def _calibrations(
    services: Services, matches: Sequence[MatchFacts], *, for_sealing: bool
) -> tuple[CalibrationFacts, ...]:
    """Return the calibrations behind the matches' probabilities. If sealed, store them as blobs."""
    digests = {match.verification.calibration for match in matches if match.verification.calibration is not None}
    used_calibrations = [
        calibrations.load_calibration(digest) for digest in sorted(digests, key=lambda digest: digest.hex)
    ]
    if for_sealing:
        for calibration in used_calibrations:
            services.blobs.put(calibration.to_json())
    return tuple(
        calibration_facts(row, sealing.calibration_path(number)) for number, row in enumerate(used_calibrations, 1)
    )


def _weighings(services: Services, matches: Sequence[MatchFacts], *, for_sealing: bool) -> tuple[WeighingFacts, ...]:
    """Return the weights behind the matches' odds. If sealed, store them as blobs."""
    verifications = (match.verification for match in matches)
    pipelines = sorted({verification.pipeline for verification in verifications if verification.related is not None})
    files = [weighing_file(services, pipeline) for pipeline in pipelines]
    if for_sealing:
        for file in files:
            services.blobs.put(file.to_json())
    return tuple(weighing_facts(file, sealing.weighing_path(number)) for number, file in enumerate(files, 1))


def weighing_file(services: Services, pipeline: str) -> WeighingFile:
    """Return the weights of a comparison version in the form in which they are sealed.

    Raises:
        NotFoundError: The weights file of this version is missing.
    """
    weights = weighing.load_weighing(pipeline, services.weighings)
    if weights is None:
        raise NotFoundError(f"The weights of {pipeline} are missing: they come with Exhibit.", hint="Install it again.")
    related = RelatedWeights(
        weights.related.intercept,
        weights.related.weights,
        limit=weights.related_limit,
        works=weights.works,
        decade=weights.decade,
    )
    exposure = ExposureWeights(
        weights.exposure.intercept, weights.exposure.weights, review=weights.review_limit, certain=weights.certain_limit
    )
    return WeighingFile(pipeline, related, exposure)


def _licence_check(case: Case, rows: Sequence[CaseSighting]) -> LicenceCheckFacts:
    """Check the licence ledger as it is now for every place. A place that a person found licensed counts as covered."""
    licences, moment = licences_for(case.work), now()
    places = {row.sighting_id: row for row in rows}.values()
    uncovered = {row.sighting_id for row in places if row.licence_id is None}
    reasons = []
    for licence in licences:
        why = {row.sighting_id: explain_obstacle(licence, row.sighting) for row in places}
        fits = {sighting for sighting, reason in why.items() if not reason}
        uncovered -= fits
        text = next((reason for reason in reversed(why.values()) if reason), "it covers the use")
        text = f"it covers {len(fits)} of {len(why)} sightings" if 0 < len(fits) < len(why) else text
        reasons.append(f"Licence {licence.number} ({licence.licensee}): {text}.")
    check = LicenceCheckFacts(
        moment, len(licences), not uncovered, "", tuple(reasons), partly=0 < len(uncovered) < len(places)
    )
    return replace(check, result=_COVERAGE_SENTENCES[check.outcome])


_COVERAGE_SENTENCES = {
    "all": "The owner's licence ledger contains a licence that covers this use.",
    "some": "The owner's licence ledger contains licences that cover some of the sightings, not all.",
    "none": "The owner's licence ledger contains no licence that covers this use.",
    "unsearched": "No licence for this work had been entered, so no search was made.",
}
