"""Requests and responses about payment demands. Amounts are integers."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from desk.schemas.base import NOON, Answer, Moment
from desk.schemas.parties.parties import SiteName
from desk.schemas.requests import Date, Long, Name, Number, RequestBody, Said, Short, Whole
from registry import models
from registry.parties import invoices
from registry.parties.demands import MAX_AMOUNT, MAX_CASES, MAX_FEES

UNIT = "In the currency's smallest unit: cents of EUR, whole JPY."
Amount = Annotated[Whole, Field(ge=0, le=MAX_AMOUNT, description=UNIT, examples=[120050])]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", description="Currency code (ISO 4217).", examples=["EUR"])]
EntryKind = Literal["asked", "agreed", "received"]


class DemandEntry(Answer):
    """An amount that was demanded, agreed or received."""

    number: int
    kind: str = Field(examples=["asked"], description="`asked` (demanded), `agreed` or `received`.")
    amount: int = Field(description=UNIT)
    day: date = Field(description="Day of the entry.")
    due_on: date | None = Field(description="Day on which the payment is due.")
    corrects: int | None = Field(alias="corrects.number", description="Number of the entry that this one replaces.")
    corrected_by: int | None = Field(
        alias="correction.number", description="Number of the entry that replaces this one."
    )
    note: str = Field(alias="words", description="Note.")
    by: str
    at: Moment = Field(examples=[NOON])


class DemandSummary(Answer):
    """A payment demand with its totals."""

    number: int
    site: str = Field(alias="party", examples=["shop.example"], description="Site that should pay.")
    currency: str = Field(examples=["EUR"])
    basis: str = Field(description="Basis of the amount.")
    fee_table: int | None = Field(alias="fee.table.number", description="Number of the fee table on which it is based.")
    fee: int | None = Field(alias="fee.number", description="Number of the row in the fee table.")
    demanded: int | None = Field(alias="asked", description=f"Latest amount demanded. {UNIT}")
    agreed: int | None = Field(description="Latest amount agreed.")
    received: int | None = Field(description="Total amount received.")
    due_on: date | None = Field(description="Day on which the payment is due.")
    created_at: Moment = Field(alias="made_at", examples=[NOON])


class Demand(DemandSummary):
    """A payment demand with its cases and entries."""

    cases: list[int] = Field(description="Numbers of the cases.")
    entries: list[DemandEntry]

    @staticmethod
    def resolve_cases(row: models.Demand) -> list[int]:
        return list(row.cases.order_by("number").values_list("number", flat=True))

    @staticmethod
    def resolve_entries(row: models.Demand) -> object:
        return row.entries.select_related("corrects", "correction")


class Instalment(Answer):
    """An instalment of an invoice."""

    day: date = Field(description="Due day.")
    amount: int = Field(description=UNIT)


class Invoice(Answer):
    """An invoice for an agreed amount, or a cancellation. Neither can be changed."""

    name: str = Field(description="Invoice number, consecutive within a year.", examples=["2026-0001"])
    demand: int = Field(alias="demand.number", description="Number of the payment demand.")
    cancels: str | None = Field(alias="cancels.name", description="Number of the invoice that this one cancels.")
    cancelled_by: str | None = Field(alias="cancellation.name", description="Number of the cancellation.")
    day: date = Field(description="Invoice date.")
    agreed_on: date = Field(description="Day of the agreement.")
    issuer: str
    payer: str
    subject: str
    currency: str = Field(examples=["EUR"])
    amount: int = Field(description=f"Amount; negative for a cancellation. {UNIT}")
    tax: str = Field(description="Tax statement by the owner. Exhibit computes no taxes.")
    payment: str = Field(description="Payment instructions.")
    cancel_reason: str = Field(alias="words", description="Reason of a cancellation.")
    language: str = Field(examples=["en"])
    instalments: list[Instalment]
    by: str
    at: Moment = Field(examples=[NOON])


class PeriodTotals(Answer):
    """Totals of a period in one currency, without corrected entries."""

    currency: str = Field(examples=["EUR"])
    demanded: int = Field(alias="asked", description=f"Latest amounts demanded within the period. {UNIT}")
    agreed: int = Field(description="Latest amounts agreed within the period.")
    invoiced: int = Field(description="Invoices of the period, less cancellations of the period.")
    received: int = Field(description="Amounts received within the period.")
    open: int = Field(description="Amounts agreed and not received by the last day of the period.")


class Totals(Answer):
    """Totals of a period by currency."""

    totals: list[PeriodTotals]


class Fee(Answer):
    """A row of a fee table."""

    number: int
    use: str = Field(description="Type of use.")
    size: str = Field(description="Size of the picture.")
    duration: str = Field(description="Duration of the use.")
    amount: int = Field(description=UNIT)


class FeeTable(Answer):
    """A fee table. A newer table of the same name replaces it in proposals."""

    number: int
    name: str
    currency: str
    created_at: Moment = Field(alias="made_at", examples=[NOON])
    created_by: str = Field(alias="made_by")
    fees: list[Fee]


class FittingFee(Fee):
    """A row of a fee table that fits a use."""

    table: int = Field(alias="table.number", examples=[1], description="Number of the fee table.")
    name: str = Field(alias="table.name", description="Name of the fee table.", examples=["Own prices"])
    currency: str = Field(alias="table.currency", examples=["EUR"])


class UnknownPart(Answer):
    """A part of a row that cannot be compared with a use."""

    column: str = Field(examples=["size"], description="Column of the fee table.")
    text: str = Field(examples=["full page"], description="Text in the fee table.")
    kind: str = Field(description="What is unknown about the use; empty if Exhibit cannot interpret the text.")


class ProposedFee(Answer):
    """Known facts about the uses of a case, and fees that fit."""

    case: int = Field(alias="use.case", examples=[1], description="Number of the case.")
    first_seen: Moment | None = Field(alias="use.first_seen", examples=[NOON])
    last_seen: Moment | None = Field(alias="use.last_seen", examples=[NOON])
    pages: int = Field(alias="use.pages", description="Number of pages without a licence.")
    longer_side: int | None = Field(alias="use.longer_side", description="Longer side of the largest file in pixels.")
    purpose: str = Field(
        alias="use.purpose",
        description="Purpose that a member stated in a notice: `commercial`, `plain` or `comment`; empty if none.",
    )
    notice: int | None = Field(alias="use.notice", description="Number of the notice with that statement.")
    proposed: FittingFee | None = Field(alias="fee", description="Row that fits; null if you must choose.")
    fitting: list[FittingFee] = Field(description="The most specific fitting row of each fee table.")
    unknown: list[UnknownPart] = Field(description="Reasons why other rows could not be checked.")


class ProposedFees(Answer):
    """Fees proposed for cases. Nothing is recorded or sent."""

    items: list[ProposedFee]
    amount: int | None = Field(description=f"Total; null unless each case has a fee in the same currency. {UNIT}")
    currency: str | None = Field(examples=["EUR"])


class NewEntry(RequestBody):
    """An entry of a payment demand."""

    kind: EntryKind = Field(examples=["received"])
    amount: Amount
    day: Date | None = Field(None, description="Day of the entry; today by default.")
    due_on: Date | None = Field(None, description="Day on which the payment is due.")
    note: Long = Field("", description="Note; required for a correction.")
    corrects: Number | None = Field(None, description="Number of the entry of the same kind that this one replaces.")


class NewDemand(SiteName):
    """A payment demand for confirmed cases, based on a fee or on an amount with its basis."""

    cases: list[Number] = Field(min_length=1, max_length=MAX_CASES, examples=[[1]], description="Numbers of the cases.")
    fee_table: Number | None = Field(None, description="Number of a fee table.")
    fee: Number | None = Field(
        None, description="Row of the fee table; sets currency and amount unless they are given."
    )
    amount: Amount | None = Field(None, description="Amount to demand.")
    currency: Currency | None = None
    basis: Long = Field("", description="Basis of the amount; by default the fee in words.", examples=["Usual fee"])
    due_on: Date | None = Field(None, description="Day on which the payment is due.")


class NewFee(RequestBody):
    """A row of a fee table."""

    use: Said = Field(examples=["Website"], description="Type of use.")
    size: Short = Field("", description="Size of the picture.")
    duration: Short = Field("", examples=["1 year"], description="Duration of the use.")
    amount: Amount


class NewFeeTable(RequestBody):
    """A fee table that the owner may use."""

    name: Name = Field(examples=["Own prices"])
    currency: Currency
    fees: list[NewFee] = Field(min_length=1, max_length=MAX_FEES)


class NewInstalment(RequestBody):
    """An instalment of an invoice."""

    day: Date = Field(description="Due day.")
    amount: Annotated[Whole, Field(ge=1, le=MAX_AMOUNT, description=UNIT, examples=[120050])]


class NewInvoice(RequestBody):
    """An invoice for the agreed amount."""

    issuer: Said = Field(description="Name and address, one item per line.", examples=["Studio Example"])
    payer: Said = Field(description="Name and address, one item per line.", examples=["Shop Example"])
    subject: Said = Field(description="What is paid for.", examples=["Harbour at dawn, website, 1 year"])
    tax: Long = Field("", description="Tax statement. Exhibit computes no taxes.")
    payment: Long = Field("", description="Payment instructions.")
    language: Literal["en", "zh-Hans"] = Field("en", description="Language of the invoice.")
    instalments: list[NewInstalment] = Field(
        min_length=1,
        max_length=invoices.MAX_INSTALMENTS,
        description="Instalments in order of their days; they add up to the agreed amount.",
    )


class InvoiceCancellation(RequestBody):
    """Cancellation of an invoice."""

    reason: Said = Field(examples=["Wrong address"], description="Reason of the cancellation.")
