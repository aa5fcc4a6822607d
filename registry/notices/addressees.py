"""Whom a notice may go to: a table of platforms, and what the party's own pages say. A guess is called a guess."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from html import unescape
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from django.db.models import Q

from exhibit.clock import parse_rfc3339
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.network.addresses import host_of, registrable_domain
from registry.db.fields import KeptFile
from registry.models import Capture, Crawl, FrontierUrl, Notice, PartyLookup, StepState
from registry.notices.checker import is_address
from registry.notices.notices import FILINGS
from registry.services.services import Services

TABLE = Path(__file__).parent / "platforms.toml"
DIRECTORY = "https://dmca.copyright.gov/osp/"
"""Where the US Copyright Office lists the agents that providers have designated."""

MAX_PAGES, MAX_BYTES, MAX_ADDRESSES, MAX_PROPOSALS = 8, 1024 * 1024, 40, 12
_MAILTO = re.compile(r"mailto:([^\"'?#>\s]{3,300})", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")
_CONTACT = r"(contact|kontakt|impressum|imprint|legal|copyright|dmca|about|lianxi|lxwm|guanyu)"
_FILES = (".png", ".jpg", ".gif", ".webp", ".svg", ".js", ".css")
_TELLING = ("copyright", "dmca", "legal", "ipr", "abuse", "recht")


@dataclass(frozen=True, slots=True)
class Proposal:
    """One possible addressee, as far as it is known."""

    kind: str  # ``table``, ``page`` (an address on a captured page), ``link`` (to be looked at), ``rdap``, ``office``
    name: str
    email: str
    url: str  # a form or a page
    source: str  # where it was read
    day: date | None  # when that was
    first_hand: bool  # whether the addressee itself says so


@dataclass(frozen=True, slots=True)
class Platform:
    """A line of the table of platforms."""

    domains: Sequence[str]
    name: str
    kinds: Sequence[str]
    source: str
    first_hand: bool
    read: date
    form: str = ""
    email: str = ""


@cache
def platforms() -> tuple[Platform, ...]:
    """The table of platforms that comes with the software."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return tuple(Platform(**line) for line in table["platform"])


def proposals(services: Services, notice: Notice) -> list[Proposal]:
    """Possible addressees of a notice, the best known first. Nothing is fetched: it was captured and crawled."""
    if notice.kind in FILINGS:
        return []
    found = [*_of_table(notice), *_of_captures(services, notice), *_of_registries(notice), *_of_crawls(notice)]
    if notice.kind == Notice.Kind.DMCA:
        found.append(Proposal("office", "", "", DIRECTORY, DIRECTORY, None, first_hand=False))
    return found[:MAX_PROPOSALS]


def addressee_of(proposal: Proposal) -> dict[str, str]:
    """The fields of a notice that a proposal fills in; where it names nobody, the field stays as it is."""
    given = {"addressee_name": proposal.name, "addressee_email": proposal.email}
    return {name: text for name, text in given.items() if text} | {"addressee_source": proposal.source[:500]}


def _of_table(notice: Notice) -> Iterable[Proposal]:
    domain = registrable_domain(notice.party.split("/")[0])
    for line in platforms():
        if notice.kind in line.kinds and any(f".{domain}".endswith(f".{each}") for each in line.domains):
            yield Proposal("table", line.name, line.email, line.form, line.source, line.read, line.first_hand)


def _of_captures(services: Services, notice: Notice) -> list[Proposal]:
    """Mail addresses that stand on the captured pages of the party, those that speak of copyright first."""
    rows = Capture.objects.filter(case__notice_cases__notice=notice, state=StepState.DONE).select_related("sighting")
    found: dict[str, Proposal] = {}
    for row in rows.order_by("-finished_at")[:MAX_PAGES]:
        for address in _addresses(_page(services, row.files)):
            day = None if row.finished_at is None else row.finished_at.date()
            known = Proposal("page", "", address, "", row.sighting.page_url, day, first_hand=False)
            found.setdefault(address, known)

    def rank(address: str) -> tuple[bool, bool]:
        name, _, host = address.rpartition("@")
        return not any(word in name for word in _TELLING), registrable_domain(host) != notice.party

    return [found[address] for address in sorted(found, key=rank)[:5]]


def _page(services: Services, files: Sequence[KeptFile]) -> str:
    digest = next((file["digest"] for file in files if file["role"] == "page"), None)
    if digest is None:
        return ""
    try:
        with services.blobs.open(Digest.from_hex(digest)) as stream:
            return stream.read(MAX_BYTES).decode("utf-8", "replace")
    except NotFoundError:
        return ""


def _addresses(page: str) -> list[str]:
    """Mail addresses in a page's HTML: links first, then words; of a page made of addresses the first ones."""
    links = (unquote(unescape(match[1])) for match in _MAILTO.finditer(page))
    words = (match[0] for match in _ADDRESS.finditer(page))
    told = [*islice(links, MAX_ADDRESSES), *islice(words, MAX_ADDRESSES)]
    found = dict.fromkeys(address.strip().lower() for address in told)
    return [address for address in found if is_address(address) and not address.endswith(_FILES)]


def _of_registries(notice: Notice) -> Iterable[Proposal]:
    """Addresses for complaints that registries named when a member had them asked for the party; none is asked now."""
    row = PartyLookup.objects.filter(owner=notice.owner_id, party=notice.party).first()
    for answer in row.answers if row else ():
        name = answer["network"] if answer["about"] == "ip" else answer["registrar"]
        for email in answer["abuse"]:
            day = parse_rfc3339(answer["at"]).date()
            yield Proposal("rdap", name, email, "", answer["url"], day, first_hand=False)


def _of_crawls(notice: Notice) -> list[Proposal]:
    """Pages of the party that crawls of this owner met and whose address speaks of contact: to be looked at."""
    crawls = Crawl.objects.filter(sightings__case_sightings__case__notice_cases__notice=notice).distinct()
    recent = list(crawls.order_by("-pk").values_list("pk", flat=True)[:5])
    rows = FrontierUrl.objects.filter(crawl__in=recent, kind="page", url__iregex=rf"/[^?]*{_CONTACT}[^/?]*/?$")
    rows = rows.filter(Q(host=notice.party) | Q(host__endswith=f".{notice.party}"))  # of millions, these are few
    met = dict.fromkeys(rows.values_list("url", flat=True)[:50])
    known = [url for url in met if registrable_domain(host_of(url)) == notice.party]
    return [Proposal("link", "", "", url, url, None, first_hand=False) for url in known[:3]]
