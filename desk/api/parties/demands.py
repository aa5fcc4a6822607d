"""Payment demands, the ledger, invoices and fee tables."""

from typing import Annotated, Literal

from django.http.response import HttpResponseBase
from ninja import Path, Query, Router

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.files import download
from desk.api.common.idempotency import once
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import requests
from desk.schemas.base import Page
from desk.schemas.parties import demands as schemas
from evidence.documents.report.volumes import FORMATS
from exhibit.errors import WrongUseError
from registry.models import Fee, Owner
from registry.parties import demands, invoices
from registry.parties.invoices import NAME_PATTERN, Due, render_invoice_pdf
from registry.parties.periods import compute_sums, parse_period
from registry.parties.proposed_fees import select_fees, sum_proposed_fees
from registry.parties.tables import export_ledger_csv, export_ledger_xlsx

router = Router(tags=["money"])
DEMANDS = "/owners/{slug:owner}/demands"
INVOICES = "/owners/{slug:owner}/invoices"
InvoiceName = Annotated[str, Path(pattern=NAME_PATTERN, description="Invoice number, such as `2026-0001`.")]
OfDemand = Annotated[int | None, Query(ge=1, le=2_147_483_647, description="Only invoices of this payment demand.")]
InPeriod = Annotated[
    str,
    Query(max_length=7, pattern="^[0-9Q-]+$", description="Year, quarter or month: `2026`, `2026-Q3` or `2026-07`."),
]
OfPeriod = Annotated[
    str,
    Query(
        max_length=7,
        pattern="^[0-9Q-]*$",
        description="Only entries of this year, quarter or month, such as `2026-Q3`.",
    ),
]
As = Annotated[
    Literal["csv", "xlsx"], Query(description="File format: CSV, or a workbook with typed dates and amounts.")
]
Party = Annotated[str, Query(max_length=260, pattern=requests.CLEAN, description="Only demands to this site.")]
OneParty = Annotated[str, Query(max_length=260, pattern=requests.CLEAN, description="Site of the cases.")]
Cases = Annotated[
    str,
    Query(
        pattern="^[0-9]{1,9}(,[0-9]{1,9}){0,199}$", description="Numbers of cases, separated by commas, such as `3,4`."
    ),
]


@router.get(DEMANDS, response=Page[schemas.DemandSummary])
def list_demands(
    request: Call, owner: str, site: Party = "", cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.DemandSummary]:
    """List payment demands."""
    return page(demands.list_demands(of(request), site), schemas.DemandSummary, cursor, limit)


@router.post(DEMANDS, response={201: schemas.Demand}, auth=WRITE)
@once
def add_demand(request: Call, owner: str, new: schemas.NewDemand) -> schemas.Demand:
    """Record a payment demand to a site for confirmed cases. Exhibit sends nothing."""
    to, about = of(request), new.model_dump(exclude={"fee_table", "fee", "site"})
    about |= {"party": new.site, "fee": _fee(to, new), "currency": new.currency or ""}
    return schemas.Demand.from_row(demands.create_demand(to, demands.NewDemand(**about), by=request.auth.by))


def _fee(to: Owner, new: schemas.NewDemand) -> Fee | None:
    if new.fee_table is None and new.fee is None:
        return None
    if new.fee_table is None or new.fee is None:
        missing = "fee_table" if new.fee_table is None else "fee"
        raise WrongUseError(f"`{missing}` is missing.", hint="A fee is named by its table and its line.")
    return demands.get_fee(to, new.fee_table, new.fee)


@router.get(DEMANDS + "/ledger", openapi_extra=file_of("text/csv", FORMATS["xlsx"]))
def get_ledger(request: Call, owner: str, period: OfPeriod = "", format: As = "csv") -> HttpResponseBase:  # noqa: A002 - its name in the address
    """Download the ledger: entries of all demands, and invoices. Amounts are written as 1200.50."""
    selected_period, stem = parse_period(period) if period else None, f"{of(request).slug}-money"
    if format == "xlsx":
        return download(export_ledger_xlsx(of(request), selected_period), f"{stem}.xlsx", FORMATS["xlsx"])
    return download(export_ledger_csv(of(request), selected_period), f"{stem}.csv", "text/csv; charset=utf-8")


@router.get(DEMANDS + "/totals", response=schemas.Totals)
def get_demand_totals(request: Call, owner: str, period: InPeriod) -> schemas.Totals:
    """Get the amounts demanded, agreed, invoiced and received in a period, and outstanding on its last day."""
    found = compute_sums(of(request), parse_period(period))
    return schemas.Totals(totals=[schemas.PeriodTotals.from_row(one) for one in found])


@router.get(DEMANDS + "/{int:number}", response=schemas.Demand)
def get_demand(request: Call, owner: str, number: int) -> schemas.Demand:
    """Get a payment demand with its entries."""
    return schemas.Demand.from_row(demands.get_demand(of(request), number))


@router.post(DEMANDS + "/{int:number}/entries", response={201: schemas.Demand}, auth=WRITE)
@once
def add_demand_entry(request: Call, owner: str, number: int, new: schemas.NewEntry) -> schemas.Demand:
    """Record an amount that was demanded, agreed or received. Entries are never deleted; add a correcting entry."""
    row = demands.get_demand(of(request), number)
    demands.add_entry(row, demands.NewEntry(**new.model_dump(exclude={"note"}), words=new.note), by=request.auth.by)
    return schemas.Demand.from_row(demands.get_demand(of(request), number))


@router.post(DEMANDS + "/{int:number}/invoices", response={201: schemas.Invoice}, auth=WRITE)
@once
def issue_invoice(request: Call, owner: str, number: int, new: schemas.NewInvoice) -> schemas.Invoice:
    """Issue an invoice for the agreed amount, dated today. It can be cancelled but not changed. Nothing is sent."""
    row, values = demands.get_demand(of(request), number), new.model_dump(exclude={"instalments"})
    dues = [Due(instalment.day, instalment.amount) for instalment in new.instalments]
    invoice_row = invoices.issue_invoice(row, invoices.NewInvoice(**values, instalments=dues), by=request.auth.by)
    return schemas.Invoice.from_row(invoice_row)


@router.get(INVOICES, response=Page[schemas.Invoice])
def list_invoices(
    request: Call, owner: str, demand: OfDemand = None, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.Invoice]:
    """List invoices and cancellations."""
    return page(invoices.list_invoices(of(request), demand), schemas.Invoice, cursor, limit)


@router.get(INVOICES + "/{name}", response=schemas.Invoice)
def get_invoice(request: Call, owner: str, name: InvoiceName) -> schemas.Invoice:
    """Get an invoice with its instalments."""
    return schemas.Invoice.from_row(invoices.get_invoice(of(request), name))


@router.get(INVOICES + "/{name}/file", openapi_extra=file_of("application/pdf"))
def get_invoice_file(request: Call, owner: str, name: InvoiceName) -> HttpResponseBase:
    """Download an invoice as PDF/A. The file is identical each time."""
    row = invoices.get_invoice(of(request), name)
    return download(render_invoice_pdf(row), f"{of(request).slug}-invoice-{row.name}.pdf", "application/pdf")


@router.post(INVOICES + "/{name}/cancel", response={201: schemas.Invoice}, auth=WRITE)
@once
def cancel_invoice(request: Call, owner: str, name: InvoiceName, why: schemas.InvoiceCancellation) -> schemas.Invoice:
    """Cancel an invoice by issuing a cancellation with its own number."""
    row = invoices.get_invoice(of(request), name)
    return schemas.Invoice.from_row(invoices.cancel_invoice(row, why.reason, by=request.auth.by))


@router.get("/owners/{slug:owner}/fee-tables", response=Page[schemas.FeeTable])
def list_fee_tables(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.FeeTable]:
    """List fee tables."""
    return page(demands.list_fee_tables(of(request)).prefetch_related("fees"), schemas.FeeTable, cursor, limit)


@router.get("/owners/{slug:owner}/fee-proposals", response=schemas.ProposedFees)
def propose_fees(request: Call, owner: str, site: OneParty, cases: Cases) -> schemas.ProposedFees:
    """Propose fees from your fee tables for confirmed cases of one site. Nothing is recorded or sent."""
    proposals = select_fees(of(request), site, list(map(int, cases.split(","))))
    sum_of_all = sum_proposed_fees(proposals)
    return schemas.ProposedFees(
        items=schemas.ProposedFee.from_rows(proposals),
        amount=sum_of_all.amount if sum_of_all else None,
        currency=sum_of_all.currency if sum_of_all else None,
    )


@router.post("/owners/{slug:owner}/fee-tables", response={201: schemas.FeeTable}, auth=WRITE)
@once
def add_fee_table(request: Call, owner: str, new: schemas.NewFeeTable) -> schemas.FeeTable:
    """Add a fee table. It replaces an earlier table of the same name in proposals; the earlier one remains stored."""
    lines = [Fee(**fee.model_dump()) for fee in new.fees]
    table = demands.save_fee_table(of(request), new.name, new.currency, lines, by=request.auth.by)
    return schemas.FeeTable.from_row(table)
