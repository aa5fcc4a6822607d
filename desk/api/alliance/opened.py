"""Public pages of works, and the public search for the owner of a picture."""

from base64 import b64encode

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from ninja import File, Router, UploadedFile as SentFile
from pydantic import Field

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.files import picture_in
from desk.api.common.limits import one_asked
from desk.schemas import requests
from desk.schemas.base import NOON, Answer, Hex, Moment
from registry import scoped
from registry.matches.find_owner import Claim, Verdict, find_owners, get_upload_limits, make_change_map
from registry.services.services import Services
from registry.works.public_works import close_work, get_public_url, open_work
from workers import wiring

router = Router(tags=["works"])
PUBLIC = "/owners/{slug:owner}/works/{int:number}/public"
ADDRESS = "https://exhibit.example.org/id/0123456789abcdef/"
CONTACT = "https://studio.example/licences"


class PublicPageSettings(requests.RequestBody):
    """Settings of a public page."""

    contact: requests.Short = Field(
        "", description="Contact for licences: a web or email address; empty for none.", examples=[CONTACT]
    )


class PublicPage(Answer):
    """The public page of a work."""

    work: int = Field(alias="number", examples=[12])
    address: str = Field(examples=[ADDRESS], description="URL of the page.")
    contact: str = Field(alias="licence_contact", examples=[CONTACT], description="Contact for licences.")
    opened_at: Moment = Field(examples=[NOON])


class ClaimedWork(Answer):
    """A public work that the picture shows. Its declarations are not verified. Null: not compared."""

    title: str = Field(alias="work.title", examples=["Harbour at dawn"])
    author: str = Field(alias="work.author")
    holder: str = Field(examples=["Studio"], description="Rights holder as declared.")
    address: str = Field(
        description="URL of the public page; `work.json` below it contains more details.", examples=[ADDRESS]
    )
    registered_at: Moment = Field(alias="work.registered_at", examples=[NOON])
    verdict: Verdict = Field(description="Relation of the picture to the work.", examples=["part"])
    width: int = Field(alias="picture.width", description="Width of the registered picture in pixels.", examples=[480])
    height: int = Field(
        alias="picture.height", examples=[360], description="Height of the registered picture in pixels."
    )
    shown: float | None = Field(
        alias="verification.overlap_work", description="Share of the registered picture that is shown, from 0 to 1."
    )
    mirrored: bool | None = Field(alias="verification.mirrored", description="Whether the picture is mirrored.")
    place: list[list[int]] = Field(description="Corners of the shown part, in pixels of the registered picture.")
    differing: float | None = Field(description="Share of the common area that differs, from 0 to 1.", examples=[0.02])
    map: str = Field(description="JPEG in base64: the uploaded picture in grey, differences in orange.")


class OwnerSearchResult(Answer):
    """Owners of a picture, as far as their works have public pages."""

    digest: Hex
    verdict: Verdict = Field(
        description="The most certain verdict of all claims. `unknown` does not mean that the picture has no owner."
    )
    claims: list[ClaimedWork] = Field(
        description=(
            "Public works that the picture shows: one work of each owner first, earliest "
            "registrations first. The order does not prove authorship."
        )
    )
    more: int = Field(description="Minimum number of further works that match or look the same.", examples=[0])
    owners: int = Field(
        description=(
            "Number of owners who claim the picture; their claims contradict each other if there are several."
        ),
        examples=[1],
    )
    complete: bool = Field(description="Whether the search was completed.", examples=[True])
    too_plain: list[str] = Field(
        description="Reasons why only nearly exact copies can be recognised; empty for most pictures."
    )


@router.put(PUBLIC, response=PublicPage, auth=WRITE)
def open_public_page(request: Call, owner: str, number: int, new: PublicPageSettings) -> PublicPage:
    """Publish a work on a public page, or change the contact of its page. The change is logged."""
    row = open_work(wiring.services(), scoped.work(of(request), number), contact=new.contact, by=request.auth.by)
    return PublicPage.from_row(row, address=get_public_url(wiring.services().config, row))


@router.delete(PUBLIC, response={204: None}, auth=WRITE)
def close_public_page(request: Call, owner: str, number: int) -> None:
    """Remove the public page of a work. Its URL then returns 404. The change is logged."""
    close_work(scoped.work(of(request), number), by=request.auth.by)


@router.post("/id", response=OwnerSearchResult, auth=None, operation_id="find_owner")
def ask(request: HttpRequest, file: File[SentFile]) -> OwnerSearchResult:
    """Find the owner of a picture among works with public pages. No token is needed.

    Requests are limited by IP address. The picture is not stored; its digest and the result are entered in the log.
    """
    return answer_to(file)


def answer_to(file: "UploadedFile[bytes]") -> OwnerSearchResult:
    """Return what the public may know about a picture, on the site and in the API.

    Raises ``Problem`` if there are too many requests.
    """
    services = wiring.services()
    with one_asked():
        data = picture_in(file, get_upload_limits(services))
        matches = find_owners(services, data)
        return OwnerSearchResult.from_row(matches, claims=[_told(services, claim, data) for claim in matches.claims])


def _told(services: Services, claim: Claim, data: bytes) -> ClaimedWork:
    image = make_change_map(services, claim, data)
    return ClaimedWork.from_row(
        claim,
        holder=claim.work.holder or claim.work.owner.name,
        address=get_public_url(services.config, claim.work) or "",
        place=[] if image is None else image.place,
        differing=image and image.differing,
        map="" if image is None else b64encode(image.image).decode(),
    )
