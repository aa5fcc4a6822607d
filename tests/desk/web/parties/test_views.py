"""Test the pages about opposing sites: the list, a site's details, and registry lookups."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from exhibit.clock import now
from registry.models import Case, Notice, NoticeEvent, NoticeReply, Owner, Package, PartyLookup, Role, Sighting
from registry.notices import notices
from registry.notices.addressees import propose_addressees
from registry.parties import rdap
from registry.parties.lookup import process_lookups
from tests.assets.notice_drafts import create_draft, create_studio
from tests.assets.pages import has_test_id, select
from tests.assets.registries import HOST_ADDRESS, serve_registries
from tests.assets.rows import owner
from tests.assets.site import Site
from tests.assets.site_browser import use_services
from tests.assets.source import collapse_whitespace
from tests.desk.web.notices.test_views import create_member_client
from workers.tasks.sync_runner import SyncRunner

PAGE = "/o/studio/party/shop.example"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_services(monkeypatch, inline.services)
    return create_studio(inline)


@pytest.fixture
def ann(studio: Owner) -> Client:
    return create_member_client(studio, "ann", Role.REVIEWER)


@pytest.fixture
def registry_site() -> Iterator[Site]:
    with Site() as site:
        serve_registries(site)
        yield site
    rdap._registries.clear()


def read_page_text(client: Client, address: str) -> str:
    return collapse_whitespace(client.get(address).content.decode())


def test_site_page_lists_cases_works_urls_notices_and_replies(studio: Owner, ann: Client) -> None:
    row = create_draft(studio)
    NoticeReply.objects.create(notice=row, number=1, kind="dispute", at=now())
    NoticeReply.objects.create(notice=row, number=2, kind="offer", at=now(), seen_at=now())
    NoticeReply.objects.create(notice=row, number=3, kind="credit", at=now(), seen_at=now(), withdrawn_at=now())
    Case.objects.filter(number=2).update(standing="removed")
    page = read_page_text(ann, PAGE)
    for text in (
        "<dt>Cases</dt><dd>2</dd>",
        "<dt>Not licensed</dt><dd>2</dd>",
        "<dt>Removed</dt><dd>1</dd>",
        "<dt>Pages</dt><dd>2</dd>",
        "Case 1: Two parrots",
        "A harbour</a>",
        '<a class="url" href="http://shop.example/page-1" rel="noreferrer noopener nofollow">',
        "Notice 1</a>",
        "agent@shop.example",
        "I disagree",
        "2 cases are sealed or being sealed.",
    ):
        assert text in page, text
    assert len(select(page, '[data-testid="unread"]')) == 1
    assert has_test_id(page, "withdrawn")
    assert page.count('<img class="thumb"') == 4


def test_site_page_offers_the_next_step_first(studio: Owner, ann: Client) -> None:
    def offered_actions() -> str:
        page = read_page_text(ann, PAGE)
        match = re.search(r'class="buttons no-print">(.*?)</div>', page)
        assert match is not None
        strong = re.findall(r'class="button" [^>]*>([^<]+)<|value="court" ?>([^<]+)<', match[1])
        return "".join("".join(parts) for parts in strong)

    assert offered_actions() == "Write a notice"
    create_draft(studio)
    assert offered_actions() == "Create ZIP for the court"
    Case.objects.filter(number=2).update(decision="open", is_pending=True)
    assert offered_actions() == "Review cases"


def test_data_of_other_sites_is_not_shown(studio: Owner, ann: Client) -> None:
    Case.objects.filter(number=2).update(party="other.example")
    page = read_page_text(ann, PAGE)
    assert "A harbour" not in page
    assert "page-1" not in page
    assert ann.get("/o/studio/party/nobody.example").status_code == 404
    Case.objects.filter(number=1).update(party="shop.example/seller/7")
    assert ann.get(f"{PAGE}/seller/7").status_code == 200


def test_court_bundles_are_one_click_from_the_site_page(studio: Owner, ann: Client) -> None:
    page = ann.get(PAGE).content.decode()
    assert [f'name="case" value="{number}"' in page for number in (1, 2, 3)] == [True, True, False]
    response = ann.post("/o/studio/downloads/packages", {"case": ["1", "2"], "recipient": "court"})
    package = Package.objects.get()
    assert response.headers["Location"] == f"/o/studio/downloads/packages/{package.number}/"
    assert f"/downloads/packages/{package.number}/" in read_page_text(ann, PAGE)
    assert "/downloads/packages" not in read_page_text(create_member_client(studio, "eve", Role.VIEWER), PAGE).replace(
        f"/downloads/packages/{package.number}/", ""
    )


def test_site_list_shows_counts_and_is_searchable(studio: Owner, ann: Client) -> None:
    Case.objects.filter(number=2).update(party="zoo.example", decision="open", is_pending=True)
    page = read_page_text(ann, "/o/studio/parties/")
    assert page.index(">shop.example<") < page.index(">zoo.example<")
    assert ">shop.example<" not in read_page_text(ann, "/o/studio/parties/?q=zoo")
    assert select(read_page_text(ann, "/o/studio/parties/?q=nobody"), "p.empty")
    assert ">shop.example</a>" in read_page_text(ann, "/o/studio/cases/?state=all")


def test_notice_outcomes_are_listed_by_kind_with_median_days(studio: Owner, ann: Client) -> None:
    assert not select(read_page_text(ann, "/o/studio/parties/"), "#worked")
    sent_at = now() - timedelta(days=20)
    for kind, removal, reply_after in (("dmca", 2, 1), ("dmca", 8, None), ("dmca", None, None), ("offer", None, 5)):
        row = notices.create_draft(studio, [1], kind, "en", by="ann")
        Notice.objects.filter(pk=row.pk).update(sent_at=sent_at, state="sent")
        for event, days in (("removed", removal), ("answered", reply_after)):
            if days is not None:
                day = (sent_at + timedelta(days=days)).date()
                NoticeEvent.objects.create(notice=row, at=now(), kind=event, day=day)
    create_draft(studio)
    page = read_page_text(ann, "/o/studio/parties/")
    table = page[page.index('id="worked"') :]
    assert "2 (66%)" in table
    assert "1 (33%)" in table
    assert "1 (100%)" in table
    cells = [part.split("<")[0].strip() for part in table.split('data-label="Days until removal">')[1:]]
    assert cells == ["2", "–"]


def test_registries_are_queried_only_on_request(
    studio: Owner, ann: Client, inline: SyncRunner, registry_site: Site
) -> None:
    Sighting.objects.update(peer=f"{HOST_ADDRESS}:80")
    networks, url = ("127.0.0.1/32",), registry_site.url("").rstrip("/")
    inline.services.config = replace(inline.services.config, rdap_url=url, allowed_networks=networks)
    read_page_text(ann, PAGE)
    assert registry_site.requests == []
    assert (
        create_member_client(studio, "eve", Role.VIEWER)
        .post("/o/studio/parties/look-up", {"party": "shop.example"})
        .status_code
        == 403
    )
    assert ann.post("/o/studio/parties/look-up", {"party": "nobody.example"}).status_code == 404
    assert not PartyLookup.objects.exists()
    assert ann.post("/o/studio/parties/look-up", {"party": "shop.example"}).headers["Location"] == PAGE
    process_lookups(inline.services, [PartyLookup.objects.get().pk])
    page = read_page_text(ann, PAGE)
    for expected in ("Shop Trading GmbH", "Registrar Ltd", "abuse@hoster.example", "HOSTER-NET", "2019-03-04"):
        assert expected in page, expected
    assert f'<a class="url" href="{registry_site.url(f"/net/ip/{HOST_ADDRESS}")}"' in page
    count = len(registry_site.requests)
    ann.post("/o/studio/parties/look-up", {"party": "shop.example"})
    process_lookups(inline.services, [PartyLookup.objects.get().pk])
    assert len(registry_site.requests) == count, "what was said is kept for a day"
    PartyLookup.objects.update(requested_at=now() - timedelta(days=2))
    ann.post("/o/studio/parties/look-up", {"party": "shop.example"})
    process_lookups(inline.services, [PartyLookup.objects.get().pk])
    assert len(registry_site.requests) > count
    contacts = [proposal for proposal in propose_addressees(create_draft(studio)) if proposal.kind == "rdap"]
    assert [proposal.email for proposal in contacts] == ["abuse@registrar.example", "abuse@hoster.example"]
    assert contacts[1].source == registry_site.url(f"/net/ip/{HOST_ADDRESS}")
    assert contacts[1].day == now().date()
    draft = read_page_text(ann, "/o/studio/notices/1/edit")
    assert "abuse@hoster.example" in draft
    assert "(RDAP)" in draft


def test_registry_query_is_disabled_without_a_registry(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    assert "Query registries" in read_page_text(ann, PAGE)
    inline.services.config = replace(inline.services.config, rdap_url="")
    assert "Query registries" not in read_page_text(ann, PAGE)
    assert ann.post("/o/studio/parties/look-up", {"party": "shop.example"}).status_code == 302
    assert not PartyLookup.objects.exists()


def test_site_of_other_owner_is_not_found(studio: Owner) -> None:
    bob = create_member_client(owner("agency"), "bob", Role.OWNER)
    assert bob.get(PAGE).status_code == 404
    assert bob.get("/o/agency/party/shop.example").status_code == 404
    assert bob.post("/o/agency/parties/look-up", {"party": "shop.example"}).status_code == 404
