"""Works that their owners have opened to everybody. Closed, removed and unknown ones get the same answer."""

import json

from allauth.decorators import rate_limit
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from desk.web.common.pages import SAFE, page_at
from exhibit.types import Untyped
from registry.models import Work
from workers.alliance.pdq_feed import feed
from workers.services import wiring
from workers.works.opened import opened_work, public_facts


@page_at("id/<slug:name>/", "public-work", SAFE)
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def page(request: HttpRequest, name: str) -> HttpResponse:
    """What an owner tells everybody of a work."""
    work, facts = _found(name)
    values = {"work": work, "facts": facts, "script": _script(facts)}
    answer = render(request, "web/public-work.html", values)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@page_at("id/<slug:name>/work.json", "public-work-facts", SAFE)
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def facts(request: HttpRequest, name: str) -> HttpResponse:
    """The same for programs, as JSON-LD."""
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
    return JsonResponse(_found(name)[1], content_type="application/ld+json", headers=headers)


@page_at("pdq/feed.<str:kind>", "pdq-feed", SAFE)
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def pdq_feed(request: HttpRequest, kind: str) -> HttpResponse:
    """PDQ hashes of the works whose owners publish them: ``csv`` or ``txt``, and the ``note`` that signs both."""
    try:
        data = feed(wiring.services())[f"feed.{kind}"]
    except KeyError as error:
        raise Http404 from error
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
    media_type = "text/csv" if kind == "csv" else "text/plain"
    return HttpResponse(data, content_type=f"{media_type}; charset=utf-8", headers=headers)


def _found(name: str) -> tuple[Work, dict[str, Untyped]]:
    if (work := opened_work(name)) is None:
        raise Http404
    return work, public_facts(wiring.services().config, work)


def _script(facts: dict[str, Untyped]) -> str:
    """A block of data, which no browser runs, and whose text can't end it."""
    text = json.dumps(facts, ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(text))  # noqa: S308 (its signs are escaped above)
