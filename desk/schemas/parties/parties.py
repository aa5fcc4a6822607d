"""Parties, as programs are told of them."""

from typing import Self

from pydantic import Field

from desk.schemas.base import NOON, Answer, Moment
from desk.schemas.requests import Given
from registry import models
from registry.notices import notices
from registry.parties import parties


class PartyLine(Answer):
    """A party in a list."""

    party: str = Field(examples=["shop.example"])
    cases: int
    waiting: int = Field(description="Cases that wait for a person.")
    confirmed: int = Field(description="Cases that a person called not licensed.")
    removed: int = Field(description="Cases of which the last visits found no place any more.")
    places: int
    newest: Moment = Field(description="When its last case was opened.", examples=[NOON])


class PartyPlace(Answer):
    """A page of a party with a picture of a case."""

    case: int
    page_url: str
    first_seen: Moment | None = Field(description="Null where an archive states no moment.")
    last_seen: Moment | None


class PartyContact(Answer):
    """Whom notices to the party name."""

    name: str
    email: str
    source: str = Field(description="Where it was found.")
    notice: int = Field(description="The number of the last notice.")


class RegistryAnswer(Answer):
    """What a registry said (RDAP, RFC 9083); empty is what it didn't say."""

    about: str = Field(description="`domain` or `ip`.")
    query: str
    url: str
    at: str = Field(examples=[NOON])
    missing: str = Field(
        description="Why there is no answer: `nobody`, `not-found`, `no-answer`, `nonsense`; or empty."
    )
    registrant: str
    registrar: str
    network: str
    country: str
    since: str = Field(description="The day of registration.")
    abuse: list[str] = Field(description="Addresses for complaints.")


class PartyLookup(Answer):
    """What registries said when a member had them asked."""

    state: str = Field(description="`todo` and `doing` until they have been asked.", examples=["done"])
    asked_at: Moment = Field(examples=[NOON])
    asked_by: str
    error: str
    answers: list[RegistryAnswer]


class Party(PartyLine):
    """A party with what an owner has of it."""

    case_numbers: list[int] = Field(description="The newest, those that wait first.")
    works: list[int] = Field(description="Numbers of works that it showed, those with the most cases first.")
    notices: list[int]
    seen_at: list[PartyPlace] = Field(description="Those seen last.")
    contacts: list[PartyContact]
    lookup: PartyLookup | None

    @classmethod
    def of(cls, owner: models.Owner, name: str) -> Self:
        """All of it; raises ``NotFoundError``."""
        row, lookup = parties.party(owner, name), parties.lookup_of(owner, name)
        letters = notices.notices(owner).filter(party=name)
        return cls.from_row(
            row,
            case_numbers=parties.cases_of(owner, name).values_list("number", flat=True)[:100],
            works=parties.works_of(owner, name).values_list("number", flat=True)[:100],
            notices=letters.values_list("number", flat=True)[:100],
            seen_at=PartyPlace.from_rows(parties.places_of(owner, name, 100)),
            contacts=[
                PartyContact(name=name, email=email, source=source, notice=notice)
                for name, email, source, notice in parties.contacts_of(owner, name)
            ],
            lookup=PartyLookup.from_row(lookup) if lookup else None,
        )


class Parties(Answer):
    """Parties by their names."""

    items: list[PartyLine]
    next: int | None = Field(description="Ask again with it as `skip`; null at the end.")


class NoticeOutcome(Answer):
    """What notices of one kind brought about, as members wrote it down and as answers came on their pages."""

    kind: str = Field(examples=["dmca"])
    sent: int
    removed: int
    answered: int
    days_to_removal: int | None = Field(description="The median, from the day of sending.")
    days_to_answer: int | None


class NoticeOutcomes(Answer):
    """What notices brought about, by kind."""

    items: list[NoticeOutcome]


class PartyNamed(Given):
    """A party of the owner's cases."""

    party: str = Field(min_length=1, max_length=260, pattern="^[!-~]+$", examples=["shop.example"])
