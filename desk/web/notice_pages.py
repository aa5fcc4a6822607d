"""Notices: the list with what is due, a new one, and one as it is read, signed, sent and followed."""

from django.contrib import messages
from django.db.models import Count, F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.web import notice_forms as words
from desk.web.access import forbidden, may_decide, member_view, said, takes
from desk.web.paging import page_of
from exhibit.errors import ExhibitError, WrongUseError
from registry import notices
from registry.models import Case, Notice, Owner, User
from registry.trail import Evidence
from workers.licences import day
from workers.notices.addressees import proposals
from workers.notices.contents import FIELDS, gaps, items_of, letter, us_unregistered
from workers.notices.signing import file_of, read_mark, send_by_mail, sign
from workers.wiring import house

NAMED = {
    "open": Q(state__in=notices.OPEN_STATES),
    "begun": Q(state__in=notices.BEGUN),
    "done": Q(state__in=(Notice.State.REMOVED, Notice.State.RESOLVED)),
}
"""Filters of the list."""


@require_safe
@member_view
def notice_list(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The owner's notices; what is due soonest stands first."""
    wanted, party = request.GET.get("state", ""), said(request.GET.get("q", ""))
    rows = notices.notices(owner).annotate(cases=Count("notice_cases"))
    if wanted in NAMED:
        rows = rows.filter(NAMED[wanted])
    if party:
        rows = rows.filter(party__icontains=party)
    page = page_of(request, rows.order_by(F("due_on").asc(nulls_last=True), "-number"))
    values = {
        "owner": owner,
        "page": page,
        "rows": [(row, words.KINDS[Notice.Kind(row.kind)], words.STATES[Notice.State(row.state)]) for row in page],
        "state": wanted if wanted in NAMED else "",
        "q": party,
        "today": timezone.localdate(),
        "any": bool(page.object_list) or notices.notices(owner).exists(),
        "may_decide": may_decide(request, owner),
    }
    return render(request, "web/notices.html", values)


@require_http_methods(["GET", "POST"])
@member_view
def new_notice(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Begin a notice: a party, its confirmed cases, a kind. Cases may be named in the address: ``?case=3&case=4``."""
    if not may_decide(request, owner):
        return forbidden()
    given = request.POST if request.method == "POST" else request.GET
    numbers = [int(one) for one in given.getlist("case") if one.isdecimal() and len(one) < 10]
    party, problem = said(given.get("party", "")), ""
    if not party and numbers:
        party = Case.objects.filter(owner=owner, number=numbers[0]).values_list("party", flat=True).first() or ""
    if request.method == "POST":
        kind, _sep, language = given.get("kind", "").partition(".")
        try:
            made = notices.draft(owner, numbers, kind, language, by=request.user.get_username())
            return redirect("edit-notice", slug=owner.slug, number=made.number)
        except WrongUseError as error:
            problem = str(error)
    kinds = [
        (f"{kind}.{language}", words.KINDS[kind], words.FOR_WHOM[kind], words.LANGUAGES[language])
        for kind, languages in notices.LANGUAGES.items()
        for language in languages
    ]
    confirmed = Case.objects.filter(owner=owner, decision=Case.Decision.CONFIRMED)
    parties = confirmed.values_list("party").annotate(n=Count("pk")).order_by("-n", "party")[:50]
    values = {
        "owner": owner,
        "party": party,
        "cases": notices.may_be_noticed(owner, party)[: notices.MOST_CASES] if party else [],
        "chosen": numbers,
        "kinds": kinds,
        "kind": given.get("kind", ""),
        "parties": [] if party else list(parties),
        "problem": problem,
    }
    return render(request, "web/notice-new.html", values)


@require_http_methods(["GET", "POST"])
@member_view
def edit_notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """The fields of a draft, and what its signer considers about each case."""
    if not may_decide(request, owner):
        return forbidden()
    row = notices.notice(owner, number)
    if row.state != Notice.State.DRAFT:
        return redirect("notice", slug=owner.slug, number=number)
    if request.method == "POST":
        try:
            _keep(request, row)
        except ExhibitError as error:
            messages.error(request, str(error))
        if "read" in request.POST:
            return redirect("notice", slug=owner.slug, number=number)
        return redirect("edit-notice", slug=owner.slug, number=number)
    items = items_of(row)
    assert isinstance(request.user, User)
    values = {
        "owner": owner,
        "notice": row,
        "kind": words.KINDS[Notice.Kind(row.kind)],
        "fields": {"sender_name": request.user.get_full_name(), "sender_email": request.user.email} | row.fields,
        "items": items,
        "asked": words.QUESTIONS if row.kind == Notice.Kind.DMCA else (),
        "proposals": proposals(house(), row),
        "gaps": gaps(row, items),
    }
    return render(request, "web/notice-edit.html", values)


def _keep(request: HttpRequest, row: Notice) -> None:
    """Keep what was filled in; of a case, only what its own part of the form says."""
    given = {name: said(request.POST.get(name, "")) for name in FIELDS if name in request.POST}
    notices.fill(row, given, list(given))
    for number in row.notice_cases.values_list("case__number", flat=True):
        if f"case-{number}" in request.POST:
            asked = ("purpose", "nature", "amount", "market", "words")
            answers = {name: said(request.POST.get(f"{name}-{number}", "")) for name in asked}
            notices.consider(row, number, answers, said(request.POST.get(f"term-{number}", "")))


@require_safe
@member_view
def notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """A notice word for word, what it lacks, and what became of it."""
    row = notices.notice(owner, number)
    items = items_of(row)
    made = letter(row, items) if row.state == Notice.State.DRAFT else None
    signed = None if made else file_of(house(), row, "notice.txt")
    mail = getattr(row, "mail", None)
    values = {
        "owner": owner,
        "notice": row,
        "kind": words.KINDS[Notice.Kind(row.kind)],
        "state": words.STATES[Notice.State(row.state)],
        "due": words.DUE.get(row.due_what, ""),
        "overdue": row.due_on is not None and row.due_on < timezone.localdate(),
        "text": f"{made.subject}\n\n{made.text}" if made else signed[0].decode() if signed else "",
        "read": read_mark(made) if made else "",
        "gaps": gaps(row, items) if made else [],
        "unregistered": us_unregistered(items) if row.kind == Notice.Kind.DMCA else [],
        "items": [
            (one, [(place, words.STANDINGS.get(str(place.standing), "")) for place in one.places]) for one in items
        ],
        "events": [(one, words.EVENTS.get(one.kind, one.kind), words.WAYS.get(one.words)) for one in row.events.all()],
        "happened": [(str(what), text) for what, text in words.HAPPENED.items()],
        "mail": mail,
        "can_mail": bool(house().config.mail_url and row.fields.get("addressee_email")),
        "may_decide": may_decide(request, owner),
        "today": timezone.localdate().isoformat(),
    }
    return render(request, "web/notice.html", values)


@require_POST
@member_view
def sign_notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Sign a draft that was read: by typing the name, and confirming."""
    if not may_decide(request, owner):
        return forbidden()
    row = notices.notice(owner, number)
    try:
        if not (request.POST.get("have-read") and request.POST.get("authorised")):
            raise WrongUseError(_("Confirm that you have read it and may sign it."))
        typed, mark = said(request.POST.get("name", "")), request.POST.get("read", "")
        sign(house(), row, typed=typed, read=mark, by=request.user.get_username())
        messages.success(request, _("Signed. Nothing has been sent yet."))
    except ExhibitError as error:
        messages.error(request, str(error))
    return redirect("notice", slug=owner.slug, number=number)


@require_POST
@member_view
def send_notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Send a signed notice by mail, say that it was sent by hand, or take the signature back."""
    if not may_decide(request, owner):
        return forbidden()
    row, by = notices.notice(owner, number), request.user.get_username()
    how = request.POST.get("how", "")
    try:
        if how == "mail":
            send_by_mail(house(), row, by=by)
            messages.success(request, _("It is on its way."))
        elif how == "hand":
            notices.keep_sent(row, "by hand", by=by)
        elif how == "back":
            notices.take_back(row, by=by)
        elif how == "discard":
            notices.discard(row, by=by)
            messages.success(request, _("The draft is discarded."))
            return redirect("notices", slug=owner.slug)
    except ExhibitError as error:
        messages.error(request, str(error))
    return redirect("notice", slug=owner.slug, number=number)


@require_POST
@member_view
def track_notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Say what became of a notice that was sent, and when."""
    if not may_decide(request, owner):
        return forbidden()
    row = notices.notice(owner, number)
    try:
        on = day(said(request.POST.get("day", ""))) or timezone.localdate()
        what, text = request.POST.get("what", ""), said(request.POST.get("words", ""))
        notices.happened(row, what, on, text, by=request.user.get_username())
    except ExhibitError as error:
        messages.error(request, str(error))
    return redirect("notice", slug=owner.slug, number=number)


@require_safe
@member_view
def notice_file(request: HttpRequest, owner: Owner, number: int, name: str) -> HttpResponse:
    """The signed bytes of a notice, to take away."""
    row = notices.notice(owner, number)
    found = file_of(house(), row, name)
    if found is None:
        raise Http404
    takes(request, Evidence.PAPER, owner, notice=number, file=name)
    data, media_type = found
    kind = f"{media_type}; charset=utf-8" if media_type == "text/plain" else media_type
    disposition = f'attachment; filename="{owner.slug}-notice-{number}.{name.rsplit(".", 1)[-1]}"'
    return HttpResponse(data, content_type=kind, headers={"Content-Disposition": disposition})
