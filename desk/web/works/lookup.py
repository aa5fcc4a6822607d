"""Lookup of an owner's works in an image, and a single visit to a page without a watch.

The image is uploaded, or given by its URL, as a bookmarklet does.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.api.common.files import picture_in
from desk.api.common.limits import one_fetch, one_search
from desk.api.common.problems import Problem
from desk.texts.cases import describe_certainty, describe_share
from desk.texts.crawl_refusals import refusal_in_words
from desk.texts.sentences import in_words
from desk.web.common.access import may_decide, person_of
from desk.web.common.pages import forbidden, member_form, show
from desk.web.middleware.requests import absolute_url
from exhibit.errors import ExhibitError, RefusedError
from exhibit.plain import plain
from registry.crawls import manual_visits
from registry.matches import identify
from registry.models import Owner
from workers import wiring

MAX_URL = 4_000
SECONDS = 10.0
"""Maximum seconds for each stage of fetching the image, because a person and a server thread are waiting."""
SCRIPT = (
    "javascript:(()=>{let b='',a=0;for(const i of document.images){const s=i.naturalWidth*i.naturalHeight,"
    "u=i.currentSrc||i.src;if(s>a&&/^http/.test(u)){a=s;b=u}}location.href='%s?url='+encodeURIComponent(b||"
    "location.href)+'&page='+encodeURIComponent(location.href)})()"
)
"""The bookmarklet. It opens this page with the URLs of the largest image and of the page, and fetches nothing."""


@member_form()
def look_up_works(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Show the form and the result. A URL is fetched only when the form is submitted; a visit leads to its crawl."""
    fields = request.POST if request.method == "POST" else request.GET
    url, page, original_url = (plain(fields.get(name, "")).strip()[:MAX_URL] for name in ("url", "page", "came"))
    if "came" in fields and original_url != url:
        page = ""  # The URL was changed in the form, so the page no longer belongs to it.
    page_url = absolute_url(request, reverse("mine", args=[owner.slug]))
    values: dict[str, object] = {"url": url, "at": page, "script": SCRIPT % page_url}
    if "look" in request.POST and not may_decide(owner):
        return forbidden(request)
    if request.method == "POST":
        try:
            if "look" in request.POST:
                return _visit_page(request, owner, page, url)
            values["found"] = _find_works(request, owner, url)
        except RefusedError as error:
            values["problem"] = refusal_in_words(error.reason, in_words(error))
        except (ExhibitError, Problem) as error:
            values["problem"] = in_words(error)
    return show(request, owner, "web/mine.html", values, status=422 if "problem" in values else 200)


def _visit_page(request: HttpRequest, owner: Owner, page: str, url: str) -> HttpResponseBase:
    """Visit a page once, with the image it is reported to show, and redirect to the crawl."""
    crawl = manual_visits.visit_page(wiring.services(), owner, page or url, image=url, by=request.user.get_username())
    messages.success(request, _("The page is being visited. Your pictures that it shows will appear under Cases."))
    return redirect("crawl", slug=owner.slug, watch_number=crawl.watch.number, number=crawl.number)


def _find_works(request: HttpRequest, owner: Owner, url: str) -> list[dict[str, object]]:
    services, person = wiring.services(), person_of(request)
    if (file := request.FILES.get("file")) is not None:
        data = picture_in(file, services.limits)
    else:
        with one_fetch(person.pk):
            data = identify.fetch(services, url, SECONDS)
    with one_search(person.pk):
        answer = identify.identify(services, owner, data)
    return [
        {
            "work": match.work,
            "picture": match.picture,
            "sure": describe_certainty(match.verification),
            "much": describe_share(match.verification),
        }
        for match in answer.works
    ]
