"""Notices: the list with due dates, the page of a notice (signing, sending, outcomes, replies), and templates."""

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

from desk.api.common.files import build_download_response, build_filing_response
from desk.passkeys import verify_passkey_response
from desk.texts import claims
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, get_user, is_manager, log_download
from desk.web.common.pages import ErrorMessages, decider_post, get_page, manager_form, member_page, render_page
from desk.web.notices import words
from desk.web.notices.drafting import CLAIM_CHECK_ID, build_gap_links
from exhibit.errors import InvalidRequestError
from registry.cases.work_search import build_thumbnail_subquery
from registry.log.audit_log import EvidenceKind
from registry.models import Notice, NoticeReply, NoticeReplyFile, NoticeWording, Owner, WorkPicture
from registry.notices import notices, replies, wording
from registry.notices.checker import Gap, find_gaps, list_unregistered_in_us
from registry.notices.claim_check import check_cases, list_unanswered_sentences, list_unread_sentences
from registry.notices.contents import MAX_PLACES, build_items, build_letter, split_letter
from registry.notices.mail import has_uncertain_delivery
from registry.notices.refuted_takedowns import list_refuting_visits
from registry.notices.signing import (
    TEXT_NAME,
    compute_letter_digest,
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
"""Type and language of each notice template."""

SEND_ACTIONS = {
    "hand": notices.record_sent_by_hand,
    "left": notices.record_sent_by_mail,
    "not-left": notices.record_not_sent,
    "back": withdraw_signature,
}
"""Actions on a signed notice, by form value."""


@member_page("web/notices.html")
def notice_list(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the owner's notices, those with unread replies first, then by due date."""
    state, party = request.GET.get("state", ""), clean_text(request.GET.get("q", ""))
    pictures = WorkPicture.objects.filter(work__cases__notice_cases__notice=OuterRef("pk"))
    rows: QuerySet[Any, Any] = notices.list_notices(owner).annotate(
        cases=Count("notice_cases"),
        thumbnail=build_thumbnail_subquery(pictures),
        addressee=KeyTextTransform("addressee_name", "fields"),
    )
    if state in FILTERS:
        rows = rows.filter(state__in=FILTERS[state][1])
    elif state == UNREAD:
        rows = rows.filter(unread=True)
    if party:
        rows = rows.filter(party__icontains=party)
    page = get_page(request, rows.order_by("-unread", F("due_on").asc(nulls_last=True), "-number"))
    return {
        "page": page,
        "rows": [(row, words.describe_kind(row.kind, row.language), words.describe_state(row)) for row in page],
        "state": state if state in FILTERS or state == UNREAD else "",
        "states": [
            (None, _("all")),
            (UNREAD, _("unread reply")),
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
    signed_file = None if draft_letter else load_file(wiring.services(), row, TEXT_NAME)
    checks = check_cases([item.row.case for item in items]) if row.state in notices.UNSENT_STATES else {}
    claim_gaps = [
        Gap(CLAIM_CHECK_ID, sentence)
        for sentence in (*list_unanswered_sentences(checks), *list_unread_sentences(checks))
    ]
    gaps = [*find_gaps(row, items), *claim_gaps] if draft_letter else []
    text = draft_letter.full_text if draft_letter else signed_file[0].decode() if signed_file else ""
    mail = getattr(row, "mail", None)
    return {
        "notice": row,
        "kind": words.describe_kind(row.kind, row.language),
        "state": words.describe_state(row),
        "due": words.DUE_LABELS.get(row.due_reason, ""),
        "overdue": row.due_on is not None and row.due_on < timezone.localdate(),
        "page": Paginator(split_letter(text), 1).get_page(request.GET.get("page")),
        "read": compute_letter_digest(draft_letter) if draft_letter else "",
        **claims.build_claim_check_context(owner, checks),
        **build_gap_links(items, gaps, reverse("edit-notice", args=[owner.slug, number])),
        "doubts": claims.list_ownership_warnings(checks, [item.row.case for item in items]) if draft_letter else [],
        "unregistered": list_unregistered_in_us(items) if draft_letter and row.kind == Notice.Kind.DMCA else [],
        "items": [
            (item, *words.count_page_statuses(item), max(0, len(item.current_places) - MAX_PLACES)) for item in items
        ],
        "events": [
            (event, words.EVENT_LABELS.get(event.kind, event.kind), words.SENDING_LABELS.get(event.words))
            for event in row.events.all()
        ],
        "happened": [
            (None, "–"),
            *(words.FILING_OUTCOME_LABELS if row.kind in notices.FILINGS else words.OUTCOME_LABELS).items(),
        ],
        "files": row.kind in notices.FILINGS,
        "replies": [
            (
                reply,
                words.REPLY_LABELS[NoticeReply.Kind(reply.kind)],
                list(reply.files.all()),
                len(list_refuting_visits(reply)),
            )
            for reply in row.replies.prefetch_related(Prefetch("files", NoticeReplyFile.objects.defer("data")))
        ],
        "said_removed": row.replies.filter(seen_at=None, kind=NoticeReply.Kind.REMOVED).exists(),
        "mail": mail,
        "maybe": mail is not None and has_uncertain_delivery(mail),
        "can_mail": row.kind not in notices.FILINGS
        and bool(wiring.services().config.mail_url and row.fields.get("addressee_email")),
        "today": timezone.localdate().isoformat(),
    }


@decider_post(back="notice")
def sign_notice(request: HttpRequest, owner: Owner, number: int) -> None:
    """Sign a draft. The member has to enter the name, and confirm having read the notice and being authorised."""
    row = notices.get_notice(owner, number)
    with ErrorMessages(request):
        if not (request.POST.get("have-read") and request.POST.get("authorised")):
            raise InvalidRequestError(_("Confirm that you have read the notice and are authorised to sign it."))
        typed_name, digest = clean_text(request.POST.get("name", "")), request.POST.get("read", "")
        passkey = verify_passkey_response(get_user(request), request.POST.get("passkey"))
        sign_draft(
            wiring.services(),
            row,
            typed_name=typed_name,
            shown_digest=digest,
            by=request.user.get_username(),
            passkey=passkey,
        )
        messages.success(request, _("The notice was signed. Nothing has been sent yet."))


@decider_post(back="notice")
def send_notice(request: HttpRequest, owner: Owner, number: int) -> HttpResponse | None:
    """Send a signed notice by email, record whether it was sent, withdraw the signature, or discard a draft."""
    row, by = notices.get_notice(owner, number), request.user.get_username()
    action = request.POST.get("how", "")
    if action == "mail":
        send_by_mail(wiring.services(), row, by=by)
        messages.success(request, _("The notice is being sent."))
    elif action in SEND_ACTIONS:
        SEND_ACTIONS[action](row, by=by)
    elif action == "discard":
        notices.discard_draft(row, by=by)
        messages.success(request, _("The draft was discarded."))
        return redirect("notices", slug=owner.slug)
    return None


@decider_post(back="notice")
def track_notice(request: HttpRequest, owner: Owner, number: int) -> None:
    """Record the outcome of a sent notice and its date."""
    row = notices.get_notice(owner, number)
    day = parse_day(clean_text(request.POST.get("day", ""))) or timezone.localdate()
    outcome, text = request.POST.get("what", ""), clean_text(request.POST.get("words", ""))
    notices.record_outcome(row, outcome, day, text, by=request.user.get_username())


@member_page()
def notice_file(request: HttpRequest, owner: Owner, number: int, name: str) -> HttpResponseBase:
    """Send a signed file of a notice."""
    row = notices.get_notice(owner, number)
    file = load_file(wiring.services(), row, name)
    if file is None:
        raise Http404
    log_download(request, EvidenceKind.DRAFT_DOCUMENT, owner, notice=number, file=name)
    data, media_type = file
    content_type = f"{media_type}; charset=utf-8" if media_type == "text/plain" else media_type
    return build_download_response(data, get_download_name(row, name), content_type)


@member_page()
def notice_packet(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Send a signed filing as a ZIP with its files and the evidence bundles of its cases."""
    response, seals = build_filing_response(notices.get_notice(owner, number))
    log_download(request, EvidenceKind.PACKAGE, owner, notice=number, seals=seals)
    return response


@decider_post(back="notice")
def mark_replies_seen(request: HttpRequest, owner: Owner, number: int) -> None:
    """Record that a member has read the replies, so that the notice is no longer paused by them."""
    replies.mark_replies_read(notices.get_notice(owner, number), by=request.user.get_username())


@member_page()
def reply_file(request: HttpRequest, owner: Owner, number: int, reply: int, file: int) -> HttpResponseBase:
    """Send a file of a reply, byte for byte as received."""
    reply_row = replies.get_file(notices.get_notice(owner, number), reply, file)
    log_download(request, EvidenceKind.DRAFT_DOCUMENT, owner, notice=number, reply=reply, file=file)
    return build_download_response(bytes(reply_row.data), reply_row.name, "application/octet-stream")


@member_page("web/notice-wordings.html")
def wordings(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show all notice templates, and mark those that the owner has replaced."""
    custom_keys = set(NoticeWording.objects.filter(owner=owner).values_list("kind", "language"))
    rows = [
        (
            kind,
            language,
            words.describe_kind(kind, language),
            words.LANGUAGES[language],
            (kind, language) in custom_keys,
        )
        for kind, language in sorted(WORDING_KEYS)
    ]
    return {"rows": rows, "may_edit": is_manager(owner)}


@manager_form()
def edit_wording(request: HttpRequest, owner: Owner, kind: str, language: str) -> HttpResponse:
    """Edit a notice template: the letter and the part for each work, with their placeholders."""
    if (kind, language) not in WORDING_KEYS:
        raise Http404
    current_wording, problem = wording.get_wording(owner, kind, language), ""
    texts = {"subject": current_wording.subject, "body": current_wording.body, "item": current_wording.item}
    if request.method == "POST":
        by = request.user.get_username()
        if "restore" in request.POST:
            wording.restore_shipped_wording(owner, kind, language, by=by)
            messages.success(request, _("The default template was restored."))
            return redirect("wordings", slug=owner.slug)
        texts = {name: request.POST.get(name, "") for name in texts}
        try:
            wording.save_wording(owner, kind, language, texts, by=by)
            messages.success(request, _("The template was saved. Exhibit now uses it for drafts."))
            return redirect("wordings", slug=owner.slug)
        except InvalidRequestError as error:
            problem = in_words(error)
    values = {
        "kind": words.describe_kind(kind, language),
        "language": words.LANGUAGES[language],
        "code": language,
        "texts": texts,
        "own": current_wording.own,
        "problem": problem,
        "names": wording.list_placeholders(kind, language),
        "item_names": wording.ITEM_PLACEHOLDERS,
        "needed": [
            *wording.REQUIRED_PLACEHOLDERS[Notice.Kind(kind)],
            *wording.REQUIRED_ITEM_PLACEHOLDERS[Notice.Kind(kind)],
        ],
        "statements": current_wording.statements,
    }
    return render_page(request, owner, "web/notice-wording.html", values)
