"""Whose picture somebody brings, asked without an account. Closed, removed and unknown works get the same answer."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _, gettext_lazy

from desk.api.alliance.opened import answer_to
from desk.api.common.problems import Problem, status_of
from desk.texts.sentences import in_words
from desk.web.common.pages import FORM, SAFE, page_at
from exhibit.errors import ExhibitError, WrongUseError
from workers.matching.brought import MAX_BROUGHT, NO_CHANGE, Verdict

ROBOTS = "User-agent: *\nAllow: /id/\nAllow: /static/\nDisallow: /\n"
SAID = {
    Verdict.SAME: gettext_lazy("The registered file, byte for byte"),
    Verdict.CHANGED: gettext_lazy("The registered picture in another file"),
    Verdict.PART: gettext_lazy("A part of the registered picture"),
    Verdict.PERHAPS: gettext_lazy("Perhaps this picture: the comparison isn't sure"),
}


@page_at("robots.txt", "robots", SAFE)
def robots(request: HttpRequest) -> HttpResponse:
    """What search engines may visit: this question and the public pages. Answers to uploads have no address."""
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")


@page_at("id/", "ask", FORM)
def ask(request: HttpRequest) -> HttpResponse:
    """A form for a picture, and whose it is, as far as works here are opened to everybody."""
    values: dict[str, object] = {"most": MAX_BROUGHT, "no_change": NO_CHANGE}
    status, headers = 200, {"Cache-Control": "no-store"}
    if request.method == "POST":
        headers["X-Robots-Tag"] = "noindex, nofollow"
        try:
            if (file := request.FILES.get("file")) is None:
                raise WrongUseError(_("Choose a file."))
            found = answer_to(file)
            values |= {"found": found, "claims": [(SAID[claim.verdict], claim) for claim in found.claims]}
        except (ExhibitError, Problem) as error:
            values["problem"] = in_words(error)
            status = error.status if isinstance(error, Problem) else status_of(error)
            headers |= error.headers if isinstance(error, Problem) else {}
    answer = render(request, "web/ask.html", values, status=status)
    for name, value in headers.items():
        answer.headers[name] = value
    return answer
