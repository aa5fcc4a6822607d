"""The licence ledger: the list, one licence with its effects, and creating, changing and ending licences."""

from django.contrib import messages
from django.core import signing
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from desk.texts.numbers import grouped
from desk.texts.sentences import in_words
from desk.texts.uploads import read_as
from desk.web.common.access import MAX_FIELD, said
from desk.web.common.columns import answers_in, by_whom, columns_in, questions, table_in
from desk.web.common.pages import FORM, decider_form, member_page, page_of, show
from desk.web.licences import forms
from exhibit.errors import WrongUseError
from registry import scoped
from registry.cases.ledger import effects_of
from registry.cases.licence_trial import NOTHING, cases_of, try_licences
from registry.models import Case, CaseSighting, ColumnMapping, LedgerChange, Licence, Owner
from registry.works.licence_tables import MAX_AT_ONCE, LicenceTable, licences_in_table
from registry.works.licences import NewLicence, change_licence, end_licence, keep_licences, waiting_changes
from registry.works.spreadsheets import HeadingsError
from registry.works.tables import day
from workers import wiring

MOMENT = 0.15
"""Seconds per request spent on a trial. The page then shows the progress and continues."""

STANDINGS = {"now": gettext_lazy("current or upcoming"), "over": gettext_lazy("expired"), "all": gettext_lazy("all")}
EFFECTS = {
    "licensed": gettext_lazy("licensed"),
    "reopened": gettext_lazy("reopened"),
    "partly": gettext_lazy("open, partly covered"),
    "decided": gettext_lazy("decision unchanged"),
}


@member_page("web/licences.html")
def licences(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's licences, filtered by standing and words."""
    words, standing = said(request.GET.get("q", "")), request.GET.get("standing", "now")
    over = Q(valid_until__lt=timezone.localdate())
    rows = scoped.licences(owner).prefetch_related("works").order_by("-number")
    if standing in ("now", "over"):
        rows = rows.filter(over) if standing == "over" else rows.exclude(over)
    if words:
        matching = Q(licensee__icontains=words) | Q(domain__icontains=words) | Q(url_pattern__icontains=words)
        matching |= Q(account__icontains=words) | Q(reason__icontains=words)
        rows = rows.filter(matching | Q(reseller__icontains=words) | Q(invoice__icontains=words))
    page = page_of(request, rows)
    covered = CaseSighting.objects.filter(licence__in=[row.pk for row in page]).values("licence")
    counts = dict(covered.annotate(n=Count("case", distinct=True)).values_list("licence", "n"))
    return {
        "page": page,
        "rows": [(row, counts.get(row.pk, 0)) for row in page],
        "q": words,
        "standing": standing if standing in STANDINGS else "all",
        "standings": STANDINGS.items(),
        "any": bool(page.object_list) or scoped.licences(owner).exists(),
    }


@member_page("web/licence.html")
def licence(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a licence: its terms, its history, and the cases it covers."""
    row = scoped.licence(owner, number)
    cases = scoped.cases(owner).filter(case_sightings__licence=row).distinct().order_by("-number")
    history = page_of(request, LedgerChange.objects.filter(licences=row).order_by("-pk"), "history")
    effects = effects_of(list(history))
    return {
        "licence": row,
        "works": list(row.works.all()),
        "page": page_of(request, cases),
        "history": history,
        "changes": [(entry, list(effects.get(entry.pk, {}).items())) for entry in history],
        "over": row.valid_until is not None and row.valid_until < timezone.localdate(),
    }


@require_http_methods(FORM)
@decider_form()
def write(request: HttpRequest, owner: Owner, number: int | None = None) -> HttpResponse:
    """Create a licence, or change one with a reason. It is tried against the cases before it is saved."""
    row = None if number is None else scoped.licence(owner, number)
    values = forms.typed(request)
    context: dict[str, object] = {"licence": row, "longest": MAX_FIELD, "most_of_works": forms.MAX_OF_WORKS}
    if request.method != "POST":
        values = forms.values_of(row) if row else {name: said(request.GET.get(name, "")) for name in forms.FIELDS}
        return show(request, owner, "web/licence-form.html", {**context, "values": values})
    try:
        new = forms.from_fields(owner, values)
    except WrongUseError as error:
        return show(request, owner, "web/licence-form.html", {**context, "values": values, "problem": in_words(error)})
    mark = forms.tried(owner, values, row)
    if "save" not in request.POST or request.POST.get("tried") != mark:
        context |= _trial(request, owner, [new], mark, row)
        return show(request, owner, _page(request, "licence-form"), {**context, "values": values, "tried": mark})
    by, why = request.user.get_username(), said(request.POST.get("why", ""))
    if row is None:
        (saved,), fresh = keep_licences(owner, [new], by=by)
        text = _("Licence %(number)d was saved.") if fresh else _("Licence %(number)d already has these values.")
    else:
        saved, done = row, change_licence(row, new, by=by, reason=why)
        text = _("Licence %(number)d was changed.") if done else _("Licence %(number)d already has these values.")
    _look(owner)
    messages.success(request, text % {"number": saved.number})
    return redirect("licence", slug=owner.slug, number=saved.number)


@decider_form(back="licence")
def end(request: HttpRequest, owner: Owner, number: int) -> HttpResponse | str:
    """End a licence on a day, with a reason."""
    row = scoped.licence(owner, number)
    context = {"licence": row, "day": timezone.localdate().isoformat()}
    if request.method != "POST":
        return show(request, owner, "web/licence-end.html", context)
    last_day, reason = said(request.POST.get("day", "")), said(request.POST.get("reason", ""))
    try:
        end_licence(row, day(last_day) or timezone.localdate(), by=request.user.get_username(), reason=reason)
    except WrongUseError as error:
        again = {**context, "day": last_day, "reason": reason, "problem": in_words(error)}
        return show(request, owner, "web/licence-end.html", again)
    _look(owner)
    return _("The end date of licence %(number)d was saved.") % {"number": number}


@decider_form()
def import_licences(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Import a table of licences. It is parsed and tried first, then saved completely or not at all."""
    order = request.POST.get("order", "")
    context: dict[str, object] = {"orders": forms.ORDERS.items(), "order": order}
    try:
        if "save" in request.POST:
            return _save_table(request, owner)
        if request.method == "POST":
            if "further" in request.POST:
                licences_given = forms.unpacked(owner, request.POST.get("table", ""))
                understood = forms.understood_from(request.POST.get("understood", ""))
            else:
                table, remark = _table(request, owner)
                licences_given, understood = list(table), table.understood
                context["told"] = remark
            context |= _trial(
                request, owner, licences_given, forms.tried(owner, {"table": str(licences_given)}, None), None
            )
            context |= {
                "given": licences_given[:20],
                "count": len(licences_given),
                "table": forms.packed(owner, licences_given),
            }
            if understood is not None:
                context |= {"read_as": read_as(understood), "skipped": understood.skipped}
                context |= {"headings": understood.headings, "understood": forms.understood_packed(understood)}
    except signing.BadSignature:
        context["problem"] = _("The table was modified after it was read. Choose it again.")
    except WrongUseError as error:
        context |= questions(error, _brought(request), request)
        if not isinstance(error, HeadingsError) or "column" in request.POST:
            context["problem"] = in_words(error)
    template = _page(request, "licence-import") if "trial" in context else "web/licence-import.html"
    return show(request, owner, template, context)


def _trial(
    request: HttpRequest, owner: Owner, given: list[NewLicence], mark: str, row: Licence | None
) -> dict[str, object]:
    """Run a trial for a moment, continuing an earlier one with the same values."""
    earlier = forms.so_far(request.POST.get("so-far", ""), mark) if "further" in request.POST else NOTHING
    trial = try_licences(owner, given, instead_of=row, so_far=earlier, seconds=MOMENT)
    unfinished = "" if trial.after is None else forms.on_its_way(trial, mark)
    of = Case.objects.filter(owner=owner).count() if unfinished else trial.looked_at
    cases = [(case, EFFECTS[effect]) for case, effect in cases_of(owner, trial)]
    return {"trial": trial, "cases": cases, "unfinished": unfinished, "of": of}


def _page(request: HttpRequest, whole: str) -> str:
    """Return the template: the whole page, or only the trial for a script that continues it."""
    further = "further" in request.POST and request.headers.get("HX-Request")
    return "web/licence-trial.html" if further else f"web/{whole}.html"


def _table(request: HttpRequest, owner: Owner) -> tuple[LicenceTable, str]:
    """Parse the uploaded table, and describe whose column choice was used."""
    order, table = request.POST.get("order", ""), _brought(request)
    if table is None:
        problem = _("No table was received, or the table is too large.")
        raise WrongUseError(problem, hint=_("Split the table into several tables."))
    known = order if order in forms.ORDERS else ""
    columns = columns_in(request, owner, ColumnMapping.Kind.LICENCES)
    answers = answers_in(request, table)
    with columns.remembered(by=request.user.get_username()):
        read = licences_in_table(
            owner, *table, order=known, chosen=columns, encoding=answers.encoding, skips=answers.skips
        )
    return read, by_whom(columns)


def _brought(request: HttpRequest) -> tuple[str, bytes] | None:
    file = request.FILES.get("file")
    if file is not None and (file.size is None or file.size > MAX_AT_ONCE):
        return None
    return table_in(request, "file")


def _save_table(request: HttpRequest, owner: Owner) -> HttpResponse:
    licences_given = forms.unpacked(owner, request.POST.get("table", ""))
    saved, new = keep_licences(owner, licences_given, by=request.user.get_username())
    _look(owner)
    text = ngettext(
        "%(n)s new licence was added; %(of)s were read.", "%(n)s new licences were added; %(of)s were read.", new
    )
    messages.success(request, text % {"n": grouped(new), "of": grouped(len(saved))})
    return redirect("licences", slug=owner.slug)


def _look(owner: Owner) -> None:
    wiring.services().enqueue(LedgerChange, waiting_changes(owner))
