"""Registration of uploaded files, one by one; each gets its own result."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from django.db import transaction

from exhibit.errors import NotFoundError, RefusedError, ServiceMissingError
from exhibit.machine import describe_machine_fault
from exhibit.sentences import Sentence
from exhibit.types import DeclaredWork
from registry.db import steps
from registry.db.claimable import StepState
from registry.services.services import Services
from registry.works.models import Upload, UploadFile, Work
from registry.works.registration import NewWork, find_work, register_work
from registry.works.work_tables import parse_declaration


def register_uploads(services: Services, ids: Sequence[int]) -> None:
    """Register pending files. The reason is recorded for a file that cannot be registered; other files continue."""
    for pk in steps.claim(UploadFile, ids, services.stale_after):
        row = UploadFile.objects.select_related("upload__owner", "line").get(pk=pk)
        with steps.guard_processing(UploadFile, [pk]):
            try:
                _register_file(services, row)
            except RefusedError as error:
                if describe_machine_fault(error):
                    raise
                _finish_file(row, UploadFile.Outcome.REFUSED, reason=error.reason, sentence=error.sentence)
                reopen_proposals(row.upload)
            except ServiceMissingError as error:  # for example while an index is rebuilt
                steps.hold_up(UploadFile, [pk], describe_machine_fault(error) or error.sentence)
                continue
            _delete_bytes(services, row)


def _register_file(services: Services, row: UploadFile) -> None:
    assert row.digest is not None
    owner = row.upload.owner
    if (existing_work := find_work(owner, row.digest)) is not None:
        _finish_file(row, UploadFile.Outcome.KNOWN, existing_work)
        return
    try:
        data = services.uploads.get_store(row.upload_id).get(row.digest)
    except NotFoundError as error:
        message = Sentence("The bytes of the file are no longer stored.")
        raise RefusedError(message, reason="missing", hint=Sentence("Upload the file again.")) from error
    # In one transaction, so that both or neither are stored.
    on_registered = partial(_finish_file, row, UploadFile.Outcome.REGISTERED)
    result = register_work(services, owner, data, _make_new_work(row), on_registered)
    if not result.is_new:
        _finish_file(row, UploadFile.Outcome.KNOWN, result.work)


def _make_new_work(row: UploadFile) -> NewWork:
    """Return the declaration for a file: from the table, otherwise from the defaults of the upload."""
    upload, declaration = row.upload, DeclaredWork() if row.line is None else parse_declaration(row.line.declared)
    author, rights_statement = (
        declaration.author or upload.author,
        declaration.rights_statement or upload.rights_statement,
    )
    return NewWork(
        replace(declaration, author=author, rights_statement=rights_statement), row.name, upload.reads_metadata
    )


def _finish_file(
    row: UploadFile, outcome: UploadFile.Outcome, work: Work | None = None, *, reason: str = "", sentence: str = ""
) -> None:
    with transaction.atomic():
        unfinished_files = UploadFile.objects.filter(pk=row.pk, outcome="")  # Another worker may have been faster.
        if unfinished_files.update(outcome=outcome, work=work, reason=reason):
            steps.finish(UploadFile, [row.pk])
            UploadFile.objects.filter(pk=row.pk).update(error=sentence)


def reopen_proposals(upload: Upload) -> None:
    """Reopen proposals for pictures whose files the upload refused: no work was registered for them."""
    if not upload.proposals.exists():
        return
    refused_files = upload.files.filter(outcome=UploadFile.Outcome.REFUSED).exclude(digest=None).values("digest")
    rows = upload.proposals.filter(state="registered", picture__digest__in=refused_files)
    rows.update(state="open", decided_at=None, decided_by="", upload=None)


def _delete_bytes(services: Services, row: UploadFile) -> None:
    """Delete the pending bytes, unless another unfinished file of the upload has the same bytes."""
    other_files = UploadFile.objects.filter(upload=row.upload_id, digest=row.digest).exclude(state=StepState.DONE)
    if row.digest is not None and not other_files.exists():
        services.uploads.get_store(row.upload_id).remove(row.digest)
