"""The page on which the addressee of a notice replies without an account. Opening it changes nothing."""

from allauth.decorators import rate_limit
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import require_http_methods, require_safe

from desk.texts.cases import STANDINGS
from desk.texts.sentences import in_words
from desk.web.common.access import number_in, said
from desk.web.common.pages import FORM
from desk.web.notices.words import NEXT, PLAIN_REPLIES, REPLIES, asks
from exhibit.errors import ExhibitError
from indexer.draw.draw import MEDIA_TYPE
from registry.models import Notice, NoticeReply
from registry.notices import replies
from registry.notices.asked import Asked, asked, looked_at, pictures
from registry.notices.signing import TEXT_NAME, file_of
from workers import wiring


@require_http_methods(FORM)
@rate_limit(action="reply", limit_get=True)  # type: ignore[untyped-decorator]
def reply(request: HttpRequest, token: str) -> HttpResponse:
    """Show the claim, earlier replies and a form. Invalid links all get the same answer."""
    notice = replies.find(token)
    if notice is None:
        answer = render(request, "web/link-gone.html", status=404)
    else:
        with translation.override(_language(request, notice)):
            answer = _page(request, token, notice)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


@require_safe
@rate_limit(action="reply-pictures", limit_get=True)  # type: ignore[untyped-decorator]
def reply_pictures(_request: HttpRequest, token: str, case: int) -> HttpResponse:
    """Return both images of a case side by side, reduced."""
    notice = replies.find(token)
    try:
        if notice is None:
            raise Http404
        answer = HttpResponse(pictures(wiring.services(), notice, case), content_type=MEDIA_TYPE)
    except ExhibitError as error:
        raise Http404 from error
    answer.headers["Cache-Control"] = "private, max-age=3600"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _language(request: HttpRequest, notice: Notice) -> str:
    """Return the language chosen on the site or by the browser if supported, otherwise the letter's."""
    spoken = {code.partition("-")[0] for code, _name in settings.LANGUAGES}
    asked_for = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    chosen = settings.LANGUAGE_COOKIE_NAME in request.COOKIES
    if chosen or any(code.partition("-")[0] in spoken for code, _share in asked_for):
        return translation.get_language() or notice.language.lower()
    return notice.language.lower()


def _page(request: HttpRequest, token: str, notice: Notice) -> HttpResponse:
    problem, given = "", request.POST
    if request.method == "POST":
        try:
            if (number := number_in(given.get("withdraw"))) is not None:
                replies.withdraw(notice, number)
            else:
                words, contact = given.get("words", ""), said(given.get("contact", ""))
                files = request.FILES.getlist("file")
                replies.keep(notice, given.get("kind", ""), words, contact=contact, files=files)
            return redirect("reply", token=token)
        except ExhibitError as error:
            problem = in_words(error)
    cases, sent = asked(notice), file_of(wiring.services(), notice, TEXT_NAME)
    values = {
        "letter": sent[0].decode() if sent else "",
        "notice": notice,
        "token": token,
        "asks": asks(notice, len(cases)),
        "cases": cases,
        "fee": notice.fields.get("fee", ""),
        "plain_kinds": [(kind, REPLIES[kind]) for kind in PLAIN_REPLIES],
        "kinds": [(kind, label) for kind, label in REPLIES.items() if kind not in PLAIN_REPLIES],
        "chosen": given.get("kind", ""),
        "words": given.get("words", ""),
        "contact": given.get("contact", ""),
        "most": replies.MAX_WORDS,
        "most_files": replies.MAX_FILES,
        "most_bytes": replies.MAX_FILE,
        "received": [_received(one, cases) for one in notice.replies.filter(withdrawn_at=None)],
        "problem": problem,
    }
    return render(request, "web/reply.html", values, status=422 if problem else 200)


def _received(one: NoticeReply, cases: list[Asked]) -> dict[str, object]:
    """Return the template data of a reply, with later observations if it reported a takedown."""
    kind = NoticeReply.Kind(one.kind)
    places = looked_at(one, cases) if kind is NoticeReply.Kind.REMOVED else []
    seen = [
        (place, STANDINGS[place.standing] if place.standing and place.seen_since(one.at) else None) for place in places
    ]
    return {"reply": one, "kind": REPLIES[kind], "next": NEXT[kind], "files": one.files.count(), "seen": seen}
