"""Possible addressees of a notice, from a table of platforms and from the party's pages. Guesses are marked as such."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from django.db.models import Q

from exhibit.clock import parse_rfc3339
from exhibit.network.addresses import host_of, registrable_domain
from registry.cases.models import PageReading
from registry.crawls.models import Crawl, FrontierUrl
from registry.db.claimable import StepState
from registry.notices.models import Notice
from registry.notices.notices import FILINGS

TABLE = Path(__file__).parent / "platforms.toml"
DIRECTORY = "https://dmca.copyright.gov/osp/"
"""The US Copyright Office's directory of the agents that providers have designated."""

MAX_PAGES, MAX_PROPOSALS = 8, 12
_CONTACT = r"(contact|kontakt|impressum|imprint|legal|copyright|dmca|about|lianxi|lxwm|guanyu)"
_RELEVANT_WORDS = ("copyright", "dmca", "legal", "ipr", "abuse", "recht")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One possible addressee."""

    kind: str  # ``table``, ``page`` (address on a captured page), ``link`` (to check by hand), ``rdap`` or ``office``.
    name: str
    email: str
    url: str  # A form or a page.
    source: str  # Where Exhibit read it.
    day: date | None  # When Exhibit read it.
    first_hand: bool  # True if the addressee itself states it.


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
    """Return the shipped table of platforms."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return tuple(Platform(**line) for line in table["platform"])


def propose_addressees(notice: Notice) -> list[Proposal]:
    """Return possible addressees of a notice, most reliable first. Only captured and crawled data is used."""
    if notice.kind in FILINGS:
        return []
    candidates = [
        *_list_from_table(notice),
        *_list_from_captures(notice),
        *_list_from_registries(notice),
        *_list_from_crawls(notice),
    ]
    if notice.kind == Notice.Kind.DMCA:
        candidates.append(Proposal("office", "", "", DIRECTORY, DIRECTORY, None, first_hand=False))
    return candidates[:MAX_PROPOSALS]


def to_notice_fields(proposal: Proposal) -> dict[str, str]:
    """Return the notice fields that a proposal fills in. Fields without a value stay unchanged."""
    values = {"addressee_name": proposal.name, "addressee_email": proposal.email}
    return {name: text for name, text in values.items() if text} | {"addressee_source": proposal.source[:500]}


def _list_from_table(notice: Notice) -> Iterable[Proposal]:
    domain = registrable_domain(notice.party.split("/")[0])
    for line in load_platforms():
        if notice.kind in line.kinds and any(f".{domain}".endswith(f".{each}") for each in line.domains):
            yield Proposal("table", line.name, line.email, line.form, line.source, line.read, line.first_hand)


def _list_from_captures(notice: Notice) -> list[Proposal]:
    """Return email addresses on the party's captured pages; those that mention copyright come first."""
    readings = PageReading.objects.filter(capture__case__notice_cases__notice=notice, state=StepState.DONE)
    newest = readings.select_related("capture__sighting").defer("words").order_by("-capture__finished_at")[:MAX_PAGES]
    by_address: dict[str, Proposal] = {}
    for visit, address in ((reading.capture, address) for reading in newest for address in reading.addresses):
        day = None if visit.finished_at is None else visit.finished_at.date()
        proposal = Proposal("page", "", address, "", visit.sighting.page_url, day, first_hand=False)
        by_address.setdefault(address, proposal)

    def rank(address: str) -> tuple[bool, bool]:
        name, _, host = address.rpartition("@")
        return not any(word in name for word in _RELEVANT_WORDS), registrable_domain(host) != notice.party

    return [by_address[address] for address in sorted(by_address, key=rank)[:5]]


def _list_from_registries(notice: Notice) -> Iterable[Proposal]:
    """Yield the abuse contacts that registries named in an earlier lookup of the party. No query is sent."""
    row = notice.owner.party_lookups.filter(party=notice.party).first()
    for answer in row.answers if row else ():
        name = answer["network"] if answer["about"] == "ip" else answer["registrar"]
        for email in answer["abuse"]:
            day = parse_rfc3339(answer["at"]).date()
            yield Proposal("rdap", name, email, "", answer["url"], day, first_hand=False)


def _list_from_crawls(notice: Notice) -> list[Proposal]:
    """Return crawled pages of the party whose URL suggests contact details, to check by hand."""
    crawls = Crawl.objects.filter(sightings__case_sightings__case__notice_cases__notice=notice).distinct()
    recent = list(crawls.order_by("-pk").values_list("pk", flat=True)[:5])
    rows = FrontierUrl.objects.filter(crawl__in=recent, kind="page", url__iregex=rf"/[^?]*{_CONTACT}[^/?]*/?$")
    rows = rows.filter(Q(host=notice.party) | Q(host__endswith=f".{notice.party}"))  # Few rows among millions match.
    urls = dict.fromkeys(rows.values_list("url", flat=True)[:50])
    party_urls = [url for url in urls if registrable_domain(host_of(url)) == notice.party]
    return [Proposal("link", "", "", url, url, None, first_hand=False) for url in party_urls[:3]]
