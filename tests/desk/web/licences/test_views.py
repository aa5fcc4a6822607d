"""Test licences on the site: tried before saving, with the effect on cases shown and recorded."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from desk.texts.numbers import counted
from desk.web.licences import views
from exhibit.clock import now
from registry.cases import licence_trial
from registry.cases.decisions import confirm_case
from registry.cases.jobs import ledger as look_at_ledger
from registry.matches.match import match_pictures
from registry.models import Case, Licence, Owner, Role, User, Work
from registry.works.licences import NewLicence, add_licences, list_pending_changes
from tests.assets.pages import has_test_id, message_levels, numbers_at, numbers_in, select
from tests.assets.rows import claim_new_slice, create_studio, photograph, recompress, record_sightings, register
from tests.assets.site_browser import PHONE, Site, use_services
from workers.tasks.sync_runner import SyncRunner

LEDGER = "/o/studio/licences/"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with a work and an open case at shop.example."""
    use_services(monkeypatch, inline.services)
    return create_studio(inline)


@pytest.fixture
def ann(studio: Owner) -> Client:
    """A reviewer of the studio."""
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user, role=Role.REVIEWER)
    client.force_login(user)
    return client


def read_field(page: str, name: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert match is not None
    return match[1]


def test_licence_is_tested_and_saved_and_the_case_shows_the_reason(
    ann: Client, studio: Owner, inline: SyncRunner
) -> None:
    form = {"licensee": "Harbour Prints", "domain": "https://shop.example/", "reason": "Order 7"}
    page = ann.post(f"{LEDGER}new", form).content.decode()
    assert counted(1, "cases to license") in page
    assert not Licence.objects.exists()
    response = ann.post(f"{LEDGER}new", {**form, "save": "1", "tried": read_field(page, "tried")}, follow=True)
    assert response.redirect_chain == [(f"{LEDGER}1/", 302)]
    assert message_levels(response) == ["success"]
    look_at_ledger(inline.services, list_pending_changes(studio))
    page = ann.get(f"{LEDGER}1/").content.decode()
    assert counted(1, "licensed") in page
    assert numbers_in(str(Case.objects.get().reason)) == ["1"]


def test_changed_text_is_tested_again(ann: Client) -> None:
    form = {"licensee": "Harbour Prints", "domain": "other.example"}
    mark = read_field(ann.post(f"{LEDGER}new", form).content.decode(), "tried")
    changed_form = {**form, "domain": "shop.example", "save": "1", "tried": mark}
    page = ann.post(f"{LEDGER}new", changed_form).content.decode()
    assert counted(1, "cases to license") in page
    assert not Licence.objects.exists()


def test_long_licence_test_shows_progress_and_resumes(
    ann: Client, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    template_case = Case.objects.get()
    more = {"owner": studio, "work": template_case.work, "opened_at": template_case.opened_at}
    Case.objects.bulk_create(Case(number=n, party=f"party-{n}.example", **more) for n in (2, 3))
    monkeypatch.setattr(licence_trial, "BATCH_SIZE", 1)
    monkeypatch.setattr(views, "TRIAL_SECONDS", 0)
    form = {"licensee": "Harbour Prints", "domain": "shop.example"}
    page = ann.post(f"{LEDGER}new", form).content.decode()
    assert numbers_at(page, "so-far") == ["1", "3"]
    further = {**form, "further": "1", "so-far": read_field(page, "so-far")}
    piece = ann.post(f"{LEDGER}new", further, headers={"HX-Request": "true"}).content.decode()
    assert piece.lstrip().startswith("<section")
    assert numbers_at(piece, "so-far") == ["2", "3"]
    assert counted(1, "cases to license") in piece
    changed_form = {**further, "domain": "party-2.example", "so-far": read_field(piece, "so-far")}
    assert numbers_at(ann.post(f"{LEDGER}new", changed_form), "so-far") == ["1", "3"]
    table = SimpleUploadedFile("licences.csv", b"licensee,domain\nA,shop.example\n")
    page = ann.post(f"{LEDGER}import", {"file": table}).content.decode()
    for _ in range(3):
        next_form = {"further": "1", "so-far": read_field(page, "so-far"), "table": read_field(page, "table")}
        page = ann.post(f"{LEDGER}import", next_form).content.decode()
    assert not has_test_id(page, "so-far")
    assert counted(1, "cases to license") in page


def test_implausible_fields_are_explained_and_kept(ann: Client) -> None:
    for text in (
        {"licensee": "A", "domain": "not a domain"},
        {"licensee": "A<b>", "domain": "shop.example", "works": "77"},
        {"licensee": "A", "domain": "shop.example", "valid_from": "soon"},
        {"licensee": "A"},
        {"licensee": "A", "url_pattern": "shop.example/" + "a" * 1000},
    ):
        page = ann.post(f"{LEDGER}new", text).content.decode()
        assert select(page, "[role=alert]"), text
        assert f'value="{text["licensee"].replace("<b>", "&lt;b&gt;")}"' in page


def test_changed_licence_keeps_all_its_works(ann: Client, studio: Owner) -> None:
    works = Work.objects.bulk_create(
        Work(owner=studio, number=n, title=f"Work {n}", registered_at=now()) for n in range(2, 402)
    )
    add_licences(studio, [NewLicence("A", tuple(works), "shop.example")])
    page = ann.get(f"{LEDGER}1/edit").content.decode()
    form = {"licensee": "B", "domain": "shop.example", "works": read_field(page, "works")}
    assert len(form["works"]) > 1_000
    mark = read_field(ann.post(f"{LEDGER}1/edit", form).content.decode(), "tried")
    ann.post(f"{LEDGER}1/edit", {**form, "save": "1", "tried": mark})
    assert Licence.objects.get(licensee="B").works.count() == 400


def test_ended_licence_releases_later_sightings(ann: Client, studio: Owner, inline: SyncRunner) -> None:
    add_licences(studio, [NewLicence("A", domain="shop.example")])
    look_at_ledger(inline.services, list_pending_changes(studio))
    day = (now() - timedelta(days=2)).date().isoformat()
    assert select(ann.post(f"{LEDGER}1/end", {"day": day, "reason": " "}), "[role=alert]")
    ann.post(f"{LEDGER}1/end", {"day": day, "reason": "Terminated"})
    look_at_ledger(inline.services, list_pending_changes(studio))
    page = ann.get(f"{LEDGER}1/").content.decode()
    assert counted(1, "reopened") in page
    assert "Terminated" in page
    assert Case.objects.get().decision == "open"
    assert f'href="{LEDGER}1/"' not in ann.get(LEDGER).content.decode()
    assert f'href="{LEDGER}1/"' in ann.get(LEDGER, {"standing": "over"}).content.decode()


def test_licence_table_is_tested_and_saved_as_a_whole(ann: Client, studio: Owner) -> None:
    table = "被许可人,域名,地区\n海港印刷,shop.example,\nB,b.de,DE\n".encode("gbk")
    file = SimpleUploadedFile("licences.csv", table)
    page = ann.post(f"{LEDGER}import", {"file": file}).content.decode()
    assert counted(2, "licences read") in page
    assert counted(1, "cases to license") in page
    assert not Licence.objects.exists()
    signed_table = read_field(page, "table")
    assert select(ann.post(f"{LEDGER}import", {"save": "1", "table": signed_table + "x"}), "[role=alert]")
    ann.post(f"{LEDGER}import", {"save": "1", "table": signed_table})
    assert list(studio.licences.values_list("licensee", "territories")) == [("海港印刷", []), ("B", ["DE"])]
    broken = SimpleUploadedFile("licences.csv", b"licensee,domain\nA,shop.example\nB,\n")
    page = ann.post(f"{LEDGER}import", {"file": broken}).content.decode()
    assert select(page, "table.stacked tbody tr td::text").get("").strip() == "3"
    assert studio.licences.count() == 2


def test_large_ledger_is_paginated_searchable_and_fast(
    ann: Client, studio: Owner, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    add_licences(studio, [NewLicence(f"Shop {n}", domain=f"shop-{n}.example") for n in range(120)])
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        page = ann.get(LEDGER).content.decode()
    assert page.count('<a href="/o/studio/licences/1') > 0
    assert select(page, "a[href*='page=3'], a[rel=next]")
    page = ann.get(LEDGER, {"q": "shop-77.ex"}).content.decode()
    assert "Shop 77" in page
    assert "Shop 78" not in page


@pytest.mark.long
def test_licence_test_continues_until_all_cases_are_checked(
    site: Site, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photograph(2)
    register(site.services, studio, data, "Work 2")
    crawl_slice, epoch = claim_new_slice(studio, "again")
    match_pictures(site.services, record_sightings(site.services, crawl_slice, epoch, [recompress(data)]))
    confirm_case(site.services, Case.objects.get(number=2), by="Ann", reason="No order.")
    add_licences(studio, [NewLicence("Harbour Prints", domain="other.example", territories=("DE", "AT"))])
    monkeypatch.setattr(licence_trial, "BATCH_SIZE", 1)
    monkeypatch.setattr(views, "TRIAL_SECONDS", 0)
    ann = site.member(studio, size=PHONE)
    page = ann.open(reverse("new-licence", args=["studio"]))
    page.locator("#licensee").fill("The shop")
    page.locator("#domain").fill("shop.example")
    with page.expect_response(lambda response: "so-far" not in response.text()):
        page.locator("button[name=try]").click()
    page.get_by_test_id("so-far").wait_for(state="detached")
    assert page.get_by_text(counted(1, "cases to license")).is_visible()
    ann.check()
    page.locator("button[name=save]").click()
    page.wait_for_url(re.compile("/licences/2/"))
    site.inline.run_until_idle()
    page.reload()
    assert page.get_by_text(counted(1, "licensed")).is_visible()
    assert Case.objects.get(number=1).decision == "licensed"


def test_table_encoding_is_confirmed_and_invalid_rows_are_skipped_on_request(ann: Client, studio: Owner) -> None:
    table = "Abnehmer;Domain;Ab\nGroß;a.example;\nMüller;b.example;bald\n".encode("cp1252")
    page = ann.post(f"{LEDGER}import", {"file": SimpleUploadedFile("l.csv", table)}).content.decode()
    assert 'name="column"' not in page
    names = ("answers-of", "carried", "carried-name")
    form = {name: read_field(page, name) for name in names} | {"encoding": "windows-1252"}
    page = ann.post(f"{LEDGER}import", form).content.decode()
    form |= {"headings": read_field(page, "headings")}
    page = ann.post(f"{LEDGER}import", {**form, "column": ["licensee", "domain", "valid_from"]}).content.decode()
    assert 'name="skip-rows" type="checkbox"' in page
    page = ann.post(f"{LEDGER}import", {**form, "skip-rows": "1"}).content.decode()
    ann.post(f"{LEDGER}import", {"save": "1", "table": read_field(page, "table")})
    assert list(studio.licences.values_list("licensee", flat=True)) == ["Groß"]
    page = ann.post(f"{LEDGER}import", {"file": SimpleUploadedFile("l.csv", table), **form}).content.decode()
    assert 'name="skip-rows" type="checkbox"' in page


def test_column_mapping_is_saved_once_and_can_be_deleted(ann: Client, studio: Owner) -> None:
    table = b"Client name,Site,<b>Extra</b>\nHarbour Prints,shop.example,=1+1\n"

    def bring() -> str:
        return ann.post(f"{LEDGER}import", {"file": SimpleUploadedFile("l.csv", table)}).content.decode()

    page = bring()
    assert has_test_id(page, "choose-columns")
    assert "&lt;b&gt;Extra&lt;/b&gt;" in page
    assert re.search(r'<option value="domain" selected>', page)
    table_fields = {name: read_field(page, name) for name in ("headings", "carried", "carried-name")}
    page = ann.post(f"{LEDGER}import", {**table_fields, "column": ["licensee", "domain", ""]}).content.decode()
    assert "&lt;b&gt;Extra&lt;/b&gt;" in page
    assert not has_test_id(bring(), "choose-columns")
    columns = ann.get("/o/studio/columns/").content.decode()
    (forget,) = re.findall(r'action="(/o/studio/columns/\d+/forget)"', columns)
    assert ann.post(forget.replace("studio", "other")).status_code == 404
    assert ann.post(forget).status_code == 302
    assert has_test_id(bring(), "choose-columns")
    assert select(ann.post(f"{LEDGER}import", {**table_fields, "carried": "%%%"}), "[role=alert]")
