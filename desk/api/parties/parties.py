"""Parties of an owner's cases, with what registries say of them, and what notices brought about."""

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
Words = Annotated[str, Query(max_length=260, pattern=requests.CLEAN, description="Only those with this in their name.")]
Name = Annotated[str, Path(max_length=260, pattern=requests.CLEAN)]
Skip = Annotated[int, Query(ge=0, le=1_000_000)]


@router.get(PARTIES, response=schemas.Parties)
def list_parties(request: Call, owner: str, q: Words = "", skip: Skip = 0, limit: Limit = 50) -> schemas.Parties:
    """The parties of the owner's cases, counted: those with the most confirmed and waiting cases first."""
    found = parties.lines(parties.parties(of(request), q)[skip : skip + limit + 1])
    more = len(found) > limit
    return schemas.Parties(items=schemas.PartyLine.from_rows(found[:limit]), next=skip + limit if more else None)


@router.get("/owners/{slug:owner}/outcomes", response=schemas.NoticeOutcomes)
def list_outcomes(request: Call, owner: str) -> schemas.NoticeOutcomes:
    """What came of the notices that were sent, by kind: removals, answers, and median days."""
    return schemas.NoticeOutcomes(items=schemas.NoticeOutcome.from_rows(parties.outcomes(of(request))))


@router.post("/owners/{slug:owner}/lookups", response={201: schemas.PartyLookup}, auth=WRITE)
@once
def look_up_party(request: Call, owner: str, named: schemas.PartyNamed) -> schemas.PartyLookup:
    """Have registries asked for a party; what they said within a day is kept. They learn which name is asked about."""
    return schemas.PartyLookup.from_row(have_asked(wiring.services(), of(request), named.party, by=request.auth.by))


@router.get(PARTIES + "/{path:party}", response=schemas.Party)
def get_party(request: Call, owner: str, party: Name) -> schemas.Party:
    """One party with its cases, works, places, notices, contacts, and what registries said of it."""
    return schemas.Party.of(of(request), party)
