"""An invoice for an agreed amount: the owner's statements, word for word, without any statement about the law."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Document, Line, Quiet, Row, Rows, Section, Style, Table, cell
from evidence.documents.typeset.compiler import Unset

SPEAKER = ""  # everything is the owner's statement, so facts are shown without a source


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """The owner's statements; texts may have several lines."""

    name: str  # number of the invoice, such as 2026-0001
    day: date
    agreed_on: date
    issuer: str
    payer: str
    subject: str
    currency: str  # ISO 4217
    amount: Decimal  # in the currency's unit; negative for a cancellation
    tax: str  # or empty
    payment: str  # or empty
    instalments: tuple[tuple[date, Decimal], ...]
    cancels: str  # number of the cancelled invoice, or empty
    cancels_of: date | None  # date of the cancelled invoice
    words: str  # reason of the cancellation, or empty
    made_at: datetime


def render_invoice(facts: InvoiceFacts, language: str) -> bytes:
    """Render an invoice, or the cancellation of one, as PDF/A-3b; the same input gives the same bytes.

    Raises:
        ServiceMissingError: No font for the language is installed.
        WrongUseError: The language is unknown.
    """
    wording = Wording(load_phrases(language))
    return Unset(_document(facts, wording), (), language, facts.made_at).pdf()


def _document(facts: InvoiceFacts, wording: Wording) -> Document:
    say = wording.say
    kind = "cancellation" if facts.cancels else "invoice"
    title = say(f"invoice.{kind}", name=facts.name)
    issuer = facts.issuer.splitlines()[0]
    return Document(
        title=title,
        author=wording.clipped(issuer, 200),
        description=say("invoice.description"),
        kicker="",
        heading=title,
        subtitle=say("invoice.dated", day=facts.day.isoformat()),
        header=wording.clipped(f"{issuer[:80]} · {title}", 140),
        language=wording.setting(),
        opening=(_parties(facts, wording),),
        sections=(_amount(facts, wording), *_instalments(facts, wording), _note(wording)),
    )


def _parties(facts: InvoiceFacts, wording: Wording) -> Rows:
    cancels = (
        ()
        if facts.cancels_of is None
        else (
            _row(wording, "cancels", wording.say("invoice.one", name=facts.cancels, day=facts.cancels_of.isoformat())),
            _row(wording, "why", facts.words),
        )
    )
    return Rows(
        (
            _row(wording, "issuer", facts.issuer),
            _row(wording, "payer", facts.payer),
            *cancels,
            _row(wording, "subject", facts.subject),
            _row(wording, "agreed_on", facts.agreed_on.isoformat()),
        ),
        together=False,
    )


def _amount(facts: InvoiceFacts, wording: Wording) -> Section:
    amount = _money(facts.amount, facts.currency)
    rows = [Row(wording.say("invoice.amount"), (Line(amount, Style.STRONG),), SPEAKER)]
    if facts.tax:
        rows.append(_row(wording, "tax", facts.tax))
    if facts.payment and not facts.cancels:
        rows.append(_row(wording, "payment", facts.payment))
    return Section(wording.say("invoice.sum"), (Rows(tuple(rows), together=False),))


def _instalments(facts: InvoiceFacts, wording: Wording) -> tuple[Section, ...]:
    if not facts.instalments:
        return ()
    head = tuple(wording.say(f"invoice.{name}") for name in ("number", "due", "amount"))
    rows = tuple(
        (cell(str(n)), cell(day.isoformat()), cell(_money(amount, facts.currency)))
        for n, (day, amount) in enumerate(facts.instalments, 1)
    )
    return (Section(wording.say("invoice.instalments"), (Table(head, rows, (0, 1, 1)),)),)


def _note(wording: Wording) -> Section:
    return Section(wording.say("invoice.about"), (Quiet(wording.say("invoice.stated")),), together=True)


def _row(wording: Wording, label: str, text: str) -> Row:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return Row(wording.say(f"invoice.{label}"), tuple(map(Line, lines)), SPEAKER)


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount:,} {currency}"
