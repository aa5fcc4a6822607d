"""A look at a pasted address, as pages show it: what the site says to crawlers, and which places it offers."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from crawler.formats.job import SourceKind
from crawler.site_probe import MAX_ADDRESS, Look, Proposal, Robots
from desk.texts.refusals import refusal_in_words
from desk.web.common.access import said
from exhibit.errors import RefusedError
from workers.crawls.site_probe import look_at_site
from workers.services import wiring

PASSING = ("unreachable", "too-slow", "http-403", "http-429", "http-5")
"""Beginnings of reasons why a look fails that may be gone when the watch runs."""
MAX_SOURCES = 50
KINDS = (SourceKind.SITE, SourceKind.SITEMAP, SourceKind.FEED, SourceKind.LIST)


def looked_at(request: HttpRequest) -> dict[str, object]:
    """What a page shows of a look at the address that a form sends: ``offered`` places, and what is said of them.

    Without ``offered`` there is nothing to choose, and ``problem`` or ``robots`` says why.
    """
    address = said(request.POST.get("address", ""))
    try:
        look = look_at_site(wiring.services(), address)
    except RefusedError as error:
        problem: dict[str, object] = {"address": address, "problem": refusal_in_words(error.reason, error.message)}
        if not error.reason.startswith(PASSING):
            return problem
        url = address if "://" in address else f"https://{address}"
        return problem | {"offered": [choice(Proposal(SourceKind.SITE, url), chosen=True)]}
    return {
        "address": look.url,
        "look": look,
        "robots": _robots_in_words(look),
        "offered": [choice(proposal, chosen=True) for proposal in look.proposals],
    }


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


def choice(one: Proposal, *, chosen: bool) -> dict[str, object]:
    """A place as a form offers it."""
    return {"kind": one.kind, "url": one.url, "value": f"{one.kind} {one.url}", "chosen": chosen}


def places(given: list[str]) -> list[Proposal]:
    """Places as a form sends them, kind and address; what isn't one is left out."""
    found = []
    for kind, _blank, url in (address.partition(" ") for address in given[:MAX_SOURCES]):
        if kind in KINDS and 0 < len(url) <= MAX_ADDRESS:
            found.append(Proposal(SourceKind(kind), url))
    return found
