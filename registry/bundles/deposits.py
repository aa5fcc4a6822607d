"""Deposit records: a work's declarations and exact bytes, sealed, logged and assembled like a bundle."""

from dataclasses import replace
from functools import partial
from typing import BinaryIO

from django.db.models import Min

from evidence.bundle.bag import write_bundle
from evidence.bundle.manifest import Manifest
from evidence.bundle.sealing import ContentFile, SealedCase, build_seal_opening, seal_case
from evidence.documents.made_with import describe_environment
from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
from evidence.facts.case import CaseFacts, DecisionFacts, LicenceCheckFacts, OwnerFacts, PartyFacts, WorkFacts
from evidence.log.proofs import LogProof
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError
from exhibit.sentences import Sentence
from registry.bundles.bundles import find_purged_files, load_sealed_facts
from registry.bundles.documents import LazyPictures, list_languages, render_in_each_language
from registry.bundles.facts import build_software_facts, build_work_facts
from registry.bundles.models import Deposit
from registry.db.rows import get_next_number, lock_row
from registry.keys.signing_keys import KEY_HOLDER, check_not_revoked, get_sealing_key, unlock_signer
from registry.log.audit_log import log_change
from registry.log.log import submit_entry
from registry.log.models import LogCheckpoint, LogSubmission
from registry.log.proofs import (
    build_proofs,
    get_best_checkpoint,
    get_covering_checkpoint,
    list_timestamps,
    prove_inclusion,
)
from registry.members import samples
from registry.services.services import Services
from registry.works.models import Work
from registry.works.ownership import list_warnings
from registry.works.public_works import get_public_url
from registry.works.registration_proofs import list_later_submissions

RECORD_PATH, RECORD_ROLE = "data/deposit-record.pdf", "deposit-record"
NOT_SEARCHED = "Not searched: this is the record of a work, not of a use."


def make_deposit(services: Services, work: Work, *, by: str) -> Deposit:
    """Create a deposit record of a work's current declarations, or return the newest one if nothing has changed.

    Raises:
        NotFoundError: The bytes of a picture of the work are not stored.
    """
    samples.check_not_sample(work.owner)
    newest_deposit = work.deposits.first()
    if newest_deposit is not None and _is_unchanged(services, newest_deposit, work):
        return newest_deposit
    number = get_next_number(work.deposits)
    facts = _build_facts(services, work, number)
    key = get_sealing_key(services, work.owner)
    files = _render_records(services, facts)
    sealed_record = seal_case(
        facts, files, unlock_signer(services, key), holder=KEY_HOLDER, sealed_at=now(), blobs=services.blobs
    )
    with lock_row(work):
        existing_deposit = work.deposits.filter(number=number).first()
        if existing_deposit is not None:
            return existing_deposit
        check_not_revoked(key)
        warnings = list_warnings(work)
        if warnings:
            details = {"record": number, "warned": warnings, "work": work.number}
            log_change("deposit record made", by=by, owner=work.owner, details=details)
        entry = submit_entry(EntryType.SEAL, build_seal_opening(sealed_record), work.owner)
        assert entry is not None  # Sample works have no deposit records.
        return Deposit.objects.create(
            work=work,
            number=number,
            seal_digest=sealed_record.seal_digest,
            signature=sealed_record.signature,
            key=key,
            made_by=by,
            sealed_at=sealed_record.manifest.sealed_at,
            submission=entry,
        )


def get_deposit_file_stem(deposit: Deposit) -> str:
    """Return the stem of a deposit record's file names, such as ``studio-work-12-deposit-record-1``."""
    work = deposit.work
    return f"{work.owner.slug}-work-{work.number}-deposit-record-{deposit.number}"


def write_deposit_zip(services: Services, deposit: Deposit, out: BinaryIO) -> None:
    """Write a deposit record's ZIP with the proofs that exist so far. Sign a checkpoint first if none covers it yet.

    Purged files are withheld, and the record states this.
    """
    sealed_record = load_sealed_deposit(services, deposit)
    checkpoint = get_best_checkpoint(deposit.submission_id) or get_covering_checkpoint(services, [deposit.submission])
    proofs = build_proofs(services, deposit.submission, checkpoint, load_sealed_facts(services, sealed_record))
    write_bundle(
        out, sealed_record, replace(proofs, withheld=find_purged_files(services, sealed_record)), services.blobs
    )


def load_record_files(services: Services, deposit: Deposit) -> dict[str, bytes]:
    """Load a deposit record's PDFs in all languages, by file name.

    Raises:
        NotFoundError: A PDF was removed because it showed a purged image.
    """
    stem = get_deposit_file_stem(deposit)
    documents = [file for file in load_sealed_deposit(services, deposit).manifest.files if file.role == RECORD_ROLE]
    if any(file.sha256 not in services.blobs for file in documents):
        sentence = f"Deposit record {deposit.number} showed a picture that was permanently removed."
        raise NotFoundError(
            sentence, hint=Sentence("The ZIP of the deposit record contains the proofs and a list of what was removed.")
        )
    return {
        f"{stem}{file.path.removeprefix('data/deposit-record')}": services.blobs.get(file.sha256) for file in documents
    }


def load_sealed_deposit(services: Services, deposit: Deposit) -> SealedCase:
    """Return the manifest and signature of a deposit record."""
    return SealedCase(Manifest.from_json(services.blobs.get(deposit.seal_digest)), bytes(deposit.signature))


def _is_unchanged(services: Services, deposit: Deposit, work: Work) -> bool:
    """Return True if a record states the work's current declarations. Checkpoints of its proofs are not compared."""
    last_facts = load_sealed_facts(services, load_sealed_deposit(services, deposit))
    current_work = _build_work_facts(
        services, work, last_facts.work.registration, last_facts.work.further_registrations
    )
    return (last_facts.work, last_facts.owner) == (current_work, OwnerFacts(work.owner.name, work.owner.contact))


def _build_facts(services: Services, work: Work, number: int) -> CaseFacts:
    written_at = now()
    submission, further_submissions = work.declaration, list_later_submissions(work)
    checkpoint = _get_registration_checkpoint(services, submission, further_submissions)
    proof, *further_proofs = [
        prove_inclusion(services, logged_submission, checkpoint)
        for logged_submission in (submission, *further_submissions)
    ]
    return CaseFacts(
        number=f"work {work.number}",
        bundle=number,
        owner=OwnerFacts(work.owner.name, work.owner.contact),
        party=PartyFacts(DEPOSIT_PARTY, ""),
        language=list_languages(services)[0],
        opened_at=work.registered_at,
        written_at=written_at,
        software=build_software_facts(),
        work=_build_work_facts(
            services, work, proof, tuple(further_proof for further_proof in further_proofs if further_proof is not None)
        ),
        sightings=(),
        matches=(),
        licence_check=LicenceCheckFacts(written_at, 0, covered=False, result=NOT_SEARCHED, reasons=()),
        decision=DecisionFacts("open", "", None, "", demonstration=False),
        timestamps=list_timestamps(checkpoint),
        not_checked=(),
        made_with=describe_environment(services.config.time_zone),
    )


def _build_work_facts(
    services: Services, work: Work, registration: LogProof | None, further_proofs: tuple[LogProof, ...]
) -> WorkFacts:
    """Build the facts of a work, including the date of the earliest conflicting registration and the public page."""
    earlier_registration = work.conflicts.aggregate(first=Min("earlier_registered_at"))["first"]
    page = get_public_url(services.config, work) if services.config.public_url else None
    facts = build_work_facts(services, work, registration, further_proofs)
    return replace(facts, earlier_registration=earlier_registration, public_page=page or "")


def _get_registration_checkpoint(
    services: Services, submission: LogSubmission | None, further_submissions: list[LogSubmission]
) -> LogCheckpoint | None:
    """Return the checkpoint with the most timestamps that covers a registration; sign one now if there is none."""
    if submission is None:
        return None
    checkpoint = None if further_submissions else get_best_checkpoint(submission.pk)
    return checkpoint or get_covering_checkpoint(services, [submission, *further_submissions])


def _render_records(services: Services, facts: CaseFacts) -> list[ContentFile]:
    """Render the record in each of the installation's languages, except those whose font is missing."""
    if any(picture.digest not in services.blobs for picture in facts.work.pictures):
        sentence = "A picture of the work is no longer stored, so no deposit record can be created."
        raise NotFoundError(sentence, hint=Sentence("Register the same file again."))
    digests = {picture.file: picture.digest for picture in facts.work.pictures}
    digests |= {document.file: document.digest for document in facts.work.attachments}
    pictures = LazyPictures({path: partial(services.blobs.get, digest) for path, digest in digests.items()})
    render = partial(render_deposit_record, facts, pictures, time_zone=services.config.time_zone)
    return render_in_each_language(services, render, RECORD_PATH, RECORD_ROLE)
