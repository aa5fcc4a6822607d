"""Sites that appear in an owner's cases, registry lookups, and results of notices."""

from typing import Annotated

from ninja import Path, Query, Router

from desk.api.common.auth import WRITE, Call, get_request_owner
from desk.api.common.idempotency import make_idempotent
from desk.api.common.pagination import Limit
from desk.schemas import requests
from desk.schemas.parties import parties as schemas
from registry.parties import parties
from registry.parties.rdap import request_lookup
from workers import wiring

router = Router(tags=["sites"])
SITES = "/owners/{slug:owner}/sites"
NameFilter = Annotated[
    str,
    Query(max_length=260, pattern=requests.TEXT_PATTERN, description="Text that the name of the site must contain."),
]
Name = Annotated[
    str, Path(max_length=260, pattern=requests.TEXT_PATTERN, description="Host name or account of the site.")
]
Offset = Annotated[
    int, Query(ge=0, le=1_000_000, description="Number of sites to skip: the value of `next` in the previous response.")
]


@router.get(SITES, response=schemas.Sites)
def list_sites(request: Call, owner: str, q: NameFilter = "", offset: Offset = 0, limit: Limit = 50) -> schemas.Sites:
    """List the sites in the owner's cases, sorted by the number of confirmed cases, then of undecided cases."""
    sites = parties.to_party_rows(parties.list_parties(get_request_owner(request), q)[offset : offset + limit + 1])
    has_more = len(sites) > limit
    return schemas.Sites(items=schemas.SiteSummary.from_rows(sites[:limit]), next=offset + limit if has_more else None)


@router.get("/owners/{slug:owner}/notice-statistics", response=schemas.AllNoticeStatistics)
def get_notice_statistics(request: Call, owner: str) -> schemas.AllNoticeStatistics:
    """Get statistics about sent notices by type: removals, replies, and median times in days."""
    return schemas.AllNoticeStatistics(
        items=schemas.NoticeStatistics.from_rows(parties.summarise_outcomes(get_request_owner(request)))
    )


@router.post("/owners/{slug:owner}/site-lookups", response={201: schemas.SiteLookup}, auth=WRITE)
@make_idempotent
def look_up_site(request: Call, owner: str, named: schemas.SiteName) -> schemas.SiteLookup:
    """Look up a site in domain and IP registries (RDAP). Results are reused for one day.

    The registries receive the name of the site.
    """
    return schemas.SiteLookup.from_row(
        request_lookup(wiring.services(), get_request_owner(request), named.site, by=request.auth.by)
    )


@router.get(SITES + "/{path:site}", response=schemas.Site)
def get_site(request: Call, owner: str, site: Name) -> schemas.Site:
    """Get a site with its cases, works, pages, notices, contacts and registry data."""
    return schemas.Site.load(get_request_owner(request), site)
