"""The licence ledger: does a permitted use cover what was seen?"""

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q

from registry import trail
from registry.models import Licence, Owner, Sighting, Work


def covering_licence(work: Work, sighting: Sighting) -> Licence | None:
    """The first licence, by number, that covers this work at this place on the day it was seen."""
    for licence in licences_for(work):
        if why_not(licence, sighting) == "":
            return licence
    return None


@dataclass(frozen=True, slots=True)
class NewLicence:
    """A permitted use for the ledger; without works it is for all of the owner's, now and later."""

    licensee: str
    works: tuple[Work, ...] = ()
    domain: str = ""
    url_pattern: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    reason: str = ""


def keep_licences(owner: Owner, given: Sequence[NewLicence], *, by: str = "") -> tuple[list[Licence], int]:
    """Add permitted uses to an owner's ledger, all or none; one that stands there word for word stays alone.

    Returns:
        The licences in the order given, and how many of them are new.
    """
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        rows = owner.licences.prefetch_related("works")
        known = {_key(row, [work.pk for work in row.works.all()]): row for row in rows}
        number = max((row.number for row in known.values()), default=0)
        kept, before = [], len(known)
        for new in given:
            words = {name: getattr(new, name) for name in _WORDS}
            row = Licence(owner=owner, number=number + 1, **words)
            key = _key(row, [work.pk for work in new.works])
            if key not in known:
                row.save()
                row.works.set(new.works)
                known[key], number = row, row.number
            kept.append(known[key])
        if added := sorted(row.number for row in list(known.values())[before:]):
            trail.changed("licences added", by=by, owner=owner, about={"licences": added})
    return kept, len(known) - before


_WORDS = ("licensee", "domain", "url_pattern", "valid_from", "valid_until", "reason")


def _key(row: Licence, works: Iterable[int]) -> tuple[object, ...]:
    return (*(getattr(row, name) for name in _WORDS), tuple(sorted(set(works))))


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
