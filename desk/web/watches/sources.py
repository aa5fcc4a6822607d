"""Sources of a watch: examine a URL, and add it as a new watch or as another source."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from crawler.formats.job import SourceKind
from crawler.site_probe import MAX_URL_LENGTH, Proposal, RobotsVerdict, SiteProbe
from desk.texts.crawl_refusals import describe_refusal
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text
from desk.web.common.pages import decider_form, decider_post, render_page
from desk.web.watches.forms import WatchForm
from desk.web.watches.views import start_watch
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.addresses import get_url_host
from registry import scoped
from registry.crawls import watch_settings
from registry.crawls.watches import check_addresses, examine_site, set_up_watch
from registry.models import Owner, Watch
from workers import wiring


@decider_form()
def choose_site(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show a form for a site's URL, and the sources found at the entered URL."""
    if request.method != "POST":
        return render_page(request, owner, "web/watch-new.html", {"address": "", "own": "own" in request.GET})
    values = examine_url(request) | {"own": "own" in request.POST}
    if not values.get("offered"):
        return render_page(request, owner, "web/watch-new.html", values, status=422)
    url = str(values["address"])
    name = watch_settings.make_free_name(owner, get_url_host(url).removeprefix("www.") or url)
    return render_page(
        request, owner, "web/watch-new.html", values | {"form": WatchForm(name=name, own="own" in request.POST)}
    )


@decider_post()
def create_watch(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Create the watch, and start it immediately if requested."""
    form = WatchForm(request.POST)
    offered_sources, selected_sources = (
        parse_sources(request.POST.getlist("offered")),
        parse_sources(request.POST.getlist("source")),
    )
    if form.is_valid():
        try:
            options, sources = form.parse_settings(), [(str(source.kind), source.url) for source in selected_sources]
            by = request.user.get_username()
            watch = set_up_watch(wiring.services(), owner, options.pop("name"), sources, **options, by=by)
        except ExhibitError as error:
            form.add_error(None, describe_refusal(error.reason) if isinstance(error, RefusedError) else in_words(error))
        else:
            if request.POST.get("now"):
                return start_watch(request, watch)
            messages.success(request, _("Saved."))
            return redirect("watch", slug=owner.slug, number=watch.number)
    choices = [build_source_option(source, selected=source in selected_sources) for source in offered_sources]
    values = {"form": form, "offered": choices, "address": offered_sources[0].url if offered_sources else ""}
    return render_page(request, owner, "web/watch-new.html", values, status=422)


TEMPORARY_REASONS = ("unreachable", "too-slow", "http-403", "http-429", "http-5")
"""Prefixes of failure reasons that may be temporary."""
MAX_SOURCES = 50
KINDS = (SourceKind.SITE, SourceKind.SITEMAP, SourceKind.FEED, SourceKind.LIST)


def examine_url(request: HttpRequest) -> dict[str, object]:
    """Examine the URL in the form and return the template data: ``offered`` sources and remarks.

    If ``offered`` is missing or empty, ``problem`` or ``robots`` states the reason.
    """
    address = clean_text(request.POST.get("address", ""))
    try:
        examination = examine_site(wiring.services(), address)
    except RefusedError as error:
        problem: dict[str, object] = {"address": address, "problem": describe_refusal(error.reason, error.message)}
        if not error.reason.startswith(TEMPORARY_REASONS):
            return problem
        url = address if "://" in address else f"https://{address}"
        return problem | {"offered": [build_source_option(Proposal(SourceKind.SITE, url), selected=True)]}
    offered = [build_source_option(proposal, selected=True) for proposal in examination.proposals]
    return {
        "address": examination.url,
        "look": examination,
        "robots": _describe_robots(examination),
        "offered": offered,
    }


def _describe_robots(examination: SiteProbe) -> list[str]:
    texts = {
        RobotsVerdict.NONE: _("The site has no robots.txt, so all visits are allowed."),
        RobotsVerdict.ALLOWS: _("The site's robots.txt allows visits."),
        RobotsVerdict.FORBIDS: _(
            "The site's robots.txt disallows the crawler, so a watch would not find anything there."
        ),
        RobotsVerdict.UNREADABLE: _(
            "The site's robots.txt could not be read, so the crawler does not visit the site for now."
        ),
    }
    sentences = [texts[examination.robots]]
    if examination.crawl_delay:
        sentences.append(
            _("The robots.txt file requires a delay of %(n)s s between requests; the crawler waits that long.")
            % {"n": f"{examination.crawl_delay:g}"}
        )
    if examination.reserved:
        sentences.append(_("The site opts out of text and data mining; the crawler skips the content concerned."))
    return sentences


def build_source_option(proposal: Proposal, *, selected: bool) -> dict[str, object]:
    """Return a source as a form option."""
    return {"kind": proposal.kind, "url": proposal.url, "value": f"{proposal.kind} {proposal.url}", "chosen": selected}


def parse_sources(values: list[str]) -> list[Proposal]:
    """Parse sources (kind and URL) from a form. Invalid ones are skipped."""
    parts = (value.partition(" ") for value in values[:MAX_SOURCES])
    pairs = ((kind, url) for kind, _blank, url in parts if kind in KINDS)
    return [Proposal(SourceKind(kind), url) for kind, url in pairs if 0 < len(url) <= MAX_URL_LENGTH]


SOURCES_PER_PAGE = 50


@decider_form()
def sources(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Show the sources of a watch, and the sources found at another URL."""
    row = _get_site_watch(owner, number)
    page = Paginator(watch_settings.list_sources(row), SOURCES_PER_PAGE).get_page(request.GET.get("page"))
    result = examine_url(request) if request.method == "POST" else {}
    source_rows = [{"kind": kind, "url": url, "value": f"{kind} {url}"} for kind, url in page]
    values = {"watch": row, "page": page, "places": source_rows, **result}
    status = 422 if result and not result.get("offered") else 200
    return render_page(request, owner, "web/watch-sources.html", values, status=status)


@decider_post(back="watch-sources")
def add_sources(request: HttpRequest, owner: Owner, number: int) -> None:
    """Add the chosen sources to the watch."""
    row = _get_site_watch(owner, number)
    selected_sources = [(str(source.kind), source.url) for source in parse_sources(request.POST.getlist("source"))]
    try:
        check_addresses(wiring.services(), [url for _kind, url in selected_sources])
        watch_settings.change_sources(row, add=selected_sources, by=request.user.get_username())
    except ExhibitError as error:
        messages.error(request, describe_refusal(error.reason) if isinstance(error, RefusedError) else in_words(error))
    else:
        if selected_sources:
            messages.success(request, _("The source was added. The watch visits it from the next run onwards."))
        else:
            messages.error(request, _("Select at least one source."))


@decider_post(back="watch-sources")
def remove_source(request: HttpRequest, owner: Owner, number: int) -> str:
    """Remove a source from the watch."""
    row = _get_site_watch(owner, number)
    kind, _blank, url = request.POST.get("source", "").partition(" ")
    watch_settings.change_sources(row, remove=[(kind, url)], by=request.user.get_username())
    return _("The source was removed. The watch no longer visits it. Results from the source are kept.")


def _get_site_watch(owner: Owner, number: int) -> Watch:
    """Return a watch that visits sites. Raise 404 for watches of files, searches or archives."""
    row = scoped.find_watch_by_number(owner, number)
    if not watch_settings.is_site_watch(row):
        raise Http404
    return row
