"""Possible addressees of a notice, from a table of platforms and from the site's pages. Guesses are marked as such."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from django.db.models import Q

from exhibit.clock import parse_rfc3339
from exhibit.network.addresses import get_registrable_domain, get_url_host
from registry.cases.models import PageReading
from registry.crawls.models import Crawl, FrontierUrl
from registry.db.claimable import StepState
from registry.notices.models import Notice
from registry.notices.notices import FILINGS

PLATFORM_TABLE_PATH = Path(__file__).parent / "platforms.toml"
DIRECTORY_URL = "https://dmca.copyright.gov/osp/"
"""The US Copyright Office's directory of the agents that providers have designated."""

MAX_PAGES, MAX_ADDRESSEES = 8, 12
_CONTACT = r"(contact|kontakt|impressum|imprint|legal|copyright|dmca|about|lianxi|lxwm|guanyu)"
_RELEVANT_WORDS = ("copyright", "dmca", "legal", "ipr", "abuse", "recht")


@dataclass(frozen=True, slots=True)
class AddresseeProposal:
    """One possible addressee."""

    kind: str  # ``table``, ``page`` (address on a captured page), ``link`` (to check by hand), ``rdap`` or ``office``.
    name: str
    email: str
    url: str  # URL of a form or a page.
    source: str  # URL of the page or register with this contact.
    day: date | None  # Day on which it was read.
    first_hand: bool  # True if the source is the addressee itself.


@dataclass(frozen=True, slots=True)
class Platform:
    """A row of the table of platforms."""

    domains: Sequence[str]
    name: str
    kinds: Sequence[str]
    source: str
    first_hand: bool
    read: date
    form: str = ""
    email: str = ""


@cache
def load_platforms() -> tuple[Platform, ...]:
    """Return the built-in table of platforms."""
    table = tomllib.loads(PLATFORM_TABLE_PATH.read_text(encoding="utf-8"))
    return tuple(Platform(**row) for row in table["platform"])


def propose_addressees(notice: Notice) -> list[AddresseeProposal]:
    """Return possible addressees of a notice, most reliable first. Only stored data is used; no request is sent."""
    if notice.kind in FILINGS:
        return []
    candidates = [
        *_list_from_table(notice),
        *_list_from_captures(notice),
        *_list_from_registries(notice),
        *_list_from_crawls(notice),
    ]
    if notice.kind == Notice.Kind.DMCA:
        candidates.append(AddresseeProposal("office", "", "", DIRECTORY_URL, DIRECTORY_URL, None, first_hand=False))
    return candidates[:MAX_ADDRESSEES]


def to_notice_fields(proposal: AddresseeProposal) -> dict[str, str]:
    """Return the notice fields that a proposal fills in. Fields without a value stay unchanged."""
    values = {"addressee_name": proposal.name, "addressee_email": proposal.email}
    return {name: text for name, text in values.items() if text} | {"addressee_source": proposal.source[:500]}


def _list_from_table(notice: Notice) -> Iterable[AddresseeProposal]:
    domain = get_registrable_domain(notice.party.split("/")[0])
    for platform in load_platforms():
        if notice.kind in platform.kinds and any(
            f".{domain}".endswith(f".{platform_domain}") for platform_domain in platform.domains
        ):
            yield AddresseeProposal(
                "table",
                platform.name,
                platform.email,
                platform.form,
                platform.source,
                platform.read,
                platform.first_hand,
            )


def _list_from_captures(notice: Notice) -> list[AddresseeProposal]:
    """Return email addresses on the site's captured pages; addresses with words such as "copyright" come first."""
    readings = PageReading.objects.filter(capture__case__notice_cases__notice=notice, state=StepState.DONE)
    newest_readings = (
        readings.select_related("capture__sighting").defer("words").order_by("-capture__finished_at")[:MAX_PAGES]
    )
    by_address: dict[str, AddresseeProposal] = {}
    for visit, address in ((reading.capture, address) for reading in newest_readings for address in reading.addresses):
        day = None if visit.finished_at is None else visit.finished_at.date()
        proposal = AddresseeProposal("page", "", address, "", visit.sighting.page_url, day, first_hand=False)
        by_address.setdefault(address, proposal)

    def get_sort_key(address: str) -> tuple[bool, bool]:
        name, _, host = address.rpartition("@")
        return not any(word in name for word in _RELEVANT_WORDS), get_registrable_domain(host) != notice.party

    return [by_address[address] for address in sorted(by_address, key=get_sort_key)[:5]]


def _list_from_registries(notice: Notice) -> Iterable[AddresseeProposal]:
    """Yield the abuse contacts that registries returned in an earlier lookup of the site. No request is sent."""
    row = notice.owner.party_lookups.filter(party=notice.party).first()
    for response in row.answers if row else ():
        name = response["network"] if response["about"] == "ip" else response["registrar"]
        for email in response["abuse"]:
            day = parse_rfc3339(response["at"]).date()
            yield AddresseeProposal("rdap", name, email, "", response["url"], day, first_hand=False)


def _list_from_crawls(notice: Notice) -> list[AddresseeProposal]:
    """Return crawled pages of the site whose URLs suggest contact details, for a manual check."""
    crawls = Crawl.objects.filter(sightings__case_sightings__case__notice_cases__notice=notice).distinct()
    recent_crawls = list(crawls.order_by("-pk").values_list("pk", flat=True)[:5])
    rows = FrontierUrl.objects.filter(crawl__in=recent_crawls, kind="page", url__iregex=rf"/[^?]*{_CONTACT}[^/?]*/?$")
    rows = rows.filter(Q(host=notice.party) | Q(host__endswith=f".{notice.party}"))  # Few of millions match.
    urls = dict.fromkeys(rows.values_list("url", flat=True)[:50])
    site_urls = [url for url in urls if get_registrable_domain(get_url_host(url)) == notice.party]
    return [AddresseeProposal("link", "", "", url, url, None, first_hand=False) for url in site_urls[:3]]
