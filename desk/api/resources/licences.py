"""The licence ledger."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from ninja import File, Form, Router, Status, UploadedFile
from pydantic import Field

from desk.api.common.auth import WRITE, Call, get_request_owner
from desk.api.common.idempotency import make_idempotent
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import licences as schemas, requests
from desk.schemas.base import Page
from desk.schemas.works import NamedColumn, SkippedRow
from exhibit.errors import InvalidRequestError
from exhibit.files.delimited import ENCODINGS
from registry import scoped
from registry.cases.licence_trial import EFFECT_ORDER, EMPTY_TRIAL, list_trial_cases, try_licences
from registry.models import ColumnMapping, LedgerChange, Owner
from registry.works.column_mappings import Columns
from registry.works.licence_tables import MAX_BYTES, parse_licence_table
from registry.works.licences import (
    NewLicence,
    add_licences,
    change_licence,
    end_licence,
    list_pending_changes,
    normalise_licence,
)
from registry.works.work_tables import DAY_ORDERS
from workers import wiring

router = Router(tags=["licences"])
LICENCES = "/owners/{slug:owner}/licences"
Table = Annotated[UploadedFile, File(description="CSV or XLSX table with one licence per row.")]
PREVIEW_SECONDS = 1.0
"""Seconds for which a preview checks cases."""


class LicenceImport(requests.RequestBody):
    """Options for importing licences."""

    days: str = Field(
        "",
        max_length=9,
        pattern=f"^({'|'.join(DAY_ORDERS)})?$",
        description="Order of day and month in dates such as 01/02/2026: `day-month` or `month-day`. If empty, such "
        "dates are rejected.",
    )
    encoding: requests.Encoding = ""
    skip_rows: bool = Field(default=False, description="Whether to skip invalid rows and list them in the response.")
    dry_run: bool = Field(
        default=False, description="Whether to check only how Exhibit reads the table, without importing it."
    )


@router.get(LICENCES, response=Page[schemas.Licence])
def list_licences(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Licence]:
    """List licences."""
    return get_page(
        scoped.list_licences(get_request_owner(request)).prefetch_related("works"), schemas.Licence, cursor, limit
    )


@router.post(LICENCES, response={200: schemas.Licence, 201: schemas.Licence}, auth=WRITE)
@make_idempotent
def add_licence(request: Call, owner: str, new: requests.NewLicence) -> Status[schemas.Licence]:
    """Add a licence. Affected cases are checked in the background. An identical licence is not added twice.

    If an existing licence differs only because its reseller or invoice number is missing, the missing value is added
    to that licence.
    """
    owner_row = get_request_owner(request)
    saved, added = add_licences(owner_row, [_build_licence(owner_row, new)], by=request.auth.by)
    wiring.services().enqueue(LedgerChange, list_pending_changes(owner_row))
    return Status(HTTPStatus.CREATED if added else HTTPStatus.OK, schemas.Licence.from_row(saved[0]))


@router.post(LICENCES + "/import", response=schemas.ImportedLicences, auth=WRITE)
@make_idempotent
def import_licences(request: Call, owner: str, how: Form[LicenceImport], table: Table) -> schemas.ImportedLicences:
    """Import licences from a table. Affected cases are checked in the background.

    If a row is invalid, nothing is imported unless `skip_rows` is set. Unknown headings need a column mapping
    (`column-mappings`).
    """
    owner_row = get_request_owner(request)
    if (table.size or 0) > MAX_BYTES:
        raise InvalidRequestError("The table is larger than 2 MiB.", hint="Split it into several tables.")
    columns = Columns(owner_row, ColumnMapping.Kind.LICENCES)
    name, data = str(table.name), table.read()
    encoding = ENCODINGS.get(how.encoding, "")
    licence_table = parse_licence_table(
        owner_row, name, data, order=how.days, choose_columns=columns,
        encoding=encoding, accepts_likely=how.dry_run, skips_invalid=how.skip_rows,
    )  # fmt: skip
    new = None
    if not how.dry_run:
        new = add_licences(owner_row, licence_table.licences, by=request.auth.by)[1]
        wiring.services().enqueue(LedgerChange, list_pending_changes(owner_row))
    headings = [
        NamedColumn(heading=heading.text, column=heading.column) for heading in licence_table.interpretation.headings
    ]
    return schemas.ImportedLicences(
        read=len(licence_table.licences),
        new=new,
        encoding=licence_table.interpretation.encoding,
        is_likely=licence_table.interpretation.is_likely,
        columns=headings,
        columns_chosen_by="" if columns.used_mapping is None else columns.used_mapping.by,
        skipped_rows=[SkippedRow(row=line, problem=problem) for line, problem in licence_table.interpretation.skipped],
        unread_sheets=list(licence_table.interpretation.unread_sheets),
    )


@router.post(LICENCES + "/{int:number}/end", response=schemas.Licence, auth=WRITE, operation_id="end_licence")
@make_idempotent
def set_licence_end(request: Call, owner: str, number: int, last: requests.LicenceEnd) -> schemas.Licence:
    """End a licence on a given day. Uses up to that day stay covered; later uses are not covered."""
    end_licence(
        scoped.get_licence(get_request_owner(request), number), last.last_day, by=request.auth.by, reason=last.reason
    )
    wiring.services().enqueue(LedgerChange, list_pending_changes(get_request_owner(request)))
    return schemas.Licence.from_row(scoped.get_licence(get_request_owner(request), number))


@router.get(LICENCES + "/{int:number}", response=schemas.Licence)
def get_licence(request: Call, owner: str, number: int) -> schemas.Licence:
    """Get a licence."""
    return schemas.Licence.from_row(scoped.get_licence(get_request_owner(request), number))


@router.put(LICENCES + "/{int:number}", response=schemas.Licence, auth=WRITE, operation_id="change_licence")
def replace_licence(request: Call, owner: str, number: int, new: requests.LicenceUpdate) -> schemas.Licence:
    """Replace all terms of a licence. Affected cases are checked in the background.

    Cases licensed by the ledger that are no longer covered are reopened. Decisions by members are unchanged.
    """
    row = scoped.get_licence(get_request_owner(request), number)
    change_licence(row, _build_licence(get_request_owner(request), new), by=request.auth.by, reason=new.change_reason)
    wiring.services().enqueue(LedgerChange, list_pending_changes(get_request_owner(request)))
    return schemas.Licence.from_row(scoped.get_licence(get_request_owner(request), number))


@router.post(LICENCES + "/preview", response=schemas.LicencePreview, operation_id="preview_licences")
def preview_licences(request: Call, owner: str, trial: requests.LicencePreviewRequest) -> schemas.LicencePreview:
    """Preview the effect of new or changed licences on cases. Nothing is changed.

    A request checks cases for about one second. If `next` is not null, send it as `after` in another request, and add
    up the counts of all responses.
    """
    owner_row = get_request_owner(request)
    row = None if trial.replaces is None else scoped.get_licence(owner_row, trial.replaces)
    new = [_build_licence(owner_row, licence) for licence in trial.licences]
    initial_trial = replace(EMPTY_TRIAL, after=trial.after)
    result = try_licences(owner_row, new, replaced_licence=row, previous=initial_trial, seconds=PREVIEW_SECONDS)
    cases = [schemas.AffectedCase.from_row(case, effect=effect) for case, effect in list_trial_cases(owner_row, result)]
    counts = {effect: result.counts.get(effect, 0) for effect in EFFECT_ORDER}
    return schemas.LicencePreview.from_row(result, cases=cases, **counts)


def _build_licence(owner: Owner, new: requests.NewLicence) -> NewLicence:
    """Build the licence that a request describes, and look up its works among those of the owner."""
    works = tuple(scoped.get_work(owner, number) for number in dict.fromkeys(new.works))
    values = new.model_dump(exclude={"change_reason"})
    return normalise_licence(NewLicence(**{**values, "works": works, "territories": tuple(new.territories)}))
