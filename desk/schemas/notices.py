"""Notices, as programs are told of them."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field

from desk.schemas.base import NOON, Answer, From, Hex, Moment
from desk.texts.ownership import warnings
from registry import models
from registry.notices.mail import may_have_left
from workers.notices.contents import gaps, items_of, letter
from workers.notices.signing import TEXT_NAME, file_of
from workers.services.wiring import Services


class NoticeLine(Answer):
    """A notice in a list."""

    number: int = Field(examples=[2])
    kind: str = Field(examples=["dmca"])
    language: str = Field(examples=["en"])
    party: str = Field(examples=["shop.example"])
    state: str = Field(description="What has happened last.", examples=["draft"])
    created_at: Moment = Field(examples=[NOON])
    created_by: str
    signed_at: Moment | None
    signed_by: str
    sent_at: Moment | None
    due_on: date | None = Field(description="By when somebody has to look at it again.")
    due_what: str = Field(
        description="Why: `dmca-counter`, `prc-statement` and `dsa-complaint` are terms of law, `reminder` is ours.",
        examples=["reminder"],
    )


class NoticedCase(Answer):
    """A case in a notice."""

    number: int = Field(alias="row.case.number")
    places: int = Field(description="Places that the letter is about.")
    answers: dict[str, str] = Field(alias="row.answers", description="What the signer considered about fair use.")
    term_reason: str = Field(alias="row.term_reason")


class NoticeFile(Answer):
    """Exact bytes of what was signed or sent."""

    name: str = Field(examples=["notice.pdf"])
    media_type: str
    digest: Hex
    size: int


class NoticeEvent(Answer):
    """One line of a notice's history."""

    at: Moment = Field(examples=[NOON])
    kind: str = Field(examples=["drafted"])
    day: date | None
    by: str
    words: str


class NoticeMail(Answer):
    """How a mail of it stands."""

    to: str
    state: str = Field(examples=["todo"])
    error: str
    may_have_left: Annotated[bool, From(may_have_left)] = Field(
        description="Nobody heard the mail server's answer; a member says on the site."
    )


class FullNotice(NoticeLine):
    """A notice with its letter: as it would be sent now, or as it was signed."""

    fields: dict[str, str]
    text: str
    warnings: list[str] = Field(description="What speaks against its works and nobody has answered, of a draft.")
    missing: list[str] = Field(description="What it lacks before it can be signed.")
    cases: list[NoticedCase]
    files: list[NoticeFile]
    events: Annotated[list[NoticeEvent], From(lambda row: reversed(row.events.all()))]
    mail: NoticeMail | None

    @classmethod
    def of(cls, services: Services, row: models.Notice) -> Self:
        """A notice with its letter and all that is known of it."""
        items, is_draft = items_of(row), row.state == models.Notice.State.DRAFT
        made = letter(row, items) if is_draft else None
        return cls.from_row(
            row,
            text=_text(services, row) if made is None else made.whole,
            warnings=[] if made is None else [warning for found in made.warned.values() for warning in warnings(found)],
            missing=gaps(row, items) if is_draft else [],
            cases=[NoticedCase.from_row(item, places=len(item.there)) for item in items],
        )


def _text(services: Services, row: models.Notice) -> str:
    kept = file_of(services, row, TEXT_NAME)
    return "" if kept is None else kept[0].decode()
