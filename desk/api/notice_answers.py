"""What answers about notices look like."""

from datetime import date, datetime

from pydantic import Field

from desk.api.answers import NOON, Answer, Hex


class NoticeLine(Answer):
    """A notice in a list."""

    number: int = Field(examples=[2])
    kind: str = Field(examples=["dmca"])
    language: str = Field(examples=["en"])
    party: str = Field(examples=["shop.example"])
    state: str = Field(description="What has happened last.", examples=["draft"])
    created_at: datetime = Field(examples=[NOON])
    created_by: str
    signed_at: datetime | None
    signed_by: str
    sent_at: datetime | None
    due_on: date | None = Field(description="By when somebody has to look at it again.")
    due_what: str = Field(
        description="Why: `dmca-counter`, `prc-statement` and `dsa-complaint` are terms of law, `reminder` is ours.",
        examples=["reminder"],
    )


class NoticedCase(Answer):
    """A case in a notice."""

    number: int
    places: int = Field(description="Places that the letter is about.")
    answers: dict[str, str] = Field(description="What the signer considered about fair use.")
    term_reason: str


class NoticeFile(Answer):
    """Exact bytes of what was signed or sent."""

    name: str = Field(examples=["notice.pdf"])
    media_type: str
    digest: Hex
    size: int


class NoticeEvent(Answer):
    """One line of a notice's history."""

    at: datetime = Field(examples=[NOON])
    kind: str = Field(examples=["drafted"])
    day: date | None
    by: str
    words: str


class NoticeMail(Answer):
    """How a mail of it stands."""

    to: str
    state: str = Field(examples=["todo"])
    error: str
    may_have_left: bool = Field(description="Nobody heard the mail server's answer; a member says on the site.")


class FullNotice(NoticeLine):
    """A notice with its letter: as it would be sent now, or as it was signed."""

    fields: dict[str, str]
    text: str
    warnings: list[str] = Field(description="What speaks against its works and nobody has answered, of a draft.")
    missing: list[str] = Field(description="What it lacks before it can be signed.")
    cases: list[NoticedCase]
    files: list[NoticeFile]
    events: list[NoticeEvent]
    mail: NoticeMail | None
