"""Test the chart and tables of where and when a work spreads, before and after a notice, and without sightings."""

import re
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from desk.web.works.spread import LANES_PER_PAGE
from registry.models import Case, CaseSighting, Notice, NoticeCase, Owner, PartyLookup, Sighting
from registry.parties.models import RdapRecord
from tests.assets.pages import select
from tests.assets.rows import create_case, owner, photograph, register
from tests.assets.site_browser import PHONE, Site, site
from tests.assets.source import collapse_whitespace
from tests.desk.web.works.test_uploads import ann, build_url, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "site", "studio"]

JUNE = datetime(2026, 6, 3, 12, tzinfo=UTC)


def add_sightings(case: Case, *moments: datetime) -> None:
    """Add a new page to a case at each of these times."""
    template = CaseSighting.objects.filter(case__work=case.work).order_by("pk").first()
    assert template is not None
    fields = {field.attname: getattr(template.sighting, field.attname) for field in Sighting._meta.concrete_fields}
    rows = Sighting.objects.bulk_create(
        Sighting(**fields | {"id": None, "page_key": token_bytes(16), "first_seen": moment, "last_seen": moment})
        for moment in moments
    )
    CaseSighting.objects.bulk_create(CaseSighting(case=case, match=template.match, sighting=row) for row in rows)
    Case.objects.filter(pk=case.pk).update(places=case.case_sightings.count())


def add_case(case: Case, party: str, **fields: object) -> Case:
    """Create a case of the same work with another site."""
    number = Case.objects.count() + 1
    new = {"owner": case.owner, "work": case.work, "number": number, "opened_at": JUNE, "party": party}
    return Case.objects.create(**new | fields)


def add_spread_case(inline: SyncRunner, studio: Owner) -> Case:
    """Create a work shown by one site in June and, after a notice, July, by another in August; and a dismissed case."""
    case = create_case(inline.services, studio)
    Sighting.objects.update(first_seen=JUNE, last_seen=JUNE + timedelta(days=80))
    add_sightings(case, *[JUNE + timedelta(days=1)] * 3)
    notice = Notice.objects.create(
        owner=studio, number=1, kind="dmca", language="en", party=case.party, created_at=JUNE, created_by="Ann",
        sent_at=JUNE + timedelta(days=20),
    )  # fmt: skip
    NoticeCase.objects.create(notice=notice, case=case)
    add_sightings(case, *[JUNE + timedelta(days=40)] * 2)
    Case.objects.filter(pk=case.pk).update(standing="online")
    add_sightings(add_case(case, "laden.de"), JUNE + timedelta(days=70))
    add_sightings(add_case(case, "dismissed.example", decision="dismissed"), JUNE - timedelta(days=9))
    return case


def read_table_rows(page: str, label: str) -> list[str]:
    """Return the rows of a table as text."""
    table = page.split(f'aria-labelledby="{label}"')[1].split("</table>", maxsplit=1)[0].split("<tbody>")[1]
    return [collapse_whitespace(re.sub(r"<[^>]*>", " ", row)).strip() for row in table.split("<tr>")[1:]]


def test_spread_tables_list_sites_times_and_countries(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    add_spread_case(inline, studio)
    assert build_url("spread", 1) in ann.get(build_url("work", 1)).content.decode()
    page = ann.get(build_url("spread", 1)).content.decode()
    first, second = read_table_rows(page, "by-party")
    assert first.startswith("shop.example unknown 6 ")
    assert first.endswith(" 23 Jun 2026 2 still online")
    assert second.startswith("laden.de DE from domain ending 1 ")
    assert second.endswith(" – – –")
    assert read_table_rows(page, "by-country") == ["DE 1 0 1", "unknown 1 0 6"]
    assert [row.split("2026 ")[1] for row in read_table_rows(page, "by-time")] == ["4 0", "2 2", "1 0"]
    assert (page.count('<circle class="new"'), page.count('<circle class="after"')) == (2, 1)
    assert page.count('class="sent"') == 1
    assert "dismissed.example" not in page
    assert "style=" not in page.split("<main")[1]


def add_lookup(of: Owner, party: str, **countries: str) -> None:
    """Record a member's registry lookups of a site."""
    empty_fields = dict.fromkeys(("query", "url", "at", "missing", "registrant", "registrar", "network", "since"), "")
    answers = [RdapRecord(about=about, country=code, abuse=[], **empty_fields) for about, code in countries.items()]  # type: ignore[typeddict-item]
    PartyLookup.objects.create(
        owner=of, party=party, requested_by="Ann", requested_at=JUNE, waits_since=JUNE, state="done", answers=answers
    )


def test_network_location_is_shown_where_registries_were_queried(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    case = add_spread_case(inline, studio)
    add_lookup(studio, "shop.example", domain="CN", ip="us")
    add_lookup(studio, "laden.de", domain="FR")  # the registrant's country need not be the server's
    add_sightings(add_case(case, "store.example"), JUNE)
    add_lookup(owner("rival"), "store.example", ip="JP")
    add_sightings(add_case(case, "depot.example"), JUNE)
    add_lookup(studio, "depot.example", ip="Germany")
    page = ann.get(build_url("spread", 1)).content.decode()
    rows = {row.split()[0]: row.split(" 3 Jun")[0].split(" 12 Aug")[0] for row in read_table_rows(page, "by-party")}
    assert rows["shop.example"] == "shop.example US from network 6"
    assert rows["laden.de"] == "laden.de DE from domain ending 1"
    assert read_table_rows(page, "by-country") == ["US 1 1 6", "DE 1 0 1", "unknown 2 0 2"]


def test_chart_dots_show_time_and_number(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    add_spread_case(inline, studio)
    page = ann.get(build_url("spread", 1)).content.decode()
    circles = re.findall(r'<circle class="\w+" cx="([\d.]+)%" cy="4" r="([\d.]+)"', page)
    places = [float(x) for x, _ in circles]
    assert places == sorted(places)
    assert [radius for _, radius in circles] == ["9.0", "6.4", "4.5"]  # 4, 2 and 1, by their square roots
    (line_position,) = re.findall(r'class="sent" x1="([\d.]+)%"', page)
    assert places[0] < float(line_position) < places[1]
    chinese = Client(headers={"accept-language": "zh-hans"})
    chinese.cookies = ann.cookies
    assert re.findall(r'cx="([\d.]+)%"', chinese.get(build_url("spread", 1)).content.decode()) == [
        x for x, _ in circles
    ]


def test_page_counts_once_regardless_of_visits(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    case = add_spread_case(inline, studio)
    row = CaseSighting.objects.filter(case=case).order_by("pk").first()
    assert row is not None
    sighting = row.sighting
    sighting.pk, sighting.first_seen = None, JUNE + timedelta(days=50)
    sighting.picture_id = Case.objects.get(pk=case.pk).work.pictures.values_list("pk", flat=True)[0]
    sighting.save()
    CaseSighting.objects.create(case=case, match=row.match, sighting=sighting)
    assert read_table_rows(ann.get(build_url("spread", 1)).content.decode(), "by-time")[0].endswith(" 4 0")
    assert len(read_table_rows(ann.get(build_url("spread", 1)).content.decode(), "by-time")) == 3


def test_work_without_sightings_shows_a_hint_and_other_works_are_not_found(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    create_case(inline.services, studio)
    CaseSighting.objects.all().delete()
    page = collapse_whitespace(ann.get(build_url("spread", 1)).content.decode())
    assert select(page, "p.empty")
    assert "<circle" not in page
    register(inline.services, owner("rival"), photograph(2))
    assert ann.get(reverse("spread", args=["rival", 1])).status_code == 404


@pytest.mark.long
def test_many_sites_are_paginated(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    case = add_spread_case(inline, studio)
    for number in range(40):
        other = add_case(case, f"a-shop-with-a-long-name-{number}.example")
        add_sightings(other, *(JUNE + timedelta(days=100 + 28 * month) for month in range(48)))
    with CaptureQueriesContext(connection) as queries:
        page = ann.get(build_url("spread", 1)).content.decode()
    assert len(queries) <= 25
    assert len(page.encode()) <= 100_000
    assert len(read_table_rows(page, "by-party")) == LANES_PER_PAGE
    last = ann.get(build_url("spread", 1), {"page": 3}).content.decode()
    assert len(read_table_rows(last, "by-party")) == 42 - 2 * LANES_PER_PAGE


@pytest.mark.long
def test_spread_page_works_in_a_browser(site: Site, studio: Owner) -> None:
    add_spread_case(site.inline, studio)
    visitor = site.member(studio, size=PHONE, scheme="dark")
    page = visitor.open(build_url("spread", 1))
    visitor.check()
    assert page.locator("svg.spread[role=img]").is_visible()
    assert page.locator(".region").all_inner_texts() == ["Germany", "Germany"]
    chinese = site.member(studio, size=PHONE, language="zh-CN")
    assert chinese.open(build_url("spread", 1)).locator(".region").all_inner_texts() == ["德国", "德国"]
