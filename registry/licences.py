"""The licence ledger: does a permitted use cover what was seen?"""

import fnmatch
from datetime import date
from urllib.parse import urlsplit

from django.db.models import Q

from registry.models import Licence, Sighting, Work


def covering_licence(work: Work, sighting: Sighting) -> Licence | None:
    """The first licence, by number, that covers this work at this place on the day it was seen."""
    for licence in licences_for(work):
        if why_not(licence, sighting) == "":
            return licence
    return None


def licences_for(work: Work) -> list[Licence]:
    """The owner's licences that name this work, or no work in particular."""
    rows = Licence.objects.filter(Q(works=work) | Q(works=None), owner=work.owner_id)
    return list(rows.distinct().order_by("number"))


def why_not(licence: Licence, sighting: Sighting) -> str:
    """Why a licence doesn't cover a sighting, in a few words; empty when it does.

    A licence without a domain, a URL pattern or an account covers nothing: a permission for everybody is no licence.
    """
    if not (licence.domain or licence.url_pattern or licence.account):
        return "it names no domain, address or account"
    if licence.domain and not _within(sighting.host, licence.domain):
        return f"it is for {licence.domain}"
    if licence.url_pattern and not _matches(sighting, licence.url_pattern):
        return f"it is for addresses like {licence.url_pattern}"
    if licence.account and licence.account.lower() != sighting.party.lower():
        return f"it is for the account {licence.account}"
    return _why_not_then(licence, sighting.last_seen.date())


def _within(host: str, domain: str) -> bool:
    name = domain.lower().strip(".").removeprefix("*.")
    return host == name or host.endswith(f".{name}")


def _matches(sighting: Sighting, pattern: str) -> bool:
    """Whether the page or the image lies at such an address: ``*`` is any run of characters."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return any(
        fnmatch.fnmatchcase(url, literal) or fnmatch.fnmatchcase(_bare(url), literal)
        for url in (sighting.page_url, sighting.image_url)
    )


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def _why_not_then(licence: Licence, day: date) -> str:
    if licence.valid_from is not None and day < licence.valid_from:
        return f"it begins on {licence.valid_from.isoformat()}"
    if licence.valid_until is not None and day > licence.valid_until:
        return f"it ended on {licence.valid_until.isoformat()}"
    return ""
