"""Works that their owners open to everybody, and whose a picture is that anybody brings, without a token."""

from base64 import b64encode

from django.http import HttpRequest
from ninja import File, UploadedFile
from pydantic import Field

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.files import picture_in
from desk.api.common.limits import one_asked
from desk.api.common.resource import Resource
from desk.schemas import requests
from desk.schemas.base import NOON, Answer, Hex, Moment
from registry.accounts import scoped
from registry.models import Work
from workers.matching.brought import Claim, Verdict, brought_limits, change_map, whose
from workers.services import wiring
from workers.services.wiring import Services
from workers.works.opened import close_work, open_work, public_address

router = Resource("works")
PUBLIC = "/owners/{slug:owner}/works/{int:number}/public"
ADDRESS = "https://exhibit.example.org/id/0123456789abcdef/"


class Opening(requests.Given):
    """How a work is opened."""

    contact: requests.Short = Field(
        "",
        description="Whom to ask for a licence: a web or e-mail address, or nobody.",
        examples=["https://studio.example/licences"],
    )


class PublicPage(Answer):
    """Whether everybody may see a work, and where."""

    work: int = Field(alias="number", examples=[12])
    address: str | None = Field(description="Of its public page; null while it isn't open.", examples=[ADDRESS])
    contact: str = Field(alias="licence_contact", examples=["https://studio.example/licences"])
    opened_at: Moment | None = Field(examples=[NOON])


class ClaimedWork(Answer):
    """An opened work that the picture shows. What it declares nobody has checked."""

    title: str = Field(alias="work.title", examples=["Harbour at dawn"])
    author: str = Field(alias="work.author")
    address: str = Field(description="The public page; `work.json` below it says more.", examples=[ADDRESS])
    registered_at: Moment = Field(alias="work.registered_at", examples=[NOON])
    verdict: Verdict = Field(description="What the picture is to this work.", examples=["part"])
    shown: float | None = Field(description="Share of the registered picture that it shows.", examples=[0.54])
    filled: float | None = Field(description="Share of the brought picture that shows it.", examples=[1.0])
    mirrored: bool | None
    place: list[list[float]] = Field(
        description="Corners of the part in the registered picture, as shares of its width and height."
    )
    differing: float | None = Field(description="Share of what both show that differs.", examples=[0.02])
    map: str = Field(
        description="A JPEG, base64: the brought picture in grey, what differs in orange. Empty without comparison."
    )


class Whose(Answer):
    """Whose picture it is, as far as works here are opened to everybody."""

    digest: Hex
    verdict: Verdict = Field(description="The surest of all; `unknown` doesn't say that it is nobody's.")
    claims: list[ClaimedWork] = Field(
        description="One work of each owner first, those registered first before the others. That a registration is "
        "earlier doesn't prove whose the work is."
    )
    more: int = Field(description="Further works that were found and aren't named.", examples=[0])
    owners: int = Field(description="Who claim the picture; from two on they contradict each other.", examples=[1])
    complete: bool = Field(description="Whether the search went to its end.", examples=[True])
    too_plain: list[str] = Field(description="Why it can't be told apart from others; empty when it can.")


@router.get(PUBLIC)
def get_public_page(request: Call, number: int) -> PublicPage:
    """Whether a work is open to everybody, and the address of its public page."""
    return _page(scoped.work(of(request), number))


@router.put(PUBLIC, WRITE)
def open_public_page(request: Call, number: int, new: Opening) -> PublicPage:
    """Show a work to everybody on a public page, or give that page another contact. It is an entry of the log."""
    return _page(open_work(scoped.work(of(request), number), contact=new.contact, by=request.auth.by))


@router.delete(PUBLIC, WRITE)
def close_public_page(request: Call, number: int) -> None:
    """Close a work's public page: its address answers as if it had never been. It is an entry of the log."""
    close_work(scoped.work(of(request), number), by=request.auth.by)


@router.post("/id", None, name="ask_whose", keyed=False)
def ask(request: HttpRequest, file: File[UploadedFile]) -> Whose:
    """Say whose picture this is, without a token: of the works that owners opened to everybody, no others.

    So often from one address. The picture isn't kept; its digest and the answer are, as an entry of the log.
    """
    services = wiring.services()
    data = picture_in(file, brought_limits(services))
    with one_asked(request):
        found = whose(services, data)
        return Whose.from_row(found, claims=[_told(services, claim, data) for claim in found.claims])


def _page(row: Work) -> PublicPage:
    address = public_address(wiring.services().config, row)
    return PublicPage.from_row(row, address=address, opened_at=row.opened_at if address else None)


def _told(services: Services, claim: Claim, data: bytes) -> ClaimedWork:
    drawn, compared = change_map(services, claim, data), claim.verification
    return ClaimedWork.from_row(
        claim,
        address=public_address(services.config, claim.work) or "",
        shown=compared and compared.overlap_work,
        filled=compared and compared.overlap_picture,
        mirrored=compared and compared.mirrored,
        place=[] if drawn is None else [list(corner) for corner in drawn.place],
        differing=drawn and drawn.differing,
        map="" if drawn is None else b64encode(drawn.image).decode(),
    )
