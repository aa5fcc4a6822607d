"""Responses about sites."""

from typing import Self

from pydantic import Field

from desk.schemas.base import EXAMPLE_TIME, ResponseBody, UtcTime
from desk.schemas.requests import RequestBody
from registry import models
from registry.notices import notices
from registry.parties import parties


class SiteSummary(ResponseBody):
    """A site in a list."""

    site: str = Field(
        alias="party", examples=["shop.example"], description="Domain or account on which the pictures were found."
    )
    cases: int = Field(description="Number of cases.")
    waiting: int = Field(description="Number of cases that need a review.")
    confirmed: int = Field(description="Number of cases with the decision `confirmed` (not licensed).")
    removed: int = Field(description="Number of cases whose pictures were removed from all pages.")
    pages: int = Field(alias="places", description="Number of pages with found pictures.")
    newest: UtcTime = Field(description="Time at which the latest case was opened.", examples=[EXAMPLE_TIME])


class SitePage(ResponseBody):
    """A page of a site with a picture that was found in a case."""

    case: int = Field(description="Case number.")
    page_url: str = Field(description="URL of the page.")
    first_seen: UtcTime | None = Field(
        description="Time of the first sighting; null if it comes from a web archive that states no time."
    )
    last_seen: UtcTime | None = Field(description="Time of the latest sighting.")


class SiteContact(ResponseBody):
    """Contact details of an addressee of notices to the site."""

    name: str = Field(description="Name of the addressee.")
    email: str = Field(description="Email address of the addressee.")
    source: str = Field(description="Source of the contact details.")
    notice: int = Field(description="Number of the latest notice to this addressee.")


class RegistryRecord(ResponseBody):
    """Registry data (RDAP, RFC 9083). Values that the registry does not provide are empty."""

    about: str = Field(description="Type of the object that was looked up: `domain` or `ip` (IP address).")
    query: str = Field(description="Domain name or IP address that was looked up.")
    url: str = Field(description="URL of the request.")
    at: str = Field(examples=[EXAMPLE_TIME], description="Time of the response.")
    missing: str = Field(
        description=(
            "Reason why there is no data: `nobody` (no registry is responsible), `not-found`, `no-answer` (no "
            "response from the registry) or `nonsense` (invalid response); empty if there is data."
        )
    )
    registrant: str = Field(description="Holder of the domain or network.")
    registrar: str = Field(description="Registrar of the domain.")
    network: str = Field(description="Name of the IP network.")
    country: str = Field(description="Country code (ISO 3166-1 alpha-2).")
    since: str = Field(description="Date of registration.")
    abuse: list[str] = Field(description="Email addresses for complaints.")


class SiteLookup(ResponseBody):
    """Result of a registry lookup."""

    state: str = Field(description="State of the lookup: `queued`, `running`, `done` or `failed`.", examples=["done"])
    requested_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the lookup was requested.")
    requested_by: str = Field(description="Member who requested the lookup.")
    error: str = Field(description="Reason why the lookup failed; empty if it did not fail.")
    answers: list[RegistryRecord] = Field(description="Data from the registries.")


class Site(SiteSummary):
    """A site with its cases, works, pages, notices and contacts."""

    case_numbers: list[int] = Field(description="Case numbers, at most 100; cases that need a review come first.")
    works: list[int] = Field(description="Work numbers, at most 100; works with the most cases come first.")
    notices: list[int] = Field(description="Notice numbers, at most 100.")
    seen_at: list[SitePage] = Field(description="Pages with the latest sightings, at most 100.")
    contacts: list[SiteContact] = Field(description="Addressees of notices to the site.")
    lookup: SiteLookup | None = Field(description="Registry lookup of the site; null if none was requested.")

    @classmethod
    def load(cls, owner: models.Owner, name: str) -> Self:
        """Load a site of the owner's cases.

        Raises:
            NotFoundError: No case of the owner is about this site.
        """
        row, lookup = parties.get_party(owner, name), parties.get_lookup(owner, name)
        notice_rows = notices.list_notices(owner).filter(party=name)
        return cls.from_row(
            row,
            case_numbers=parties.list_cases(owner, name).values_list("number", flat=True)[:100],
            works=parties.list_works(owner, name).values_list("number", flat=True)[:100],
            notices=notice_rows.values_list("number", flat=True)[:100],
            seen_at=SitePage.from_rows(parties.list_pages(owner, name, 100)),
            contacts=[
                SiteContact(name=name, email=email, source=source, notice=notice)
                for name, email, source, notice in parties.list_contacts(owner, name)
            ],
            lookup=SiteLookup.from_row(lookup) if lookup else None,
        )


class Sites(ResponseBody):
    """A list of sites."""

    items: list[SiteSummary] = Field(
        description=(
            "Sites, sorted in descending order by the number of confirmed cases and then by the number of cases "
            "that need a review."
        )
    )
    next: int | None = Field(description="Value of `offset` for the next request; null at the end of the list.")


class NoticeStatistics(ResponseBody):
    """Statistics about sent notices of one type, based on replies and on events recorded by members."""

    kind: str = Field(examples=["dmca"], description="Type of the notices.")
    sent: int = Field(description="Number of notices sent.")
    removed: int = Field(description="Number of notices after which the pictures were removed.")
    answered: int = Field(description="Number of notices with a reply.")
    days_to_removal: int | None = Field(
        description="Median number of days from sending to removal; null if there was no removal."
    )
    days_to_answer: int | None = Field(
        description="Median number of days from sending to a reply; null if there was no reply."
    )


class AllNoticeStatistics(ResponseBody):
    """Statistics about sent notices, by type."""

    items: list[NoticeStatistics] = Field(description="Statistics, one item for each type of notice.")


class SiteName(RequestBody):
    """Site that appears in the owner's cases."""

    site: str = Field(
        min_length=1,
        max_length=260,
        pattern="^[!-~]+$",
        examples=["shop.example"],
        description="Domain or account, as shown in the cases.",
    )
