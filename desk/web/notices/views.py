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
from desk.passkeys import verify_answer
from desk.texts import claims
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, is_manager, log_download, person_of
from desk.web.common.pages import ErrorMessages, decider_post, manager_form, member_page, page_of, show
from desk.web.notices import words
from desk.web.notices.drafting import CLAIMS, gap_links
from exhibit.errors import WrongUseError
from registry.cases.work_search import thumbnail
from registry.log.audit_log import Evidence
from registry.models import Notice, NoticeReply, NoticeReplyFile, NoticeWording, Owner, WorkPicture
from registry.notices import notices, replies, wording
from registry.notices.checker import Gap, find_gaps, list_unregistered_in_us
from registry.notices.claim_check import check_cases, list_unanswered_sentences, list_unread_sentences
from registry.notices.contents import MAX_PLACES, build_items, build_letter, split_letter
from registry.notices.mail import is_in_doubt
from registry.notices.refuted_takedowns import list_refuting_visits
from registry.notices.signing import (
    TEXT_NAME,
    compute_read_mark,
    get_download_name,
    load_file,
    send_by_mail,
    sign_draft,
    withdraw_signature,
)
from registry.works.work_tables import parse_day
from workers import wiring

FILTERS = {
    "begun": (gettext_lazy("not sent yet"), notices.UNSENT_STATES),
    "open": (gettext_lazy("pending"), notices.OPEN_STATES),
    "done": (gettext_lazy("done"), (Notice.State.REMOVED, Notice.State.RESOLVED)),
}
"""List filters: label, and the included states."""
UNREAD = "unread"
"""The filter for notices with unread replies."""
WORDING_KEYS = {(str(kind), language) for kind, languages in notices.LANGUAGES.items() for language in languages}
"""Available wordings by kind and language."""

STATEMENTS = {
    "hand": notices.record_sent_by_hand,
    "left": notices.record_sent_by_mail,
    "not-left": notices.record_not_sent,
    "back": withdraw_signature,
}
"""Statements about a signed notice, by form value."""


@member_page("web/notices.html")
def notice_list(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's notices: those with unread replies first, then by due date."""
    state, party = request.GET.get("state", ""), clean_text(request.GET.get("q", ""))
    pictured = WorkPicture.objects.filter(work__cases__notice_cases__notice=OuterRef("pk"))
    rows: QuerySet[Any, Any] = notices.list_notices(owner).annotate(
        cases=Count("notice_cases"),
        thumbnail=thumbnail(pictured),
        addressee=KeyTextTransform("addressee_name", "fields"),
    )
    if state in FILTERS:
        rows = rows.filter(state__in=FILTERS[state][1])
    elif state == UNREAD:
        rows = rows.filter(unread=True)
    if party:
        rows = rows.filter(party__icontains=party)
    page = page_of(request, rows.order_by("-unread", F("due_on").asc(nulls_last=True), "-number"))
    return {
        "page": page,
        "rows": [(row, words.kind_in_words(row.kind, row.language), words.state_of(row)) for row in page],
        "state": state if state in FILTERS or state == UNREAD else "",
        "states": [
            (None, _("all")),
            (UNREAD, _("replied, unread")),
            *((name, label) for name, (label, _states) in FILTERS.items()),
        ],
        "q": party,
        "any": bool(page.object_list) or notices.list_notices(owner).exists(),
    }


@member_page("web/notice.html")
def notice(request: HttpRequest, owner: Owner, number: int) -> dict[str, object]:
    """Show a notice: text, missing items, and history."""
    row = notices.get_notice(owner, number)
    items = build_items(row)
    draft_letter = build_letter(row, items) if row.state == Notice.State.DRAFT else None
    signed = None if draft_letter else load_file(wiring.services(), row, TEXT_NAME)
    checks = check_cases([item.row.case for item in items]) if row.state in notices.UNSENT_STATES else {}
    of_claims = [
        Gap(CLAIMS, sentence) for sentence in (*list_unanswered_sentences(checks), *list_unread_sentences(checks))
    ]
    gaps = [*find_gaps(row, items), *of_claims] if draft_letter else []
    text = draft_letter.whole if draft_letter else signed[0].decode() if signed else ""
    mail = getattr(row, "mail", None)
    return {
        "notice": row,
        "kind": words.kind_in_words(row.kind, row.language),
        "state": words.state_of(row),
        "due": words.DUE.get(row.due_what, ""),
        "overdue": row.due_on is not None and row.due_on < timezone.localdate(),
        "page": Paginator(split_letter(text), 1).get_page(request.GET.get("page")),
        "read": compute_read_mark(draft_letter) if draft_letter else "",
        **claims.claim_check_context(owner, checks),
        **gap_links(items, gaps, reverse("edit-notice", args=[owner.slug, number])),
        "doubts": claims.list_ownership_warnings(checks, [item.row.case for item in items]) if draft_letter else [],
        "unregistered": list_unregistered_in_us(items) if draft_letter and row.kind == Notice.Kind.DMCA else [],
        "items": [
            (item, *words.count_standings(item), max(0, len(item.current_places) - MAX_PLACES)) for item in items
        ],
        "events": [
            (event, words.EVENTS.get(event.kind, event.kind), words.WAYS.get(event.words)) for event in row.events.all()
        ],
        "happened": [(None, "–"), *(words.FILING_OUTCOMES if row.kind in notices.FILINGS else words.OUTCOMES).items()],
        "files": row.kind in notices.FILINGS,
        "replies": [
            (
                reply,
                words.REPLIES[NoticeReply.Kind(reply.kind)],
                list(reply.files.all()),
                len(list_refuting_visits(reply)),
            )
            for reply in row.replies.prefetch_related(Prefetch("files", NoticeReplyFile.objects.defer("data")))
        ],
        "said_removed": row.replies.filter(seen_at=None, kind=NoticeReply.Kind.REMOVED).exists(),
        "mail": mail,
        "maybe": mail is not None and is_in_doubt(mail),
        "can_mail": row.kind not in notices.FILINGS
        and bool(wiring.services().config.mail_url and row.fields.get("addressee_email")),
        "today": timezone.localdate().isoformat(),
    }


@decider_post(back="notice")
def sign_notice(request: HttpRequest, owner: Owner, number: int) -> None:
    """Sign a draft. The person types the name and confirms having read it."""
    row = notices.get_notice(owner, number)
    with ErrorMessages(request):
        if not (request.POST.get("have-read") and request.POST.get("authorised")):
            raise WrongUseError(_("Confirm that you have read the notice and are authorised to sign it."))
        typed, mark = clean_text(request.POST.get("name", "")), request.POST.get("read", "")
        passkey = verify_answer(person_of(request), request.POST.get("passkey"))
        sign_draft(
            wiring.services(), row, typed_name=typed, shown_mark=mark, by=request.user.get_username(), passkey=passkey
        )
        messages.success(request, _("Signed. Nothing has been sent yet."))


@decider_post(back="notice")
def send_notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse | None:
    """Send a signed notice by email, record that it was or was not sent, or withdraw the signature."""
    row, by = notices.get_notice(owner, number), request.user.get_username()
    how = request.POST.get("how", "")
    if how == "mail":
        send_by_mail(wiring.services(), row, by=by)
        messages.success(request, _("The notice is being sent."))
    elif how in STATEMENTS:
        STATEMENTS[how](row, by=by)
    elif how == "discard":
        notices.discard_draft(row, by=by)
        messages.success(request, _("The draft was discarded."))
        return redirect("notices", slug=owner.slug)
    return None


@decider_post(back="notice")
def track_notice(request: HttpRequest, owner: Owner, number: int) -> None:
    """Record the outcome of a sent notice and its date."""
    row = notices.get_notice(owner, number)
    on = parse_day(clean_text(request.POST.get("day", ""))) or timezone.localdate()
    what, text = request.POST.get("what", ""), clean_text(request.POST.get("words", ""))
    notices.record_outcome(row, what, on, text, by=request.user.get_username())


@member_page()
def notice_file(request: HttpRequest, owner: Owner, number: int, name: str) -> HttpResponseBase:
    """Send a signed file of a notice."""
    row = notices.get_notice(owner, number)
    file = load_file(wiring.services(), row, name)
    if file is None:
        raise Http404
    log_download(request, Evidence.DRAFT_DOCUMENT, owner, notice=number, file=name)
    data, media_type = file
    kind = f"{media_type}; charset=utf-8" if media_type == "text/plain" else media_type
    return download(data, get_download_name(row, name), kind)


@member_page()
def notice_packet(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Send a signed filing as a ZIP with its files and the evidence bundles of its cases."""
    answer, seals = packet_answer(notices.get_notice(owner, number))
    log_download(request, Evidence.PACKAGE, owner, notice=number, seals=seals)
    return answer


@decider_post(back="notice")
def see_replies(request: HttpRequest, owner: Owner, number: int) -> None:
    """Record that a member has read the replies; the notice resumes."""
    replies.mark_read(notices.get_notice(owner, number), by=request.user.get_username())


@member_page()
def reply_file(request: HttpRequest, owner: Owner, number: int, reply: int, file: int) -> HttpResponseBase:
    """Send a file of a reply, exactly as received from outside."""
    reply_row = replies.get_file(notices.get_notice(owner, number), reply, file)
    log_download(request, Evidence.DRAFT_DOCUMENT, owner, notice=number, reply=reply, file=file)
    return download(bytes(reply_row.data), reply_row.name, "application/octet-stream")


@member_page("web/notice-wordings.html")
def wordings(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show all wordings, and which ones the owner has replaced."""
    own = set(NoticeWording.objects.filter(owner=owner).values_list("kind", "language"))
    rows = [
        (kind, language, words.kind_in_words(kind, language), words.LANGUAGES[language], (kind, language) in own)
        for kind, language in sorted(WORDING_KEYS)
    ]
    return {"rows": rows, "may_edit": is_manager(owner)}


@manager_form()
def edit_wording(request: HttpRequest, owner: Owner, kind: str, language: str) -> HttpResponse:
    """Edit a wording: the letter and the part for each work, with their placeholders."""
    if (kind, language) not in WORDING_KEYS:
        raise Http404
    now, problem = wording.get_wording(owner, kind, language), ""
    texts = {"subject": now.subject, "body": now.body, "item": now.item}
    if request.method == "POST":
        by = request.user.get_username()
        if "restore" in request.POST:
            wording.restore_shipped(owner, kind, language, by=by)
            messages.success(request, _("The default template was restored."))
            return redirect("wordings", slug=owner.slug)
        texts = {name: request.POST.get(name, "") for name in texts}
        try:
            wording.save_wording(owner, kind, language, texts, by=by)
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
        "names": wording.list_placeholders(kind, language),
        "item_names": wording.ITEM_PLACEHOLDERS,
        "needed": [*wording.REQUIRED[Notice.Kind(kind)], *wording.REQUIRED_IN_ITEM[Notice.Kind(kind)]],
        "statements": now.statements,
    }
    return show(request, owner, "web/notice-wording.html", values)
