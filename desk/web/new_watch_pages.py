"""A new watch: a site's address is pasted, looked at, and becomes a watch with what the site offers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crawler.job import SourceKind
from crawler.looking import LONGEST, Look, Proposal, Robots
from desk.refusals import refusal_in_words
from desk.web.access import member_view_of, said
from desk.web.watch_forms import WatchForm
from desk.web.watch_pages import WATCHERS
from exhibit.errors import ExhibitError, RefusedError, WrongUseError
from exhibit.urls import host_of
from registry import crawling, watching
from registry.models import Owner, User, Watch
from workers.looking import look_at_site
from workers.wiring import house

PASSING = ("unreachable", "too-slow", "http-403", "http-429", "http-5")
"""Beginnings of reasons why a look fails that may be gone when the watch runs."""
MOST_SOURCES = 50
KINDS = (SourceKind.SITE, SourceKind.SITEMAP, SourceKind.FEED, SourceKind.LIST)


@require_http_methods(["GET", "HEAD", "POST"])
@member_view_of(*WATCHERS)
def new(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Ask for a site's address; look at the one given, and show what it offers."""
    address = said(request.POST.get("address", ""))
    values: dict[str, object] = {"owner": owner, "address": address}
    if request.method != "POST":
        return render(request, "web/watch-new.html", values)
    try:
        look = look_at_site(house(), address)
    except RefusedError as error:
        values |= {"problem": refusal_in_words(error.reason, error.message)}
        if not error.reason.startswith(PASSING):
            return render(request, "web/watch-new.html", values, status=422)
        url = address if "://" in address else f"https://{address}"
        values |= {"offered": [_choice(Proposal(SourceKind.SITE, url), chosen=True)]}
    else:
        address = look.url
        values |= {
            "look": look,
            "robots": _robots_in_words(look),
            "offered": [_choice(one, chosen=True) for one in look.proposals],
        }
        if not look.proposals:
            return render(request, "web/watch-new.html", values, status=422)
    name = watching.free_name(owner, host_of(address).removeprefix("www.") or address)
    return render(request, "web/watch-new.html", values | {"form": WatchForm(name=name)})


def _robots_in_words(look: Look) -> list[str]:
    told = {
        Robots.NONE: _("The site has no robots.txt: nothing is forbidden."),
        Robots.ALLOWS: _("The site's robots.txt allows it."),
        Robots.FORBIDS: _("The site's robots.txt forbids it to us, so a watch would see nothing there."),
        Robots.UNREADABLE: _("The site's robots.txt couldn't be read, so nothing is visited there for now."),
    }
    sentences = [told[look.robots]]
    if look.crawl_delay:
        sentences.append(
            _("It asks for %(n)s s between two requests; we wait as long.") % {"n": f"{look.crawl_delay:g}"}
        )
    if look.reserved:
        sentences.append(
            _("The site reserves its contents against text and data mining; we leave alone what is reserved.")
        )
    return sentences


def _choice(one: Proposal, *, chosen: bool) -> dict[str, object]:
    return {"kind": one.kind, "url": one.url, "value": f"{one.kind} {one.url}", "chosen": chosen}


@require_POST
@member_view_of(*WATCHERS)
def make(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Make the watch, and run it at once if that is wished."""
    assert isinstance(request.user, User)
    form = WatchForm(request.POST)
    chosen = request.POST.getlist("source")
    offered = _sources(request.POST.getlist("offered"))
    sources = _sources(chosen)
    if form.is_valid():
        try:
            watch = _made(owner, form, sources, request.user.get_username())
            if request.POST.get("now"):
                started = watching.start_now(watch)
                return redirect("crawl", slug=owner.slug, watch_number=watch.number, number=started.number)
        except ExhibitError as error:
            form.add_error(None, refusal_in_words(error.reason) if isinstance(error, RefusedError) else str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("watch", slug=owner.slug, number=watch.number)
    shown = [_choice(one, chosen=one in sources) for one in offered]
    values = {"owner": owner, "form": form, "offered": shown, "address": offered[0].url if offered else ""}
    return render(request, "web/watch-new.html", values, status=422)


def _sources(given: list[str]) -> list[Proposal]:
    """Sources as the form sends them, kind and address; what isn't one is left out."""
    found = []
    for kind, _blank, url in (one.partition(" ") for one in given[:MOST_SOURCES]):
        if kind in KINDS and 0 < len(url) <= LONGEST:
            found.append(Proposal(SourceKind(kind), url))
    return found


def _made(owner: Owner, form: WatchForm, sources: list[Proposal], by: str) -> Watch:
    for one in sources:
        house().guard.check_url(one.url)
        if crawling.denied(host_of(one.url)):
            raise RefusedError("The host isn't visited.", reason="denied-host")
    if not sources:
        raise WrongUseError(_("Choose at least one place to look at."))
    given = form.settings()
    return watching.add_watch(owner, given.pop("name"), [(str(one.kind), one.url) for one in sources], **given, by=by)
