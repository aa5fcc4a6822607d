"""Sites that appear in an owner's cases, registry lookups, and results of notices."""

from typing import Annotated

from ninja import Path, Query, Router

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Limit
from desk.schemas import requests
from desk.schemas.parties import parties as schemas
from registry.parties import parties
from registry.parties.rdap import have_asked
from workers import wiring

router = Router(tags=["parties"])
PARTIES = "/owners/{slug:owner}/parties"
Words = Annotated[str, Query(max_length=260, pattern=requests.CLEAN, description="Part of the site's name.")]
Name = Annotated[str, Path(max_length=260, pattern=requests.CLEAN, description="Host name or account.")]
Skip = Annotated[int, Query(ge=0, le=1_000_000, description="Number of sites to skip: `next` of the previous page.")]


@router.get(PARTIES, response=schemas.Parties)
def list_parties(request: Call, owner: str, q: Words = "", skip: Skip = 0, limit: Limit = 50) -> schemas.Parties:
    """List the sites that appear in the owner's cases, those with the most confirmed and waiting cases first."""
    found = parties.lines(parties.parties(of(request), q)[skip : skip + limit + 1])
    more = len(found) > limit
    return schemas.Parties(items=schemas.PartyLine.from_rows(found[:limit]), next=skip + limit if more else None)


@router.get("/owners/{slug:owner}/outcomes", response=schemas.NoticeOutcomes)
def list_outcomes(request: Call, owner: str) -> schemas.NoticeOutcomes:
    """Get statistics of sent notices, by kind: removals, replies, and median days."""
    return schemas.NoticeOutcomes(items=schemas.NoticeOutcome.from_rows(parties.outcomes(of(request))))


@router.post("/owners/{slug:owner}/lookups", response={201: schemas.PartyLookup}, auth=WRITE)
@once
def look_up_party(request: Call, owner: str, named: schemas.PartyNamed) -> schemas.PartyLookup:
    """Look up a site in domain and IP registries (RDAP), which learn its name. Results are reused for a day."""
    return schemas.PartyLookup.from_row(have_asked(wiring.services(), of(request), named.party, by=request.auth.by))


@router.get(PARTIES + "/{path:party}", response=schemas.Party)
def get_party(request: Call, owner: str, party: Name) -> schemas.Party:
    """Get a site with its cases, works, pages, notices, contacts and registry data."""
    return schemas.Party.of(of(request), party)
