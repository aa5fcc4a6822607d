"""Public pages of works, and the public picture lookup. Closed, removed and unknown works get the same response."""

import json

from allauth.decorators import rate_limit
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from desk.api.alliance.public_pages import search_public_works
from desk.api.common.problems import Problem, get_error_status
from desk.texts.sentences import in_words
from desk.web.common.pages import FORM
from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.types import Untyped
from registry.alliance import pdq_feed as pdq_feeds
from registry.matches.find_owner import MAX_UPLOAD_BYTES, MIN_DIFFERENCE, Verdict
from registry.models import Work
from registry.works.public_works import build_public_facts, find_public_work
from workers import wiring


@require_safe
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the public information about a work."""
    work, facts = _find_work(name)
    values = {"work": work, "facts": facts, "script": _render_script(facts)}
    response = render(request, "web/public-work.html", values)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_safe
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def facts(request: HttpRequest, name: str) -> HttpResponse:
    """Return the public information about a work as JSON-LD."""
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
    return JsonResponse(_find_work(name)[1], content_type="application/ld+json", headers=headers)


@require_safe
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def pdq_feed(request: HttpRequest, kind: str) -> HttpResponse:
    """Return the PDQ hashes of published works as ``csv`` or ``txt``, or the signed ``note`` that covers both files."""
    try:
        data = pdq_feeds.build_feed(wiring.services())[f"feed.{kind}"]
    except KeyError as error:
        raise Http404 from error
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
    media_type = "text/csv" if kind == "csv" else "text/plain"
    return HttpResponse(data, content_type=f"{media_type}; charset=utf-8", headers=headers)


def _find_work(name: str) -> tuple[Work, dict[str, Untyped]]:
    if (work := find_public_work(name)) is None:
        raise Http404
    return work, build_public_facts(wiring.services().config, work)


def _render_script(facts: dict[str, Untyped]) -> str:
    """Render JSON-LD in a script element. Browsers do not execute it, and the data cannot end the element."""
    text = json.dumps(facts, ensure_ascii=False)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(text))  # noqa: S308 (special characters are escaped above)


ROBOTS = "User-agent: *\nAllow: /id/\nAllow: /static/\nDisallow: /\n"
VERDICT_LABELS = {
    Verdict.SAME: gettext_lazy("The registered file, unchanged"),
    Verdict.CHANGED: gettext_lazy("The registered picture in a different file"),
    Verdict.PART: gettext_lazy("Part of the registered picture"),
    Verdict.POSSIBLE: gettext_lazy("Possibly this picture: the comparison is inconclusive"),
}


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Return robots.txt: only the lookup page and public pages of works are allowed."""
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")


@require_http_methods(FORM)
def look_up_picture(request: HttpRequest) -> HttpResponse:
    """Show a form to look up a picture, and the result: the owners of matching public works."""
    values: dict[str, object] = {"most": MAX_UPLOAD_BYTES, "no_change": MIN_DIFFERENCE}
    status, headers = 200, {"Cache-Control": "no-store"}
    if request.method == "POST":
        headers["X-Robots-Tag"] = "noindex, nofollow"
        try:
            if (file := request.FILES.get("file")) is None:
                raise InvalidRequestError(_("Choose a file."))
            lookup_result = search_public_works(file)
            values |= {
                "found": lookup_result,
                "claims": [(VERDICT_LABELS[claim.verdict], claim) for claim in lookup_result.claims],
            }
        except (ExhibitError, Problem) as error:
            values["problem"] = in_words(error)
            status = error.status if isinstance(error, Problem) else get_error_status(error)
            headers |= error.headers if isinstance(error, Problem) else {}
    response = render(request, "web/ask.html", values, status=status)
    for name, value in headers.items():
        response.headers[name] = value
    return response
