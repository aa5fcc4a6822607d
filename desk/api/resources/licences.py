"""The licence ledger."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from ninja import File, Form, Router, Status, UploadedFile
from pydantic import Field

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import licences as schemas, requests
from desk.schemas.base import Page
from desk.schemas.works import NamedColumn, SkippedRow
from exhibit.errors import WrongUseError
from exhibit.files.delimited import ENCODINGS
from registry import scoped
from registry.cases.licence_trial import EMPTY_TRIAL, ORDER, cases_of, try_licences
from registry.models import ColumnMapping, LedgerChange, Owner
from registry.works.column_mappings import Columns
from registry.works.licence_tables import MAX_BYTES, parse_licence_table
from registry.works.licences import (
    NewLicence,
    add_licences,
    change_licence,
    end_licence,
    list_pending_changes,
    normalise,
)
from registry.works.work_tables import ORDERS
from workers import wiring

router = Router(tags=["licences"])
LICENCES = "/owners/{slug:owner}/licences"
Table = Annotated[UploadedFile, File(description="CSV or XLSX table with one licence per row.")]
MOMENT = 1.0
"""Seconds that a trial looks at cases."""


class LicenceImport(requests.RequestBody):
    """Options of an import."""

    days: str = Field(
        "",
        max_length=9,
        pattern=f"^({'|'.join(ORDERS)})?$",
        description="Order in dates such as 01/02/2026, which are otherwise rejected: `day-month` or `month-day`.",
    )
    encoding: requests.Encoding = ""
    skip_rows: bool = Field(default=False, description="Skip invalid rows, and list them in the response.")
    dry_run: bool = Field(default=False, description="Check how the table is read, without importing it.")


@router.get(LICENCES, response=Page[schemas.Licence])
def list_licences(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Licence]:
    """List licences."""
    return page(scoped.licences(of(request)).prefetch_related("works"), schemas.Licence, cursor, limit)


@router.post(LICENCES, response={200: schemas.Licence, 201: schemas.Licence}, auth=WRITE)
@once
def add_licence(request: Call, owner: str, new: requests.NewLicence) -> Status[schemas.Licence]:
    """Add a licence. Affected cases are checked in the background. An identical licence is not added twice.

    If an existing licence differs only by its missing reseller or invoice, these are added to it.
    """
    to = of(request)
    saved, added = add_licences(to, [_meant(to, new)], by=request.auth.by)
    wiring.services().enqueue(LedgerChange, list_pending_changes(to))
    return Status(HTTPStatus.CREATED if added else HTTPStatus.OK, schemas.Licence.from_row(saved[0]))


@router.post(LICENCES + "/import", response=schemas.ImportedLicences, auth=WRITE)
@once
def import_licences(request: Call, owner: str, how: Form[LicenceImport], table: Table) -> schemas.ImportedLicences:
    """Import licences from a table: all or none, unless `skip_rows` is set. Cases are checked in the background.

    Unknown headings need a column mapping (`column-mappings`).
    """
    to = of(request)
    if (table.size or 0) > MAX_BYTES:
        raise WrongUseError("The table is larger than 2 MiB.", hint="Split it into several tables.")
    columns = Columns(to, ColumnMapping.Kind.LICENCES)
    name, data = str(table.name), table.read()
    encoding = ENCODINGS.get(how.encoding, "")
    licence_table = parse_licence_table(
        to, name, data, order=how.days, choose_columns=columns,
        encoding=encoding, accepts_likely=how.dry_run, skips_invalid=how.skip_rows,
    )  # fmt: skip
    new = None
    if not how.dry_run:
        new = add_licences(to, licence_table.licences, by=request.auth.by)[1]
        wiring.services().enqueue(LedgerChange, list_pending_changes(to))
    headings = [
        NamedColumn(heading=heading.text, column=heading.column) for heading in licence_table.interpretation.headings
    ]
    return schemas.ImportedLicences(
        read=len(licence_table.licences),
        new=new,
        encoding=licence_table.interpretation.encoding,
        is_likely=licence_table.interpretation.likely,
        columns=headings,
        columns_chosen_by="" if columns.used is None else columns.used.by,
        skipped_rows=[SkippedRow(row=line, problem=problem) for line, problem in licence_table.interpretation.skipped],
        unread_sheets=list(licence_table.interpretation.unread_sheets),
    )


@router.post(LICENCES + "/{int:number}/end", response=schemas.Licence, auth=WRITE, operation_id="end_licence")
@once
def end(request: Call, owner: str, number: int, last: requests.LicenceEnd) -> schemas.Licence:
    """End a licence on a given day. Uses seen before stay covered; later ones do not."""
    end_licence(scoped.licence(of(request), number), last.last_day, by=request.auth.by, reason=last.reason)
    wiring.services().enqueue(LedgerChange, list_pending_changes(of(request)))
    return schemas.Licence.from_row(scoped.licence(of(request), number))


@router.get(LICENCES + "/{int:number}", response=schemas.Licence)
def get_licence(request: Call, owner: str, number: int) -> schemas.Licence:
    """Get a licence."""
    return schemas.Licence.from_row(scoped.licence(of(request), number))


@router.put(LICENCES + "/{int:number}", response=schemas.Licence, auth=WRITE, operation_id="change_licence")
def change(request: Call, owner: str, number: int, new: requests.LicenceUpdate) -> schemas.Licence:
    """Replace all terms of a licence. Affected cases are checked in the background.

    Cases that the ledger licensed and that are no longer covered are reopened. Decisions by members stay.
    """
    row = scoped.licence(of(request), number)
    change_licence(row, _meant(of(request), new), by=request.auth.by, reason=new.change_reason)
    wiring.services().enqueue(LedgerChange, list_pending_changes(of(request)))
    return schemas.Licence.from_row(scoped.licence(of(request), number))


@router.post(LICENCES + "/preview", response=schemas.LicencePreview, operation_id="preview_licences")
def try_some(request: Call, owner: str, trial: requests.LicencePreviewRequest) -> schemas.LicencePreview:
    """Preview the effect of new or changed licences on cases. Nothing is changed.

    A request checks cases for about one second. If `next` is not null, send it as `after` and add up the numbers.
    """
    to = of(request)
    row = None if trial.replaces is None else scoped.licence(to, trial.replaces)
    new = [_meant(to, licence) for licence in trial.licences]
    begin = replace(EMPTY_TRIAL, after=trial.after)
    result = try_licences(to, new, replaced_licence=row, previous=begin, seconds=MOMENT)
    cases = [schemas.AffectedCase.from_row(case, effect=effect) for case, effect in cases_of(to, result)]
    counts = {effect: result.counts.get(effect, 0) for effect in ORDER}
    return schemas.LicencePreview.from_row(result, cases=cases, **counts)


def _meant(to: Owner, new: requests.NewLicence) -> NewLicence:
    """The licence that a request describes, with the owner's works."""
    works = tuple(scoped.work(to, number) for number in dict.fromkeys(new.works))
    values = new.model_dump(exclude={"change_reason"})
    return normalise(NewLicence(**{**values, "works": works, "territories": tuple(new.territories)}))
