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
from desk.texts.uploads import describe_format
from desk.web.common.access import MAX_FIELD, clean_text
from desk.web.common.columns import answers_in, columns_in, describe_mapping, questions, table_in
from desk.web.common.pages import FORM, decider_form, member_page, page_of, show
from desk.web.licences import forms
from exhibit.errors import WrongUseError
from registry import scoped
from registry.cases.ledger import effects_of
from registry.cases.licence_trial import EMPTY_TRIAL, cases_of, try_licences
from registry.models import Case, CaseSighting, ColumnMapping, LedgerChange, Licence, Owner
from registry.works.licence_tables import MAX_BYTES, LicenceTable, parse_licence_table
from registry.works.licences import NewLicence, add_licences, change_licence, end_licence, list_pending_changes
from registry.works.spreadsheets import HeadingsError
from registry.works.work_tables import parse_day
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
    words, standing = clean_text(request.GET.get("q", "")), request.GET.get("standing", "now")
    over = Q(valid_until__lt=timezone.localdate())
    rows = scoped.licences(owner).prefetch_related("works").order_by("-number")
    if standing in ("now", "over"):
        rows = rows.filter(over) if standing == "over" else rows.exclude(over)
    if words:
        matching = Q(licensee__icontains=words) | Q(domain__icontains=words) | Q(url_pattern__icontains=words)
        matching |= Q(account__icontains=words) | Q(reason__icontains=words)
        rows = rows.filter(matching | Q(reseller__icontains=words) | Q(invoice__icontains=words))
    page = page_of(request, rows)
    sightings = CaseSighting.objects.filter(licence__in=[row.pk for row in page]).values("licence")
    counts = dict(sightings.annotate(n=Count("case", distinct=True)).values_list("licence", "n"))
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
def edit_licence(request: HttpRequest, owner: Owner, number: int | None = None) -> HttpResponse:
    """Create a licence, or change one with a reason. It is tried against the cases before it is saved."""
    row = None if number is None else scoped.licence(owner, number)
    values = forms.typed_fields(request)
    context: dict[str, object] = {"licence": row, "longest": MAX_FIELD, "most_of_works": forms.MAX_OF_WORKS}
    if request.method != "POST":
        values = forms.values_of(row) if row else {name: clean_text(request.GET.get(name, "")) for name in forms.FIELDS}
        return show(request, owner, "web/licence-form.html", {**context, "values": values})
    try:
        new = forms.from_fields(owner, values)
    except WrongUseError as error:
        return show(request, owner, "web/licence-form.html", {**context, "values": values, "problem": in_words(error)})
    mark = forms.trial_digest(owner, values, row)
    if "save" not in request.POST or request.POST.get("tried") != mark:
        context |= _trial(request, owner, [new], mark, row)
        return show(request, owner, _page(request, "licence-form"), {**context, "values": values, "tried": mark})
    by, why = request.user.get_username(), clean_text(request.POST.get("why", ""))
    if row is None:
        (saved,), fresh = add_licences(owner, [new], by=by)
        text = _("Licence %(number)d was saved.") if fresh else _("Licence %(number)d already has these values.")
    else:
        saved, done = row, change_licence(row, new, by=by, reason=why)
        text = _("Licence %(number)d was changed.") if done else _("Licence %(number)d already has these values.")
    _enqueue_changes(owner)
    messages.success(request, text % {"number": saved.number})
    return redirect("licence", slug=owner.slug, number=saved.number)


@decider_form(back="licence")
def end(request: HttpRequest, owner: Owner, number: int) -> HttpResponse | str:
    """End a licence on a day, with a reason."""
    row = scoped.licence(owner, number)
    context = {"licence": row, "day": timezone.localdate().isoformat()}
    if request.method != "POST":
        return show(request, owner, "web/licence-end.html", context)
    last_day, reason = clean_text(request.POST.get("day", "")), clean_text(request.POST.get("reason", ""))
    try:
        end_licence(row, parse_day(last_day) or timezone.localdate(), by=request.user.get_username(), reason=reason)
    except WrongUseError as error:
        again = {**context, "day": last_day, "reason": reason, "problem": in_words(error)}
        return show(request, owner, "web/licence-end.html", again)
    _enqueue_changes(owner)
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
                licences_given = forms.unpack_licences(owner, request.POST.get("table", ""))
                parse_info = forms.unpack_parse_info(request.POST.get("understood", ""))
            else:
                table, remark = _parse_table(request, owner)
                licences_given, parse_info = list(table), table.interpretation
                context["told"] = remark
            context |= _trial(
                request, owner, licences_given, forms.trial_digest(owner, {"table": str(licences_given)}, None), None
            )
            context |= {
                "given": licences_given[:20],
                "count": len(licences_given),
                "table": forms.pack_licences(owner, licences_given),
            }
            if parse_info is not None:
                context |= {"read_as": describe_format(parse_info), "skipped": parse_info.skipped}
                context |= {"headings": parse_info.headings, "understood": forms.pack_parse_info(parse_info)}
    except signing.BadSignature:
        context["problem"] = _("The table was modified after it was read. Choose it again.")
    except WrongUseError as error:
        context |= questions(error, _uploaded_table(request), request)
        if not isinstance(error, HeadingsError) or "column" in request.POST:
            context["problem"] = in_words(error)
    template = _page(request, "licence-import") if "trial" in context else "web/licence-import.html"
    return show(request, owner, template, context)


def _trial(
    request: HttpRequest, owner: Owner, new_licences: list[NewLicence], mark: str, row: Licence | None
) -> dict[str, object]:
    """Run a trial for a moment, continuing an earlier one with the same values."""
    earlier = forms.unpack_trial(request.POST.get("so-far", ""), mark) if "further" in request.POST else EMPTY_TRIAL
    trial = try_licences(owner, new_licences, replaced_licence=row, previous=earlier, seconds=MOMENT)
    unfinished = "" if trial.after is None else forms.pack_trial(trial, mark)
    of = Case.objects.filter(owner=owner).count() if unfinished else trial.looked_at
    cases = [(case, EFFECTS[effect]) for case, effect in cases_of(owner, trial)]
    return {"trial": trial, "cases": cases, "unfinished": unfinished, "of": of}


def _page(request: HttpRequest, whole: str) -> str:
    """Return the template: the whole page, or only the trial for a script that continues it."""
    further = "further" in request.POST and request.headers.get("HX-Request")
    return "web/licence-trial.html" if further else f"web/{whole}.html"


def _parse_table(request: HttpRequest, owner: Owner) -> tuple[LicenceTable, str]:
    """Parse the uploaded table, and describe whose column choice was used."""
    order, table = request.POST.get("order", ""), _uploaded_table(request)
    if table is None:
        problem = _("No table was received, or the table is too large.")
        raise WrongUseError(problem, hint=_("Split the table into several tables."))
    known_order = order if order in forms.ORDERS else ""
    columns = columns_in(request, owner, ColumnMapping.Kind.LICENCES)
    answers = answers_in(request, table)
    with columns.remember_after(by=request.user.get_username()):
        licence_table = parse_licence_table(
            owner,
            *table,
            order=known_order,
            choose_columns=columns,
            encoding=answers.encoding,
            skips_invalid=answers.skips,
        )
    return licence_table, describe_mapping(columns)


def _uploaded_table(request: HttpRequest) -> tuple[str, bytes] | None:
    file = request.FILES.get("file")
    if file is not None and (file.size is None or file.size > MAX_BYTES):
        return None
    return table_in(request, "file")


def _save_table(request: HttpRequest, owner: Owner) -> HttpResponse:
    licences_given = forms.unpack_licences(owner, request.POST.get("table", ""))
    saved, new = add_licences(owner, licences_given, by=request.user.get_username())
    _enqueue_changes(owner)
    text = ngettext(
        "%(n)s new licence was added; %(of)s were read.", "%(n)s new licences were added; %(of)s were read.", new
    )
    messages.success(request, text % {"n": grouped(new), "of": grouped(len(saved))})
    return redirect("licences", slug=owner.slug)


def _enqueue_changes(owner: Owner) -> None:
    wiring.services().enqueue(LedgerChange, list_pending_changes(owner))
