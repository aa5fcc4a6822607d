"""What all answers look like: each says of itself all that it holds, and lists come in pieces."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from exhibit.clock import rfc3339

T = TypeVar("T")
Hex = Annotated[
    str,
    BeforeValidator(str),
    Field(pattern="^[0-9a-f]{64}$", description="A SHA-256 digest.", examples=["9f" * 32]),
]
Moment = Annotated[datetime, PlainSerializer(rfc3339), WithJsonSchema({"type": "string", "format": "date-time"})]
NOON = "2026-11-20T12:00:00.000000Z"


class Answer(BaseModel):
    """Says of itself all that it holds. A field's alias says what a row calls it, through dots what stands behind."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=False)

    @classmethod
    def from_row(cls, row: Any, **told: object) -> Self:  # noqa: ANN401 - rows of any kind
        """What programs are told of a row: fields as they are told here, and the others as the row holds them."""
        found = {name: _found(row, field.alias or name) for name, field in cls.model_fields.items() if name not in told}
        return cls(**told, **found)

    @classmethod
    def from_rows(cls, rows: Iterable[Any]) -> list[Self]:
        """The same of many."""
        return [cls.from_row(row) for row in rows]


def _found(row: object, path: str) -> Any:  # noqa: ANN401 - whatever it holds
    """What a row holds; behind what it doesn't have is nothing."""
    for name in path.split("."):
        row = None if row is None else getattr(row, name)
    return row


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
