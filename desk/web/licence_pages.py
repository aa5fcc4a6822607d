"""The licence ledger: the list, one licence with what became of it, and licences made, changed and ended."""

from django.contrib import messages
from django.core import signing
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from desk.web.access import LONGEST, forbidden, may_decide, member_view, said
from desk.web.licence_forms import FIELDS, from_fields, packed, tried, unpacked, values_of
from desk.web.paging import page_of
from exhibit.errors import WrongUseError
from registry import owned
from registry.ledger import changes_in_words
from registry.licence_trial import try_licences
from registry.licences import NewLicence, change_licence, end_licence, keep_licences, waiting_changes
from registry.models import CaseSighting, LedgerChange, Licence, Owner
from workers.licences import day, licences_in_table
from workers.wiring import house

MOST_TABLE = 2 * 1024 * 1024
"""Bytes of a table that the page takes; larger ones are for the command line."""

STANDING = ("now", "over", "all")


@require_safe
@member_view
def licences(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The owner's licences: those that are in force, those that are over, or all; found by words."""
    words, standing = said(request.GET.get("q", "")), request.GET.get("standing", "now")
    over = Q(valid_until__lt=timezone.localdate())
    rows = owned.licences(owner).prefetch_related("works").order_by("-number")
    if standing in ("now", "over"):
        rows = rows.filter(over) if standing == "over" else rows.exclude(over)
    if words:
        found = Q(licensee__icontains=words) | Q(domain__icontains=words) | Q(url_pattern__icontains=words)
        rows = rows.filter(found | Q(account__icontains=words) | Q(reason__icontains=words))
    page = page_of(request, rows)
    covered = CaseSighting.objects.filter(licence__in=[row.pk for row in page]).values("licence")
    counts = dict(covered.annotate(n=Count("case", distinct=True)).values_list("licence", "n"))
    values = {
        "owner": owner,
        "page": page,
        "rows": [(row, counts.get(row.pk, 0)) for row in page],
        "q": words,
        "standing": standing if standing in STANDING else "all",
        "may_decide": may_decide(request, owner),
        "today": timezone.localdate(),
        "any": bool(page.object_list) or owned.licences(owner).exists(),
    }
    return render(request, "web/licences.html", values)


@require_safe
@member_view
def licence(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """One licence: its words, what became of it, and the cases that it covers."""
    row = owned.licence(owner, number)
    cases = owned.cases(owner).filter(case_sightings__licence=row).distinct().order_by("-number")
    changes = LedgerChange.objects.filter(licences=row).order_by("-pk")[:50]
    values = {
        "owner": owner,
        "licence": row,
        "page": page_of(request, cases),
        "changes": [(one, list(changes_in_words(one))) for one in changes],
        "may_decide": may_decide(request, owner),
        "over": row.valid_until is not None and row.valid_until < timezone.localdate(),
    }
    return render(request, "web/licence.html", values)


@require_http_methods(["GET", "POST"])
@member_view
def new_licence(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Write a licence down: tried against the cases first, then saved."""
    return _written(request, owner, None)


@require_http_methods(["GET", "POST"])
@member_view
def edit_licence(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Give a licence other words: tried first, then saved with the reason."""
    return _written(request, owner, owned.licence(owner, number))


def _written(request: HttpRequest, owner: Owner, row: Licence | None) -> HttpResponse:
    if not may_decide(request, owner):
        return forbidden()
    values = {name: said(request.POST.get(name, "")) for name in FIELDS}
    context = {"owner": owner, "licence": row, "longest": LONGEST}
    if request.method == "GET":
        values = values_of(row) if row else {name: said(request.GET.get(name, "")) for name in FIELDS}
        return render(request, "web/licence-form.html", {**context, "values": values})
    try:
        new = from_fields(owner, values)
    except WrongUseError as error:
        return render(request, "web/licence-form.html", {**context, "values": values, "problem": str(error)})
    mark = tried(owner, values, row)
    if "save" not in request.POST or request.POST.get("tried") != mark:
        trial = try_licences(owner, [new], instead_of=row)
        return render(request, "web/licence-form.html", {**context, "values": values, "trial": trial, "tried": mark})
    by, why = request.user.get_username(), said(request.POST.get("why", ""))
    if row is None:
        (kept,), fresh = keep_licences(owner, [new], by=by)
        text = _("Licence %(number)d is saved.") if fresh else _("Licence %(number)d says this already.")
    else:
        kept, done = row, change_licence(row, new, by=by, reason=why)
        text = _("Licence %(number)d is changed.") if done else _("Licence %(number)d says this already.")
    _look(owner)
    messages.success(request, text % {"number": kept.number})
    return redirect("licence", slug=owner.slug, number=kept.number)


@require_http_methods(["GET", "POST"])
@member_view
def end(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Let a licence end with a day, with the reason."""
    if not may_decide(request, owner):
        return forbidden()
    row = owned.licence(owner, number)
    context = {"owner": owner, "licence": row, "day": timezone.localdate().isoformat()}
    if request.method == "GET":
        return render(request, "web/licence-end.html", context)
    given, reason = said(request.POST.get("day", "")), said(request.POST.get("reason", ""))
    try:
        end_licence(row, day(given) or timezone.localdate(), by=request.user.get_username(), reason=reason)
    except WrongUseError as error:
        again = {**context, "day": given, "reason": reason, "problem": str(error)}
        return render(request, "web/licence-end.html", again)
    _look(owner)
    messages.success(request, _("Licence %(number)d ends.") % {"number": number})
    return redirect("licence", slug=owner.slug, number=number)


@require_http_methods(["GET", "POST"])
@member_view
def import_licences(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Bring a table of licences: read and tried first, then saved, all or none."""
    if not may_decide(request, owner):
        return forbidden()
    context: dict[str, object] = {"owner": owner}
    try:
        if "save" in request.POST:
            return _save_table(request, owner)
        if request.method == "POST":
            given = _table(request, owner)
            trial = try_licences(owner, given)
            context |= {"given": given[:20], "count": len(given), "trial": trial, "table": packed(owner, given)}
    except signing.BadSignature:
        context["problem"] = _("What was read has come back changed. Choose the table again.")
    except WrongUseError as error:
        context["problem"] = str(error)
    return render(request, "web/licence-import.html", context)


def _table(request: HttpRequest, owner: Owner) -> list[NewLicence]:
    file = request.FILES.get("file")
    if file is None or file.size is None or file.size > MOST_TABLE:
        problem = _("No table came, or it is too large.")
        raise WrongUseError(problem, hint=_("`exhibit licence import FILE` takes larger ones."))
    return licences_in_table(owner, file.name or "", file.read())


def _save_table(request: HttpRequest, owner: Owner) -> HttpResponse:
    given = unpacked(owner, request.POST.get("table", ""))
    kept, new = keep_licences(owner, given, by=request.user.get_username())
    _look(owner)
    text = ngettext("%(n)d licence is new; %(of)d were read.", "%(n)d licences are new; %(of)d were read.", new)
    messages.success(request, text % {"n": new, "of": len(kept)})
    return redirect("licences", slug=owner.slug)


def _look(owner: Owner) -> None:
    house().hint("ledger", waiting_changes(owner))
