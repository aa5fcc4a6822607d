"""What partners ask at the moment of a capture: to visit the page as well, and to seal what is seen."""

from typing import Any

from pydantic import Field

from desk.api.alliance.partners import PARTNER, PartnerCall, PartnerRequest
from desk.api.common.resource import Resource
from desk.schemas.base import Answer
from evidence.formats.codec import to_plain
from workers.alliance.cocaptures import visit_for
from workers.services import wiring

router = Resource("alliance")
MAX_URL = 4_000
URL = r"https?://[^\x00-\x1f\x7f]*"


class CaptureRequest(PartnerRequest):
    """What is to be visited."""

    page: str = Field(pattern=f"^{URL}$", max_length=MAX_URL, examples=["https://shop.example/sale"])
    picture: str = Field(
        pattern=f"^({URL})?$", max_length=MAX_URL, description="Empty where it lies inside the page.",
        examples=["https://shop.example/sale.jpg"],
    )  # fmt: skip
    challenge: str = Field(pattern="^[0-9a-f]{64}$", description="Random, new for each capture.", examples=["5c" * 32])


class Seen(Answer):
    """What was seen, as an entry of the log of whoever visited, with its place in a signed head."""

    statement: dict[str, Any] = Field(description="The entry's opening: its fields are in docs/protocols.md.")
    sequence: int
    time: str
    salt: str
    size: int
    path: list[str]
    checkpoint: str


@router.post("/alliance/capture", PARTNER, keyed=False)
def visit_with(request: PartnerCall, new: CaptureRequest) -> Seen:
    """Visit a public page and its picture now; each counts among the partner's visits of the day."""
    challenge = bytes.fromhex(new.challenge)
    return Seen(**to_plain(visit_for(wiring.services(), request.auth, new.page, new.picture, challenge)))
