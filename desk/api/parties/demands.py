"""Money asked of parties: how it stands, its entries, the ledger, and tables of fees."""

from dataclasses import asdict
from typing import Annotated

from django.http.response import HttpResponseBase
from ninja import Query, Router

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.files import download
from desk.api.common.idempotency import once
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import requests
from desk.schemas.base import Piece
from desk.schemas.parties import demands as schemas
from registry.models import Fee
from registry.parties import demands
from registry.parties.periods import period_named, sums
from registry.parties.tables import ledger_bytes

router = Router(tags=["money"])
DEMANDS = "/owners/{slug:owner}/demands"
InPeriod = Annotated[str, Query(max_length=7, pattern="^[0-9Q-]+$", description="`2026`, `2026-Q3` or `2026-07`.")]
OfPeriod = Annotated[str, Query(max_length=7, pattern="^[0-9Q-]*$", description="Only of these days, as `2026-Q3`.")]
Party = Annotated[str, Query(max_length=260, pattern=requests.CLEAN, description="Only what is asked of this party.")]


@router.get(DEMANDS, response=Piece[schemas.DemandLine])
def list_demands(
    request: Call, owner: str, party: Party = "", cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.DemandLine]:
    """What was asked of whom, and how it stands."""
    return page(demands.demands(of(request), party), schemas.DemandLine, cursor, limit)


@router.post(DEMANDS, response={201: schemas.Demand}, auth=WRITE)
@once
def begin_demand(request: Call, owner: str, new: schemas.NewDemand) -> schemas.Demand:
    """Write down that money is asked of a party for confirmed cases. It is the owner's own book; nothing is sent."""
    to, about = of(request), new.model_dump(exclude={"fee_table", "fee"})
    fee = demands.fee(to, new.fee_table or 0, new.fee or 0) if new.fee_table or new.fee else None
    about |= {"fee": fee, "currency": new.currency or ""}
    return schemas.Demand.from_row(demands.begin(to, demands.NewDemand(**about), by=request.auth.by))


@router.get(DEMANDS + "/ledger", openapi_extra=file_of("text/csv"))
def get_ledger(request: Call, owner: str, period: OfPeriod = "") -> HttpResponseBase:
    """The entries of all demands, or those of a period, as CSV; amounts in the currency's unit, such as 1200.50."""
    found = period_named(period) if period else None
    return download(ledger_bytes(of(request), found), f"{of(request).slug}-money.csv", "text/csv; charset=utf-8")


@router.get(DEMANDS + "/sums", response=schemas.Sums)
def get_money_sums(request: Call, owner: str, period: InPeriod) -> schemas.Sums:
    """What was asked, agreed and received in a month, a quarter or a year, and what was open on its last day."""
    found = sums(of(request), period_named(period))
    return schemas.Sums(sums=[schemas.PeriodSums(**asdict(one)) for one in found])


@router.get(DEMANDS + "/{int:number}", response=schemas.Demand)
def get_demand(request: Call, owner: str, number: int) -> schemas.Demand:
    """One demand with its entries."""
    return schemas.Demand.from_row(demands.demand(of(request), number))


@router.post(DEMANDS + "/{int:number}/entries", response={201: schemas.Demand}, auth=WRITE)
@once
def add_demand_entry(request: Call, owner: str, number: int, new: schemas.NewEntry) -> schemas.Demand:
    """Write down what was asked, agreed or received. Nothing is deleted: another entry of its kind corrects one."""
    row = demands.demand(of(request), number)
    demands.add_entry(row, demands.NewEntry(**new.model_dump()), by=request.auth.by)
    return schemas.Demand.from_row(demands.demand(of(request), number))


@router.get("/owners/{slug:owner}/fee-tables", response=Piece[schemas.FeeTable])
def list_fee_tables(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.FeeTable]:
    """Tables of what uses cost."""
    return page(demands.fee_tables(of(request)).prefetch_related("fees"), schemas.FeeTable, cursor, limit)


@router.post("/owners/{slug:owner}/fee-tables", response={201: schemas.FeeTable}, auth=WRITE)
@once
def add_fee_table(request: Call, owner: str, new: schemas.NewFeeTable) -> schemas.FeeTable:
    """Keep a table of fees. It is offered in the place of an older one of the same name, which stays as it is."""
    lines = [Fee(**fee.model_dump()) for fee in new.fees]
    made = demands.keep_fees(of(request), new.name, new.currency, lines, by=request.auth.by)
    return schemas.FeeTable.from_row(made)
