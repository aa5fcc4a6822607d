"""Registration of uploaded files, one by one; each gets its own result."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from django.db import transaction

from exhibit.errors import NotFoundError, RefusedError, ServiceMissingError
from exhibit.machine import machine_fault
from exhibit.sentences import Sentence
from exhibit.types import DeclaredWork
from registry.db import steps
from registry.db.claimable import StepState
from registry.services.services import Services
from registry.works.models import Upload, UploadFile, Work
from registry.works.registration import NewWork, register_work, work_of
from registry.works.tables import declared_in


def import_uploads(services: Services, ids: Sequence[int]) -> None:
    """Register waiting files. A file that cannot be registered gets its reason and does not hold up the others."""
    for pk in steps.claim(UploadFile, ids, services.stale_after):
        row = UploadFile.objects.select_related("upload__owner", "line").get(pk=pk)
        with steps.ending(UploadFile, [pk]):
            try:
                _take_in(services, row)
            except RefusedError as error:
                if machine_fault(error):
                    raise
                _end(row, UploadFile.Outcome.REFUSED, reason=error.reason, sentence=error.sentence)
                propose_again(row.upload)
            except ServiceMissingError as error:  # such as an index that is being rebuilt
                steps.hold_up(UploadFile, [pk], machine_fault(error) or error.sentence)
                continue
            _let_go(services, row)


def _take_in(services: Services, row: UploadFile) -> None:
    assert row.digest is not None
    owner = row.upload.owner
    if (existing_work := work_of(owner, row.digest)) is not None:
        _end(row, UploadFile.Outcome.KNOWN, existing_work)
        return
    try:
        data = services.uploads.room(row.upload_id).get(row.digest)
    except NotFoundError as error:
        message = Sentence("The bytes of the file are no longer stored.")
        raise RefusedError(message, reason="missing", hint=Sentence("Upload the file again.")) from error
    # In the registration's transaction: a killed worker leaves both or neither.
    with_it = partial(_end, row, UploadFile.Outcome.REGISTERED)
    registered = register_work(services, owner, data, _new_work(row), with_it)
    if not registered.new:
        _end(row, UploadFile.Outcome.KNOWN, registered.work)


def _new_work(row: UploadFile) -> NewWork:
    """Return the declaration for a file: from the table, else from the defaults of the upload."""
    upload, declared = row.upload, DeclaredWork() if row.line is None else declared_in(row.line.declared)
    author, rights = declared.author or upload.author, declared.rights_statement or upload.rights_statement
    return NewWork(replace(declared, author=author, rights_statement=rights), row.name, upload.reads_metadata)


def _end(
    row: UploadFile, outcome: UploadFile.Outcome, work: Work | None = None, *, reason: str = "", sentence: str = ""
) -> None:
    with transaction.atomic():
        unfinished_files = UploadFile.objects.filter(pk=row.pk, outcome="")  # another claimer may have been first
        if unfinished_files.update(outcome=outcome, work=work, reason=reason):
            steps.finish(UploadFile, [row.pk])
            UploadFile.objects.filter(pk=row.pk).update(error=sentence)


def propose_again(upload: Upload) -> None:
    """Reopen proposals for pictures whose files the upload refused: no work was registered for them."""
    if not upload.proposals.exists():
        return
    refused = upload.files.filter(outcome=UploadFile.Outcome.REFUSED).exclude(digest=None).values("digest")
    rows = upload.proposals.filter(state="registered", picture__digest__in=refused)
    rows.update(state="open", decided_at=None, decided_by="", upload=None)


def _let_go(services: Services, row: UploadFile) -> None:
    """Delete the waiting bytes, unless another file of the upload with the same bytes still waits."""
    others = UploadFile.objects.filter(upload=row.upload_id, digest=row.digest).exclude(state=StepState.DONE)
    if row.digest is not None and not others.exists():
        services.uploads.room(row.upload_id).remove(row.digest)
