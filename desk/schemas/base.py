"""Base classes of responses, and the types of their fields."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Annotated, Any, Generic, Self, TypeVar, get_args, get_origin

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Manager
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.fields import FieldInfo

from exhibit.clock import rfc3339

T = TypeVar("T")
Hex = Annotated[
    str, BeforeValidator(str), Field(pattern="^[0-9a-f]{64}$", description="A SHA-256 digest.", examples=["9f" * 32])
]
Moment = Annotated[datetime, PlainSerializer(rfc3339), WithJsonSchema({"type": "string", "format": "date-time"})]
RELATED = (
    "Natural logarithm of the odds that the picture is related to the work, computed from the measurements. It is not "
    "an observed rate. Null if it was not computed."
)
EXPOSURE = "Natural logarithm of the odds that it shows the same picture, not another one of the same scene."
FIGURES = "Measurements by name; null if one could not be made."
"""Descriptions of fields of comparisons."""
NOON = "2026-11-20T12:00:00.000000Z"


class Answer(BaseModel):
    """Says of itself all that it holds. A field's alias says what a row calls it, through dots what stands behind.

    A field that a row doesn't hold so is computed by a static method ``resolve_<field>`` that takes the row, as in
    ninja's schemas. Rows in a field that holds answers are told as such.
    """

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=False)

    @classmethod
    def from_row(cls, row: Any, **told: object) -> Self:  # noqa: ANN401 - rows of any kind
        """What programs are told of a row: fields as they are told here, and the others as the row holds them."""
        (beside,) = cls.together([row])
        return cls._told(row, **beside | told)

    @classmethod
    def from_rows(cls, rows: Iterable[Any]) -> list[Self]:
        """The same of many."""
        rows = list(rows)
        return [cls._told(row, **beside) for row, beside in zip(rows, cls.together(rows), strict=True)]

    @classmethod
    def together(cls, rows: Sequence[Any]) -> list[dict[str, object]]:
        """For each of some rows the fields that are found for all of them at once, in few queries."""
        return [{} for _ in rows]

    @classmethod
    def _told(cls, row: object, **told: object) -> Self:
        values = {name: cls._value(row, name, field) for name, field in cls.model_fields.items() if name not in told}
        return cls(**told, **values)

    @classmethod
    def _value(cls, row: Any, name: str, field: FieldInfo) -> Any:  # noqa: ANN401 - rows of any kind
        """What a row holds, or what is resolved of it; behind what it doesn't have is nothing."""
        resolve = getattr(cls, f"resolve_{name}", None)
        return _to_answers(resolve(row) if resolve else reduce(_behind, (field.alias or name).split("."), row), field)


def _to_answers(value: Any, field: FieldInfo) -> Any:  # noqa: ANN401 - rows of any kind
    """The value of a field as an answer holds it: rows as answers."""
    parts = get_args(field.annotation) or (field.annotation,)
    kind = next((part for part in parts if isinstance(part, type) and issubclass(part, Answer)), None)
    if kind is None or value is None or isinstance(value, Mapping | Answer):
        return value
    if get_origin(field.annotation) is not list:
        return kind.from_row(value)
    rows = list(value.all() if isinstance(value, Manager) else value)
    return rows if rows and isinstance(rows[0], Mapping | Answer) else kind.from_rows(rows)


def _behind(row: object, name: str) -> object:
    try:
        return None if row is None else getattr(row, name)
    except ObjectDoesNotExist:  # nothing refers to it
        return None


class Page(Answer, Generic[T]):
    """A page of a list, oldest first."""

    items: list[T] = Field(description="Rows of this page.")
    next: str | None = Field(description="Cursor of the next page; null at the end of the list.", examples=[None])
    last: str = Field(
        description="Cursor of the last row. Send it later as `cursor` to get new rows.", examples=["after-12"]
    )


class Problem(Answer):
    """An error (RFC 9457)."""

    type: str = Field(examples=["about:blank"], description="URI of the problem type; always `about:blank`.")
    title: str = Field(examples=["Not Found"], description="Short name of the HTTP status.")
    status: int = Field(examples=[404], description="HTTP status.")
    detail: str = Field("", examples=["Studio Example has no work 7."], description="What happened, and why.")
    hint: str = Field("", description="How to fix it.")
    reason: str = Field("", description="Stable identifier of the reason, such as `quota`.")
    scope: str = Field("", description="Scope that the token needs.")
    errors: list["InvalidPart"] = Field([], description="Invalid parts of the request.")


class InvalidPart(Answer):
    """An invalid part of a request."""

    where: str = Field(examples=["body/new/name"], description="Location, such as `body/new/name`.")
    detail: str = Field(examples=["Field required"], description="What is expected.")
