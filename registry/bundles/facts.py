"""Collection of a case's facts from the database, for bundles and reports."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Prefetch, prefetch_related_objects

from evidence.bundle import sealing
from evidence.bundle.sealing import ContentFile
from evidence.documents.made_with import describe_environment
from evidence.documents.sheets.exhibit import DETAIL_LIMITS
from evidence.facts.archive_responses import ARCHIVE_RESPONSES_ROLE
from evidence.facts.case import (
    AbsenceCode,
    AttachmentFacts,
    CalibrationFacts,
    CaptureFacts,
    CaseFacts,
    DecisionFacts,
    LicenceCheckFacts,
    MatchFacts,
    ModelFacts,
    OddsModelFacts,
    OfficialRegistration,
    OmittedFileFacts,
    OwnerFacts,
    PartyFacts,
    PasskeyFacts,
    PictureFacts,
    SightingFacts,
    SoftwareFacts,
    ThirdPartyStatementFacts,
    Visibility,
    WorkFacts,
)
from evidence.facts.passkey import ASSERTION_PATH
from evidence.log.proofs import LogProof, SliceProof, SliceTree, compute_record_leaf
from evidence.verify.checks.odds import ExposureWeights, OddsModelFile, RelatedWeights, build_odds_model_facts
from evidence.verify.checks.probability import build_calibration_facts
from exhibit import __version__
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.sentences import Sentence
from exhibit.types import SourceStatement, SourceStatementKind
from indexer.compare import odds_model
from indexer.draw.draw import View
from indexer.picture.spaces import DESCRIPTOR, PIPELINE
from registry.bundles.sentences import TemplateWithValues, build_measurement_templates, list_unchecked_items
from registry.cases import signed_decisions
from registry.cases.file_availability import AbsenceRecord, find_absences
from registry.cases.licence_check import describe_obstacle, list_licences
from registry.cases.models import ArchiveLookup, Capture, Case, CaseSighting
from registry.cases.places import Place, get_archive_query_key, group_by_place, list_case_sightings
from registry.crawls import sightings as seen
from registry.crawls.external_statements import statements_from_json
from registry.crawls.models import Sighting
from registry.crawls.sightings import to_record
from registry.db.claimable import StepState
from registry.db.rows import copy_columns
from registry.fingerprints import descriptors
from registry.keys.models import PasskeyQuestion
from registry.log.models import LogCheckpoint, LogSubmission
from registry.log.proofs import get_covering_checkpoint, list_timestamps, prove_inclusion
from registry.matches import calibrations
from registry.matches.models import Match
from registry.pictures.models import BytesState, Picture
from registry.pictures.provenance import load_statements
from registry.services.services import Services
from registry.works.models import Work
from registry.works.registration_proofs import list_later_submissions

MAX_STATEMENTS = 20
"""Maximum number of third-party statements per place; the oldest are included."""


@dataclass(frozen=True, slots=True)
class GatheredFacts:
    """The facts of a case, its captured files by path in the bundle, and its matches in order.

    ``absences`` maps the digests of unavailable files that should be sealed to the reasons.
    """

    facts: CaseFacts
    files: tuple[ContentFile, ...]
    matches: tuple[Match, ...]
    absences: Mapping[Digest, AbsenceRecord]


def gather_facts(services: Services, case: Case, *, bundle: int, language: str, for_sealing: bool) -> GatheredFacts:
    """Gather the facts of a case.

    Args:
        services: Services with the blob store and configuration.
        case: The case.
        bundle: Number of the bundle; 0 for reports.
        language: Language code of the facts.
        for_sealing: Include log proofs and store the calibration and odds model files.
    """
    rows = list_case_sightings(case, for_sealing=for_sealing)
    prefetch_related_objects([case], ARCHIVE_LOOKUPS_PREFETCH)
    places = group_by_place(rows)
    matches = sorted({row.match for row in rows}, key=lambda match: match.pk)
    absences = find_absent_files(services, case) if for_sealing else {}
    submissions = [place.first.slice.submission for place in places if place.first.slice.submission is not None]
    registration = case.work.declaration
    further_submissions = list_later_submissions(case.work)
    passkey_signature = signed_decisions.find_signature(case, case.decided_at) if for_sealing else None
    passkey_entries = [] if passkey_signature is None else [passkey_signature.key_entry, passkey_signature.entry]
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
        captures, place_files = _list_capture_facts(case, place, number, visits)
        statements, archive_files = list_third_party_statements(case, place, number)
        sighting = replace(_build_sighting_facts(case, place, number, captures, proofs), elsewhere=statements)
        if for_sealing and sighting.picture.digest not in absences:
            sighting, manifests = load_statements(services, sighting)
            files += manifests
        sightings.append(sighting)
        files += [*place_files, *archive_files]
    stated_digests = dict(case.work.work_pictures.exclude(stated=None).values_list("picture", "stated"))
    match_facts = tuple(
        _build_match_facts(match, number, places, stated_digests, absences) for number, match in enumerate(matches, 1)
    )
    work = build_work_facts(
        services, case.work, proofs.prove_entry(registration), proofs.prove_entries(further_submissions)
    )
    facts = CaseFacts(
        number=str(case.number),
        bundle=bundle,
        owner=OwnerFacts(case.owner.name, case.owner.contact),
        party=PartyFacts("domain", case.party),
        language=language,
        opened_at=case.opened_at,
        written_at=now(),
        software=build_software_facts(),
        work=work,
        sightings=tuple(sightings),
        matches=match_facts,
        licence_check=_check_licences(case, rows),
        decision=DecisionFacts(
            case.decision,
            case.decided_by,
            case.decided_at,
            case.reason,
            case.demonstration,
            _build_passkey_facts(services, passkey_signature, proofs),
        ),
        timestamps=list_timestamps(proofs.checkpoint),
        not_checked=list_unchecked_items(language),
        calibrations=_list_calibration_facts(services, match_facts, for_sealing=for_sealing),
        made_with=describe_environment(services.config.time_zone),
        left_out=tuple(_list_omitted_files(work, sightings, files, absences)),
        weighings=_list_odds_model_facts(services, match_facts, for_sealing=for_sealing),
    )
    present_files = tuple(file for file in files if file.digest not in absences)
    return GatheredFacts(facts, present_files, tuple(matches), absences)


def find_absent_files(services: Services, case: Case) -> dict[Digest, AbsenceRecord]:
    """Return the unavailable images and captured files of a case, by digest, with the reason for each.

    Raises:
        NotFoundError: An image is lost. It is required for the comparison, and a backup may contain it.
    """
    registered = list(case.work.work_pictures.select_related("picture"))
    never_stored = {
        row.digest: AbsenceRecord(AbsenceCode.NEVER)
        for row in registered
        if row.picture.bytes_state == BytesState.NEVER
    }
    sighting_digests = {row.sighting.picture.digest for row in list_case_sightings(case, for_sealing=True)}
    pictures = sighting_digests | {row.digest for row in registered} - never_stored.keys()
    captures = Capture.objects.filter(case=case, state=StepState.DONE)
    absences = find_absences(services, case.owner, pictures, captures) | never_stored
    if lost_digests := sorted(
        digest.hex for digest in pictures if digest in absences and absences[digest].reason is AbsenceCode.LOST
    ):
        sentence = Sentence(
            "The file of a picture in this case is missing, and no removal is recorded: %(digest)s.",
            digest=lost_digests[0],
        )
        hint = Sentence(
            "Restore the missing files from a backup, then run: exhibit api POST /operator/failures/seal/retry"
        )
        raise NotFoundError(sentence, hint=hint)
    return absences


def _list_omitted_files(
    work: WorkFacts,
    sightings: Sequence[SightingFacts],
    files: Sequence[ContentFile],
    absences: Mapping[Digest, AbsenceRecord],
) -> Iterator[OmittedFileFacts]:
    """Yield the files that the facts list but that the bundle will not contain."""
    candidates = [(picture.file, "work-picture", picture.digest) for picture in work.pictures]
    candidates += [(sighting.picture.file, "sighting-picture", sighting.picture.digest) for sighting in sightings]
    candidates += [(file.path, file.role, file.digest) for file in files]
    for path, role, digest in candidates:
        if digest in absences:
            yield OmittedFileFacts(path, role, digest, absences[digest].reason, absences[digest].since)


def build_software_facts() -> SoftwareFacts:
    """Build the facts about the software and the model in use."""
    model_choice = descriptors.get_descriptor_choice()
    if model_choice is None:
        built_in_digest = Digest.from_hex(dict(DESCRIPTOR.parameters)["sha256"])
        model = ModelFacts(DESCRIPTOR.name, DESCRIPTOR.version, built_in_digest)
    else:
        model = ModelFacts(model_choice.serving.name, model_choice.serving.version, model_choice.serving.digest)
    return SoftwareFacts("Exhibit", __version__, PIPELINE, (model,))


def _build_passkey_facts(services: Services, row: PasskeyQuestion | None, proofs: "_Proofs") -> PasskeyFacts | None:
    """Build the facts about the decision's passkey signature; None if there is none or its log entries were erased."""
    if row is None:
        return None
    entry_proof, key_proof = proofs.prove_entry(row.entry), proofs.prove_entry(row.key_entry)
    if entry_proof is None or key_proof is None:
        return None
    return PasskeyFacts(ASSERTION_PATH, services.blobs.put(row.answer.encode()), entry_proof, key_proof)


def build_picture_facts(picture: Picture, path: str) -> PictureFacts:
    """Build the facts of an image; ``path`` is its path in the bundle."""
    size = (picture.width or 0, picture.height or 0)
    return PictureFacts(picture.digest, picture.size, picture.format, *size, path, bool(picture.incomplete))


def build_work_facts(
    services: Services, work: Work, registration: LogProof | None, further_proofs: tuple[LogProof, ...] = ()
) -> WorkFacts:
    """Build the facts of a work, with the proofs of its registration and its title documents."""
    pictures = [
        replace(
            build_picture_facts(row.picture, sealing.get_work_picture_path(number, row.picture.format)),
            digest=row.digest,
        )
        for number, row in enumerate(work.work_pictures.select_related("picture").order_by("pk"), 1)
    ]
    return WorkFacts(
        number=str(work.number),
        **copy_columns(work, "title", "author", "holder", "credit", "rights_statement", "created", "first_publication"),
        registrations=tuple(
            OfficialRegistration(**{name: registration_row.get(name, "") for name in ("office", "number", "date")})
            for registration_row in work.registrations
        ),
        registered_at=work.registered_at,
        registration=registration,
        pictures=tuple(pictures),
        attachments=tuple(_list_title_documents(services, work)),
        further_registrations=further_proofs,
    )


def _list_title_documents(services: Services, work: Work) -> Iterator[AttachmentFacts]:
    """Yield the documents of a work's chain of title, except purged ones."""
    for attachment in work.attachments.filter(removed_at=None).order_by("number"):
        assert attachment.digest is not None
        if attachment.digest in services.blobs:
            title = f"{attachment.about} ({attachment.name})" if attachment.about else attachment.name
            path = sealing.get_title_document_path(attachment.number, attachment.name)
            yield AttachmentFacts(title, sealing.TITLE_DOCUMENT, attachment.digest, path)


@dataclass(frozen=True, slots=True)
class _Proofs:
    """Log proofs for one checkpoint, or ``None`` proofs without a checkpoint. Each slice's tree is built only once."""

    services: Services
    checkpoint: LogCheckpoint | None
    trees: dict[int, tuple[SliceTree, dict[int, int]]] = field(default_factory=dict)

    def prove_entry(self, submission: LogSubmission | None) -> LogProof | None:
        return prove_inclusion(self.services, submission, self.checkpoint)

    def prove_entries(self, submissions: Sequence[LogSubmission]) -> tuple[LogProof, ...]:
        return tuple(proof for submission in submissions if (proof := self.prove_entry(submission)) is not None)

    def prove_slice(self, sighting: Sighting) -> SliceProof | None:
        log_proof = self.prove_entry(sighting.slice.submission)
        if log_proof is None:
            return None
        if sighting.slice_id not in self.trees:
            rows = seen.list_sightings_by_slice(sighting.slice_id)
            tree = SliceTree([compute_record_leaf(to_record(row)) for row in rows])
            self.trees[sighting.slice_id] = tree, {row.pk: position for position, row in enumerate(rows)}
        tree, positions = self.trees[sighting.slice_id]
        return tree.prove(positions[sighting.pk], to_record(sighting), log_proof)


def _build_sighting_facts(
    case: Case, place: Place, number: int, captures: tuple[CaptureFacts, ...], proofs: _Proofs
) -> SightingFacts:
    first_sighting = place.first
    # Watch names of other owners are not disclosed.
    is_own_watch = first_sighting.crawl.watch.owner_id == case.owner_id
    return SightingFacts(
        number=number,
        **copy_columns(
            first_sighting, "page_url", "image_url", "final_url", "context", "status", "peer", "certificate", "period"
        ),
        first_seen=place.first_seen,
        last_seen=place.last_seen,
        crawl=f"{first_sighting.crawl.watch.name} {first_sighting.crawl.number}"
        if is_own_watch
        else str(first_sighting.crawl_id),
        headers=tuple((name, value) for name, value in first_sighting.response_headers),
        picture=build_picture_facts(
            first_sighting.picture, sealing.get_sighting_picture_path(number, first_sighting.picture.format)
        ),
        visibility=Visibility.PUBLIC if first_sighting.private_to_id is None else Visibility.PRIVATE,
        slice=proofs.prove_slice(first_sighting),
        captures=captures,
    )


def _list_capture_facts(
    case: Case, place: Place, number: int, used_visits: set[int]
) -> tuple[tuple[CaptureFacts, ...], list[ContentFile]]:
    """Return the facts and files of visits to a place that are not in ``used_visits``, and add them to ``used_visits``.

    A URL may have served several images over time, so each visit is listed only for the image that it searched for.
    """
    first_sighting = place.first
    visits = Capture.objects.filter(
        case=case, state="done", page_key=first_sighting.page_key, image_key=first_sighting.image_key
    )
    facts, files = [], []
    for row in (
        visits.filter(sighting__picture=first_sighting.picture_id).exclude(pk__in=used_visits).order_by("number")
    ):
        used_visits.add(row.pk)
        folder = f"{sealing.get_sighting_folder(number)}/capture-{row.number}"
        row_files = [
            ContentFile(f"{folder}/{file['name']}", file["role"], file["media_type"], Digest.from_hex(file["digest"]))
            for file in row.files
        ]
        facts.append(_build_capture_facts(row, row_files))
        files += row_files
    return tuple(facts), files


def list_third_party_statements(
    case: Case, place: Place, number: int
) -> tuple[tuple[ThirdPartyStatementFacts, ...], list[ContentFile]]:
    """Return third-party statements about a place, oldest first, and the stored responses of archives."""
    facts_by_statement: dict[SourceStatement, ThirdPartyStatementFacts] = {}
    for row in place.rows:
        known_since = (
            row.last_seen
            if row.last_seen is not None and row.found_in not in ("warc", "screenshot")
            else row.crawl.started_at
        )
        for statement in statements_from_json(row.elsewhere):
            default_url = row.page_url if statement.kind == SourceStatementKind.PAGE_PUBLISHED else ""
            facts_by_statement.setdefault(
                statement,
                _build_third_party_facts(replace(statement, where=statement.where or default_url), known_since),
            )
    statements, files = sorted(facts_by_statement.values(), key=_get_sort_key)[:MAX_STATEMENTS], []
    for lookup_number, lookup in enumerate(list_completed_lookups(case, place), 1):
        file = next(stored_file for stored_file in lookup.files if stored_file["role"] == ARCHIVE_RESPONSES_ROLE)
        path = f"{sealing.get_sighting_folder(number)}/archive-answers-{lookup_number}.json"
        files.append(
            ContentFile(path, ARCHIVE_RESPONSES_ROLE, sealing.JSON_MEDIA_TYPE, Digest.from_hex(file["digest"]))
        )
        assert lookup.answered_at is not None
        statements += [
            _build_third_party_facts(statement, lookup.answered_at, path)
            for statement in statements_from_json(lookup.elsewhere)
        ]
    return tuple(sorted(statements, key=_get_sort_key)), files


def _build_third_party_facts(
    statement: SourceStatement, known_since: datetime, file: str = ""
) -> ThirdPartyStatementFacts:
    return ThirdPartyStatementFacts(
        **copy_columns(statement, "kind", "by", "of", "stated", "where", "same"), learnt=known_since, file=file
    )


def _get_sort_key(facts: ThirdPartyStatementFacts) -> tuple[str, datetime]:
    """Return a sort key by time; statements without a time come last."""
    return facts.stated or "~", facts.learnt


def list_completed_lookups(case: Case, place: Place) -> list[ArchiveLookup]:
    """Return the completed archive queries about a place of a case, oldest first."""
    rows = [
        row
        for row in case.archive_questions.all()
        if get_archive_query_key(row.sighting) == get_archive_query_key(place.first)
    ]
    return sorted((row for row in rows if row.state == StepState.DONE), key=lambda row: row.pk)


ARCHIVE_LOOKUPS_PREFETCH = Prefetch("archive_questions", ArchiveLookup.objects.select_related("sighting"))
"""Prefetch of the archive queries that :func:`list_completed_lookups` reads, for many cases at once."""


def _build_capture_facts(row: Capture, files: Sequence[ContentFile]) -> CaptureFacts:
    image = next((file.digest for file in files if file.role == "captured-image"), None)
    assert row.started_at is not None
    assert row.finished_at is not None
    return CaptureFacts(
        **copy_columns(row, "method", "outcome", "sentence"),
        started=row.started_at,
        finished=row.finished_at,
        image=image,
        files=tuple(file.path for file in files),
    )


def build_match_templates(match: Match) -> tuple[TemplateWithValues, ...]:
    """Return the measurements of a match as templates with values, for translation."""
    digest = match.calibration
    return build_measurement_templates(
        match.verification, None if digest is None else calibrations.load_calibration(digest)
    )


def _build_match_facts(
    match: Match,
    number: int,
    places: Sequence[Place],
    stated_digests: Mapping[int, Digest | None],
    absences: Container[Digest],
) -> MatchFacts:
    verification = match.verification
    is_shown = match.found.digest not in absences and match.registered.digest not in absences
    is_aligned = verification.transform is not None and is_shown
    has_details = is_aligned and number <= DETAIL_LIMITS.max_matches

    def build_path(view: View, *, is_drawn: bool) -> str | None:
        return f"{sealing.get_match_folder(number)}/{view.file_name}" if is_drawn else None

    return MatchFacts(
        number=number,
        work_picture=stated_digests.get(match.registered_id) or match.registered.digest,
        picture=match.found.digest,
        sightings=tuple(
            sighting_number
            for sighting_number, place in enumerate(places, 1)
            if place.first.picture_id == match.found_id
        ),
        verification=verification,
        words=tuple(sentence % values for sentence, values in build_match_templates(match)),
        overlay=build_path(View.OVERLAY, is_drawn=is_aligned),
        side_by_side=build_path(View.SIDE_BY_SIDE, is_drawn=is_aligned),
        difference=build_path(View.DIFFERENCE, is_drawn=has_details),
        points=build_path(View.POINTS, is_drawn=has_details),
    )


def _list_calibration_facts(
    services: Services, matches: Sequence[MatchFacts], *, for_sealing: bool
) -> tuple[CalibrationFacts, ...]:
    """Return the facts of the calibrations of the matches' probabilities. Store their files if ``for_sealing``."""
    digests = {match.verification.calibration for match in matches if match.verification.calibration is not None}
    used_calibrations = [
        calibrations.load_calibration(digest) for digest in sorted(digests, key=lambda digest: digest.hex)
    ]
    if for_sealing:
        for calibration in used_calibrations:
            services.blobs.put(calibration.to_json())
    return tuple(
        build_calibration_facts(row, sealing.get_calibration_path(number))
        for number, row in enumerate(used_calibrations, 1)
    )


def _list_odds_model_facts(
    services: Services, matches: Sequence[MatchFacts], *, for_sealing: bool
) -> tuple[OddsModelFacts, ...]:
    """Return the facts of the odds models of the matches. Store their files if ``for_sealing``."""
    verifications = (match.verification for match in matches)
    pipelines = sorted({verification.pipeline for verification in verifications if verification.related is not None})
    files = [build_odds_model_file(services, pipeline) for pipeline in pipelines]
    if for_sealing:
        for file in files:
            services.blobs.put(file.to_json())
    return tuple(
        build_odds_model_facts(file, sealing.get_odds_model_path(number)) for number, file in enumerate(files, 1)
    )


def build_odds_model_file(services: Services, pipeline: str) -> OddsModelFile:
    """Build the sealed file with the odds model's weights of a comparison version.

    Raises:
        NotFoundError: The weights file of this version is missing.
    """
    weights = odds_model.load_odds_model(pipeline, services.weights_folder)
    if weights is None:
        raise NotFoundError(f"The weights of {pipeline} are missing from Exhibit.", hint="Reinstall Exhibit.")
    related = RelatedWeights(
        weights.related.intercept,
        weights.related.weights,
        limit=weights.related_limit,
        works=weights.works,
        decade=weights.decade,
    )
    exposure = ExposureWeights(
        weights.exposure.intercept,
        weights.exposure.weights,
        review=weights.review_limit,
        certain=weights.certain_limit,
        review_weights=weights.review_weights,
    )
    return OddsModelFile(pipeline, related, exposure)


def _check_licences(case: Case, rows: Sequence[CaseSighting]) -> LicenceCheckFacts:
    """Check every sighting against the current licence ledger. Sightings with an assigned licence count as covered."""
    licences, checked_at = list_licences(case.work), now()
    places = {row.sighting_id: row for row in rows}.values()
    uncovered_ids = {row.sighting_id for row in places if row.licence_id is None}
    reasons = []
    for licence in licences:
        obstacles = {row.sighting_id: describe_obstacle(licence, row.sighting) for row in places}
        covered_ids = {sighting for sighting, reason in obstacles.items() if not reason}
        uncovered_ids -= covered_ids
        text = next((reason for reason in reversed(obstacles.values()) if reason), "it covers the use")
        text = (
            f"it covers {len(covered_ids)} of {len(obstacles)} sightings"
            if 0 < len(covered_ids) < len(obstacles)
            else text
        )
        reasons.append(f"Licence {licence.number} ({licence.licensee}): {text}.")
    check = LicenceCheckFacts(
        checked_at, len(licences), not uncovered_ids, "", tuple(reasons), partly=0 < len(uncovered_ids) < len(places)
    )
    return replace(check, result=_COVERAGE_SENTENCES[check.outcome])


_COVERAGE_SENTENCES = {
    "all": "The owner's licence ledger contains a licence that covers this use.",
    "some": "The owner's licence ledger contains licences that cover some of the sightings, not all.",
    "none": "The owner's licence ledger contains no licence that covers this use.",
    "unsearched": "No licence for this work had been entered, so no search was made.",
}
