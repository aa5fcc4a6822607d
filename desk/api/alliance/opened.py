"""Works that their owners open to everybody, and whose a picture is that anybody brings, without a token."""

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
from registry.matches.find_owner import Claim, Verdict, brought_limits, change_map, whose
from registry.services.services import Services
from registry.works.opened import close_work, open_work, public_address
from workers import wiring

router = Router(tags=["works"])
PUBLIC = "/owners/{slug:owner}/works/{int:number}/public"
ADDRESS = "https://exhibit.example.org/id/0123456789abcdef/"
CONTACT = "https://studio.example/licences"


class Opening(requests.Given):
    """How a work is opened."""

    contact: requests.Short = Field(
        "", description="Whom to ask for a licence: a web or e-mail address, or nobody.", examples=[CONTACT]
    )


class PublicPage(Answer):
    """Where everybody may see a work."""

    work: int = Field(alias="number", examples=[12])
    address: str = Field(examples=[ADDRESS])
    contact: str = Field(alias="licence_contact", examples=[CONTACT])
    opened_at: Moment = Field(examples=[NOON])


class ClaimedWork(Answer):
    """An opened work that the picture shows. What it declares nobody has checked. Empty is what wasn't compared."""

    title: str = Field(alias="work.title", examples=["Harbour at dawn"])
    author: str = Field(alias="work.author")
    holder: str = Field(examples=["Studio"])
    address: str = Field(description="The public page; `work.json` below it says more.", examples=[ADDRESS])
    registered_at: Moment = Field(alias="work.registered_at", examples=[NOON])
    verdict: Verdict = Field(description="What the picture is to this work.", examples=["part"])
    width: int = Field(alias="picture.width", description="Of the registered picture, pixels.", examples=[480])
    height: int = Field(alias="picture.height", examples=[360])
    shown: float | None = Field(alias="verification.overlap_work", description="Share of it that is shown.")
    mirrored: bool | None = Field(alias="verification.mirrored")
    place: list[list[int]] = Field(description="Corners of what is shown, in pixels of the registered picture.")
    differing: float | None = Field(description="Share of what both show that differs.", examples=[0.02])
    map: str = Field(description="A JPEG, base64: the brought picture in grey, what differs in orange.")


class Whose(Answer):
    """Whose picture it is, as far as works here are opened to everybody."""

    digest: Hex
    verdict: Verdict = Field(description="The surest of all; `unknown` doesn't say that it is nobody's.")
    claims: list[ClaimedWork] = Field(
        description="One of each owner first, those registered first before the others, which proves no authorship."
    )
    more: int = Field(description="Further works that were found, or look the same, at least.", examples=[0])
    owners: int = Field(description="Who claim the picture; from two on they contradict each other.", examples=[1])
    complete: bool = Field(description="Whether the search went to its end.", examples=[True])
    too_plain: list[str] = Field(description="Why only nearly exact copies of it can be told; empty for most.")


@router.put(PUBLIC, response=PublicPage, auth=WRITE)
def open_public_page(request: Call, owner: str, number: int, new: Opening) -> PublicPage:
    """Show a work to everybody on a public page, or give that page another contact. It is an entry of the log."""
    row = open_work(wiring.services(), scoped.work(of(request), number), contact=new.contact, by=request.auth.by)
    return PublicPage.from_row(row, address=public_address(wiring.services().config, row))


@router.delete(PUBLIC, response={204: None}, auth=WRITE)
def close_public_page(request: Call, owner: str, number: int) -> None:
    """Close a work's public page: its address answers as if it had never been. It is an entry of the log."""
    close_work(scoped.work(of(request), number), by=request.auth.by)


@router.post("/id", response=Whose, auth=None, operation_id="ask_whose")
def ask(request: HttpRequest, file: File[SentFile]) -> Whose:
    """Say whose this picture is, without a token: of the works that owners opened to everybody, no others.

    Each address may ask so often. The picture isn't kept; its digest and the answer are, as an entry of the log.
    """
    return answer_to(file)


def answer_to(file: "UploadedFile[bytes]") -> Whose:
    """What a stranger is told of a picture, on the site as by the API; raises ``Problem`` for too many."""
    services = wiring.services()
    with one_asked():
        data = picture_in(file, brought_limits(services))
        found = whose(services, data)
        return Whose.from_row(found, claims=[_told(services, claim, data) for claim in found.claims])


def _told(services: Services, claim: Claim, data: bytes) -> ClaimedWork:
    drawn = change_map(services, claim, data)
    return ClaimedWork.from_row(
        claim,
        holder=claim.work.holder or claim.work.owner.name,
        address=public_address(services.config, claim.work) or "",
        place=[] if drawn is None else drawn.place,
        differing=drawn and drawn.differing,
        map="" if drawn is None else b64encode(drawn.image).decode(),
    )
