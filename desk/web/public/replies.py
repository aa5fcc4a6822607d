"""Page on which the addressee of a notice can reply without an account. A GET request changes nothing."""

from allauth.decorators import rate_limit
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import require_http_methods, require_safe

from desk.texts.cases import STATUS_LABELS
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, parse_number
from desk.web.common.pages import FORM
from desk.web.notices.words import COMMON_REPLIES, NEXT_STEPS, REPLY_LABELS, summarize_request
from exhibit.errors import ExhibitError
from indexer.draw.draw import MEDIA_TYPE
from registry.models import Notice, NoticeReply
from registry.notices import replies
from registry.notices.reply_page import ReplyPageCase, draw_pictures, list_rechecked_pages, load_reply_page_cases
from registry.notices.signing import TEXT_NAME, load_file
from workers import wiring


@require_http_methods(FORM)
@rate_limit(action="reply", limit_get=True)  # type: ignore[untyped-decorator]
def reply(request: HttpRequest, token: str) -> HttpResponse:
    """Show the claim, earlier replies and a form. All invalid links get the same response."""
    notice = replies.find_notice(token)
    if notice is None:
        response = render(request, "web/link-gone.html", status=404)
    else:
        with translation.override(_select_language(request, notice)):
            response = _render_page(request, token, notice)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@require_safe
@rate_limit(action="reply-pictures", limit_get=True)  # type: ignore[untyped-decorator]
def reply_pictures(_request: HttpRequest, token: str, case: int) -> HttpResponse:
    """Return the two pictures of a case side by side, at reduced size."""
    notice = replies.find_notice(token)
    try:
        if notice is None:
            raise Http404
        response = HttpResponse(draw_pictures(wiring.services(), notice, case), content_type=MEDIA_TYPE)
    except ExhibitError as error:
        raise Http404 from error
    response.headers["Cache-Control"] = "private, max-age=3600"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _select_language(request: HttpRequest, notice: Notice) -> str:
    """Return the language chosen on the site or in the browser, if supported, otherwise the language of the notice."""
    supported_codes = {code.partition("-")[0] for code, _name in settings.LANGUAGES}
    accepted_languages = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    has_cookie = settings.LANGUAGE_COOKIE_NAME in request.COOKIES
    if has_cookie or any(code.partition("-")[0] in supported_codes for code, _share in accepted_languages):
        return translation.get_language() or notice.language.lower()
    return notice.language.lower()


def _render_page(request: HttpRequest, token: str, notice: Notice) -> HttpResponse:
    problem, fields = "", request.POST
    if request.method == "POST":
        try:
            if (number := parse_number(fields.get("withdraw"))) is not None:
                replies.withdraw_reply(notice, number)
            else:
                text, contact = fields.get("words", ""), clean_text(fields.get("contact", ""))
                files = request.FILES.getlist("file")
                replies.save_reply(notice, fields.get("kind", ""), text, contact=contact, files=files)
            return redirect("reply", token=token)
        except ExhibitError as error:
            problem = in_words(error)
    cases, signed_file = load_reply_page_cases(notice), load_file(wiring.services(), notice, TEXT_NAME)
    values = {
        "letter": signed_file[0].decode() if signed_file else "",
        "notice": notice,
        "token": token,
        "asks": summarize_request(notice, len(cases)),
        "cases": cases,
        "fee": notice.fields.get("fee", ""),
        "plain_kinds": [(kind, REPLY_LABELS[kind]) for kind in COMMON_REPLIES],
        "kinds": [(kind, label) for kind, label in REPLY_LABELS.items() if kind not in COMMON_REPLIES],
        "chosen": fields.get("kind", ""),
        "words": fields.get("words", ""),
        "contact": fields.get("contact", ""),
        "most": replies.MAX_TEXT_LENGTH,
        "most_files": replies.MAX_FILES,
        "most_bytes": replies.MAX_FILE_BYTES,
        "received": [_build_reply_values(row, cases) for row in notice.replies.filter(withdrawn_at=None)],
        "problem": problem,
    }
    return render(request, "web/reply.html", values, status=422 if problem else 200)


def _build_reply_values(row: NoticeReply, cases: list[ReplyPageCase]) -> dict[str, object]:
    """Return the template data of a reply, with later observations if the reply reported a removal."""
    kind = NoticeReply.Kind(row.kind)
    places = list_rechecked_pages(row, cases) if kind is NoticeReply.Kind.REMOVED else []
    observations = [
        (place, STATUS_LABELS[place.standing] if place.standing and place.was_rechecked_since(row.at) else None)
        for place in places
    ]
    return {
        "reply": row,
        "kind": REPLY_LABELS[kind],
        "next": NEXT_STEPS[kind],
        "files": row.files.count(),
        "seen": observations,
    }
