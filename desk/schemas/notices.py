"""Responses about notices."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Self

from pydantic import Field

from desk.schemas.base import EXAMPLE_TIME, Hex, ResponseBody, UtcTime
from desk.texts import claims
from registry import models
from registry.notices.checker import list_gap_sentences
from registry.notices.claim_check import CaseClaimCheck, check_cases, list_unanswered_sentences, list_unread_sentences
from registry.notices.contents import build_items, build_letter
from registry.notices.mail import has_uncertain_delivery
from registry.notices.notices import UNSENT_STATES
from registry.notices.refuted_takedowns import list_refuting_visits
from registry.notices.signing import TEXT_NAME, load_file
from registry.services.services import Services


class NoticeSummary(ResponseBody):
    """A notice in a list."""

    number: int = Field(examples=[2], description="Notice number.")
    kind: str = Field(examples=["dmca"], description="Type of the notice.")
    language: str = Field(examples=["en"], description="Language of the notice.")
    site: str = Field(
        alias="party", examples=["shop.example"], description="Site on which the pictures in the notice were found."
    )
    state: str = Field(description="Current state of the notice.", examples=["draft"])
    created_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the draft was created.")
    created_by: str = Field(description="Member who created the draft.")
    signed_at: UtcTime | None = Field(description="Time at which the notice was signed; null if it is not signed.")
    signed_by: str = Field(description="Member who signed the notice; empty if it is not signed.")
    sent_at: UtcTime | None = Field(description="Time at which the notice was sent; null if it has not been sent.")
    has_unread_reply: bool = Field(
        alias="unread", description="Whether the notice has a reply that no member has read."
    )
    is_refuted: bool = Field(
        alias="refuted", description="Whether a picture that was reported as removed was found online by a later visit."
    )
    due_on: date | None = Field(description="Date by which the notice must be reviewed; null if there is no deadline.")
    due_reason: str = Field(
        alias="due_reason",
        description=(
            "Reason for the deadline: `reminder` (set by Exhibit), or a legal deadline: `dmca-counter` and "
            "`prc-statement` (after a counter-notice), `dsa-complaint` (complaint about a platform's decision), "
            "`court-filing`, or `ccb-service` (service of a claim)."
        ),
        examples=["reminder"],
    )


class NoticedCase(ResponseBody):
    """A case in a notice."""

    number: int = Field(alias="row.case.number", description="Case number.")
    pages: int = Field(alias="places", description="Number of pages that the notice concerns.")
    answers: dict[str, str] = Field(
        alias="row.answers", description="Answers to the questions about fair use, by identifier of the question."
    )


class ClaimEvidence(ResponseBody):
    """A quotation from a page that supports a finding. It does not prove the finding."""

    url: str = Field(alias="page", description="URL of the page.")
    quote: str = Field(alias="words", description="Quotation from the page.")
    capture: int | None = Field(
        alias="visit", description="Identifier of the capture that recorded the page; null if a crawl read it."
    )


class ClaimAnswer(ResponseBody):
    """A member's answer to a finding."""

    by: str = Field(description="Member who answered.")
    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time of the answer.")
    text: str = Field(alias="words", description="Text of the answer.")


class ClaimFinding(ResponseBody):
    """A fact that may weaken a claim. It does not change the case."""

    kind: str = Field(examples=["stated-licence"], description="Type of the finding.")
    sentence: str = Field(description="Description of the finding.")
    basis: dict[str, Any] = Field(
        alias="grounds",
        description="Facts on which the finding is based. An answer stays valid while they are unchanged.",
    )
    evidence: list[ClaimEvidence] = Field(description="Quotations from pages that support the finding.")
    answer: ClaimAnswer | None = Field(description="A member's answer to the finding; null if there is none.")

    resolve_sentence = staticmethod(claims.describe_point)


class ClaimCheck(ResponseBody):
    """Findings that may weaken the claim of a case. A notice cannot be signed while a finding is unanswered."""

    case: int = Field(description="Case number.")
    case_pages: int = Field(alias="places", description="Number of pages of the case.")
    pages_read: int = Field(alias="pages", description="Number of recorded pages that were read.")
    names_cc_licence: bool = Field(
        alias="suggests_friendly_letter",
        description=(
            "Whether a page mentions a Creative Commons licence. If so, consider an informal request before you "
            "send a notice."
        ),
    )
    findings: list[ClaimFinding] = Field(alias="points", description="Facts that may weaken the claim.")

    @classmethod
    def from_checks(cls, checks: Mapping[int, CaseClaimCheck]) -> list[Self]:
        """Create responses from claim checks by case number."""
        return [cls.from_row(claim_check, case=number) for number, claim_check in checks.items()]


class NoticeFile(ResponseBody):
    """A file of a notice, exactly as it was signed or sent."""

    name: str = Field(examples=["notice.pdf"], description="File name.")
    media_type: str = Field(description="Media type of the file.")
    digest: Hex
    size: int = Field(description="Size in bytes.")


class NoticeEvent(ResponseBody):
    """An entry in the history of a notice."""

    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the event was recorded.")
    kind: str = Field(examples=["drafted"], description="Type of the event.")
    day: date | None = Field(description="Date of the event; null if it is the date of `at`.")
    by: str = Field(description="Member or component of Exhibit that recorded the event.")
    note: str = Field(alias="words", description="Note by the member; empty if there is none.")


class NoticeReplyFile(ResponseBody):
    """A file attached to a reply. It comes from an untrusted sender."""

    number: int = Field(examples=[1], description="File number.")
    name: str = Field(description="File name.")
    size: int = Field(description="Size in bytes.")
    digest: Hex


class NoticeReply(ResponseBody):
    """A reply on the reply page whose URL is in the notice. Anyone who has the notice can reply."""

    number: int = Field(examples=[1], description="Reply number.")
    kind: str = Field(
        description=(
            "Type of the reply: `licence` (the sender claims to have a licence), `removed` (the picture was "
            "removed), `credit` (the credit was corrected), `dispute` (the sender disputes the claim) or `offer` "
            "(the sender asks for an offer)."
        )
    )
    text: str = Field(alias="words", description="Text of the reply.")
    contact: str = Field(description="Contact details given by the sender.")
    files: list[NoticeReplyFile] = Field(description="Attached files.")
    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time of the reply.")
    pages_still_online: int = Field(
        description="Number of pages that the sender reported as removed but that later visits found online."
    )
    seen_at: UtcTime | None = Field(
        description=(
            "Time at which a member read the reply; null if it is unread. Until a member reads it, Exhibit's own "
            "reminders about the notice are suspended. Legal deadlines continue."
        )
    )
    seen_by: str = Field(description="Member who read the reply; empty if it is unread.")
    withdrawn_at: UtcTime | None = Field(
        description="Time at which the sender withdrew the reply; null if it was not withdrawn."
    )

    @staticmethod
    def resolve_files(row: models.NoticeReply) -> object:
        return row.files.defer("data")

    @staticmethod
    def resolve_pages_still_online(row: models.NoticeReply) -> int:
        return len(list_refuting_visits(row))


class NoticeMail(ResponseBody):
    """Email with which a notice is sent."""

    to: str = Field(description="Email address of the recipient.")
    state: str = Field(examples=["queued"], description="State of the email: `queued`, `running`, `done` or `failed`.")
    error: str = Field(description="Latest error; empty if there was none.")
    may_have_been_sent: bool = Field(
        description=(
            "Whether the mail server's response is unknown, so that the email may or may not have been sent. If "
            "so, a member must record in the web interface whether it was sent."
        )
    )

    @staticmethod
    def resolve_may_have_been_sent(row: models.NoticeMail) -> bool:
        return has_uncertain_delivery(row)


class NoticeDetails(NoticeSummary):
    """A notice with the text of its letter: the draft as it would be sent now, or the signed text."""

    fields: dict[str, str] = Field(description="Values of the draft's fields.")
    text: str = Field(description="Text of the letter.")
    claim_checks: list[ClaimCheck] = Field(
        alias="claims", description="Facts that may weaken the claims; empty after the notice is sent."
    )
    missing: list[str] = Field(description="Items that must be completed before the notice can be signed.")
    cases: list[NoticedCase] = Field(description="Cases in the notice.")
    files: list[NoticeFile] = Field(description="Files of the notice.")
    events: list[NoticeEvent] = Field(description="History of the notice, newest first.")
    replies: list[NoticeReply] = Field(description="Replies from the reply page.")
    mail: NoticeMail | None = Field(description="Email with which the notice is sent; null if there is none.")

    @staticmethod
    def resolve_events(row: models.Notice) -> object:
        return reversed(row.events.all())

    @staticmethod
    def resolve_replies(row: models.Notice) -> object:
        return row.replies.all()

    @classmethod
    def from_notice(cls, services: Services, row: models.Notice) -> Self:
        """Create the response for a notice, with its letter, claim checks, missing items and cases."""
        items, is_draft = build_items(row), row.state == models.Notice.State.DRAFT
        checks = check_cases([item.row.case for item in items]) if row.state in UNSENT_STATES else {}
        letter = build_letter(row, items) if is_draft else None
        return cls.from_row(
            row,
            has_unread_reply=row.replies.filter(seen_at=None).exists(),
            text=_load_text(services, row) if letter is None else letter.full_text,
            claim_checks=ClaimCheck.from_checks(checks),
            missing=[
                *list_gap_sentences(row, items),
                *list_unanswered_sentences(checks),
                *list_unread_sentences(checks),
            ]
            if is_draft
            else [],
            cases=[NoticedCase.from_row(item, pages=len(item.current_places)) for item in items],
        )


def _load_text(services: Services, row: models.Notice) -> str:
    file = load_file(services, row, TEXT_NAME)
    return "" if file is None else file[0].decode()
