"""Lookup of an owner's works in a picture, and a single visit to a page without a watch.

The picture is uploaded, or specified by its URL, for example by the bookmarklet.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.api.common.files import read_uploaded_picture
from desk.api.common.limits import limit_member_fetches, limit_member_searches
from desk.api.common.problems import Problem
from desk.texts.cases import describe_certainty, describe_overlap
from desk.texts.crawl_refusals import describe_refusal
from desk.texts.sentences import in_words
from desk.web.common.access import get_user, may_decide
from desk.web.common.pages import member_form, render_forbidden, render_page
from desk.web.middleware.requests import absolute_url
from exhibit.errors import ExhibitError, RefusedError
from exhibit.plain import remove_control_chars
from registry.crawls import manual_visits
from registry.matches import identify
from registry.models import Owner
from workers import wiring

MAX_URL = 4_000
FETCH_SECONDS = 10.0
"""Maximum seconds for each stage of fetching the picture, because a user and a server thread wait for it."""
BOOKMARKLET = (
    "javascript:(()=>{let b='',a=0;for(const i of document.images){const s=i.naturalWidth*i.naturalHeight,"
    "u=i.currentSrc||i.src;if(s>a&&/^http/.test(u)){a=s;b=u}}location.href='%s?url='+encodeURIComponent(b||"
    "location.href)+'&page='+encodeURIComponent(location.href)})()"
)
"""Bookmarklet. It opens this page with the URLs of the largest picture and of the page, and sends no other request."""


@member_form()
def look_up_works(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Show the form and the result. A URL is fetched only when the form is submitted.

    A visit redirects to its crawl.
    """
    fields = request.POST if request.method == "POST" else request.GET
    url, page, original_url = (
        remove_control_chars(fields.get(name, "")).strip()[:MAX_URL] for name in ("url", "page", "came")
    )
    if "came" in fields and original_url != url:
        page = ""  # The user changed the URL in the form, so it no longer belongs to the page.
    page_url = absolute_url(request, reverse("mine", args=[owner.slug]))
    values: dict[str, object] = {"url": url, "at": page, "script": BOOKMARKLET % page_url}
    if "look" in request.POST and not may_decide(owner):
        return render_forbidden(request)
    if request.method == "POST":
        try:
            if "look" in request.POST:
                return _visit_page(request, owner, page, url)
            values["found"] = _find_works(request, owner, url)
        except RefusedError as error:
            values["problem"] = describe_refusal(error.reason, in_words(error))
        except (ExhibitError, Problem) as error:
            values["problem"] = in_words(error)
    return render_page(request, owner, "web/mine.html", values, status=422 if "problem" in values else 200)


def _visit_page(request: HttpRequest, owner: Owner, page: str, url: str) -> HttpResponseBase:
    """Visit a page once, fetch the picture that it is reported to show, and redirect to the crawl."""
    crawl = manual_visits.visit_page(
        wiring.services(), owner, page or url, picture_url=url, by=request.user.get_username()
    )
    messages.success(
        request, _("The page is being visited. Any of your pictures that the page shows will appear under “Cases”.")
    )
    return redirect("crawl", slug=owner.slug, watch_number=crawl.watch.number, number=crawl.number)


def _find_works(request: HttpRequest, owner: Owner, url: str) -> list[dict[str, object]]:
    services, user = wiring.services(), get_user(request)
    if (file := request.FILES.get("file")) is not None:
        data = read_uploaded_picture(file, services.limits)
    else:
        with limit_member_fetches(user.pk):
            data = identify.fetch_picture(services, url, FETCH_SECONDS)
    with limit_member_searches(user.pk):
        result = identify.identify_picture(services, owner, data)
    return [
        {
            "work": match.work,
            "picture": match.picture,
            "sure": describe_certainty(match.verification),
            "much": describe_overlap(match.verification),
        }
        for match in result.works
    ]
