"""Requests and responses about payment demands. Amounts are integers."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from desk.schemas.base import EXAMPLE_TIME, ResponseBody, UtcTime
from desk.schemas.parties.parties import SiteName
from desk.schemas.requests import Date, LongText, Name, Number, RequestBody, RequiredText, ShortText, StrictInteger
from registry import models
from registry.parties import invoices
from registry.parties.demands import MAX_AMOUNT, MAX_CASES, MAX_FEES

UNIT_DESCRIPTION = "Amount in the smallest unit of the currency: cents for EUR, yen for JPY."
Amount = Annotated[StrictInteger, Field(ge=0, le=MAX_AMOUNT, description=UNIT_DESCRIPTION, examples=[120050])]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", description="Currency code (ISO 4217).", examples=["EUR"])]
EntryKind = Literal["demanded", "agreed", "received"]


class DemandEntry(ResponseBody):
    """An amount that was demanded, agreed or received."""

    number: int = Field(description="Entry number.")
    kind: str = Field(examples=["demanded"], description="Type of the entry: `demanded`, `agreed` or `received`.")
    amount: int = Field(description=UNIT_DESCRIPTION)
    day: date = Field(description="Date of the entry.")
    due_on: date | None = Field(description="Date on which the payment is due; null if there is none.")
    corrects: int | None = Field(
        alias="corrects.number", description="Number of the entry that this one replaces; null if it replaces none."
    )
    corrected_by: int | None = Field(
        alias="correction.number", description="Number of the entry that replaces this one; null if none does."
    )
    note: str = Field(alias="words", description="Note about the entry.")
    by: str = Field(description="Member who recorded the entry.")
    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the entry was recorded.")


class DemandSummary(ResponseBody):
    """A payment demand with its totals."""

    number: int = Field(description="Payment demand number.")
    site: str = Field(alias="party", examples=["shop.example"], description="Site from which payment is demanded.")
    currency: str = Field(examples=["EUR"], description="Currency code (ISO 4217).")
    basis: str = Field(description="Basis of the amount.")
    fee_table: int | None = Field(
        alias="fee.table.number",
        description="Number of the fee table on which the amount is based; null if there is none.",
    )
    fee: int | None = Field(alias="fee.number", description="Row number in the fee table; null if there is none.")
    demanded: int | None = Field(description=f"Latest amount demanded; null if there is none. {UNIT_DESCRIPTION}")
    agreed: int | None = Field(description="Latest amount agreed; null if there is none.")
    received: int | None = Field(description="Total amount received; null if there is none.")
    due_on: date | None = Field(description="Date on which the payment is due; null if there is none.")
    created_at: UtcTime = Field(
        alias="made_at", examples=[EXAMPLE_TIME], description="Time at which the payment demand was created."
    )


class Demand(DemandSummary):
    """A payment demand with its cases and entries."""

    cases: list[int] = Field(description="Case numbers.")
    entries: list[DemandEntry] = Field(description="Amounts demanded, agreed and received.")

    @staticmethod
    def resolve_cases(row: models.Demand) -> list[int]:
        return list(row.cases.order_by("number").values_list("number", flat=True))

    @staticmethod
    def resolve_entries(row: models.Demand) -> object:
        return row.entries.select_related("corrects", "correction")


class Instalment(ResponseBody):
    """An instalment of an invoice."""

    day: date = Field(description="Due date.")
    amount: int = Field(description=UNIT_DESCRIPTION)


class Invoice(ResponseBody):
    """An invoice for an agreed amount, or a cancellation. Neither can be changed."""

    name: str = Field(description="Invoice number. Numbers are consecutive within a year.", examples=["2026-0001"])
    demand: int = Field(alias="demand.number", description="Payment demand number.")
    cancels: str | None = Field(
        alias="cancels.name", description="Invoice number of the cancelled invoice; null unless this is a cancellation."
    )
    cancelled_by: str | None = Field(
        alias="cancellation.name",
        description="Invoice number of the cancellation; null if the invoice is not cancelled.",
    )
    day: date = Field(description="Invoice date.")
    agreed_on: date = Field(description="Date on which the amount was agreed.")
    issuer: str = Field(description="Name and address of the issuer.")
    payer: str = Field(description="Name and address of the payer.")
    subject: str = Field(description="Goods or service that is invoiced.")
    currency: str = Field(examples=["EUR"], description="Currency code (ISO 4217).")
    amount: int = Field(description=f"Invoice amount; negative for a cancellation. {UNIT_DESCRIPTION}")
    tax: str = Field(description="Tax statement by the owner. Exhibit does not calculate taxes.")
    payment: str = Field(description="Payment instructions.")
    cancel_reason: str = Field(alias="words", description="Reason for the cancellation; empty for an invoice.")
    language: str = Field(examples=["en"], description="Language of the invoice.")
    instalments: list[Instalment] = Field(description="Instalments, in order of their due dates.")
    by: str = Field(description="Member who issued the invoice.")
    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the invoice was issued.")


class PeriodTotals(ResponseBody):
    """Totals of a period in one currency. Corrected entries are not included."""

    currency: str = Field(examples=["EUR"], description="Currency code (ISO 4217).")
    demanded: int = Field(description=f"Latest amounts demanded within the period. {UNIT_DESCRIPTION}")
    agreed: int = Field(description="Latest amounts agreed within the period.")
    invoiced: int = Field(description="Amounts invoiced within the period, less amounts cancelled within it.")
    received: int = Field(description="Amounts received within the period.")
    open: int = Field(description="Amounts agreed but not received by the last day of the period.")


class Totals(ResponseBody):
    """Totals of a period by currency."""

    totals: list[PeriodTotals] = Field(description="Totals, one for each currency.")


class Fee(ResponseBody):
    """A row of a fee table."""

    number: int = Field(description="Row number in the fee table.")
    use: str = Field(description="Type of use.")
    size: str = Field(description="Size of the picture.")
    duration: str = Field(description="Duration of the use.")
    amount: int = Field(description=UNIT_DESCRIPTION)


class FeeTable(ResponseBody):
    """A fee table. If several tables have the same name, only the newest is used to propose fees."""

    number: int = Field(description="Fee table number.")
    name: str = Field(description="Name of the fee table.")
    currency: str = Field(description="Currency code (ISO 4217) of the fees.")
    created_at: UtcTime = Field(
        alias="made_at", examples=[EXAMPLE_TIME], description="Time at which the fee table was added."
    )
    created_by: str = Field(alias="made_by", description="Member who added the fee table.")
    fees: list[Fee] = Field(description="Rows of the fee table.")


class FittingFee(Fee):
    """A row of a fee table that applies to a use."""

    table: int = Field(alias="table.number", examples=[1], description="Fee table number.")
    name: str = Field(alias="table.name", description="Name of the fee table.", examples=["Own prices"])
    currency: str = Field(alias="table.currency", examples=["EUR"], description="Currency code (ISO 4217).")


class UnknownPart(ResponseBody):
    """A condition in a fee table row that cannot be checked for a use."""

    column: str = Field(examples=["size"], description="Column of the fee table.")
    text: str = Field(examples=["full page"], description="Text in the fee table.")
    kind: str = Field(
        description=(
            "Property of the use that the condition requires and that is unknown, such as `purpose` or `pixels`; "
            "empty if Exhibit cannot interpret the text."
        )
    )


class ProposedFee(ResponseBody):
    """Known facts about the uses of a case, and applicable fees."""

    case: int = Field(alias="use.case", examples=[1], description="Case number.")
    first_seen: UtcTime | None = Field(
        alias="use.first_seen",
        examples=[EXAMPLE_TIME],
        description="Time of the first sighting; null if it is unknown.",
    )
    last_seen: UtcTime | None = Field(
        alias="use.last_seen",
        examples=[EXAMPLE_TIME],
        description="Time of the latest sighting; null if it is unknown.",
    )
    pages: int = Field(alias="use.pages", description="Number of pages with uses that no licence covers.")
    longer_side: int | None = Field(
        alias="use.longer_side",
        description="Length of the longer side of the largest picture in pixels; null if unknown.",
    )
    purpose: str = Field(
        alias="use.purpose",
        description=(
            "Purpose of the use that a member recorded in a notice: `commercial`, `plain` (illustration or "
            "decoration) or `comment` (such as criticism or news reporting); empty if none was recorded."
        ),
    )
    notice: int | None = Field(
        alias="use.notice", description="Number of the notice in which the purpose was recorded; null if there is none."
    )
    proposed: FittingFee | None = Field(
        alias="fee", description="Proposed row of a fee table; null if you must choose a row."
    )
    fitting: list[FittingFee] = Field(description="Most specific applicable row of each fee table.")
    unknown: list[UnknownPart] = Field(description="Conditions because of which other rows could not be checked.")


class ProposedFees(ResponseBody):
    """Fees proposed for cases. Nothing is recorded or sent."""

    items: list[ProposedFee] = Field(description="Proposals, one for each case.")
    amount: int | None = Field(
        description=f"Total of the fees; null unless each case has a fee in the same currency. {UNIT_DESCRIPTION}"
    )
    currency: str | None = Field(
        examples=["EUR"], description="Currency code (ISO 4217) of the total; null if there is no total."
    )


class NewEntry(RequestBody):
    """An entry to add to a payment demand."""

    kind: EntryKind = Field(examples=["received"], description="Type of the entry: `demanded`, `agreed` or `received`.")
    amount: Amount
    day: Date | None = Field(None, description="Date of the entry; today by default.")
    due_on: Date | None = Field(None, description="Date on which the payment is due.")
    note: LongText = Field("", description="Note about the entry; required for a correction.")
    corrects: Number | None = Field(None, description="Number of the entry of the same kind that this one replaces.")


class NewDemand(SiteName):
    """A payment demand for confirmed cases. The amount comes from a fee table or is given together with its basis."""

    cases: list[Number] = Field(min_length=1, max_length=MAX_CASES, examples=[[1]], description="Case numbers.")
    fee_table: Number | None = Field(None, description="Number of the fee table on which the amount is based.")
    fee: Number | None = Field(
        None,
        description="Row number in the fee table. The row sets the currency and the amount unless they are given.",
    )
    amount: Amount | None = Field(None, description="Amount to demand.")
    currency: Currency | None = Field(None, description="Currency code (ISO 4217); by default that of the fee.")
    basis: LongText = Field(
        "", description="Basis of the amount; by default a description of the fee.", examples=["Usual fee"]
    )
    due_on: Date | None = Field(None, description="Date on which the payment is due.")


class NewFee(RequestBody):
    """A row of a fee table."""

    use: RequiredText = Field(examples=["Website"], description="Type of use.")
    size: ShortText = Field("", description="Size of the picture.")
    duration: ShortText = Field("", examples=["1 year"], description="Duration of the use.")
    amount: Amount


class NewFeeTable(RequestBody):
    """A fee table to add."""

    name: Name = Field(examples=["Own prices"], description="Name of the fee table.")
    currency: Currency
    fees: list[NewFee] = Field(min_length=1, max_length=MAX_FEES, description="Rows of the fee table.")


class NewInstalment(RequestBody):
    """An instalment of an invoice."""

    day: Date = Field(description="Due date.")
    amount: Annotated[StrictInteger, Field(ge=1, le=MAX_AMOUNT, description=UNIT_DESCRIPTION, examples=[120050])]


class NewInvoice(RequestBody):
    """An invoice for the agreed amount."""

    issuer: RequiredText = Field(
        description="Name and address of the issuer, on several lines.", examples=["Studio Example"]
    )
    payer: RequiredText = Field(
        description="Name and address of the payer, on several lines.", examples=["Shop Example"]
    )
    subject: RequiredText = Field(
        description="Goods or service that is invoiced.", examples=["Harbour at dawn, website, 1 year"]
    )
    tax: LongText = Field("", description="Tax statement. Exhibit does not calculate taxes.")
    payment: LongText = Field("", description="Payment instructions.")
    language: Literal["en", "zh-Hans"] = Field("en", description="Language of the invoice.")
    instalments: list[NewInstalment] = Field(
        min_length=1,
        max_length=invoices.MAX_INSTALMENTS,
        description="Instalments in order of their due dates. Their amounts add up to the agreed amount.",
    )


class InvoiceCancellation(RequestBody):
    """Cancellation of an invoice."""

    reason: RequiredText = Field(examples=["Wrong address"], description="Reason for the cancellation.")
