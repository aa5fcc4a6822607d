"""What all answers look like: each says of itself all that it holds, and lists come in pieces."""

from typing import Annotated, Generic, TypeVar

from ninja import Schema
from pydantic import ConfigDict, Field

T = TypeVar("T")
Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="A SHA-256 digest.", examples=["9f" * 32])]
NOON = "2026-11-20T12:00:00.000000Z"


class Answer(Schema):
    """Says of itself all that it holds."""

    model_config = ConfigDict(extra="forbid")


class Piece(Answer, Generic[T]):
    """A piece of a list, oldest first."""

    items: list[T]
    next: str | None = Field(description="The cursor of the next piece; null at the end of the list.", examples=[None])
    last: str = Field(
        description="The cursor of the last row: ask with it later for what is new.", examples=["after-12"]
    )


class Problem(Answer):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field("", examples=["Studio Example has no work 7."])
    hint: str = Field("", description="What to do about it.")
    reason: str = Field("", description="A short stable word, such as `quota`.")
    scope: str = Field("", description="What the token would have to permit.")
    errors: list["Wrong"] = []


class Wrong(Answer):
    """One thing that is wrong with a request."""

    where: str = Field(examples=["body/given/name"])
    detail: str = Field(examples=["Field required"])
