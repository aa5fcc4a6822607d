"""Sources of a watch: a pasted URL is examined, and becomes a new watch or another source."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crawler.formats.job import SourceKind
from crawler.site_probe import MAX_ADDRESS, Look, Proposal, Robots
from desk.texts.crawl_refusals import refusal_in_words
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text
from desk.web.common.pages import decider_form, decider_post, show
from desk.web.watches.forms import WatchForm
from desk.web.watches.views import start_now
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.addresses import host_of
from registry import scoped
from registry.crawls import watch_settings
from registry.crawls.watches import arrange, check_addresses, examine_site
from registry.models import Owner, Watch
from workers import wiring


@decider_form()
def new(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Ask for a site's URL, examine it, and show what it offers."""
    if request.method != "POST":
        return show(request, owner, "web/watch-new.html", {"address": "", "own": "own" in request.GET})
    values = examine_url(request) | {"own": "own" in request.POST}
    if not values.get("offered"):
        return show(request, owner, "web/watch-new.html", values, status=422)
    address = str(values["address"])
    name = watch_settings.make_free_name(owner, host_of(address).removeprefix("www.") or address)
    return show(
        request, owner, "web/watch-new.html", values | {"form": WatchForm(name=name, own="own" in request.POST)}
    )


@decider_post()
def create_watch(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Create the watch, and run it at once if requested."""
    form = WatchForm(request.POST)
    offered, selected = parse_sources(request.POST.getlist("offered")), parse_sources(request.POST.getlist("source"))
    if form.is_valid():
        try:
            options, sources = form.settings(), [(str(source.kind), source.url) for source in selected]
            by = request.user.get_username()
            watch = arrange(wiring.services(), owner, options.pop("name"), sources, **options, by=by)
        except ExhibitError as error:
            form.add_error(None, refusal_in_words(error.reason) if isinstance(error, RefusedError) else in_words(error))
        else:
            if request.POST.get("now"):
                return start_now(request, watch)
            messages.success(request, _("Saved."))
            return redirect("watch", slug=owner.slug, number=watch.number)
    choices = [choice(source, selected=source in selected) for source in offered]
    values = {"form": form, "offered": choices, "address": offered[0].url if offered else ""}
    return show(request, owner, "web/watch-new.html", values, status=422)


TEMPORARY_REASONS = ("unreachable", "too-slow", "http-403", "http-429", "http-5")
"""Prefixes of failure reasons that may be temporary."""
MAX_SOURCES = 50
KINDS = (SourceKind.SITE, SourceKind.SITEMAP, SourceKind.FEED, SourceKind.LIST)


def examine_url(request: HttpRequest) -> dict[str, object]:
    """Examine the URL in the form and return the template data: ``offered`` sources and remarks.

    Without ``offered`` there is nothing to choose; ``problem`` or ``robots`` states why.
    """
    address = clean_text(request.POST.get("address", ""))
    try:
        look = examine_site(wiring.services(), address)
    except RefusedError as error:
        problem: dict[str, object] = {"address": address, "problem": refusal_in_words(error.reason, error.message)}
        if not error.reason.startswith(TEMPORARY_REASONS):
            return problem
        url = address if "://" in address else f"https://{address}"
        return problem | {"offered": [choice(Proposal(SourceKind.SITE, url), selected=True)]}
    offered = [choice(proposal, selected=True) for proposal in look.proposals]
    return {"address": look.url, "look": look, "robots": _robots_in_words(look), "offered": offered}


def _robots_in_words(look: Look) -> list[str]:
    texts = {
        Robots.NONE: _("The site has no robots.txt: nothing is disallowed."),
        Robots.ALLOWS: _("The site's robots.txt allows visits."),
        Robots.FORBIDS: _("The site's robots.txt disallows the crawler, so a watch would see nothing there."),
        Robots.UNREADABLE: _(
            "The site's robots.txt could not be read, so the crawler does not visit the site for now."
        ),
    }
    sentences = [texts[look.robots]]
    if look.crawl_delay:
        sentences.append(
            _("It requires %(n)s s between requests; the crawler waits that long.") % {"n": f"{look.crawl_delay:g}"}
        )
    if look.reserved:
        sentences.append(
            _("The site reserves its content against text and data mining; the crawler skips reserved content.")
        )
    return sentences


def choice(proposal: Proposal, *, selected: bool) -> dict[str, object]:
    """Return a source as a form option."""
    return {"kind": proposal.kind, "url": proposal.url, "value": f"{proposal.kind} {proposal.url}", "chosen": selected}


def parse_sources(addresses: list[str]) -> list[Proposal]:
    """Parse sources (kind and URL) from a form. Invalid ones are skipped."""
    parts = (address.partition(" ") for address in addresses[:MAX_SOURCES])
    pairs = ((kind, url) for kind, _blank, url in parts if kind in KINDS)
    return [Proposal(SourceKind(kind), url) for kind, url in pairs if 0 < len(url) <= MAX_ADDRESS]


SOURCES_SHOWN = 50


@decider_form()
def sources(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Show the sources of a watch, and what another URL offers."""
    row = _watch_of_sites(owner, number)
    page = Paginator(watch_settings.list_sources(row), SOURCES_SHOWN).get_page(request.GET.get("page"))
    result = examine_url(request) if request.method == "POST" else {}
    places = [{"kind": kind, "url": url, "value": f"{kind} {url}"} for kind, url in page]
    values = {"watch": row, "page": page, "places": places, **result}
    status = 422 if result and not result.get("offered") else 200
    return show(request, owner, "web/watch-sources.html", values, status=status)


@decider_post(back="watch-sources")
def add(request: HttpRequest, owner: Owner, number: int) -> None:
    """Add the chosen sources to the watch."""
    row = _watch_of_sites(owner, number)
    selected = [(str(place.kind), place.url) for place in parse_sources(request.POST.getlist("source"))]
    try:
        check_addresses(wiring.services(), [url for _kind, url in selected])
        watch_settings.change_sources(row, add=selected, by=request.user.get_username())
    except ExhibitError as error:
        messages.error(request, refusal_in_words(error.reason) if isinstance(error, RefusedError) else in_words(error))
    else:
        if selected:
            messages.success(request, _("The source was added. The watch visits it from its next run on."))
        else:
            messages.error(request, _("Choose at least one source."))


@decider_post(back="watch-sources")
def remove(request: HttpRequest, owner: Owner, number: int) -> str:
    """Remove a source from the watch."""
    row = _watch_of_sites(owner, number)
    kind, _blank, url = request.POST.get("source", "").partition(" ")
    watch_settings.change_sources(row, remove=[(kind, url)], by=request.user.get_username())
    return _("The source is no longer visited. What was seen there is kept.")


def _watch_of_sites(owner: Owner, number: int) -> Watch:
    """Return a watch that visits sites. Files are chosen on the server, and searches have no sources; both give 404."""
    row = scoped.watch_numbered(owner, number)
    if not watch_settings.is_site_watch(row):
        raise Http404
    return row
