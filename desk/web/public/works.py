"""Public pages of works, and the public image lookup. Closed, removed and unknown works get the same answer."""

import json

from allauth.decorators import rate_limit
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from desk.api.alliance.opened import answer_to
from desk.api.common.problems import Problem, status_of
from desk.texts.sentences import in_words
from desk.web.common.pages import FORM
from exhibit.errors import ExhibitError, WrongUseError
from exhibit.types import Untyped
from registry.alliance.pdq_feed import feed
from registry.matches.find_owner import MAX_UPLOAD_BYTES, MIN_DIFFERENCE, Verdict
from registry.models import Work
from registry.works.public_works import build_public_facts, find_open_work
from workers import wiring


@require_safe
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the public information about a work."""
    work, facts = _find_work(name)
    values = {"work": work, "facts": facts, "script": _script(facts)}
    answer = render(request, "web/public-work.html", values)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@require_safe
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def facts(request: HttpRequest, name: str) -> HttpResponse:
    """Return the public information about a work as JSON-LD."""
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
    return JsonResponse(_find_work(name)[1], content_type="application/ld+json", headers=headers)


@require_safe
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def pdq_feed(request: HttpRequest, kind: str) -> HttpResponse:
    """Return the PDQ hashes of published works: ``csv`` or ``txt``, or the ``note`` that signs both."""
    try:
        data = feed(wiring.services())[f"feed.{kind}"]
    except KeyError as error:
        raise Http404 from error
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
    media_type = "text/csv" if kind == "csv" else "text/plain"
    return HttpResponse(data, content_type=f"{media_type}; charset=utf-8", headers=headers)


def _find_work(name: str) -> tuple[Work, dict[str, Untyped]]:
    if (work := find_open_work(name)) is None:
        raise Http404
    return work, build_public_facts(wiring.services().config, work)


def _script(facts: dict[str, Untyped]) -> str:
    """Render JSON-LD in a script element that browsers do not execute and that the data cannot close."""
    text = json.dumps(facts, ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(text))  # noqa: S308 (its signs are escaped above)


ROBOTS = "User-agent: *\nAllow: /id/\nAllow: /static/\nDisallow: /\n"
VERDICT_LABELS = {
    Verdict.SAME: gettext_lazy("The registered file, byte for byte"),
    Verdict.CHANGED: gettext_lazy("The registered picture in a different file"),
    Verdict.PART: gettext_lazy("Part of the registered picture"),
    Verdict.PERHAPS: gettext_lazy("Possibly this picture: the comparison is inconclusive"),
}


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Return the rules for search engines: the lookup and public pages only. Answers to uploads have no URL."""
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")


@require_http_methods(FORM)
def look_up_picture(request: HttpRequest) -> HttpResponse:
    """Show a form to look up an image, and the owner if the work is public."""
    values: dict[str, object] = {"most": MAX_UPLOAD_BYTES, "no_change": MIN_DIFFERENCE}
    status, headers = 200, {"Cache-Control": "no-store"}
    if request.method == "POST":
        headers["X-Robots-Tag"] = "noindex, nofollow"
        try:
            if (file := request.FILES.get("file")) is None:
                raise WrongUseError(_("Choose a file."))
            answer_found = answer_to(file)
            values |= {
                "found": answer_found,
                "claims": [(VERDICT_LABELS[claim.verdict], claim) for claim in answer_found.claims],
            }
        except (ExhibitError, Problem) as error:
            values["problem"] = in_words(error)
            status = error.status if isinstance(error, Problem) else status_of(error)
            headers |= error.headers if isinstance(error, Problem) else {}
    answer = render(request, "web/ask.html", values, status=status)
    for name, value in headers.items():
        answer.headers[name] = value
    return answer
