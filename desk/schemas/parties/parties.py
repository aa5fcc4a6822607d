"""Responses about sites."""

from typing import Self

from pydantic import Field

from desk.schemas.base import NOON, Answer, Moment
from desk.schemas.requests import RequestBody
from registry import models
from registry.notices import notices
from registry.parties import parties


class SiteSummary(Answer):
    """A site in a list."""

    site: str = Field(alias="party", examples=["shop.example"], description="Host name or account.")
    cases: int = Field(description="Number of cases.")
    waiting: int = Field(description="Cases that need a review.")
    confirmed: int = Field(description="Cases decided as not licensed.")
    removed: int = Field(description="Cases whose pictures are no longer online on any page.")
    pages: int = Field(alias="places", description="Number of pages.")
    newest: Moment = Field(description="Time at which the latest case was opened.", examples=[NOON])


class SitePage(Answer):
    """A page of a site with a picture of a case."""

    case: int = Field(description="Number of the case.")
    page_url: str = Field(description="URL of the page.")
    first_seen: Moment | None = Field(description="Time of the first sighting; null if an archive states no time.")
    last_seen: Moment | None = Field(description="Time of the latest sighting.")


class SiteContact(Answer):
    """Addressee of notices to the site."""

    name: str
    email: str
    source: str = Field(description="Source of the contact data.")
    notice: int = Field(description="Number of the latest notice.")


class RegistryRecord(Answer):
    """Registry data (RDAP, RFC 9083). Values that the registry does not state are empty."""

    about: str = Field(description="`domain` or `ip`.")
    query: str = Field(description="Name or address that was looked up.")
    url: str = Field(description="URL of the request.")
    at: str = Field(examples=[NOON])
    missing: str = Field(
        description=(
            "Reason why there is no data: `nobody` (no registry), `not-found`, `no-answer` or"
            " `nonsense` (invalid response); empty if there is."
        )
    )
    registrant: str
    registrar: str
    network: str = Field(description="Name of the network.")
    country: str
    since: str = Field(description="Date of registration.")
    abuse: list[str] = Field(description="Email addresses for complaints.")


class SiteLookup(Answer):
    """Result of a registry lookup."""

    state: str = Field(description="`todo` or `doing` until the registries have responded.", examples=["done"])
    requested_at: Moment = Field(alias="asked_at", examples=[NOON], description="Time of the request.")
    requested_by: str = Field(alias="asked_by", description="Member who requested the lookup.")
    error: str = Field(description="Reason of a failure; empty otherwise.")
    answers: list[RegistryRecord] = Field(description="Registry data.")


class Site(SiteSummary):
    """A site with its cases, works, pages, notices and contacts."""

    case_numbers: list[int] = Field(description="Numbers of the latest cases, those that need a review first.")
    works: list[int] = Field(description="Numbers of the works that it shows, those with the most cases first.")
    notices: list[int] = Field(description="Numbers of notices to the site.")
    seen_at: list[SitePage] = Field(description="Pages with the latest sightings.")
    contacts: list[SiteContact] = Field(description="Addressees of notices to the site.")
    lookup: SiteLookup | None = Field(description="Registry lookup; null if there is none.")

    @classmethod
    def of(cls, owner: models.Owner, name: str) -> Self:
        """All of it; raises ``NotFoundError``."""
        row, lookup = parties.get_party(owner, name), parties.get_lookup(owner, name)
        letters = notices.list_notices(owner).filter(party=name)
        return cls.from_row(
            row,
            case_numbers=parties.list_cases(owner, name).values_list("number", flat=True)[:100],
            works=parties.list_works(owner, name).values_list("number", flat=True)[:100],
            notices=letters.values_list("number", flat=True)[:100],
            seen_at=SitePage.from_rows(parties.list_places(owner, name, 100)),
            contacts=[
                SiteContact(name=name, email=email, source=source, notice=notice)
                for name, email, source, notice in parties.list_contacts(owner, name)
            ],
            lookup=SiteLookup.from_row(lookup) if lookup else None,
        )


class Sites(Answer):
    """Sites."""

    items: list[SiteSummary]
    next: int | None = Field(description="Value for `offset`; null at the end.")


class NoticeStatistics(Answer):
    """Statistics of sent notices of one type, as recorded by members and from replies."""

    kind: str = Field(examples=["dmca"], description="Type of the notices.")
    sent: int = Field(description="Notices sent.")
    removed: int = Field(description="Notices followed by a removal.")
    answered: int = Field(description="Notices with a reply.")
    days_to_removal: int | None = Field(description="Median days from sending to removal.")
    days_to_answer: int | None = Field(description="Median days from sending to a reply.")


class AllNoticeStatistics(Answer):
    """Statistics of sent notices, by type."""

    items: list[NoticeStatistics]


class SiteName(RequestBody):
    """A site that appears in the owner's cases."""

    site: str = Field(
        min_length=1, max_length=260, pattern="^[!-~]+$", examples=["shop.example"], description="Host name or account."
    )
