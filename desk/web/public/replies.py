"""The page on which whoever got a notice answers it, without an account. Opening it changes nothing."""

from allauth.decorators import rate_limit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.http import require_http_methods

from desk.texts.sentences import in_words
from desk.web.common.access import said
from desk.web.common.pages import FORM
from desk.web.notices.words import REPLIES
from exhibit.errors import ExhibitError
from registry.models import Notice
from registry.notices import replies
from registry.notices.signing import TEXT_NAME, file_of
from workers import wiring


@require_http_methods(FORM)
@rate_limit(action="reply", limit_get=True)  # type: ignore[untyped-decorator]
def reply(request: HttpRequest, token: str) -> HttpResponse:
    """What was sent, word for word, and a form. A link that doesn't hold has the same answer, whatever the reason."""
    notice = replies.find(token)
    if notice is None:
        answer = render(request, "web/link-gone.html", status=404)
    else:
        with translation.override(notice.language.lower()):
            answer = _page(request, token, notice)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _page(request: HttpRequest, token: str, notice: Notice) -> HttpResponse:
    problem, given = "", request.POST
    if request.method == "POST":
        file = request.FILES.get("file")
        words, contact = given.get("words", ""), said(given.get("contact", ""))
        try:
            replies.check_size((file.size or 0) if file else 0)
            data, name = (file.read(), file.name or "file") if file else (b"", "")
            replies.keep(notice, given.get("kind", ""), words, contact=contact, name=name, data=data)
            return redirect("reply", token=token)
        except ExhibitError as error:
            problem = in_words(error)
    sent = file_of(wiring.services(), notice, TEXT_NAME)
    values = {
        "letter": sent[0].decode() if sent else "",
        "notice": notice,
        "kinds": REPLIES.items(),
        "chosen": given.get("kind", ""),
        "words": given.get("words", ""),
        "contact": given.get("contact", ""),
        "most": replies.MAX_WORDS,
        "most_bytes": replies.MAX_FILE,
        "received": [(one.at, REPLIES[one.Kind(one.kind)]) for one in notice.replies.defer("file")],
        "problem": problem,
    }
    return render(request, "web/reply.html", values, status=422 if problem else 200)
