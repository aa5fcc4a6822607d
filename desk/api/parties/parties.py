"""Sites that appear in an owner's cases, registry lookups, and results of notices."""

from typing import Annotated

from ninja import Path, Query, Router

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Limit
from desk.schemas import requests
from desk.schemas.parties import parties as schemas
from registry.parties import parties
from registry.parties.rdap import request_lookup
from workers import wiring

router = Router(tags=["sites"])
SITES = "/owners/{slug:owner}/sites"
Words = Annotated[str, Query(max_length=260, pattern=requests.CLEAN, description="Part of the site's name.")]
Name = Annotated[str, Path(max_length=260, pattern=requests.CLEAN, description="Host name or account.")]
Skip = Annotated[int, Query(ge=0, le=1_000_000, description="Number of sites to skip: `next` of the previous page.")]


@router.get(SITES, response=schemas.Sites)
def list_sites(request: Call, owner: str, q: Words = "", offset: Skip = 0, limit: Limit = 50) -> schemas.Sites:
    """List the sites that appear in the owner's cases, those with the most confirmed and waiting cases first."""
    found = parties.to_party_lines(parties.list_parties(of(request), q)[offset : offset + limit + 1])
    more = len(found) > limit
    return schemas.Sites(items=schemas.SiteSummary.from_rows(found[:limit]), next=offset + limit if more else None)


@router.get("/owners/{slug:owner}/notice-statistics", response=schemas.AllNoticeStatistics)
def get_notice_statistics(request: Call, owner: str) -> schemas.AllNoticeStatistics:
    """Get statistics of sent notices, by kind: removals, replies, and median days."""
    return schemas.AllNoticeStatistics(
        items=schemas.NoticeStatistics.from_rows(parties.summarise_outcomes(of(request)))
    )


@router.post("/owners/{slug:owner}/site-lookups", response={201: schemas.SiteLookup}, auth=WRITE)
@once
def look_up_site(request: Call, owner: str, named: schemas.SiteName) -> schemas.SiteLookup:
    """Look up a site in domain and IP registries (RDAP), which learn its name. Results are reused for a day."""
    return schemas.SiteLookup.from_row(request_lookup(wiring.services(), of(request), named.site, by=request.auth.by))


@router.get(SITES + "/{path:site}", response=schemas.Site)
def get_site(request: Call, owner: str, site: Name) -> schemas.Site:
    """Get a site with its cases, works, pages, notices, contacts and registry data."""
    return schemas.Site.of(of(request), site)
