"""Payment demands, the ledger, invoices and fee tables."""

from typing import Annotated, Literal

from django.http.response import HttpResponseBase
from ninja import Path, Query, Router

from desk.api.common.auth import WRITE, Call, get_request_owner
from desk.api.common.files import build_download_response
from desk.api.common.idempotency import make_idempotent
from desk.api.common.openapi import describe_file_response
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import requests
from desk.schemas.base import Page
from desk.schemas.parties import demands as schemas
from evidence.documents.report.volumes import FORMATS
from exhibit.errors import InvalidRequestError
from registry.models import Fee, Owner
from registry.parties import demands, invoices
from registry.parties.invoices import NAME_PATTERN, DueAmount, render_invoice_pdf
from registry.parties.periods import compute_totals, parse_period
from registry.parties.proposed_fees import propose_fees_for_cases, sum_proposed_fees
from registry.parties.tables import export_ledger_csv, export_ledger_xlsx

router = Router(tags=["payment demands"])
DEMANDS = "/owners/{slug:owner}/demands"
INVOICES = "/owners/{slug:owner}/invoices"
InvoiceName = Annotated[str, Path(pattern=NAME_PATTERN, description="Invoice number, such as `2026-0001`.")]
DemandFilter = Annotated[
    int | None,
    Query(ge=1, le=2_147_483_647, description="Return only invoices of the payment demand with this number."),
]
PeriodParameter = Annotated[
    str,
    Query(max_length=7, pattern="^[0-9Q-]+$", description="Year, quarter or month: `2026`, `2026-Q3` or `2026-07`."),
]
PeriodFilter = Annotated[
    str,
    Query(
        max_length=7,
        pattern="^[0-9Q-]*$",
        description="Include only entries of this year, quarter or month, such as `2026-Q3`.",
    ),
]
LedgerFormat = Annotated[
    Literal["csv", "xlsx"], Query(description="File format: CSV, or a workbook with typed dates and amounts.")
]
SiteFilter = Annotated[
    str, Query(max_length=260, pattern=requests.TEXT_PATTERN, description="Return only payment demands to this site.")
]
SiteParameter = Annotated[
    str,
    Query(
        max_length=260,
        pattern=requests.TEXT_PATTERN,
        description="Site (domain or account) on which the cases were found.",
    ),
]
CaseNumbers = Annotated[
    str,
    Query(pattern="^[0-9]{1,9}(,[0-9]{1,9}){0,199}$", description="Case numbers, separated by commas, such as `3,4`."),
]


@router.get(DEMANDS, response=Page[schemas.DemandSummary])
def list_demands(
    request: Call, owner: str, site: SiteFilter = "", cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.DemandSummary]:
    """List payment demands."""
    return get_page(demands.list_demands(get_request_owner(request), site), schemas.DemandSummary, cursor, limit)


@router.post(DEMANDS, response={201: schemas.Demand}, auth=WRITE)
@make_idempotent
def add_demand(request: Call, owner: str, new: schemas.NewDemand) -> schemas.Demand:
    """Record a payment demand to a site for confirmed cases. Exhibit sends nothing."""
    owner_row, values = get_request_owner(request), new.model_dump(exclude={"fee_table", "fee", "site"})
    values |= {"party": new.site, "fee": _get_fee(owner_row, new), "currency": new.currency or ""}
    return schemas.Demand.from_row(demands.create_demand(owner_row, demands.NewDemand(**values), by=request.auth.by))


def _get_fee(owner: Owner, new: schemas.NewDemand) -> Fee | None:
    if new.fee_table is None and new.fee is None:
        return None
    if new.fee_table is None or new.fee is None:
        missing_field = "fee_table" if new.fee_table is None else "fee"
        raise InvalidRequestError(
            f"`{missing_field}` is missing.", hint="Enter both `fee_table` and `fee` (the row number)."
        )
    return demands.get_fee(owner, new.fee_table, new.fee)


@router.get(DEMANDS + "/ledger", openapi_extra=describe_file_response("text/csv", FORMATS["xlsx"]))
def get_ledger(request: Call, owner: str, period: PeriodFilter = "", format: LedgerFormat = "csv") -> HttpResponseBase:  # noqa: A002 - API parameter
    """Download the ledger: all entries of payment demands, and all invoices. Amounts have the format 1200.50."""
    selected_period, stem = parse_period(period) if period else None, f"{get_request_owner(request).slug}-money"
    if format == "xlsx":
        return build_download_response(
            export_ledger_xlsx(get_request_owner(request), selected_period), f"{stem}.xlsx", FORMATS["xlsx"]
        )
    return build_download_response(
        export_ledger_csv(get_request_owner(request), selected_period), f"{stem}.csv", "text/csv; charset=utf-8"
    )


@router.get(DEMANDS + "/totals", response=schemas.Totals)
def get_demand_totals(request: Call, owner: str, period: PeriodParameter) -> schemas.Totals:
    """Get the amounts demanded, agreed, invoiced and received in a period, and the amounts outstanding at its end."""
    sums = compute_totals(get_request_owner(request), parse_period(period))
    return schemas.Totals(totals=[schemas.PeriodTotals.from_row(row) for row in sums])


@router.get(DEMANDS + "/{int:number}", response=schemas.Demand)
def get_demand(request: Call, owner: str, number: int) -> schemas.Demand:
    """Get a payment demand with its entries."""
    return schemas.Demand.from_row(demands.get_demand(get_request_owner(request), number))


@router.post(DEMANDS + "/{int:number}/entries", response={201: schemas.Demand}, auth=WRITE)
@make_idempotent
def add_demand_entry(request: Call, owner: str, number: int, new: schemas.NewEntry) -> schemas.Demand:
    """Record an amount that was demanded, agreed or received. Entries cannot be deleted, only corrected."""
    row = demands.get_demand(get_request_owner(request), number)
    demands.add_entry(row, demands.NewEntry(**new.model_dump(exclude={"note"}), words=new.note), by=request.auth.by)
    return schemas.Demand.from_row(demands.get_demand(get_request_owner(request), number))


@router.post(DEMANDS + "/{int:number}/invoices", response={201: schemas.Invoice}, auth=WRITE)
@make_idempotent
def issue_invoice(request: Call, owner: str, number: int, new: schemas.NewInvoice) -> schemas.Invoice:
    """Issue an invoice for the agreed amount, dated today. Exhibit does not send the invoice.

    An invoice can be cancelled, but not changed.
    """
    row, values = demands.get_demand(get_request_owner(request), number), new.model_dump(exclude={"instalments"})
    dues = [DueAmount(instalment.day, instalment.amount) for instalment in new.instalments]
    invoice_row = invoices.issue_invoice(row, invoices.NewInvoice(**values, instalments=dues), by=request.auth.by)
    return schemas.Invoice.from_row(invoice_row)


@router.get(INVOICES, response=Page[schemas.Invoice])
def list_invoices(
    request: Call, owner: str, demand: DemandFilter = None, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.Invoice]:
    """List invoices and cancellations."""
    return get_page(invoices.list_invoices(get_request_owner(request), demand), schemas.Invoice, cursor, limit)


@router.get(INVOICES + "/{name}", response=schemas.Invoice)
def get_invoice(request: Call, owner: str, name: InvoiceName) -> schemas.Invoice:
    """Get an invoice with its instalments."""
    return schemas.Invoice.from_row(invoices.get_invoice(get_request_owner(request), name))


@router.get(INVOICES + "/{name}/file", openapi_extra=describe_file_response("application/pdf"))
def get_invoice_file(request: Call, owner: str, name: InvoiceName) -> HttpResponseBase:
    """Download an invoice as PDF/A. Every download is identical."""
    row = invoices.get_invoice(get_request_owner(request), name)
    return build_download_response(
        render_invoice_pdf(row), f"{get_request_owner(request).slug}-invoice-{row.name}.pdf", "application/pdf"
    )


@router.post(INVOICES + "/{name}/cancel", response={201: schemas.Invoice}, auth=WRITE)
@make_idempotent
def cancel_invoice(request: Call, owner: str, name: InvoiceName, why: schemas.InvoiceCancellation) -> schemas.Invoice:
    """Cancel an invoice by issuing a cancellation, which has its own number."""
    row = invoices.get_invoice(get_request_owner(request), name)
    return schemas.Invoice.from_row(invoices.cancel_invoice(row, why.reason, by=request.auth.by))


@router.get("/owners/{slug:owner}/fee-tables", response=Page[schemas.FeeTable])
def list_fee_tables(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.FeeTable]:
    """List fee tables."""
    return get_page(
        demands.list_fee_tables(get_request_owner(request)).prefetch_related("fees"), schemas.FeeTable, cursor, limit
    )


@router.get("/owners/{slug:owner}/fee-proposals", response=schemas.ProposedFees)
def propose_fees(request: Call, owner: str, site: SiteParameter, cases: CaseNumbers) -> schemas.ProposedFees:
    """Propose fees from your fee tables for confirmed cases of one site. Nothing is stored or sent."""
    proposals = propose_fees_for_cases(get_request_owner(request), site, list(map(int, cases.split(","))))
    sum_of_all = sum_proposed_fees(proposals)
    return schemas.ProposedFees(
        items=schemas.ProposedFee.from_rows(proposals),
        amount=sum_of_all.amount if sum_of_all else None,
        currency=sum_of_all.currency if sum_of_all else None,
    )


@router.post("/owners/{slug:owner}/fee-tables", response={201: schemas.FeeTable}, auth=WRITE)
@make_idempotent
def add_fee_table(request: Call, owner: str, new: schemas.NewFeeTable) -> schemas.FeeTable:
    """Add a fee table. Fee proposals then use it instead of an earlier table with the same name.

    The earlier table is kept.
    """
    rows = [Fee(**fee.model_dump()) for fee in new.fees]
    table = demands.save_fee_table(get_request_owner(request), new.name, new.currency, rows, by=request.auth.by)
    return schemas.FeeTable.from_row(table)
