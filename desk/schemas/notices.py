"""Responses about notices."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Self

from pydantic import Field

from desk.schemas.base import NOON, Answer, Hex, Moment
from desk.texts import claims
from registry import models
from registry.notices.checker import list_gap_sentences
from registry.notices.claim_check import Check, check_cases, list_unanswered_sentences, list_unread_sentences
from registry.notices.contents import build_items, build_letter
from registry.notices.mail import is_in_doubt
from registry.notices.notices import UNSENT_STATES
from registry.notices.refuted_takedowns import list_refuting_visits
from registry.notices.signing import TEXT_NAME, load_file
from registry.services.services import Services


class NoticeSummary(Answer):
    """A notice in a list."""

    number: int = Field(examples=[2])
    kind: str = Field(examples=["dmca"])
    language: str = Field(examples=["en"])
    site: str = Field(alias="party", examples=["shop.example"], description="Site of the notice's cases.")
    state: str = Field(description="Latest state.", examples=["draft"])
    created_at: Moment = Field(examples=[NOON])
    created_by: str
    signed_at: Moment | None
    signed_by: str
    sent_at: Moment | None
    has_unread_reply: bool = Field(alias="unread", description="Whether there is a reply that no member has read.")
    is_refuted: bool = Field(
        alias="refuted", description="Whether a picture reported as removed was found online by a later visit."
    )
    due_on: date | None = Field(description="Day on which the notice must be reviewed.")
    due_reason: str = Field(
        alias="due_what",
        description=(
            "Reason of the deadline: `dmca-counter`, `prc-statement` and `dsa-complaint` are "
            "statutory, `reminder` is set by Exhibit."
        ),
        examples=["reminder"],
    )


class NoticedCase(Answer):
    """A case in a notice."""

    number: int = Field(alias="row.case.number")
    pages: int = Field(alias="places", description="Number of pages that the notice concerns.")
    answers: dict[str, str] = Field(alias="row.answers", description="The signer's considerations about fair use.")


class ClaimEvidence(Answer):
    """Evidence for a finding: a quotation, which the page states and which proves nothing."""

    url: str = Field(alias="page", description="URL of the page.")
    quote: str = Field(alias="words", description="Quotation.")
    capture: int | None = Field(alias="visit", description="Capture that recorded the page; null if a crawl read it.")


class ClaimAnswer(Answer):
    """A member's answer to a finding."""

    by: str
    at: Moment = Field(examples=[NOON])
    text: str = Field(alias="words", description="Text of the answer.")


class ClaimFinding(Answer):
    """A fact that may weaken a claim. It decides nothing."""

    kind: str = Field(examples=["page-licence"], description="Type of the fact.")
    sentence: str = Field(description="Description of the fact.")
    basis: dict[str, Any] = Field(
        alias="grounds", description="Facts on which it is based. An answer stays valid while they are unchanged."
    )
    evidence: list[ClaimEvidence] = Field(description="Quotations.")
    answer: ClaimAnswer | None = Field(description="A member's answer; null if there is none.")

    resolve_sentence = staticmethod(claims.describe_point)


class ClaimCheck(Answer):
    """Facts that may weaken the claim of a case. A notice cannot be signed while one is unanswered."""

    case: int = Field(description="Number of the case.")
    case_pages: int = Field(alias="places", description="Number of pages of the case.")
    pages_read: int = Field(alias="pages", description="Number of recorded pages that were read.")
    names_cc_licence: bool = Field(
        alias="friendly_first",
        description="Whether a page names a Creative Commons licence. Consider an informal request first.",
    )
    findings: list[ClaimFinding] = Field(alias="points", description="Facts that may weaken the claim.")

    @classmethod
    def of(cls, checks: Mapping[int, Check]) -> list[Self]:
        """The claim checks of cases, by number."""
        return [cls.from_row(claim_check, case=number) for number, claim_check in checks.items()]


class NoticeFile(Answer):
    """A file of a notice, exactly as it was signed or sent."""

    name: str = Field(examples=["notice.pdf"])
    media_type: str
    digest: Hex
    size: int = Field(description="Size in bytes.")


class NoticeEvent(Answer):
    """An entry in the history of a notice."""

    at: Moment = Field(examples=[NOON])
    kind: str = Field(examples=["drafted"], description="Type of the event.")
    day: date | None = Field(description="Day of the event; null if it is that of `at`.")
    by: str
    note: str = Field(alias="words", description="Note by the member.")


class NoticeReplyFile(Answer):
    """A file attached to a reply. It comes from an untrusted sender."""

    number: int = Field(examples=[1])
    name: str
    size: int = Field(description="Size in bytes.")
    digest: Hex


class NoticeReply(Answer):
    """A reply on the page that the notice names. Anyone who has the notice can reply."""

    number: int = Field(examples=[1])
    kind: str = Field(
        description="`licence`, `removed`, `credit` (corrected), `dispute` or `offer` (asks for an offer)."
    )
    text: str = Field(alias="words", description="Text of the reply.")
    contact: str = Field(description="Contact stated by the sender.")
    files: list[NoticeReplyFile]
    at: Moment = Field(examples=[NOON])
    pages_still_online: int = Field(
        description="Number of pages that later visits found online, although they were reported as removed."
    )
    seen_at: Moment | None = Field(
        description="Time at which a member read the reply. Deadlines are paused until then."
    )
    seen_by: str = Field(description="Member who read the reply.")
    withdrawn_at: Moment | None = Field(
        description="Time at which the sender withdrew the reply; null if they did not."
    )

    @staticmethod
    def resolve_files(row: models.NoticeReply) -> object:
        return row.files.defer("data")

    @staticmethod
    def resolve_pages_still_online(row: models.NoticeReply) -> int:
        return len(list_refuting_visits(row))


class NoticeMail(Answer):
    """Email with which a notice was sent."""

    to: str = Field(description="Recipient.")
    state: str = Field(examples=["todo"], description="`todo`, `doing`, `done` or `failed`.")
    error: str = Field(description="Latest error.")
    may_have_been_sent: bool = Field(
        description="Whether the mail server's response is unknown. A member must check and confirm it on the site."
    )

    @staticmethod
    def resolve_may_have_been_sent(row: models.NoticeMail) -> bool:
        return is_in_doubt(row)


class NoticeDetails(NoticeSummary):
    """A notice with its letter: a draft as it would be sent now, or the signed text."""

    fields: dict[str, str] = Field(description="Values of the draft's fields.")
    text: str = Field(description="Text of the letter.")
    claim_checks: list[ClaimCheck] = Field(
        alias="claims", description="Facts that may weaken the claims, if the notice has not been sent."
    )
    missing: list[str] = Field(description="Items that are missing before it can be signed.")
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
        items, is_draft = build_items(row), row.state == models.Notice.State.DRAFT
        checks = check_cases([item.row.case for item in items]) if row.state in UNSENT_STATES else {}
        made = build_letter(row, items) if is_draft else None
        return cls.from_row(
            row,
            has_unread_reply=row.replies.filter(seen_at=None).exists(),
            text=_text(services, row) if made is None else made.whole,
            claim_checks=ClaimCheck.of(checks),
            missing=[
                *list_gap_sentences(row, items),
                *list_unanswered_sentences(checks),
                *list_unread_sentences(checks),
            ]
            if is_draft
            else [],
            cases=[NoticedCase.from_row(item, pages=len(item.current_places)) for item in items],
        )


def _text(services: Services, row: models.Notice) -> str:
    file = load_file(services, row, TEXT_NAME)
    return "" if file is None else file[0].decode()
