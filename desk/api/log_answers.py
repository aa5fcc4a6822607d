"""What answers about the log look like."""

from datetime import datetime

from pydantic import Field

from desk.api.answers import NOON, Answer, Hex


class LogHead(Answer):
    """A signed head of the log."""

    origin: str = Field(examples=["exhibit.example/log"])
    size: int
    checkpoint: str = Field(description="A C2SP signed note.")


class Inclusion(LogHead):
    """That an entry is in the log (RFC 9162, 2.1.3). What it commits to isn't told here."""

    sequence: int
    type: str
    time: datetime = Field(examples=[NOON])
    commitment: Hex
    path: list[Hex]


class Consistency(Answer):
    """That the longer log continues the shorter one (RFC 9162, 2.1.4)."""

    old: int
    new: int
    path: list[Hex]
    checkpoint: str
