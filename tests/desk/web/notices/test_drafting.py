"""Test that a notice is drafted, with missing items listed first and linked to their fields."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from desk.texts.numbers import counted
from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import Bundle, Case, Fee, Notice, Owner, Work
from registry.notices import notices
from registry.parties.demands import save_fee_table
from tests.assets.pages import select
from tests.assets.site_browser import PHONE, Site
from tests.assets.source import collapse_whitespace
from tests.desk.web.notices.test_views import ANSWERS, FIELDS, PAGE, ann, studio

__all__ = ["ann", "studio"]


def test_missing_fields_are_listed_first_and_linked(ann: Client, studio: Owner) -> None:
    address = ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1", "2"], "kind": "dmca.en"}).headers[
        "Location"
    ]
    page = collapse_whitespace(ann.get(address).content.decode())
    assert page.index('class="plain gaps"') < page.index('<form method="post" class="notice-form"')
    for target in re.findall(r'<li><a href="#([^"]+)">', page):
        assert f'id="{target}"' in page
    assert {"addressee_name", "sender_address", "case-1", "case-2"} <= set(re.findall(r'href="#([^"]+)"', page))
    assert 'id="case-1" open' in page
    assert 'id="case-2">' in page
    answer_fields = {f"{name}-{case}": text for case in (1, 2) for name, text in ANSWERS.items()}
    ann.post(address, {**FIELDS, **answer_fields, "case-1": "1", "case-2": "1"})
    page = collapse_whitespace(ann.get(address).content.decode())
    assert "gaps" not in page
    assert '<details class="part" open>' not in page
    ann.post(address, {"sender_email": "nobody"})
    assert "nobody" in select(ann.get(f"{PAGE}1/"), f'a[href="{address}#sender_email"]::text').get("")


@pytest.mark.long
def test_notice_form_fits_a_phone_screen_if_the_sender_is_saved(site: Site, studio: Owner) -> None:
    row = notices.create_draft(studio, (1, 2), "dmca", "en", by="Ann")
    notices.save_fields(row, FIELDS, FIELDS)
    ann = site.member(studio, size=PHONE)
    page = ann.open(reverse("edit-notice", args=["studio", 1]))
    box = page.locator(".gaps").bounding_box()
    assert box is not None
    assert box["y"] < PHONE[1]
    assert page.evaluate("document.documentElement.scrollHeight") < 2_400
    ann.check()


def test_fair_use_answers_have_no_default(ann: Client) -> None:
    response = ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1", "2"], "kind": "dmca.en"}, follow=True)
    page = response.content.decode()
    questions = page[page.index('class="plain gaps"') : page.index("<footer")]
    assert questions.count("<select ") == 2 * 4
    assert questions.count(" selected>") == questions.count('value="" selected>') == 2 * 4
    assert select(response, '.gaps a[href*="case-2"]')
    assert 'class="sign"' not in ann.get(f"{PAGE}1/").content.decode()


@pytest.mark.long
def test_notice_to_a_site_with_many_cases_is_split_into_several_notices(ann: Client, studio: Owner) -> None:
    template_case = Case.objects.get(number=1)
    works = Work.objects.bulk_create(
        Work(owner=studio, number=n, title=f"Work {n}", registered_at=template_case.opened_at) for n in range(3, 106)
    )
    fields = {
        "owner": studio,
        "party": template_case.party,
        "decision": "confirmed",
        "opened_at": template_case.opened_at,
    }
    Case.objects.bulk_create(Case(number=work.number, work=work, **fields) for work in works)
    ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1"], "kind": "offer.en"})
    page = collapse_whitespace(ann.get(f"{PAGE}new", {"party": "shop.example"}).content.decode())
    assert page.count('name="case"') == page.count(" checked>") == 100
    assert counted(5, "more cases") in page
    page = collapse_whitespace(ann.get(f"{PAGE}new", {"case": ["1", "105"]}).content.decode())
    assert re.findall(r'name="case" value="(\d+)" checked', page) == ["1", "105"]
    assert "in notice 1" in page
    [link] = select(page, "fieldset > p > a::attr(href)").getall()
    page = collapse_whitespace(ann.get(link).content.decode())
    assert page.count('name="case"') == page.count(" checked>") == 100
    many = [str(n) for n in range(2, 102)]
    address = ann.post(f"{PAGE}new", {"party": "shop.example", "case": many, "kind": "dmca.en"}).headers["Location"]
    first, last = (collapse_whitespace(ann.get(address, {"page": n}).content.decode()) for n in (1, 5))
    assert 'name="purpose-2"' in first
    assert 'name="purpose-101"' in last
    assert 'name="purpose-2"' not in last
    response = ann.post(f"{address}?page=1", {"case-2": "1", "purpose-2": "plain", "next": "2"})
    assert response.headers["Location"] == f"{address}?page=2#cases"
    assert Notice.objects.get(number=2).notice_cases.get(case__number=2).answers["purpose"] == "plain"
    for page in (first, last, ann.get(f"{PAGE}2/").content.decode()):
        assert len(page.encode()) < 100_000


def test_licence_offer_proposes_fees_without_applying_them(ann: Client, studio: Owner) -> None:
    ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1", "2"], "kind": "offer.en"})
    fees = 'href="/o/studio/demands/new?party=shop.example&amp;case=1&amp;case=2"'
    page = collapse_whitespace(ann.get(f"{PAGE}1/edit").content.decode())
    assert fees in page
    assert "propose" not in page
    save_fee_table(studio, "Own", "EUR", [Fee(use="Website", amount=5000)], by="ann")
    page = collapse_whitespace(ann.get(f"{PAGE}1/edit").content.decode()).replace("\u00a0", " ")
    assert "100.00 EUR" in page
    assert Notice.objects.get().fields.get("fee", "") == ""
    Case.objects.filter(number=1).update(decision="open")
    assert fees not in collapse_whitespace(ann.get(f"{PAGE}1/edit").content.decode())


def test_court_document_contains_the_court_and_no_mail_address(ann: Client) -> None:
    ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1"], "kind": "court.zh-Hans"})
    form = collapse_whitespace(ann.get(f"{PAGE}1/edit").content.decode())
    assert 'for="addressee_name"' in form
    form_data = {**FIELDS, "respondent_name": "Shop", "respondent_address": "1 Main Street", "relief": "That it end."}
    ann.post(f"{PAGE}1/edit", {**form_data, "addressee_name": "某区人民法院"})
    Bundle.objects.update_or_create(
        case=Case.objects.get(number=1), number=1, defaults={"seal_digest": Digest.from_bytes(b"1"), "sealed_at": now()}
    )
    text = collapse_whitespace(ann.get(f"{PAGE}1/").content.decode())
    for label in ("addressee_email", "Addressee", "an addressee", "the addressee", "Text to be sent"):
        assert label not in form + text, label


def test_proposed_addressee_can_be_applied(ann: Client, studio: Owner) -> None:
    Notice.objects.all().delete()
    Case.objects.update(party="taobao.com")
    ann.post(f"{PAGE}new", {"party": "taobao.com", "case": ["1"], "kind": "prc.zh-Hans"})
    assert 'name="use" value="0"' in ann.get(f"{PAGE}1/edit").content.decode()
    ann.post(f"{PAGE}1/edit", {"use": "0", "addressee_name": "", "addressee_email": "", "sender_name": "Ann"})
    fields = notices.get_notice(studio, 1).fields
    assert (fields["addressee_email"], fields["sender_name"]) == ("ipr@alibaba-inc.com", "Ann")
    assert fields["addressee_source"].startswith("https://ipp.alibabagroup.com")
