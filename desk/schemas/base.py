"""Base classes of responses, and the types of their fields."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Annotated, Any, Generic, Self, TypeVar, get_args, get_origin

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Manager
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.fields import FieldInfo

from exhibit.clock import format_rfc3339

T = TypeVar("T")
Hex = Annotated[
    str, BeforeValidator(str), Field(pattern="^[0-9a-f]{64}$", description="A SHA-256 digest.", examples=["9f" * 32])
]
UtcTime = Annotated[
    datetime, PlainSerializer(format_rfc3339), WithJsonSchema({"type": "string", "format": "date-time"})
]
RELATED_DESCRIPTION = (
    "Natural logarithm of the odds that the picture is related to the work, computed from the measurements. The odds "
    "are not an observed frequency. Null if the odds were not computed."
)
EXPOSURE_DESCRIPTION = (
    "Natural logarithm of the odds that the picture shows the same exposure as the work, not another "
    "photograph of the same scene. Null if the odds were not computed."
)
FIGURES_DESCRIPTION = "Measurements by name; a value is null if it could not be measured."
"""Descriptions of fields of comparisons."""
EXAMPLE_TIME = "2026-11-20T12:00:00.000000Z"


class ResponseBody(BaseModel):
    """Base class of responses, created from database rows or other objects.

    A field's value is read from the attribute with the field's alias or name. Dots in an alias follow related objects,
    as in ``work.title``. A static method ``resolve_<field>`` that takes the row computes the value instead, as in
    ninja's schemas. Rows in fields whose type is a response are converted to that type.
    """

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=False)

    @classmethod
    def from_row(cls, row: Any, **values: object) -> Self:  # noqa: ANN401 - rows of any kind
        """Create a response from a row. ``values`` replace the row's values of these fields."""
        (shared_fields,) = cls.load_shared_fields([row])
        return cls._build(row, **shared_fields | values)

    @classmethod
    def from_rows(cls, rows: Iterable[Any]) -> list[Self]:
        """Create responses from rows."""
        rows = list(rows)
        return [
            cls._build(row, **shared_fields)
            for row, shared_fields in zip(rows, cls.load_shared_fields(rows), strict=True)
        ]

    @classmethod
    def load_shared_fields(cls, rows: Sequence[Any]) -> list[dict[str, object]]:
        """Return field values for each row that are loaded for all rows together, in few queries."""
        return [{} for _ in rows]

    @classmethod
    def _build(cls, row: object, **known_values: object) -> Self:
        values = {
            name: cls._get_value(row, name, field)
            for name, field in cls.model_fields.items()
            if name not in known_values
        }
        return cls(**known_values, **values)

    @classmethod
    def _get_value(cls, row: Any, name: str, field: FieldInfo) -> Any:  # noqa: ANN401 - rows of any kind
        """Return the value of a field from ``resolve_<field>`` or the row; None if a related object is missing."""
        resolve = getattr(cls, f"resolve_{name}", None)
        return _convert_rows(
            resolve(row) if resolve else reduce(_get_attribute, (field.alias or name).split("."), row), field
        )


def _convert_rows(value: Any, field: FieldInfo) -> Any:  # noqa: ANN401 - rows of any kind
    """Convert rows in the value of a field to responses, if the field's type is a response."""
    parts = get_args(field.annotation) or (field.annotation,)
    response_class = next((part for part in parts if isinstance(part, type) and issubclass(part, ResponseBody)), None)
    if response_class is None or value is None or isinstance(value, Mapping | ResponseBody):
        return value
    if get_origin(field.annotation) is not list:
        return response_class.from_row(value)
    rows = list(value.all() if isinstance(value, Manager) else value)
    return rows if rows and isinstance(rows[0], Mapping | ResponseBody) else response_class.from_rows(rows)


def _get_attribute(row: object, name: str) -> object:
    try:
        return None if row is None else getattr(row, name)
    except ObjectDoesNotExist:  # There is no related row.
        return None


class Page(ResponseBody, Generic[T]):
    """One page of a list. The oldest items come first."""

    items: list[T] = Field(description="Items on this page.")
    next: str | None = Field(description="Cursor of the next page; null at the end of the list.", examples=[None])
    last: str = Field(
        description="Cursor of the last item on this page. To get newer items later, send it as `cursor`.",
        examples=["after-12"],
    )


class Problem(ResponseBody):
    """An error, as a problem document (RFC 9457)."""

    type: str = Field(examples=["about:blank"], description="URI of the problem type; always `about:blank`.")
    title: str = Field(examples=["Not Found"], description="Standard reason phrase of the HTTP status code.")
    status: int = Field(examples=[404], description="HTTP status code.")
    detail: str = Field(
        "", examples=["Studio Example has no work 7."], description="Explanation of what happened and why."
    )
    hint: str = Field("", description="How to fix the error; empty or absent if no fix is known.")
    reason: str = Field(
        "",
        description="Stable identifier of the cause of the error, such as `quota`; empty or absent if there is none.",
    )
    scope: str = Field(
        "",
        description=(
            "Scope that the API token needs for this request; empty or absent unless a permission is missing."
        ),
    )
    errors: list["InvalidPart"] = Field([], description="Invalid parts of the request.")


class InvalidPart(ResponseBody):
    """An invalid part of a request."""

    where: str = Field(examples=["body/new/name"], description="Location of the invalid value in the request.")
    detail: str = Field(examples=["Field required"], description="Explanation of why the value is invalid.")
