"""Payment demands with their entries and invoices, the ledger as CSV or XLSX, and fee tables."""

from dataclasses import replace
from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.api.common.files import download
from desk.web.common.access import clean_text, parse_number
from desk.web.common.pages import ErrorMessages, decider_form, decider_post, member_page, page_of, show
from desk.web.downloads.reports import LANGUAGES
from desk.web.parties import words
from evidence.documents.report.volumes import FORMATS
from exhibit.errors import WrongUseError, passes
from exhibit.plain import one_line
from registry.models import DemandEntry, Owner
from registry.parties import demands, invoices
from registry.parties.demands import NewDemand, NewEntry, parse_amount, to_units
from registry.parties.invoices import NewInvoice, parse_instalments
from registry.parties.periods import Period, compute_sums, list_periods, parse_period
from registry.parties.proposed_fees import multiply_fee, select_fees, sum_proposed_fees
from registry.parties.tables import export_ledger_csv, export_ledger_xlsx, parse_fee_table
from registry.works.work_tables import parse_day

MAX_TABLE = 2 * 1024 * 1024
FIELDS = ("fee", "amount", "currency", "basis")
"""Form fields of a demand."""


@member_page("web/demands.html")
def demand_list(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show demands with their status, and totals by currency."""
    page, names = page_of(request, demands.list_demands(owner)), list_periods(owner)
    period = _period(request)
    return {
        "page": page,
        "totals": list(demands.sum_by_currency(owner)),
        "periods": [("", _("all")), *((name, words.period_title(name)) for name in names)],
        "period": period,
        "sums": compute_sums(owner, period) if period else [],
    }


@member_page("web/demand.html")
def demand(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a demand with its basis, entries and invoices."""
    return _values(owner, number)


def _values(owner: Owner, number: int) -> dict[str, object]:
    row = demands.get_demand(owner, number)
    entries = row.entries.select_related("corrects", "correction")
    issued, paid = list(invoices.list_invoices(owner, number)), invoices.sum_received(row)
    standing = next(filter(invoices.is_valid, issued), None)
    return {
        "demand": row,
        "cases": row.cases.select_related("work").order_by("number"),
        "entries": [(entry, words.ENTRIES[DemandEntry.Kind(entry.kind)]) for entry in entries],
        "kinds": words.ENTRIES.items(),
        "invoices": issued,
        "standing": standing,
        "paid": paid,
        "due": invoices.get_next_due(standing, paid) if standing else None,
        "agreed": invoices.get_agreed_entry(row),
        "proposed": invoices.propose_values(row),
        "refused": False,
        "languages": LANGUAGES.items(),
    }


@decider_form()
def create_demand(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Create a demand from a fee or from an amount with its basis. The form is first filled with proposed fees."""
    fields = request.POST if request.method == "POST" else request.GET
    party, cases = (
        one_line(clean_text(fields.get("party", ""))),
        list(filter(None, map(parse_number, fields.getlist("case")))),
    )
    with ErrorMessages(request):
        values = _fee_proposals(owner, party, cases)
        if request.method != "POST":
            return show(request, owner, "web/new-demand.html", values)
        typed, filled = ({name: clean_text(fields.get(at + name, "")) for name in FIELDS} for at in ("", "filled-"))
        with ErrorMessages(request):
            new = _parse_demand(owner, party, cases, _day(request, "due_on"), typed, filled)
            new_demand = demands.create_demand(owner, new, by=request.user.get_username())
            return redirect("demand", slug=owner.slug, number=new_demand.number)
        values |= typed | {"filled": filled.items(), "due_on": clean_text(fields.get("due_on", ""))}
        return show(request, owner, "web/new-demand.html", values, status=422)
    return redirect("party", slug=owner.slug, name=party) if party else redirect("parties", owner.slug)


def _parse_demand(
    owner: Owner, party: str, cases: list[int], due_on: date | None, typed: dict[str, str], filled: dict[str, str]
) -> NewDemand:
    """Parse the form. If another fee was chosen, values that were prefilled for the proposed fee are dropped."""
    if not typed["fee"] or typed["fee"] == filled["fee"]:
        return demands.parse_demand_form(owner, party, cases, due_on, typed)
    own = {name: "" if name != "currency" and text == filled[name] else text for name, text in typed.items()}
    new = demands.parse_demand_form(owner, party, cases, due_on, own)
    if new.fee is None or own["amount"] or not filled["amount"]:
        return new
    each = multiply_fee(new.fee, len(set(cases)))
    return replace(new, amount=each.amount, currency=each.currency, basis=new.basis or words.describe_basis(each))


def _fee_proposals(owner: Owner, party: str, cases: list[int]) -> dict[str, object]:
    """Return the fees proposed for a party's cases, and the form fields filled from them."""
    proposals, offered = select_fees(owner, party, cases), demands.list_fees(owner)
    both = sum_proposed_fees(proposals)
    several = both if len(proposals) > 1 else None
    only = both.lines[0][1] if both is not None and len(both.lines) == 1 else None
    filled = {
        "fee": f"{only.table.number}.{only.number}" if only else "",
        "amount": str(to_units(several.amount, several.currency)) if several else "",
        "currency": several.currency if several else "",
        "basis": words.describe_basis(several) if several else "",
    }
    return filled | {
        "party": party,
        "proposed": [
            (proposal, words.describe_purpose(proposal.use), [words.fee(fee) for fee in proposal.fitting])
            for proposal in proposals
        ],
        "doubts": words.fee_warnings(proposals),
        "fees": words.fees(offered),
        "together": several,
        "filled": filled.items(),
        "due_on": "",
    }


@decider_post(back="demand")
def add_entry(request: HttpRequest, owner: Owner, number: int) -> None:
    """Record an amount asked, agreed or received, or correct an entry."""
    row = demands.get_demand(owner, number)
    amount = parse_amount(clean_text(request.POST.get("amount", "")), row.currency)
    about = (
        _day(request, "due_on"),
        clean_text(request.POST.get("words", "")),
        parse_number(request.POST.get("corrects")),
    )
    new = NewEntry(request.POST.get("kind", ""), amount, _day(request, "day"), *about)
    demands.add_entry(row, new, by=request.user.get_username())


@decider_post()
def issue_invoice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Issue an invoice for the agreed amount. Rejected input is shown again."""
    row = demands.get_demand(owner, number)
    typed = ("issuer", "payer", "subject", "tax", "payment", "language")
    fields = {name: clean_text(request.POST.get(name, "")) for name in typed}
    lines = clean_text(request.POST.get("instalments", ""))
    with ErrorMessages(request):
        new = NewInvoice(**fields, instalments=parse_instalments(lines, row.currency))
        new_invoice = invoices.issue_invoice(row, new, by=request.user.get_username())
        messages.success(request, _("Invoice %(name)s was created. Nothing was sent.") % {"name": new_invoice.name})
        return redirect("demand", slug=owner.slug, number=number)
    values = _values(owner, number) | {"proposed": fields | {"instalments": lines}, "refused": True}
    return show(request, owner, "web/demand.html", values, status=422)


@member_page()
def invoice_file(request: HttpRequest, owner: Owner, name: str) -> HttpResponseBase:
    """Send an invoice as PDF."""
    row = invoices.get_invoice(owner, name)
    return download(invoices.render_invoice_pdf(row), f"{owner.slug}-invoice-{row.name}.pdf", "application/pdf")


@decider_post()
def cancel_invoice(request: HttpRequest, owner: Owner, name: str) -> HttpResponse:
    """Cancel an invoice by issuing a cancellation."""
    row = invoices.get_invoice(owner, name)
    with ErrorMessages(request):
        why = clean_text(request.POST.get("words", ""))
        cancellation = invoices.cancel_invoice(row, why, by=request.user.get_username())
        messages.success(
            request, _("Cancellation %(name)s was created. Nothing was sent.") % {"name": cancellation.name}
        )
    return redirect("demand", slug=owner.slug, number=row.demand.number)


@member_page()
def ledger(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Send the ledger, or a period of it, as CSV or XLSX."""
    period = _period(request)
    stem = f"{owner.slug}-money{f'-{period.name}' if period else ''}"
    if request.GET.get("form") == "xlsx":
        return download(export_ledger_xlsx(owner, period), f"{stem}.xlsx", FORMATS["xlsx"])
    return download(export_ledger_csv(owner, period), f"{stem}.csv", "text/csv; charset=utf-8")


@decider_form()
def fee_tables(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the owner's fee tables and a form to import another."""
    if request.method == "POST":
        with ErrorMessages(request):
            file, name = request.FILES.get("file"), clean_text(request.POST.get("name", ""))
            if file is None or (file.size or 0) > MAX_TABLE:
                raise WrongUseError(_("Choose a table of at most 2 MB."))
            currency = clean_text(request.POST.get("currency", ""))
            lines = parse_fee_table(file.name or "", file.read(), currency)
            demands.save_fee_table(owner, name, currency, lines, by=request.user.get_username())
            messages.success(request, _("The table was saved. Its fees can be selected from now on."))
        return redirect("fees", slug=owner.slug)
    values = {"page": page_of(request, demands.list_fee_tables(owner).prefetch_related("fees"), size=10)}
    return show(request, owner, "web/fees.html", values)


def _period(request: HttpRequest) -> Period | None:
    """Return the period in the query string, or None if missing or invalid."""
    name = clean_text(request.GET.get("period", ""))
    return parse_period(name) if name and passes(parse_period, name, WrongUseError) else None


def _day(request: HttpRequest, name: str) -> date | None:
    return parse_day(clean_text(request.POST.get(name, "")))
