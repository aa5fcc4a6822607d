"""Test that missing fields of a draft are reported before it is signed or filed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from registry.models import Bundle, Case, Owner, Work
from registry.notices import notices
from registry.notices.addressees import propose_addressees
from registry.notices.contents import build_letter
from registry.notices.signing import compute_letter_digest, send_by_mail, sign_draft
from registry.notices.wording import load_shipped_wording
from tests.assets.notice_drafts import SENDER, create_draft, missing_fields
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]

FILING_FIELDS = {
    "respondent_name": "Shop Inc.",
    "respondent_address": "1 Main Street, Austin",
    "respondent_contact": "legal@shop.example",
    "relief": "That the use end.",
    "facts": "The picture sells shoes.",
    "smaller": "no",
}


def test_ccb_claim_reports_missing_fields_until_complete(studio: Owner) -> None:
    row = notices.create_draft(studio, (1, 2), "ccb", "en", by="ann")
    assert missing_fields(row) == [
        "sender_name", "sender_capacity", "sender_email", "sender_address", "sender_telephone",
        "respondent_name", "respondent_address", "relief", "facts", "smaller", "case-1", "case-1", "case-2", "case-2",
    ]  # fmt: skip
    Work.objects.update(author="Ann Example")
    fields = {**SENDER, **FILING_FIELDS, "addressee_name": "", "addressee_email": ""}
    notices.save_fields(row, fields, fields)
    assert missing_fields(row) == ["case-1", "case-2"]
    Work.objects.update(registrations=[{"office": "USCO", "number": "VA 1-234", "date": "2026-01-02"}])
    assert missing_fields(row) == []
    for amount, smaller, fits in (
        ("30,000", "no", True),
        ("30001", "no", False),
        ("5000", "yes", True),
        ("$5,001", "yes", False),
        ("much", "no", False),
    ):
        notices.save_fields(row, {"amount": amount, "smaller": smaller}, ["amount", "smaller"])
        assert (missing_fields(row) == []) is fits, amount
    text = build_letter(notices.get_notice(studio, row.number)).full_text
    for text_part in (
        "Shop Inc.",
        "1 Main Street, Austin",
        "VA 1-234",
        "smaller-claims",
        "Under penalty of perjury",
        "Contact: legal@shop.example",
    ):
        assert text_part in text


def test_court_complaint_requires_court_defendant_and_sealed_evidence(studio: Owner) -> None:
    row = notices.create_draft(studio, (1, 2), "court", "zh-Hans", by="ann")
    fields = {**SENDER, **FILING_FIELDS, "addressee_name": "", "sender_organisation": "某某公司"}
    notices.save_fields(row, fields, fields)
    assert missing_fields(row) == ["addressee_name", "sender_representative", "sender_code", "case-1", "case-2"]
    fields = {
        "addressee_name": "某区人民法院",
        "sender_representative": "王某，经理",
        "sender_code": "9144030071526726XX",
    }
    notices.save_fields(row, fields, fields)
    assert missing_fields(row) == ["sender_code", "case-1", "case-2"]
    notices.save_fields(row, {"sender_code": "9144030071526726XG"}, ["sender_code"])
    for case in Case.objects.all():
        digest = Digest.from_bytes(bytes([case.number]))
        Bundle.objects.update_or_create(case=case, number=1, defaults={"seal_digest": digest, "sealed_at": now()})
    assert missing_fields(row) == []
    text = build_letter(notices.get_notice(studio, row.number)).text
    for text_part in ("某区人民法院", "Shop Inc.", "王某，经理", "统一社会信用代码：9144030071526726XG", "证据目录"):
        assert text_part in text
    assert text.count(f"软件记录，于{now().year}年{now().month}月{now().day}日封存。") == 2
    assert text.count("自然人另行填写") == 1  # for the respondent, who has no representative
    notices.save_fields(
        row, {"respondent_representative": "李某", "sender_organisation": ""}, ["respondent_representative"]
    )
    assert "自然人" not in build_letter(notices.get_notice(studio, row.number)).text
    assert Digest.from_bytes(b"\x02").hex in text


def test_invalid_credit_code_stops_a_notice_to_china(studio: Owner) -> None:
    row = create_draft(studio, "prc", "zh-Hans")
    notices.save_fields(row, {"sender_code": "123"}, ["sender_code"])
    assert missing_fields(row)[0] == "sender_code"


@pytest.mark.long
def test_document_for_filing_is_not_mailed(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio, "ccb")
    fields = {**SENDER, **FILING_FIELDS}
    notices.save_fields(row, fields, fields)
    Work.objects.update(registrations=[{"office": "US Copyright Office", "number": "VA 1"}], author="Ann Example")
    row = notices.get_notice(studio, row.number)
    assert propose_addressees(row) == []
    sign_draft(
        inline.services, row, typed_name="Ann Example", shown_digest=compute_letter_digest(build_letter(row)), by="ann"
    )
    row = notices.get_notice(studio, row.number)
    with pytest.raises(InvalidRequestError):
        send_by_mail(inline.services, row, by="ann")
    notices.record_sent_by_hand(row, by="ann")
    with pytest.raises(InvalidRequestError):
        notices.record_outcome(row, "countered", now().date(), "", by="ann")
    notices.record_outcome(row, "answered", now().date(), "It may be served.", by="ann")
    assert notices.get_notice(studio, row.number).due_reason == "ccb-service"


@pytest.mark.long
@pytest.mark.parametrize("language", ["de", "fr"])
def test_formal_demand_has_required_fields_and_no_proposed_amount(
    studio: Owner, inline: SyncRunner, language: str
) -> None:
    row = create_draft(studio, "cease", language)
    assert missing_fields(row) == ["undertaking"]
    text_part = load_shipped_wording("cease", language).phrases
    fields = {"undertaking": "none", "sender_address": ""}
    notices.save_fields(row, fields, fields)
    row = notices.get_notice(studio, row.number)
    assert missing_fields(row) == ["sender_address"]
    text = build_letter(row).text
    assert text_part["claims_none"] in text
    assert text_part["undertaking_none"] in text
    assert "EUR" not in text
    fields = {"undertaking": "within", "amount": "EUR 300", "costs": "EUR 120", "reply_days": "10"}
    notices.save_fields(row, fields, fields)
    text = build_letter(notices.get_notice(studio, row.number)).text
    until = text_part["day"].format(now().date() + timedelta(days=10))
    assert text_part["amount"].format(text="EUR 300") in text.splitlines()
    assert text_part["costs"].format(text="EUR 120") in text.splitlines()
    assert text_part["undertaking_within"].format(day=until) in text
    assert text.count(until) == 2  # in the undertaking, and in the demand
    assert text_part["claims_none"] not in text
    assert all(phrase in text for phrase in (text_part["owner"].format(text="Studio"), "http://shop.example/page-0"))
    fields = {"sender_address": "1 High Street", "addressee_email": "shop@example.org"}
    notices.save_fields(row, fields, fields)
    row = notices.get_notice(studio, row.number)
    sign_draft(
        inline.services,
        row,
        typed_name=row.fields["sender_name"],
        shown_digest=compute_letter_digest(build_letter(row)),
        by="ann",
    )
    inline.services.config = replace(inline.services.config, mail_url="smtp://mail.example")
    with pytest.raises(InvalidRequestError):
        send_by_mail(inline.services, notices.get_notice(studio, row.number), by="ann")
