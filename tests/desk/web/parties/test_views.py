"""Test parties on the site: the list, one party with everything about it, and lookups in registries."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from exhibit.clock import now
from registry.models import Case, Notice, NoticeEvent, NoticeReply, Owner, Package, PartyLookup, Role, Sighting
from registry.notices import notices
from registry.notices.addressees import proposals
from registry.parties import rdap
from registry.parties.lookup import look_up
from tests.assets.noticed import begun, confirmed
from tests.assets.pages import has_test_id, select
from tests.assets.registries import HOST_ADDRESS, answering
from tests.assets.rows import owner
from tests.assets.site import Site
from tests.assets.site_browser import use_house
from tests.assets.source import flat
from tests.desk.web.notices.test_views import person
from workers.tasks.sync_runner import SyncRunner

PAGE = "/o/studio/party/shop.example"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_house(monkeypatch, inline.services)
    return confirmed(inline)


@pytest.fixture
def ann(studio: Owner) -> Client:
    return person(studio, "ann", Role.REVIEWER)


@pytest.fixture
def registries() -> Iterator[Site]:
    with Site() as site:
        answering(site)
        yield site
    rdap._registers.clear()


def words(client: Client, address: str) -> str:
    return flat(client.get(address).content.decode())


def test_a_party_has_its_cases_works_places_notices_and_answers_on_one_page(studio: Owner, ann: Client) -> None:
    row = begun(studio)
    NoticeReply.objects.create(notice=row, number=1, kind="dispute", at=now())
    NoticeReply.objects.create(notice=row, number=2, kind="offer", at=now(), seen_at=now())
    NoticeReply.objects.create(notice=row, number=3, kind="credit", at=now(), seen_at=now(), withdrawn_at=now())
    Case.objects.filter(number=2).update(standing="removed")
    page = words(ann, PAGE)
    for said in (
        "<dt>Cases</dt><dd>2</dd>",
        "<dt>Not licensed</dt><dd>2</dd>",
        "<dt>Removed</dt><dd>1</dd>",
        "<dt>Places</dt><dd>2</dd>",
        "Case 1: Two parrots",
        "A harbour</a>",
        '<a class="url" href="http://shop.example/page-1" rel="noreferrer noopener nofollow">',
        "Notice 1</a>",
        "agent@shop.example",
        "I disagree",
        "2 cases are sealed or being sealed.",
    ):
        assert said in page, said
    assert len(select(page, '[data-testid="unread"]')) == 1
    assert has_test_id(page, "withdrawn")
    assert page.count('<img class="thumb"') == 4


def test_a_partys_page_offers_what_comes_next_first(studio: Owner, ann: Client) -> None:
    def offered() -> str:
        page = words(ann, PAGE)
        found = re.search(r'class="buttons no-print">(.*?)</div>', page)
        assert found is not None
        strong = re.findall(r'class="button" [^>]*>([^<]+)<|value="court" ?>([^<]+)<', found[1])
        return "".join("".join(one) for one in strong)

    assert offered() == "Write a notice"
    begun(studio)
    assert offered() == "Bundle for the court"
    Case.objects.filter(number=2).update(decision="open", waits=True)
    assert offered() == "Review its cases"


def test_of_another_party_nothing_is_there(studio: Owner, ann: Client) -> None:
    Case.objects.filter(number=2).update(party="other.example")
    page = words(ann, PAGE)
    assert "A harbour" not in page
    assert "page-1" not in page
    assert ann.get("/o/studio/party/nobody.example").status_code == 404
    Case.objects.filter(number=1).update(party="shop.example/seller/7")
    assert ann.get(f"{PAGE}/seller/7").status_code == 200


def test_from_a_partys_page_its_bundles_for_the_court_are_one_press_away(studio: Owner, ann: Client) -> None:
    page = ann.get(PAGE).content.decode()
    assert [f'name="case" value="{number}"' in page for number in (1, 2, 3)] == [True, True, False]
    answer = ann.post("/o/studio/downloads/packages", {"case": ["1", "2"], "recipient": "court"})
    made = Package.objects.get()
    assert answer.headers["Location"] == f"/o/studio/downloads/packages/{made.number}/"
    assert f"/downloads/packages/{made.number}/" in words(ann, PAGE)
    assert "/downloads/packages" not in words(person(studio, "eve", Role.VIEWER), PAGE).replace(
        f"/downloads/packages/{made.number}/", ""
    )


def test_the_list_counts_and_finds_parties(studio: Owner, ann: Client) -> None:
    Case.objects.filter(number=2).update(party="zoo.example", decision="open", waits=True)
    page = words(ann, "/o/studio/parties/")
    assert page.index(">shop.example<") < page.index(">zoo.example<")
    assert ">shop.example<" not in words(ann, "/o/studio/parties/?q=zoo")
    assert select(words(ann, "/o/studio/parties/?q=nobody"), "p.empty")
    assert ">shop.example</a>" in words(ann, "/o/studio/cases/?state=all")


def test_what_came_of_notices_is_told_by_kind_with_median_days(studio: Owner, ann: Client) -> None:
    assert not select(words(ann, "/o/studio/parties/"), "#worked")
    sent = now() - timedelta(days=20)
    for kind, gone, answer in (("dmca", 2, 1), ("dmca", 8, None), ("dmca", None, None), ("offer", None, 5)):
        row = notices.draft(studio, [1], kind, "en", by="ann")
        Notice.objects.filter(pk=row.pk).update(sent_at=sent, state="sent")
        for what, days in (("removed", gone), ("answered", answer)):
            if days is not None:
                on = (sent + timedelta(days=days)).date()
                NoticeEvent.objects.create(notice=row, at=now(), kind=what, day=on)
    begun(studio)
    page = words(ann, "/o/studio/parties/")
    table = page[page.index('id="worked"') :]
    assert "2 (66%)" in table
    assert "1 (33%)" in table
    assert "1 (100%)" in table
    cells = [part.split("<")[0].strip() for part in table.split('data-label="Days until removal">')[1:]]
    assert cells == ["2", "–"]


def test_registries_are_asked_when_a_member_presses_the_button_and_not_before(
    studio: Owner, ann: Client, inline: SyncRunner, registries: Site
) -> None:
    Sighting.objects.update(peer=f"{HOST_ADDRESS}:80")
    networks, url = ("127.0.0.1/32",), registries.url("").rstrip("/")
    inline.services.config = replace(inline.services.config, rdap_url=url, allowed_networks=networks)
    words(ann, PAGE)
    assert registries.seen == []
    assert (
        person(studio, "eve", Role.VIEWER).post("/o/studio/parties/look-up", {"party": "shop.example"}).status_code
        == 403
    )
    assert ann.post("/o/studio/parties/look-up", {"party": "nobody.example"}).status_code == 404
    assert not PartyLookup.objects.exists()
    assert ann.post("/o/studio/parties/look-up", {"party": "shop.example"}).headers["Location"] == PAGE
    look_up(inline.services, [PartyLookup.objects.get().pk])
    page = words(ann, PAGE)
    for said in ("Shop Trading GmbH", "Registrar Ltd", "abuse@hoster.example", "HOSTER-NET", "2019-03-04"):
        assert said in page, said
    assert f'<a class="url" href="{registries.url(f"/net/ip/{HOST_ADDRESS}")}"' in page
    asked = len(registries.seen)
    ann.post("/o/studio/parties/look-up", {"party": "shop.example"})
    look_up(inline.services, [PartyLookup.objects.get().pk])
    assert len(registries.seen) == asked, "what was said is kept for a day"
    PartyLookup.objects.update(asked_at=now() - timedelta(days=2))
    ann.post("/o/studio/parties/look-up", {"party": "shop.example"})
    look_up(inline.services, [PartyLookup.objects.get().pk])
    assert len(registries.seen) > asked
    found = [one for one in proposals(begun(studio)) if one.kind == "rdap"]
    assert [one.email for one in found] == ["abuse@registrar.example", "abuse@hoster.example"]
    assert found[1].source == registries.url(f"/net/ip/{HOST_ADDRESS}")
    assert found[1].day == now().date()
    draft = words(ann, "/o/studio/notices/1/edit")
    assert "abuse@hoster.example" in draft
    assert "said on" in draft


def test_where_no_register_is_set_nobody_can_ask(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    assert "Query registries" in words(ann, PAGE)
    inline.services.config = replace(inline.services.config, rdap_url="")
    assert "Query registries" not in words(ann, PAGE)
    assert ann.post("/o/studio/parties/look-up", {"party": "shop.example"}).status_code == 302
    assert not PartyLookup.objects.exists()


def test_another_owners_party_is_not_there(studio: Owner) -> None:
    bob = person(owner("agency"), "bob", Role.OWNER)
    assert bob.get(PAGE).status_code == 404
    assert bob.get("/o/agency/party/shop.example").status_code == 404
    assert bob.post("/o/agency/parties/look-up", {"party": "shop.example"}).status_code == 404
