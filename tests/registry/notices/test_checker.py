"""Test that missing items of a draft are named with their field before it is filed or signed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from registry.models import Bundle, Case, Owner, Work
from registry.notices import notices
from registry.notices.addressees import proposals
from registry.notices.contents import letter
from registry.notices.signing import read_mark, send_by_mail, sign
from registry.notices.wording import shipped
from tests.assets.noticed import SENDER, begun, lacking
from tests.assets.noticed_once import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]

FILED = {
    "respondent_name": "Shop Inc.",
    "respondent_address": "1 Main Street, Austin",
    "respondent_contact": "legal@shop.example",
    "relief": "That the use end.",
    "facts": "The picture sells shoes.",
    "smaller": "no",
}


def test_a_claim_for_the_board_names_each_missing_field_until_it_has_all(studio: Owner) -> None:
    row = notices.draft(studio, (1, 2), "ccb", "en", by="ann")
    assert lacking(row) == [
        "sender_name", "sender_capacity", "sender_email", "sender_address", "sender_telephone",
        "respondent_name", "respondent_address", "relief", "facts", "smaller", "case-1", "case-1", "case-2", "case-2",
    ]  # fmt: skip
    Work.objects.update(author="Ann Example")
    given = {**SENDER, **FILED, "addressee_name": "", "addressee_email": ""}
    notices.fill(row, given, given)
    assert lacking(row) == ["case-1", "case-2"]
    Work.objects.update(registrations=[{"office": "USCO", "number": "VA 1-234", "date": "2026-01-02"}])
    assert lacking(row) == []
    for amount, smaller, fits in (
        ("30,000", "no", True),
        ("30001", "no", False),
        ("5000", "yes", True),
        ("$5,001", "yes", False),
        ("much", "no", False),
    ):
        notices.fill(row, {"amount": amount, "smaller": smaller}, ["amount", "smaller"])
        assert (lacking(row) == []) is fits, amount
    text = letter(notices.notice(studio, row.number)).whole
    for words in (
        "Shop Inc.",
        "1 Main Street, Austin",
        "VA 1-234",
        "smaller-claims",
        "Under penalty of perjury",
        "Contact: legal@shop.example",
    ):
        assert words in text


def test_a_complaint_needs_a_court_a_defendant_and_sealed_evidence_which_it_lists(studio: Owner) -> None:
    row = notices.draft(studio, (1, 2), "court", "zh-Hans", by="ann")
    given = {**SENDER, **FILED, "addressee_name": "", "sender_organisation": "某某公司"}
    notices.fill(row, given, given)
    assert lacking(row) == ["addressee_name", "sender_representative", "sender_code", "case-1", "case-2"]
    given = {
        "addressee_name": "某区人民法院",
        "sender_representative": "王某，经理",
        "sender_code": "9144030071526726XX",
    }
    notices.fill(row, given, given)
    assert lacking(row) == ["sender_code", "case-1", "case-2"]
    notices.fill(row, {"sender_code": "9144030071526726XG"}, ["sender_code"])
    for case in Case.objects.all():
        digest = Digest.of(bytes([case.number]))
        Bundle.objects.update_or_create(case=case, number=1, defaults={"seal_digest": digest, "sealed_at": now()})
    assert lacking(row) == []
    text = letter(notices.notice(studio, row.number)).text
    for words in ("某区人民法院", "Shop Inc.", "王某，经理", "统一社会信用代码：9144030071526726XG", "证据目录"):
        assert words in text
    assert text.count(f"软件记录，于{now().year}年{now().month}月{now().day}日封存。") == 2
    assert text.count("自然人另行填写") == 1  # of the respondent, who has no representative
    notices.fill(row, {"respondent_representative": "李某", "sender_organisation": ""}, ["respondent_representative"])
    assert "自然人" not in letter(notices.notice(studio, row.number)).text
    assert Digest.of(b"\x02").hex in text


def test_a_wrong_credit_code_stops_a_letter_to_china(studio: Owner) -> None:
    row = begun(studio, "prc", "zh-Hans")
    notices.fill(row, {"sender_code": "123"}, ["sender_code"])
    assert lacking(row)[0] == "sender_code"


@pytest.mark.long
def test_what_is_filed_goes_by_no_mail_and_to_no_platform(studio: Owner, inline: SyncRunner) -> None:
    row = begun(studio, "ccb")
    given = {**SENDER, **FILED}
    notices.fill(row, given, given)
    Work.objects.update(registrations=[{"office": "US Copyright Office", "number": "VA 1"}], author="Ann Example")
    row = notices.notice(studio, row.number)
    assert proposals(row) == []
    sign(inline.services, row, typed="Ann Example", read=read_mark(letter(row)), by="ann")
    row = notices.notice(studio, row.number)
    with pytest.raises(WrongUseError):
        send_by_mail(inline.services, row, by="ann")
    notices.sent_by_hand(row, by="ann")
    with pytest.raises(WrongUseError):
        notices.happened(row, "countered", now().date(), "", by="ann")
    notices.happened(row, "answered", now().date(), "It may be served.", by="ann")
    assert notices.notice(studio, row.number).due_what == "ccb-service"


@pytest.mark.long
@pytest.mark.parametrize("language", ["de", "fr"])
def test_a_formal_demand_has_the_fields_of_its_law_and_no_sum_that_nobody_entered(
    studio: Owner, inline: SyncRunner, language: str
) -> None:
    row = begun(studio, "cease", language)
    assert lacking(row) == ["undertaking"]
    words = shipped("cease", language).words
    given = {"undertaking": "none", "sender_address": ""}
    notices.fill(row, given, given)
    row = notices.notice(studio, row.number)
    assert lacking(row) == ["sender_address"]
    text = letter(row).text
    assert words["claims_none"] in text
    assert words["undertaking_none"] in text
    assert "EUR" not in text
    given = {"undertaking": "within", "amount": "EUR 300", "costs": "EUR 120", "reply_days": "10"}
    notices.fill(row, given, given)
    text = letter(notices.notice(studio, row.number)).text
    until = words["day"].format(now().date() + timedelta(days=10))
    assert words["amount"].format(text="EUR 300") in text.splitlines()
    assert words["costs"].format(text="EUR 120") in text.splitlines()
    assert words["undertaking_within"].format(day=until) in text
    assert text.count(until) == 2  # of the undertaking, and of the demand
    assert words["claims_none"] not in text
    assert all(said in text for said in (words["owner"].format(text="Studio"), "http://shop.example/page-0"))
    given = {"sender_address": "1 High Street", "addressee_email": "shop@example.org"}
    notices.fill(row, given, given)
    row = notices.notice(studio, row.number)
    sign(inline.services, row, typed=row.fields["sender_name"], read=read_mark(letter(row)), by="ann")
    inline.services.config = replace(inline.services.config, mail_url="smtp://mail.example")
    with pytest.raises(WrongUseError):
        send_by_mail(inline.services, notices.notice(studio, row.number), by="ann")
