"""The places that a watch looks at: more of them, or fewer."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from desk.texts.refusals import refusal_in_words
from desk.texts.sentences import in_words
from desk.web.common.pages import decider_form, decider_post, show
from desk.web.watches.new import looked_at, places
from exhibit.errors import ExhibitError, RefusedError
from registry.accounts import scoped
from registry.crawls import watching
from registry.models import Owner, Watch
from workers.crawls.site_probe import check_addresses
from workers.services import wiring

SHOWN = 50


@decider_form("watches/<int:number>/sources/", "watch-sources")
def sources(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """The places that a watch looks at; another one is asked for, looked at, and shown with what it offers."""
    row = _watch_of_sites(owner, number)
    page = Paginator(watching.places(row), SHOWN).get_page(request.GET.get("page"))
    looked = looked_at(request) if request.method == "POST" else {}
    places = [{"kind": kind, "url": url, "value": f"{kind} {url}"} for kind, url in page]
    values = {"watch": row, "page": page, "places": places, **looked}
    status = 422 if looked and not looked.get("offered") else 200
    return show(request, owner, "web/watch-sources.html", values, status=status)


@decider_post("watches/<int:number>/sources/add", "add-sources", back="watch-sources")
def add(request: HttpRequest, owner: Owner, number: int) -> None:
    """Let the watch look at what was chosen, too."""
    row = _watch_of_sites(owner, number)
    chosen = [(str(place.kind), place.url) for place in places(request.POST.getlist("source"))]
    try:
        check_addresses(wiring.services(), [url for _kind, url in chosen])
        watching.change_sources(row, add=chosen, by=request.user.get_username())
    except ExhibitError as error:
        messages.error(request, refusal_in_words(error.reason) if isinstance(error, RefusedError) else in_words(error))
    else:
        if chosen:
            messages.success(request, _("Added. It is looked at from the next run on."))
        else:
            messages.error(request, _("Choose at least one place to look at."))


@decider_post("watches/<int:number>/sources/remove", "remove-source", back="watch-sources")
def remove(request: HttpRequest, owner: Owner, number: int) -> str:
    """Let the watch look at a place no more."""
    row = _watch_of_sites(owner, number)
    kind, _blank, url = request.POST.get("source", "").partition(" ")
    watching.change_sources(row, remove=[(kind, url)], by=request.user.get_username())
    return _("It is looked at no more. What was seen there stays.")


def _watch_of_sites(owner: Owner, number: int) -> Watch:
    """A watch over the web: files are chosen on the server, and a search has no places."""
    row = scoped.watch_numbered(owner, number)
    if not watching.visits_sites(row):
        raise Http404
    return row
