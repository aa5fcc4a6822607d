"""Money asked of parties, as programs are told of it and as they say it. Amounts are whole numbers."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from desk.schemas.base import NOON, Answer, Moment
from desk.schemas.parties.parties import PartyNamed
from desk.schemas.requests import Date, Given, Long, Name, Number, Said, Short, Whole
from registry import models
from registry.parties import invoices
from registry.parties.demands import MAX_AMOUNT, MAX_CASES, MAX_FEES

UNIT = "In the currency's smallest unit: cents of EUR, whole JPY."
Amount = Annotated[Whole, Field(ge=0, le=MAX_AMOUNT, description=UNIT, examples=[120050])]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", description="By ISO 4217.", examples=["EUR"])]
EntryKind = Literal["asked", "agreed", "received"]


class DemandEntry(Answer):
    """What was asked, agreed or received."""

    number: int
    kind: str = Field(examples=["asked"])
    amount: int = Field(description=UNIT)
    day: date
    due_on: date | None
    corrects: int | None = Field(alias="corrects.number", description="The entry that counts no more because of it.")
    corrected_by: int | None = Field(alias="correction.number")
    words: str
    by: str
    at: Moment = Field(examples=[NOON])


class DemandLine(Answer):
    """Money asked of a party, and how it stands."""

    number: int
    party: str = Field(examples=["shop.example"])
    currency: str = Field(examples=["EUR"])
    basis: str
    fee_table: int | None = Field(alias="fee.table.number", description="The table of fees on which it rests.")
    fee: int | None = Field(alias="fee.number", description="The line of that table.")
    asked: int | None = Field(description=f"The last that counts. {UNIT}")
    agreed: int | None
    received: int | None = Field(description="All that counts together.")
    due_on: date | None
    made_at: Moment = Field(examples=[NOON])


class Demand(DemandLine):
    """The same with its cases and entries."""

    cases: list[int]
    entries: list[DemandEntry]

    @staticmethod
    def resolve_cases(row: models.Demand) -> list[int]:
        return list(row.cases.order_by("number").values_list("number", flat=True))

    @staticmethod
    def resolve_entries(row: models.Demand) -> object:
        return row.entries.select_related("corrects", "correction")


class Instalment(Answer):
    """What of an invoice is to be paid by a day."""

    day: date
    amount: int = Field(description=UNIT)


class Invoice(Answer):
    """An invoice over what was agreed, or the cancellation of one; neither changes."""

    name: str = Field(description="Its number, without gaps within a year.", examples=["2026-0001"])
    demand: int = Field(alias="demand.number")
    cancels: str | None = Field(alias="cancels.name", description="The invoice that it cancels.")
    cancelled_by: str | None = Field(alias="cancellation.name")
    day: date
    agreed_on: date
    issuer: str
    payer: str
    subject: str
    currency: str = Field(examples=["EUR"])
    amount: int = Field(description=f"Below nothing of a cancellation. {UNIT}")
    tax: str = Field(description="As the owner states it; nothing is computed.")
    payment: str
    words: str = Field(description="Why it cancels.")
    language: str = Field(examples=["en"])
    instalments: list[Instalment]
    by: str
    at: Moment = Field(examples=[NOON])


class PeriodSums(Answer):
    """What the books say of a period in one currency; corrected entries are left out."""

    currency: str = Field(examples=["EUR"])
    asked: int = Field(description=f"Of each demand, what was asked last within it. {UNIT}")
    agreed: int = Field(description="The same of what was agreed.")
    invoiced: int = Field(description="On invoices of these days, less what cancellations of these days take back.")
    received: int = Field(description="All that came within it.")
    open: int = Field(description="Agreed by its last day, and not received by then.")


class Sums(Answer):
    """What the books say of a period, each currency by itself."""

    sums: list[PeriodSums]


class Fee(Answer):
    """A line of a table of fees."""

    number: int
    use: str
    size: str
    duration: str
    amount: int = Field(description=UNIT)


class FeeTable(Answer):
    """What uses cost; a newer table of the same name is offered in its place."""

    number: int
    name: str
    currency: str
    made_at: Moment = Field(examples=[NOON])
    made_by: str
    fees: list[Fee]


class FittingFee(Fee):
    """A line of a table of fees that fits what is known of a use."""

    table: int = Field(alias="table.number", examples=[1])
    name: str = Field(alias="table.name", description="Of the table.", examples=["Own prices"])
    currency: str = Field(alias="table.currency", examples=["EUR"])


class UnknownPart(Answer):
    """A part of a line that can't be compared with a use."""

    column: str = Field(examples=["size"])
    text: str = Field(examples=["full page"])
    kind: str = Field(description="What isn't known of the use; empty where no rule reads the part.")


class ProposedFee(Answer):
    """What is known of a case, and which lines of the owner's tables fit that."""

    case: int = Field(alias="use.case", examples=[1])
    first_seen: Moment | None = Field(alias="use.first_seen", examples=[NOON])
    last_seen: Moment | None = Field(alias="use.last_seen", examples=[NOON])
    pages: int = Field(alias="use.pages", description="That no licence covers.")
    longer_side: int | None = Field(alias="use.longer_side", description="Of the largest file there, in pixels.")
    purpose: str = Field(
        alias="use.purpose",
        description="As a member answered it in a notice: `commercial`, `plain` or `comment`; empty if nobody did.",
    )
    notice: int | None = Field(alias="use.notice", description="The notice with that answer.")
    proposed: FittingFee | None = Field(alias="fee", description="The line that fits; null where a person chooses.")
    fitting: list[FittingFee] = Field(description="Of each table the line that says most and is narrowest.")
    unknown: list[UnknownPart] = Field(description="What keeps other lines from fitting.")


class ProposedFees(Answer):
    """What an owner's tables say of some cases. Nothing is asked by it."""

    items: list[ProposedFee]
    amount: int | None = Field(description=f"A fee for each case; null unless each has one in one currency. {UNIT}")
    currency: str | None = Field(examples=["EUR"])


class NewEntry(Given):
    """What happened to the money."""

    kind: EntryKind = Field(examples=["received"])
    amount: Amount
    day: Date | None = Field(None, description="On which day; today, if absent.")
    due_on: Date | None = None
    words: Long = ""
    corrects: Number | None = Field(None, description="The entry of the same kind in whose place it stands; say why.")


class NewDemand(PartyNamed):
    """Money to be asked of a party for confirmed cases: by a line of a table of fees, or an amount with its basis."""

    cases: list[Number] = Field(min_length=1, max_length=MAX_CASES, examples=[[1]])
    fee_table: Number | None = None
    fee: Number | None = Field(
        None, description="A line of that table: the currency and the amount, unless one is given."
    )
    amount: Amount | None = None
    currency: Currency | None = None
    basis: Long = Field(
        "", description="On what the amount rests; the fee in words, if absent.", examples=["Usual fee"]
    )
    due_on: Date | None = None


class NewFee(Given):
    """A line of a table of fees."""

    use: Said = Field(examples=["Website"])
    size: Short = ""
    duration: Short = Field("", examples=["1 year"])
    amount: Amount


class NewFeeTable(Given):
    """A table of fees: the owner's own, or one that the owner may use."""

    name: Name = Field(examples=["Own prices"])
    currency: Currency
    fees: list[NewFee] = Field(min_length=1, max_length=MAX_FEES)


class NewInstalment(Given):
    """What of an invoice is to be paid by a day."""

    day: Date
    amount: Annotated[Whole, Field(ge=1, le=MAX_AMOUNT, description=UNIT, examples=[120050])]


class NewInvoice(Given):
    """What an owner states on an invoice; the amount is what was agreed."""

    issuer: Said = Field(description="Name and address, a line each.", examples=["Studio Example"])
    payer: Said = Field(description="Name and address, a line each.", examples=["Shop Example"])
    subject: Said = Field(description="What is paid for.", examples=["Harbour at dawn, website, 1 year"])
    tax: Long = Field("", description="As you state it; nothing is computed.")
    payment: Long = Field("", description="How to pay.")
    language: Literal["en", "zh-Hans"] = "en"
    instalments: list[NewInstalment] = Field(
        min_length=1,
        max_length=invoices.MAX_INSTALMENTS,
        description="Each day after the one before; together the amount that was agreed.",
    )


class Cancelling(Given):
    """Why an invoice is cancelled."""

    words: Said = Field(examples=["Wrong address"])
