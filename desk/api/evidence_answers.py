"""What answers about bundles and their witnesses look like."""

from datetime import datetime

from pydantic import Field

from desk.api.answers import Answer, Hex


class Receipt(Answer):
    """What an outside witness has answered."""

    kind: str = Field(examples=["rfc3161"])
    witness: str
    development: bool = Field(description="A witness made for trials, without legal weight.")
    state: str = Field(examples=["complete"])
    subject: str = Field(description="What was witnessed: the `manifest` or the `checkpoint` that covers it.")
    time: datetime | None
    qualified_as_of: str | None


class BundleLine(Answer):
    """A bundle in a list."""

    case: int
    number: int
    state: str = Field(examples=["done"])
    error: str
    seal: Hex | None
    sealed_at: datetime | None


class Counted(Answer):
    """How many witnesses have answered."""

    complete: int
    asked: int
    needed: int


class Bundle(BundleLine):
    """Sealed evidence, with what witnesses have answered."""

    witnessed: bool
    witnesses: Counted
    receipts: list[Receipt]
