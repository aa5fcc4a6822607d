"""Notices: the list with due dates, a notice with its signing, sending and outcomes, and wordings."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, F, OuterRef, Prefetch, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from desk.api.common.files import download, packet_answer
from desk.passkeys import answer_of
from desk.texts import claims
from desk.texts.sentences import in_words
from desk.web.common.access import manages, person_of, said, takes
from desk.web.common.pages import Telling, decider_post, manager_form, member_page, page_of, show
from desk.web.notices import words
from desk.web.notices.drafting import CLAIMS, shown_gaps
from exhibit.errors import WrongUseError
from registry.cases.work_search import thumbnail
from registry.log.audit_log import Evidence
from registry.models import Notice, NoticeReply, NoticeReplyFile, NoticeWording, Owner, WorkPicture
from registry.notices import notices, replies, wording
from registry.notices.checker import Gap, missing, us_unregistered
from registry.notices.claims import check, unanswered, unread
from registry.notices.contents import MAX_PLACES, items_of, letter, parts_of
from registry.notices.mail import may_have_left
from registry.notices.refuted import refuting
from registry.notices.signing import TEXT_NAME, download_name, file_of, read_mark, send_by_mail, sign, take_back
from registry.works.tables import day
from workers import wiring

NAMED = {
    "begun": (gettext_lazy("not sent yet"), notices.BEGUN),
    "open": (gettext_lazy("pending"), notices.OPEN_STATES),
    "done": (gettext_lazy("done"), (Notice.State.REMOVED, Notice.State.RESOLVED)),
}
"""List filters: label, and the included states."""
UNREAD = "unread"
"""The filter for notices with unread replies."""
KNOWN = {(str(kind), language) for kind, languages in notices.LANGUAGES.items() for language in languages}
"""Available wordings by kind and language."""

SAID = {
    "hand": notices.sent_by_hand,
    "left": notices.has_left,
    "not-left": notices.never_left,
    "back": take_back,
}
"""Statements about a signed notice, by form value."""


@member_page("web/notices.html")
def notice_list(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's notices: those with unread replies first, then by due date."""
    state, party = request.GET.get("state", ""), said(request.GET.get("q", ""))
    pictured = WorkPicture.objects.filter(work__cases__notice_cases__notice=OuterRef("pk"))
    rows: QuerySet[Any, Any] = notices.notices(owner).annotate(
        cases=Count("notice_cases"),
        thumbnail=thumbnail(pictured),
        addressee=KeyTextTransform("addressee_name", "fields"),
    )
    if state in NAMED:
        rows = rows.filter(state__in=NAMED[state][1])
    elif state == UNREAD:
        rows = rows.filter(unread=True)
    if party:
        rows = rows.filter(party__icontains=party)
    page = page_of(request, rows.order_by("-unread", F("due_on").asc(nulls_last=True), "-number"))
    return {
        "page": page,
        "rows": [(row, words.kind_in_words(row.kind, row.language), words.state_of(row)) for row in page],
        "state": state if state in NAMED or state == UNREAD else "",
        "states": [
            (None, _("all")),
            (UNREAD, _("replied, unread")),
            *((name, label) for name, (label, _wanted) in NAMED.items()),
        ],
        "q": party,
        "any": bool(page.object_list) or notices.notices(owner).exists(),
    }


@member_page("web/notice.html")
def notice(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a notice: text, missing items, and history."""
    row = notices.notice(owner, number)
    items = items_of(row)
    draft_letter = letter(row, items) if row.state == Notice.State.DRAFT else None
    signed = None if draft_letter else file_of(wiring.services(), row, TEXT_NAME)
    checks = check([item.row.case for item in items]) if row.state in notices.BEGUN else {}
    of_claims = [Gap(CLAIMS, sentence) for sentence in (*unanswered(checks), *unread(checks))]
    lacks = [*missing(row, items), *of_claims] if draft_letter else []
    text = draft_letter.whole if draft_letter else signed[0].decode() if signed else ""
    mail = getattr(row, "mail", None)
    return {
        "notice": row,
        "kind": words.kind_in_words(row.kind, row.language),
        "state": words.state_of(row),
        "due": words.DUE.get(row.due_what, ""),
        "overdue": row.due_on is not None and row.due_on < timezone.localdate(),
        "page": Paginator(parts_of(text), 1).get_page(request.GET.get("page")),
        "read": read_mark(draft_letter) if draft_letter else "",
        **claims.shown(owner, checks),
        **shown_gaps(items, lacks, reverse("edit-notice", args=[owner.slug, number])),
        "doubts": claims.doubts(checks, [item.row.case for item in items]) if draft_letter else [],
        "unregistered": us_unregistered(items) if draft_letter and row.kind == Notice.Kind.DMCA else [],
        "items": [(item, *words.standings(item), max(0, len(item.there) - MAX_PLACES)) for item in items],
        "events": [
            (event, words.EVENTS.get(event.kind, event.kind), words.WAYS.get(event.words)) for event in row.events.all()
        ],
        "happened": [(None, "–"), *(words.FILED if row.kind in notices.FILINGS else words.HAPPENED).items()],
        "files": row.kind in notices.FILINGS,
        "replies": [
            (one, words.REPLIES[NoticeReply.Kind(one.kind)], list(one.files.all()), len(refuting(one)))
            for one in row.replies.prefetch_related(Prefetch("files", NoticeReplyFile.objects.defer("data")))
        ],
        "said_removed": row.replies.filter(seen_at=None, kind=NoticeReply.Kind.REMOVED).exists(),
        "mail": mail,
        "maybe": mail is not None and may_have_left(mail),
        "can_mail": row.kind not in notices.FILINGS
        and bool(wiring.services().config.mail_url and row.fields.get("addressee_email")),
        "today": timezone.localdate().isoformat(),
    }


@decider_post(back="notice")
def sign_notice(request: HttpRequest, owner: Owner, number: int) -> None:
    """Sign a draft. The person types the name and confirms having read it."""
    row = notices.notice(owner, number)
    with Telling(request):
        if not (request.POST.get("have-read") and request.POST.get("authorised")):
            raise WrongUseError(_("Confirm that you have read the notice and are authorised to sign it."))
        typed, mark = said(request.POST.get("name", "")), request.POST.get("read", "")
        passkey = answer_of(person_of(request), request.POST.get("passkey"))
        sign(wiring.services(), row, typed=typed, read=mark, by=request.user.get_username(), passkey=passkey)
        messages.success(request, _("Signed. Nothing has been sent yet."))


@decider_post(back="notice")
def send_notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse | None:
    """Send a signed notice by email, record that it was or was not sent, or withdraw the signature."""
    row, by = notices.notice(owner, number), request.user.get_username()
    how = request.POST.get("how", "")
    if how == "mail":
        send_by_mail(wiring.services(), row, by=by)
        messages.success(request, _("The notice is being sent."))
    elif how in SAID:
        SAID[how](row, by=by)
    elif how == "discard":
        notices.discard(row, by=by)
        messages.success(request, _("The draft was discarded."))
        return redirect("notices", slug=owner.slug)
    return None


@decider_post(back="notice")
def track_notice(request: HttpRequest, owner: Owner, number: int) -> None:
    """Record the outcome of a sent notice and its date."""
    row = notices.notice(owner, number)
    on = day(said(request.POST.get("day", ""))) or timezone.localdate()
    what, text = request.POST.get("what", ""), said(request.POST.get("words", ""))
    notices.happened(row, what, on, text, by=request.user.get_username())


@member_page()
def notice_file(request: HttpRequest, owner: Owner, number: int, name: str) -> HttpResponseBase:
    """Send a signed file of a notice."""
    row = notices.notice(owner, number)
    file = file_of(wiring.services(), row, name)
    if file is None:
        raise Http404
    takes(request, Evidence.PAPER, owner, notice=number, file=name)
    data, media_type = file
    kind = f"{media_type}; charset=utf-8" if media_type == "text/plain" else media_type
    return download(data, download_name(row, name), kind)


@member_page()
def notice_packet(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Send a signed filing as a ZIP with its files and the evidence bundles of its cases."""
    answer, seals = packet_answer(notices.notice(owner, number))
    takes(request, Evidence.PACKAGE, owner, notice=number, seals=seals)
    return answer


@decider_post(back="notice")
def see_replies(request: HttpRequest, owner: Owner, number: int) -> None:
    """Record that a member has read the replies; the notice resumes."""
    replies.see(notices.notice(owner, number), by=request.user.get_username())


@member_page()
def reply_file(request: HttpRequest, owner: Owner, number: int, reply: int, file: int) -> HttpResponseBase:
    """Send a file of a reply, exactly as received from outside."""
    reply_row = replies.file_of(notices.notice(owner, number), reply, file)
    takes(request, Evidence.PAPER, owner, notice=number, reply=reply, file=file)
    return download(bytes(reply_row.data), reply_row.name, "application/octet-stream")


@member_page("web/notice-wordings.html")
def wordings(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show all wordings, and which ones the owner has replaced."""
    own = set(NoticeWording.objects.filter(owner=owner).values_list("kind", "language"))
    rows = [
        (kind, language, words.kind_in_words(kind, language), words.LANGUAGES[language], (kind, language) in own)
        for kind, language in sorted(KNOWN)
    ]
    return {"rows": rows, "may_edit": manages(owner)}


@manager_form()
def edit_wording(request: HttpRequest, owner: Owner, kind: str, language: str) -> HttpResponse:
    """Edit a wording: the letter and the part for each work, with their placeholders."""
    if (kind, language) not in KNOWN:
        raise Http404
    now, problem = wording.wording(owner, kind, language), ""
    texts = {"subject": now.subject, "body": now.body, "item": now.item}
    if request.method == "POST":
        by = request.user.get_username()
        if "restore" in request.POST:
            wording.restore(owner, kind, language, by=by)
            messages.success(request, _("The default template was restored."))
            return redirect("wordings", slug=owner.slug)
        texts = {name: request.POST.get(name, "") for name in texts}
        try:
            wording.keep(owner, kind, language, texts, by=by)
            messages.success(request, _("The template was saved. Drafts use it from now on."))
            return redirect("wordings", slug=owner.slug)
        except WrongUseError as error:
            problem = in_words(error)
    values = {
        "kind": words.kind_in_words(kind, language),
        "language": words.LANGUAGES[language],
        "code": language,
        "texts": texts,
        "own": now.own,
        "problem": problem,
        "names": wording.names_for(kind, language),
        "item_names": wording.ITEM,
        "needed": [*wording.NEEDED[Notice.Kind(kind)], *wording.NEEDED_OF_ITEM[Notice.Kind(kind)]],
        "statements": now.statements,
    }
    return show(request, owner, "web/notice-wording.html", values)
