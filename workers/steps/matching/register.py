"""Registering the files of uploads, one after the other; each ends with its own result."""

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from exhibit.errors import NotFoundError, RefusedError, ServiceMissingError
from exhibit.machine import machine_fault
from registry.db import steps
from registry.models import StepState, UploadFile, Work
from workers.services.wiring import Services
from workers.works import uploads
from workers.works.registration import NewWork, register_work, work_of
from workers.works.tables import DeclaredWork


def import_uploads(services: Services, ids: Sequence[int]) -> None:
    """Register files that wait. What can't be registered ends with its reason; the others aren't held up by it."""
    for pk in steps.claim(UploadFile, ids, services.stale_after):
        row = UploadFile.objects.select_related("upload__owner", "line").get(pk=pk)
        with steps.ending(UploadFile, [pk]):
            try:
                _take_in(services, row)
            except RefusedError as error:
                if machine_fault(error):
                    raise
                _end(row, UploadFile.Outcome.REFUSED, reason=error.reason, sentence=str(error))
            except ServiceMissingError as error:  # such as an index that is being made again
                steps.hold_up(UploadFile, [pk], machine_fault(error) or str(error))
                continue
            _let_go(services, row)


def new_work(line: DeclaredWork | None, *, source_name: str, reads_metadata: bool) -> NewWork:
    """What a line of a table declares of the work in a file; nothing without a line."""
    if line is None:
        return NewWork("", source_name=source_name, reads_metadata=reads_metadata)
    return NewWork(
        title=line.title,
        author=line.author,
        rights_statement=line.rights,
        first_publication=line.first_publication,
        registrations=tuple(line.registrations),
        holder=line.holder,
        credit=line.credit,
        created=line.created,
        source_name=source_name,
        reads_metadata=reads_metadata,
    )


def _take_in(services: Services, row: UploadFile) -> None:
    assert row.digest is not None
    owner = row.upload.owner
    if (known := work_of(owner, row.digest)) is not None:
        _end(row, UploadFile.Outcome.KNOWN, known)
        return
    try:
        data = uploads.waiting_room(services, row.upload_id).get(row.digest)
    except NotFoundError as error:
        raise RefusedError("Its bytes aren't here any more.", reason="missing", hint="Send it again.") from error

    def with_it(work: Work) -> None:  # in the transaction that registers: a killed worker leaves both or neither
        _end(row, UploadFile.Outcome.REGISTERED, work)

    registered = register_work(services, owner, data, _declared(row), with_it)
    if not registered.new:
        _end(row, UploadFile.Outcome.KNOWN, registered.work)


def _declared(row: UploadFile) -> NewWork:
    """What is declared: by the table, else for all files of the upload."""
    line = None if row.line is None else DeclaredWork(**row.line.declared)
    new = new_work(line, source_name=row.name, reads_metadata=row.upload.reads_metadata)
    author, rights = new.author or row.upload.author, new.rights_statement or row.upload.rights_statement
    return replace(new, author=author, rights_statement=rights)


def _end(
    row: UploadFile, outcome: UploadFile.Outcome, work: Work | None = None, *, reason: str = "", sentence: str = ""
) -> None:
    with transaction.atomic():
        told = UploadFile.objects.filter(pk=row.pk, outcome="")  # another claimer may have been first
        if told.update(outcome=outcome, work=work, reason=reason):
            steps.finish(UploadFile, [row.pk])
            UploadFile.objects.filter(pk=row.pk).update(error=sentence)


def _let_go(services: Services, row: UploadFile) -> None:
    """Remove the waiting bytes, unless another file of the upload with the same bytes still waits."""
    others = UploadFile.objects.filter(upload=row.upload_id, digest=row.digest).exclude(state=StepState.DONE)
    if row.digest is not None and not others.exists():
        uploads.waiting_room(services, row.upload_id).remove(row.digest)
