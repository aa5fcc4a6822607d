"""An invoice for an agreed amount. It contains the owner's statements verbatim and no legal statement by Exhibit."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Document, Line, Quiet, Row, Rows, Section, Style, Table, build_cell
from evidence.documents.typeset.compiler import PreparedDocument

NO_SOURCE = ""  # all values are statements by the owner, so no source is shown


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """Content of an invoice, as stated by the owner; texts may have several lines."""

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
    cancelled_invoice: str  # number of the cancelled invoice, or empty
    cancelled_invoice_date: date | None  # date of the cancelled invoice
    words: str  # reason of the cancellation, or empty
    made_at: datetime


def render_invoice(facts: InvoiceFacts, language: str) -> bytes:
    """Render an invoice, or the cancellation of one, as PDF/A-3b. The same input gives the same bytes.

    Raises:
        ServiceMissingError: No font for the language is installed.
        InvalidRequestError: The language is unknown.
    """
    wording = Wording(load_phrases(language))
    return PreparedDocument(_build_document(facts, wording), (), language, facts.made_at).render_pdf()


def _build_document(facts: InvoiceFacts, wording: Wording) -> Document:
    render = wording.render
    kind = "cancellation" if facts.cancelled_invoice else "invoice"
    title = render(f"invoice.{kind}", name=facts.name)
    issuer = facts.issuer.splitlines()[0]
    return Document(
        title=title,
        author=wording.clip_text(issuer, 200),
        description=render("invoice.description"),
        kicker="",
        heading=title,
        subtitle=render("invoice.dated", day=facts.day.isoformat()),
        header=wording.clip_text(f"{issuer[:80]} · {title}", 140),
        language=wording.get_language_settings(),
        opening=(_build_party_rows(facts, wording),),
        sections=(
            _build_amount_section(facts, wording),
            *_build_instalment_sections(facts, wording),
            _build_note_section(wording),
        ),
    )


def _build_party_rows(facts: InvoiceFacts, wording: Wording) -> Rows:
    cancellation_rows = (
        ()
        if facts.cancelled_invoice_date is None
        else (
            _build_row(
                wording,
                "cancels",
                wording.render(
                    "invoice.one", name=facts.cancelled_invoice, day=facts.cancelled_invoice_date.isoformat()
                ),
            ),
            _build_row(wording, "why", facts.words),
        )
    )
    return Rows(
        (
            _build_row(wording, "issuer", facts.issuer),
            _build_row(wording, "payer", facts.payer),
            *cancellation_rows,
            _build_row(wording, "subject", facts.subject),
            _build_row(wording, "agreed_on", facts.agreed_on.isoformat()),
        ),
        together=False,
    )


def _build_amount_section(facts: InvoiceFacts, wording: Wording) -> Section:
    amount = _format_money(facts.amount, facts.currency)
    rows = [Row(wording.render("invoice.amount"), (Line(amount, Style.STRONG),), NO_SOURCE)]
    if facts.tax:
        rows.append(_build_row(wording, "tax", facts.tax))
    if facts.payment and not facts.cancelled_invoice:
        rows.append(_build_row(wording, "payment", facts.payment))
    return Section(wording.render("invoice.sum"), (Rows(tuple(rows), together=False),))


def _build_instalment_sections(facts: InvoiceFacts, wording: Wording) -> tuple[Section, ...]:
    if not facts.instalments:
        return ()
    headings = tuple(wording.render(f"invoice.{name}") for name in ("number", "due", "amount"))
    rows = tuple(
        (build_cell(str(n)), build_cell(day.isoformat()), build_cell(_format_money(amount, facts.currency)))
        for n, (day, amount) in enumerate(facts.instalments, 1)
    )
    return (Section(wording.render("invoice.instalments"), (Table(headings, rows, (0, 1, 1)),)),)


def _build_note_section(wording: Wording) -> Section:
    return Section(wording.render("invoice.about"), (Quiet(wording.render("invoice.stated")),), together=True)


def _build_row(wording: Wording, label: str, text: str) -> Row:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return Row(wording.render(f"invoice.{label}"), tuple(map(Line, lines)), NO_SOURCE)


def _format_money(amount: Decimal, currency: str) -> str:
    return f"{amount:,} {currency}"
