"""Notices, as programs are told of them."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Self

from pydantic import Field

from desk.schemas.base import NOON, Answer, Hex, Moment
from desk.texts import claims
from registry import models
from registry.notices.checker import gaps
from registry.notices.claims import Check, check, unanswered, unread
from registry.notices.contents import items_of, letter
from registry.notices.mail import may_have_left
from registry.notices.notices import BEGUN
from registry.notices.refuted import refuting
from registry.notices.signing import TEXT_NAME, file_of
from registry.services.services import Services


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
    unread: bool = Field(description="Whether an answer came on its page that no member has read.")
    refuted: bool = Field(description="Whether it was said to be taken down, and a later visit found it still online.")
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


class ClaimEvidence(Answer):
    """Where something was found, in what words: a page's are its own, and prove nothing."""

    page: str
    words: str
    visit: int | None = Field(
        description="The visit that kept the page; null for what a crawl read beside the picture."
    )


class ClaimAnswer(Answer):
    """What a member said to a point."""

    by: str
    at: Moment = Field(examples=[NOON])
    words: str


class ClaimPoint(Answer):
    """Something that may speak against a claim. It decides nothing."""

    kind: str = Field(examples=["page-licence"])
    sentence: str
    grounds: dict[str, Any] = Field(description="What it rests on: an answer holds while this stays the same.")
    evidence: list[ClaimEvidence]
    answer: ClaimAnswer | None

    resolve_sentence = staticmethod(claims.sentence)


class ClaimCheck(Answer):
    """What speaks against the claim of a case. No notice about it is signed while a point has no answer."""

    case: int
    places: int = Field(description="Where the case was seen.")
    pages: int = Field(description="Kept pages of those that were read.")
    friendly_first: bool = Field(
        description="Whether a Creative Commons licence is named: write a friendly letter first."
    )
    points: list[ClaimPoint]

    @classmethod
    def of(cls, checks: Mapping[int, Check]) -> list[Self]:
        """The claim checks of cases, by number."""
        return [cls.from_row(found, case=number) for number, found in checks.items()]


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


class NoticeReplyFile(Answer):
    """A file of a reply, as it came from a stranger."""

    number: int = Field(examples=[1])
    name: str
    size: int
    digest: Hex


class NoticeReply(Answer):
    """What somebody who has the letter answered on the page that it names."""

    number: int = Field(examples=[1])
    kind: str = Field(
        description="`licence`, `removed` (taken down), `credit` (corrected), `dispute` or `offer` (asked for)."
    )
    words: str
    contact: str
    files: list[NoticeReplyFile]
    at: Moment = Field(examples=[NOON])
    still_online: int = Field(
        description="Places of the letter that later visits found still online: they refute that it was taken down."
    )
    seen_at: Moment | None = Field(description="When a member read it; the notice rests until then.")
    seen_by: str
    withdrawn_at: Moment | None = Field(description="When it was taken back on that page, before a member read it.")

    @staticmethod
    def resolve_files(row: models.NoticeReply) -> object:
        return row.files.defer("data")

    @staticmethod
    def resolve_still_online(row: models.NoticeReply) -> int:
        return len(refuting(row))


class NoticeMail(Answer):
    """How a mail of it stands."""

    to: str
    state: str = Field(examples=["todo"])
    error: str
    may_have_left: bool = Field(description="Nobody heard the mail server's answer; a member says on the site.")

    @staticmethod
    def resolve_may_have_left(row: models.NoticeMail) -> bool:
        return may_have_left(row)


class FullNotice(NoticeLine):
    """A notice with its letter: as it would be sent now, or as it was signed."""

    fields: dict[str, str]
    text: str
    claims: list[ClaimCheck] = Field(description="What speaks against the claims, of a notice that hasn't been sent.")
    missing: list[str] = Field(description="What it lacks before it can be signed.")
    cases: list[NoticedCase]
    files: list[NoticeFile]
    events: list[NoticeEvent]
    replies: list[NoticeReply]
    mail: NoticeMail | None

    @staticmethod
    def resolve_events(row: models.Notice) -> object:
        return reversed(row.events.all())

    @staticmethod
    def resolve_replies(row: models.Notice) -> object:
        return row.replies.all()

    @classmethod
    def of(cls, services: Services, row: models.Notice) -> Self:
        """A notice with its letter and all that is known of it."""
        items, is_draft = items_of(row), row.state == models.Notice.State.DRAFT
        checks = check([item.row.case for item in items]) if row.state in BEGUN else {}
        made = letter(row, items) if is_draft else None
        return cls.from_row(
            row,
            unread=row.replies.filter(seen_at=None).exists(),
            text=_text(services, row) if made is None else made.whole,
            claims=ClaimCheck.of(checks),
            missing=[*gaps(row, items), *unanswered(checks), *unread(checks)] if is_draft else [],
            cases=[NoticedCase.from_row(item, places=len(item.there)) for item in items],
        )


def _text(services: Services, row: models.Notice) -> str:
    kept = file_of(services, row, TEXT_NAME)
    return "" if kept is None else kept[0].decode()
