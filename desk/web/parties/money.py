"""Payment demands with their entries and invoices, the ledger as CSV or XLSX, and fee tables."""

from dataclasses import replace
from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.api.common.files import build_download_response
from desk.web.common.access import clean_text, parse_number
from desk.web.common.pages import ErrorMessages, decider_form, decider_post, get_page, member_page, render_page
from desk.web.downloads.reports import LANGUAGE_LABELS
from desk.web.parties import words
from evidence.documents.report.volumes import FORMATS
from exhibit.errors import InvalidRequestError, is_accepted
from exhibit.plain import to_one_line
from registry.models import DemandEntry, Owner
from registry.parties import demands, invoices
from registry.parties.demands import NewDemand, NewEntry, parse_amount, to_main_units
from registry.parties.invoices import NewInvoice, parse_instalments
from registry.parties.periods import Period, compute_totals, list_periods, parse_period
from registry.parties.proposed_fees import multiply_fee, propose_fees_for_cases, sum_proposed_fees
from registry.parties.tables import export_ledger_csv, export_ledger_xlsx, parse_fee_table
from registry.works.work_tables import parse_day

MAX_TABLE = 2 * 1024 * 1024
FORM_FIELDS = ("fee", "amount", "currency", "basis")
"""Form fields of a demand."""


@member_page("web/demands.html")
def demand_list(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show demands with their status, and totals by currency."""
    page, names = get_page(request, demands.list_demands(owner)), list_periods(owner)
    period = _parse_period(request)
    return {
        "page": page,
        "totals": list(demands.sum_by_currency(owner)),
        "periods": [("", _("all")), *((name, words.format_period(name)) for name in names)],
        "period": period,
        "sums": compute_totals(owner, period) if period else [],
    }


@member_page("web/demand.html")
def demand(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a demand with its basis, entries and invoices."""
    return _build_values(owner, number)


def _build_values(owner: Owner, number: int) -> dict[str, object]:
    row = demands.get_demand(owner, number)
    entries = row.entries.select_related("corrects", "correction")
    issued_invoices, received_amount = list(invoices.list_invoices(owner, number)), invoices.sum_received(row)
    valid_invoice = next(filter(invoices.is_valid, issued_invoices), None)
    return {
        "demand": row,
        "cases": row.cases.select_related("work").order_by("number"),
        "entries": [(entry, words.ENTRY_LABELS[DemandEntry.Kind(entry.kind)]) for entry in entries],
        "kinds": words.ENTRY_LABELS.items(),
        "invoices": issued_invoices,
        "standing": valid_invoice,
        "paid": received_amount,
        "due": invoices.get_next_due(valid_invoice, received_amount) if valid_invoice else None,
        "agreed": invoices.get_agreed_entry(row),
        "proposed": invoices.propose_values(row),
        "refused": False,
        "languages": LANGUAGE_LABELS.items(),
    }


@decider_form()
def create_demand(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Create a demand from a fee, or from an amount with its basis. The form is prefilled with proposed fees."""
    fields = request.POST if request.method == "POST" else request.GET
    party, cases = (
        to_one_line(clean_text(fields.get("party", ""))),
        list(filter(None, map(parse_number, fields.getlist("case")))),
    )
    with ErrorMessages(request):
        values = _build_fee_proposals(owner, party, cases)
        if request.method != "POST":
            return render_page(request, owner, "web/new-demand.html", values)
        typed_values, prefilled_values = (
            {name: clean_text(fields.get(prefix + name, "")) for name in FORM_FIELDS} for prefix in ("", "filled-")
        )
        with ErrorMessages(request):
            parsed_demand = _parse_demand(
                owner, party, cases, _parse_day(request, "due_on"), typed_values, prefilled_values
            )
            new_demand = demands.create_demand(owner, parsed_demand, by=request.user.get_username())
            return redirect("demand", slug=owner.slug, number=new_demand.number)
        values |= typed_values | {"filled": prefilled_values.items(), "due_on": clean_text(fields.get("due_on", ""))}
        return render_page(request, owner, "web/new-demand.html", values, status=422)
    return redirect("party", slug=owner.slug, name=party) if party else redirect("parties", owner.slug)


def _parse_demand(
    owner: Owner,
    party: str,
    cases: list[int],
    due_on: date | None,
    typed_values: dict[str, str],
    prefilled_values: dict[str, str],
) -> NewDemand:
    """Parse the form. If another fee was chosen, ignore values that were prefilled for the proposed fee."""
    if not typed_values["fee"] or typed_values["fee"] == prefilled_values["fee"]:
        return demands.parse_demand_form(owner, party, cases, due_on, typed_values)
    own_values = {
        name: "" if name != "currency" and text == prefilled_values[name] else text
        for name, text in typed_values.items()
    }
    parsed_demand = demands.parse_demand_form(owner, party, cases, due_on, own_values)
    if parsed_demand.fee is None or own_values["amount"] or not prefilled_values["amount"]:
        return parsed_demand
    fee_total = multiply_fee(parsed_demand.fee, len(set(cases)))
    return replace(
        parsed_demand,
        amount=fee_total.amount,
        currency=fee_total.currency,
        basis=parsed_demand.basis or words.describe_basis(fee_total),
    )


def _build_fee_proposals(owner: Owner, party: str, cases: list[int]) -> dict[str, object]:
    """Return the fees proposed for a site's cases, and the form fields prefilled from them."""
    proposals, available_fees = propose_fees_for_cases(owner, party, cases), demands.list_fees(owner)
    fee_total = sum_proposed_fees(proposals)
    combined_total = fee_total if len(proposals) > 1 else None
    single_fee = fee_total.lines[0][1] if fee_total is not None and len(fee_total.lines) == 1 else None
    prefilled_values = {
        "fee": f"{single_fee.table.number}.{single_fee.number}" if single_fee else "",
        "amount": str(to_main_units(combined_total.amount, combined_total.currency)) if combined_total else "",
        "currency": combined_total.currency if combined_total else "",
        "basis": words.describe_basis(combined_total) if combined_total else "",
    }
    return prefilled_values | {
        "party": party,
        "proposed": [
            (proposal, words.describe_purpose(proposal.use), [words.format_fee(fee) for fee in proposal.fitting])
            for proposal in proposals
        ],
        "doubts": words.describe_fee_warnings(proposals),
        "fees": words.build_fee_options(available_fees),
        "together": combined_total,
        "filled": prefilled_values.items(),
        "due_on": "",
    }


@decider_post(back="demand")
def add_entry(request: HttpRequest, owner: Owner, number: int) -> None:
    """Record an amount that was demanded, agreed or received, or correct an entry."""
    row = demands.get_demand(owner, number)
    amount = parse_amount(clean_text(request.POST.get("amount", "")), row.currency)
    details = (
        _parse_day(request, "due_on"),
        clean_text(request.POST.get("words", "")),
        parse_number(request.POST.get("corrects")),
    )
    new_entry = NewEntry(request.POST.get("kind", ""), amount, _parse_day(request, "day"), *details)
    demands.add_entry(row, new_entry, by=request.user.get_username())


@decider_post()
def issue_invoice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Issue an invoice for the agreed amount. If the input is rejected, show it again."""
    row = demands.get_demand(owner, number)
    field_names = ("issuer", "payer", "subject", "tax", "payment", "language")
    fields = {name: clean_text(request.POST.get(name, "")) for name in field_names}
    lines = clean_text(request.POST.get("instalments", ""))
    with ErrorMessages(request):
        invoice_values = NewInvoice(**fields, instalments=parse_instalments(lines, row.currency))
        new_invoice = invoices.issue_invoice(row, invoice_values, by=request.user.get_username())
        messages.success(request, _("Invoice %(name)s was created. Nothing was sent.") % {"name": new_invoice.name})
        return redirect("demand", slug=owner.slug, number=number)
    values = _build_values(owner, number) | {"proposed": fields | {"instalments": lines}, "refused": True}
    return render_page(request, owner, "web/demand.html", values, status=422)


@member_page()
def invoice_file(request: HttpRequest, owner: Owner, name: str) -> HttpResponseBase:
    """Send an invoice as PDF."""
    row = invoices.get_invoice(owner, name)
    return build_download_response(
        invoices.render_invoice_pdf(row), f"{owner.slug}-invoice-{row.name}.pdf", "application/pdf"
    )


@decider_post()
def cancel_invoice(request: HttpRequest, owner: Owner, name: str) -> HttpResponse:
    """Cancel an invoice by issuing a cancellation invoice."""
    row = invoices.get_invoice(owner, name)
    with ErrorMessages(request):
        reason = clean_text(request.POST.get("words", ""))
        cancellation = invoices.cancel_invoice(row, reason, by=request.user.get_username())
        messages.success(
            request, _("Cancellation %(name)s was created. Nothing was sent.") % {"name": cancellation.name}
        )
    return redirect("demand", slug=owner.slug, number=row.demand.number)


@member_page()
def ledger(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Send the ledger, or a period of it, as CSV or XLSX."""
    period = _parse_period(request)
    stem = f"{owner.slug}-money{f'-{period.name}' if period else ''}"
    if request.GET.get("form") == "xlsx":
        return build_download_response(export_ledger_xlsx(owner, period), f"{stem}.xlsx", FORMATS["xlsx"])
    return build_download_response(export_ledger_csv(owner, period), f"{stem}.csv", "text/csv; charset=utf-8")


@decider_form()
def fee_tables(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the owner's fee tables and a form to import another."""
    if request.method == "POST":
        with ErrorMessages(request):
            file, name = request.FILES.get("file"), clean_text(request.POST.get("name", ""))
            if file is None or (file.size or 0) > MAX_TABLE:
                raise InvalidRequestError(_("Choose a table of at most 2 MB."))
            currency = clean_text(request.POST.get("currency", ""))
            lines = parse_fee_table(file.name or "", file.read(), currency)
            demands.save_fee_table(owner, name, currency, lines, by=request.user.get_username())
            messages.success(request, _("The table was saved. You can now select its fees."))
        return redirect("fees", slug=owner.slug)
    values = {"page": get_page(request, demands.list_fee_tables(owner).prefetch_related("fees"), size=10)}
    return render_page(request, owner, "web/fees.html", values)


def _parse_period(request: HttpRequest) -> Period | None:
    """Return the period in the query string, or None if missing or invalid."""
    name = clean_text(request.GET.get("period", ""))
    return parse_period(name) if name and is_accepted(parse_period, name, InvalidRequestError) else None


def _parse_day(request: HttpRequest, name: str) -> date | None:
    return parse_day(clean_text(request.POST.get(name, "")))
