"""Test the chart and tables of where and when a work spreads, before and after a notice, and without findings."""

import re
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from desk.web.works.spread import LANES
from registry.models import Case, CaseSighting, Notice, NoticeCase, Owner, PartyLookup, Sighting
from registry.parties.models import RdapAnswer
from tests.assets.pages import select
from tests.assets.rows import found_case, owner, photograph, register
from tests.assets.site_browser import PHONE, Site, site
from tests.assets.source import flat
from tests.desk.web.works.test_uploads import ann, at, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "site", "studio"]

JUNE = datetime(2026, 6, 3, 12, tzinfo=UTC)


def seen(case: Case, *moments: datetime) -> None:
    """Add a new page to a case at each of these times."""
    like = CaseSighting.objects.filter(case__work=case.work).order_by("pk").first()
    assert like is not None
    fields = {one.attname: getattr(like.sighting, one.attname) for one in Sighting._meta.concrete_fields}
    rows = Sighting.objects.bulk_create(
        Sighting(**fields | {"id": None, "page_key": token_bytes(16), "first_seen": moment, "last_seen": moment})
        for moment in moments
    )
    CaseSighting.objects.bulk_create(CaseSighting(case=case, match=like.match, sighting=row) for row in rows)
    Case.objects.filter(pk=case.pk).update(places=case.case_sightings.count())


def another(case: Case, party: str, **fields: object) -> Case:
    """Create a case of the same work with another party."""
    number = Case.objects.count() + 1
    new = {"owner": case.owner, "work": case.work, "number": number, "opened_at": JUNE, "party": party}
    return Case.objects.create(**new | fields)


def spread_out(inline: SyncRunner, studio: Owner) -> Case:
    """Create a work shown by one party in June and, after a notice, July, by another in August; and a cleared case."""
    case = found_case(inline.services, studio)
    Sighting.objects.update(first_seen=JUNE, last_seen=JUNE + timedelta(days=80))
    seen(case, *[JUNE + timedelta(days=1)] * 3)
    notice = Notice.objects.create(
        owner=studio, number=1, kind="dmca", language="en", party=case.party, created_at=JUNE, created_by="Ann",
        sent_at=JUNE + timedelta(days=20),
    )  # fmt: skip
    NoticeCase.objects.create(notice=notice, case=case)
    seen(case, *[JUNE + timedelta(days=40)] * 2)
    Case.objects.filter(pk=case.pk).update(standing="online")
    seen(another(case, "laden.de"), JUNE + timedelta(days=70))
    seen(another(case, "cleared.example", decision="cleared"), JUNE - timedelta(days=9))
    return case


def rows_of(page: str, named: str) -> list[str]:
    """Return the rows of a table as text."""
    table = page.split(f'aria-labelledby="{named}"')[1].split("</table>", maxsplit=1)[0].split("<tbody>")[1]
    return [flat(re.sub(r"<[^>]*>", " ", row)).strip() for row in table.split("<tr>")[1:]]


def test_the_tables_say_by_party_time_and_country_what_is_drawn(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    spread_out(inline, studio)
    assert at("spread", 1) in ann.get(at("work", 1)).content.decode()
    page = ann.get(at("spread", 1)).content.decode()
    first, second = rows_of(page, "by-party")
    assert first.startswith("shop.example not known 6 ")
    assert first.endswith(" 23 Jun 2026 2 still online")
    assert second.startswith("laden.de DE by address 1 ")
    assert second.endswith(" – – –")
    assert rows_of(page, "by-country") == ["DE 1 0 1", "not known 1 0 6"]
    assert [row.split("2026 ")[1] for row in rows_of(page, "by-time")] == ["4 0", "2 2", "1 0"]
    assert (page.count('<circle class="new"'), page.count('<circle class="after"')) == (2, 1)
    assert page.count('class="sent"') == 1
    assert "cleared.example" not in page
    assert "style=" not in page.split("<main")[1]


def asked(of: Owner, party: str, **countries: str) -> None:
    """Record registry lookups of a party by a member."""
    said = dict.fromkeys(("query", "url", "at", "missing", "registrant", "registrar", "network", "since"), "")
    answers = [RdapAnswer(about=about, country=code, abuse=[], **said) for about, code in countries.items()]  # type: ignore[typeddict-item]
    PartyLookup.objects.create(
        owner=of, party=party, asked_by="Ann", asked_at=JUNE, waits_since=JUNE, state="done", answers=answers
    )


def test_a_network_tells_the_country_where_registries_were_asked(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    case = spread_out(inline, studio)
    asked(studio, "shop.example", domain="CN", ip="us")
    asked(studio, "laden.de", domain="FR")  # the registrant's country need not be the server's
    seen(another(case, "store.example"), JUNE)
    asked(owner("rival"), "store.example", ip="JP")
    seen(another(case, "depot.example"), JUNE)
    asked(studio, "depot.example", ip="Germany")
    page = ann.get(at("spread", 1)).content.decode()
    told = {row.split()[0]: row.split(" 3 Jun")[0].split(" 12 Aug")[0] for row in rows_of(page, "by-party")}
    assert told["shop.example"] == "shop.example US by network 6"
    assert told["laden.de"] == "laden.de DE by address 1"
    assert rows_of(page, "by-country") == ["US 1 1 6", "DE 1 0 1", "not known 2 0 2"]


def test_a_dot_lies_where_its_time_is_and_its_area_says_how_many(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    spread_out(inline, studio)
    page = ann.get(at("spread", 1)).content.decode()
    drawn = re.findall(r'<circle class="\w+" cx="([\d.]+)%" cy="4" r="([\d.]+)"', page)
    places = [float(x) for x, _ in drawn]
    assert places == sorted(places)
    assert [radius for _, radius in drawn] == ["9.0", "6.4", "4.5"]  # 4, 2 and 1, by their square roots
    (sent,) = re.findall(r'class="sent" x1="([\d.]+)%"', page)
    assert places[0] < float(sent) < places[1]
    chinese = Client(headers={"accept-language": "zh-hans"})
    chinese.cookies = ann.cookies
    assert re.findall(r'cx="([\d.]+)%"', chinese.get(at("spread", 1)).content.decode()) == [x for x, _ in drawn]


def test_a_place_counts_once_however_often_it_was_seen(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    case = spread_out(inline, studio)
    row = CaseSighting.objects.filter(case=case).order_by("pk").first()
    assert row is not None
    again = row.sighting
    again.pk, again.first_seen = None, JUNE + timedelta(days=50)
    again.picture_id = Case.objects.get(pk=case.pk).work.pictures.values_list("pk", flat=True)[0]
    again.save()
    CaseSighting.objects.create(case=case, match=row.match, sighting=again)
    assert rows_of(ann.get(at("spread", 1)).content.decode(), "by-time")[0].endswith(" 4 0")
    assert len(rows_of(ann.get(at("spread", 1)).content.decode(), "by-time")) == 3


def test_a_work_nobody_showed_says_what_will_be_here_and_anothers_is_not_there(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    found_case(inline.services, studio)
    CaseSighting.objects.all().delete()
    page = flat(ann.get(at("spread", 1)).content.decode())
    assert select(page, "p.empty")
    assert "<circle" not in page
    register(inline.services, owner("rival"), photograph(2))
    assert ann.get(reverse("spread", args=["rival", 1])).status_code == 404


@pytest.mark.long
def test_many_parties_stand_on_several_light_pages(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    case = spread_out(inline, studio)
    for number in range(40):
        other = another(case, f"a-shop-with-a-long-name-{number}.example")
        seen(other, *(JUNE + timedelta(days=100 + 28 * month) for month in range(48)))
    with CaptureQueriesContext(connection) as asked:
        page = ann.get(at("spread", 1)).content.decode()
    assert len(asked) <= 25
    assert len(page.encode()) <= 100_000
    assert len(rows_of(page, "by-party")) == LANES
    last = ann.get(at("spread", 1), {"page": 3}).content.decode()
    assert len(rows_of(last, "by-party")) == 42 - 2 * LANES


@pytest.mark.long
def test_the_page_is_sound_in_a_browser(site: Site, studio: Owner) -> None:
    spread_out(site.inline, studio)
    visitor = site.member(studio, size=PHONE, scheme="dark")
    page = visitor.open(at("spread", 1))
    visitor.check()
    assert page.locator("svg.spread[role=img]").is_visible()
    assert page.locator(".region").all_inner_texts() == ["Germany", "Germany"]
    chinese = site.member(studio, size=PHONE, language="zh-CN")
    assert chinese.open(at("spread", 1)).locator(".region").all_inner_texts() == ["德国", "德国"]
