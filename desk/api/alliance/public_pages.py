"""Public pages of works, and the public search for the owner of a picture."""

from base64 import b64encode

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from ninja import File, Router, UploadedFile as SentFile
from pydantic import Field

from desk.api.common.auth import WRITE, Call, get_request_owner
from desk.api.common.files import read_uploaded_picture
from desk.api.common.limits import limit_public_searches
from desk.schemas import requests
from desk.schemas.base import EXAMPLE_TIME, Hex, ResponseBody, UtcTime
from registry import scoped
from registry.matches.find_owner import PublicWorkMatch, Verdict, find_owners, get_upload_limits, make_change_map
from registry.services.services import Services
from registry.works.public_works import get_public_url, publish_work, unpublish_work
from workers import wiring

router = Router(tags=["works"])
PUBLIC_PAGE_PATH = "/owners/{slug:owner}/works/{int:number}/public"
EXAMPLE_URL = "https://exhibit.example.org/id/0123456789abcdef/"
EXAMPLE_CONTACT = "https://studio.example/licences"


class PublicPageSettings(requests.RequestBody):
    """Settings of a public page."""

    contact: requests.ShortText = Field(
        "",
        description="Contact for licence requests: a URL or an email address; empty if there is none.",
        examples=[EXAMPLE_CONTACT],
    )


class PublicPage(ResponseBody):
    """The public page of a work."""

    work: int = Field(alias="number", examples=[12], description="Work number.")
    address: str = Field(examples=[EXAMPLE_URL], description="URL of the page.")
    contact: str = Field(
        alias="licence_contact",
        examples=[EXAMPLE_CONTACT],
        description="Contact for licence requests; empty if there is none.",
    )
    opened_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the page was published.")


class ClaimedWork(ResponseBody):
    """A work that the picture shows and that has a public page. The declarations about the work are not verified."""

    title: str = Field(alias="work.title", examples=["Harbour at dawn"], description="Title of the work, as declared.")
    author: str = Field(alias="work.author", description="Author of the work, as declared.")
    holder: str = Field(examples=["Studio"], description="Rights holder, as declared; the owner if none was declared.")
    address: str = Field(
        description="URL of the public page. The file `work.json` under this URL contains more details.",
        examples=[EXAMPLE_URL],
    )
    registered_at: UtcTime = Field(
        alias="work.registered_at", examples=[EXAMPLE_TIME], description="Time at which the work was registered."
    )
    verdict: Verdict = Field(
        description="Relation of the picture to the work: `same-file` (identical file), `changed` (changed copy), "
        "`part` (shows only part of the work) or `perhaps` (possible match).",
        examples=["part"],
    )
    width: int = Field(alias="picture.width", description="Width of the registered picture in pixels.", examples=[480])
    height: int = Field(
        alias="picture.height", examples=[360], description="Height of the registered picture in pixels."
    )
    shown: float | None = Field(
        alias="verification.overlap_work",
        description="Fraction of the registered picture that the uploaded picture shows, from 0 to 1; null if the "
        "pictures were not compared.",
    )
    mirrored: bool | None = Field(
        alias="verification.mirrored",
        description="Whether the uploaded picture is mirrored; null if the pictures were not compared.",
    )
    place: list[list[int]] = Field(
        description="Corners of the common area, in pixels of the registered picture; empty if the pictures were not "
        "compared."
    )
    differing: float | None = Field(
        description="Fraction of the common area that differs, from 0 to 1; null if the pictures were not compared.",
        examples=[0.02],
    )
    map: str = Field(
        description="Base64-encoded JPEG that shows the uploaded picture in grey and the differences in orange; "
        "empty if the pictures were not compared."
    )


class OwnerSearchResult(ResponseBody):
    """Works with public pages that match a picture, and their owners."""

    digest: Hex
    verdict: Verdict = Field(
        description="Most certain verdict among all claims. `unknown` does not mean that the picture has no owner."
    )
    claims: list[ClaimedWork] = Field(
        description=(
            "Works that the picture shows and that have public pages, earliest registration first. One work of each "
            "owner is listed before the second work of any owner. The order does not prove authorship."
        )
    )
    more: int = Field(
        description="Number of further works that match the picture or look the same but are not listed; there may "
        "be more.",
        examples=[0],
    )
    owners: int = Field(
        description=(
            "Number of owners who claim the picture. If there are several, their claims contradict each other."
        ),
        examples=[1],
    )
    complete: bool = Field(description="Whether the search was completed.", examples=[True])
    too_plain: list[str] = Field(
        description="Reasons why only nearly exact copies of the picture can be recognised; empty for most pictures."
    )


@router.put(PUBLIC_PAGE_PATH, response=PublicPage, auth=WRITE)
def open_public_page(request: Call, owner: str, number: int, new: PublicPageSettings) -> PublicPage:
    """Publish a work on a public page, or change the contact on its page. The change is logged."""
    row = publish_work(
        wiring.services(), scoped.get_work(get_request_owner(request), number), contact=new.contact, by=request.auth.by
    )
    return PublicPage.from_row(row, address=get_public_url(wiring.services().config, row))


@router.delete(PUBLIC_PAGE_PATH, response={204: None}, auth=WRITE)
def close_public_page(request: Call, owner: str, number: int) -> None:
    """Remove the public page of a work. Its URL then returns 404. The change is logged."""
    unpublish_work(scoped.get_work(get_request_owner(request), number), by=request.auth.by)


@router.post("/id", response=OwnerSearchResult, auth=None, operation_id="find_owner")
def find_owner(request: HttpRequest, file: File[SentFile]) -> OwnerSearchResult:
    """Find the owner of a picture among works with public pages. No token is needed.

    The number of requests from each IP address is limited. The picture is not stored. Its digest and the result are
    entered in the log.
    """
    return search_public_works(file)


def search_public_works(file: "UploadedFile[bytes]") -> OwnerSearchResult:
    """Search the works with public pages for an uploaded picture, for the web interface and the API.

    Raises:
        Problem: Another search is running in this process, and did not finish in time.
    """
    services = wiring.services()
    with limit_public_searches():
        data = read_uploaded_picture(file, get_upload_limits(services))
        result = find_owners(services, data)
        return OwnerSearchResult.from_row(
            result, claims=[_build_claimed_work(services, claim, data) for claim in result.claims]
        )


def _build_claimed_work(services: Services, claim: PublicWorkMatch, data: bytes) -> ClaimedWork:
    change_map = make_change_map(services, claim, data)
    return ClaimedWork.from_row(
        claim,
        holder=claim.work.holder or claim.work.owner.name,
        address=get_public_url(services.config, claim.work) or "",
        place=[] if change_map is None else change_map.corners,
        differing=change_map and change_map.differing,
        map="" if change_map is None else b64encode(change_map.image).decode(),
    )
