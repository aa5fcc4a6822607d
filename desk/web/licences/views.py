"""Licence ledger: the list, one licence with its effects, and forms to create, change, end and import licences."""

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
from desk.web.common.columns import (
    build_table_questions,
    describe_mapping,
    read_columns,
    read_table,
    read_table_answers,
)
from desk.web.common.pages import FORM, decider_form, get_page, member_page, render_page
from desk.web.licences import forms
from exhibit.errors import InvalidRequestError
from registry import scoped
from registry.cases.ledger import load_effects
from registry.cases.licence_trial import EMPTY_TRIAL, list_trial_cases, try_licences
from registry.models import Case, CaseSighting, ColumnMapping, LedgerChange, Licence, Owner
from registry.works.licence_tables import MAX_BYTES, LicenceTable, parse_licence_table
from registry.works.licences import NewLicence, add_licences, change_licence, end_licence, list_pending_changes
from registry.works.spreadsheets import HeadingsError
from registry.works.work_tables import parse_day
from workers import wiring

TRIAL_SECONDS = 0.15
"""Maximum seconds per request for a trial. After that, the page shows the progress and continues the trial."""

STATUS_FILTERS = {
    "now": gettext_lazy("current or upcoming"),
    "over": gettext_lazy("expired"),
    "all": gettext_lazy("all"),
}
EFFECT_LABELS = {
    "licensed": gettext_lazy("licensed"),
    "reopened": gettext_lazy("reopened"),
    "partly": gettext_lazy("open, partly covered"),
    "decided": gettext_lazy("decision unchanged"),
}


@member_page("web/licences.html")
def licences(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's licences, filtered by status and search text."""
    search_text, status = clean_text(request.GET.get("q", "")), request.GET.get("standing", "now")
    expired_filter = Q(valid_until__lt=timezone.localdate())
    rows = scoped.list_licences(owner).prefetch_related("works").order_by("-number")
    if status in ("now", "over"):
        rows = rows.filter(expired_filter) if status == "over" else rows.exclude(expired_filter)
    if search_text:
        text_filter = (
            Q(licensee__icontains=search_text)
            | Q(domain__icontains=search_text)
            | Q(url_pattern__icontains=search_text)
        )
        text_filter |= Q(account__icontains=search_text) | Q(reason__icontains=search_text)
        rows = rows.filter(text_filter | Q(reseller__icontains=search_text) | Q(invoice__icontains=search_text))
    page = get_page(request, rows)
    sightings = CaseSighting.objects.filter(licence__in=[row.pk for row in page]).values("licence")
    counts = dict(sightings.annotate(n=Count("case", distinct=True)).values_list("licence", "n"))
    return {
        "page": page,
        "rows": [(row, counts.get(row.pk, 0)) for row in page],
        "q": search_text,
        "standing": status if status in STATUS_FILTERS else "all",
        "standings": STATUS_FILTERS.items(),
        "any": bool(page.object_list) or scoped.list_licences(owner).exists(),
    }


@member_page("web/licence.html")
def licence(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a licence: its terms, its history, and the cases it covers."""
    row = scoped.get_licence(owner, number)
    cases = scoped.list_owner_cases(owner).filter(case_sightings__licence=row).distinct().order_by("-number")
    history = get_page(request, LedgerChange.objects.filter(licences=row).order_by("-pk"), "history")
    effects = load_effects(list(history))
    return {
        "licence": row,
        "works": list(row.works.all()),
        "page": get_page(request, cases),
        "history": history,
        "changes": [(entry, list(effects.get(entry.pk, {}).items())) for entry in history],
        "over": row.valid_until is not None and row.valid_until < timezone.localdate(),
    }


@require_http_methods(FORM)
@decider_form()
def edit_licence(request: HttpRequest, owner: Owner, number: int | None = None) -> HttpResponse:
    """Create a licence, or change one with a reason. It is tried against the cases before it is saved."""
    row = None if number is None else scoped.get_licence(owner, number)
    values = forms.read_fields(request)
    context: dict[str, object] = {"licence": row, "longest": MAX_FIELD, "most_of_works": forms.MAX_WORKS_LENGTH}
    if request.method != "POST":
        values = forms.to_fields(row) if row else {name: clean_text(request.GET.get(name, "")) for name in forms.FIELDS}
        return render_page(request, owner, "web/licence-form.html", {**context, "values": values})
    try:
        new_licence = forms.parse_licence(owner, values)
    except InvalidRequestError as error:
        return render_page(
            request, owner, "web/licence-form.html", {**context, "values": values, "problem": in_words(error)}
        )
    digest = forms.compute_trial_digest(owner, values, row)
    if "save" not in request.POST or request.POST.get("tried") != digest:
        context |= _run_trial(request, owner, [new_licence], digest, row)
        return render_page(
            request, owner, _select_template(request, "licence-form"), {**context, "values": values, "tried": digest}
        )
    by, reason = request.user.get_username(), clean_text(request.POST.get("why", ""))
    if row is None:
        (saved_licence,), new_count = add_licences(owner, [new_licence], by=by)
        text = _("Licence %(number)d was saved.") if new_count else _("Licence %(number)d already has these values.")
    else:
        saved_licence, has_changed = row, change_licence(row, new_licence, by=by, reason=reason)
        text = (
            _("Licence %(number)d was changed.") if has_changed else _("Licence %(number)d already has these values.")
        )
    _enqueue_changes(owner)
    messages.success(request, text % {"number": saved_licence.number})
    return redirect("licence", slug=owner.slug, number=saved_licence.number)


@decider_form(back="licence")
def save_licence_end(request: HttpRequest, owner: Owner, number: int) -> HttpResponse | str:
    """End a licence on a day, with a reason."""
    row = scoped.get_licence(owner, number)
    context = {"licence": row, "day": timezone.localdate().isoformat()}
    if request.method != "POST":
        return render_page(request, owner, "web/licence-end.html", context)
    last_day, reason = clean_text(request.POST.get("day", "")), clean_text(request.POST.get("reason", ""))
    try:
        end_licence(row, parse_day(last_day) or timezone.localdate(), by=request.user.get_username(), reason=reason)
    except InvalidRequestError as error:
        form_values = {**context, "day": last_day, "reason": reason, "problem": in_words(error)}
        return render_page(request, owner, "web/licence-end.html", form_values)
    _enqueue_changes(owner)
    return _("The end date of licence %(number)d was saved.") % {"number": number}


@decider_form()
def import_licences(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Import a table of licences. It is parsed and tried first, then saved completely or not at all."""
    date_order = request.POST.get("order", "")
    context: dict[str, object] = {"orders": forms.DATE_ORDERS.items(), "order": date_order}
    try:
        if "save" in request.POST:
            return _save_table(request, owner)
        if request.method == "POST":
            if "further" in request.POST:
                new_licences = forms.unpack_licences(owner, request.POST.get("table", ""))
                parse_info = forms.unpack_parse_info(request.POST.get("understood", ""))
            else:
                table, mapping_text = _parse_table(request, owner)
                new_licences, parse_info = list(table), table.interpretation
                context["told"] = mapping_text
            context |= _run_trial(
                request,
                owner,
                new_licences,
                forms.compute_trial_digest(owner, {"table": str(new_licences)}, None),
                None,
            )
            context |= {
                "given": new_licences[:20],
                "count": len(new_licences),
                "table": forms.pack_licences(owner, new_licences),
            }
            if parse_info is not None:
                context |= {"read_as": describe_format(parse_info), "skipped": parse_info.skipped}
                context |= {"headings": parse_info.headings, "understood": forms.pack_parse_info(parse_info)}
    except signing.BadSignature:
        context["problem"] = _(
            "The table can no longer be verified, for example because the page was open for too long. "
            "Choose the table again."
        )
    except InvalidRequestError as error:
        context |= build_table_questions(error, _read_uploaded_table(request), request)
        if not isinstance(error, HeadingsError) or "column" in request.POST:
            context["problem"] = in_words(error)
    template = _select_template(request, "licence-import") if "trial" in context else "web/licence-import.html"
    return render_page(request, owner, template, context)


def _run_trial(
    request: HttpRequest, owner: Owner, new_licences: list[NewLicence], digest: str, row: Licence | None
) -> dict[str, object]:
    """Run a trial for at most ``TRIAL_SECONDS`` seconds, continuing an earlier trial of the same values."""
    previous_trial = (
        forms.unpack_trial(request.POST.get("so-far", ""), digest) if "further" in request.POST else EMPTY_TRIAL
    )
    trial = try_licences(owner, new_licences, replaced_licence=row, previous=previous_trial, seconds=TRIAL_SECONDS)
    packed_trial = "" if trial.after is None else forms.pack_trial(trial, digest)
    case_count = Case.objects.filter(owner=owner).count() if packed_trial else trial.looked_at
    cases = [(case, EFFECT_LABELS[effect]) for case, effect in list_trial_cases(owner, trial)]
    return {"trial": trial, "cases": cases, "unfinished": packed_trial, "of": case_count}


def _select_template(request: HttpRequest, page_name: str) -> str:
    """Return the template: the whole page, or only the trial if a script continues it."""
    is_continuation = "further" in request.POST and request.headers.get("HX-Request")
    return "web/licence-trial.html" if is_continuation else f"web/{page_name}.html"


def _parse_table(request: HttpRequest, owner: Owner) -> tuple[LicenceTable, str]:
    """Parse the uploaded table, and describe the remembered column mapping that was used."""
    order, table = request.POST.get("order", ""), _read_uploaded_table(request)
    if table is None:
        message = _("No table was received, or the table is too large.")
        raise InvalidRequestError(message, hint=_("Split the table into several tables."))
    known_order = order if order in forms.DATE_ORDERS else ""
    columns = read_columns(request, owner, ColumnMapping.Kind.LICENCES)
    answers = read_table_answers(request, table)
    with columns.remember_after(by=request.user.get_username()):
        licence_table = parse_licence_table(
            owner,
            *table,
            order=known_order,
            choose_columns=columns,
            encoding=answers.encoding,
            skips_invalid=answers.skips_invalid,
        )
    return licence_table, describe_mapping(columns)


def _read_uploaded_table(request: HttpRequest) -> tuple[str, bytes] | None:
    file = request.FILES.get("file")
    if file is not None and (file.size is None or file.size > MAX_BYTES):
        return None
    return read_table(request, "file")


def _save_table(request: HttpRequest, owner: Owner) -> HttpResponse:
    new_licences = forms.unpack_licences(owner, request.POST.get("table", ""))
    saved_licences, new_count = add_licences(owner, new_licences, by=request.user.get_username())
    _enqueue_changes(owner)
    text = ngettext(
        "%(n)s new licence was added; %(of)s were read.", "%(n)s new licences were added; %(of)s were read.", new_count
    )
    messages.success(request, text % {"n": grouped(new_count), "of": grouped(len(saved_licences))})
    return redirect("licences", slug=owner.slug)


def _enqueue_changes(owner: Owner) -> None:
    wiring.services().enqueue(LedgerChange, list_pending_changes(owner))
