"""Test the editable settings of a watch, and the errors for invalid ones."""

from datetime import UTC, time

import pytest
from django.test import Client

from exhibit.clock import now
from registry.crawls import watching
from registry.models import Owner, Watch
from tests.assets.pages import has_test_id, numbers_at
from tests.desk.web.watches.test_views import ADDRESS, DAY, SHOP, ann, fields, logged, shop, studio

__all__ = ["ann", "shop", "studio"]


def test_a_new_watch_has_a_budget_and_one_over_files_has_none(studio: Owner, shop: Watch) -> None:
    assert shop.budget["pages"] == 1_000
    assert {"images", "bytes", "seconds", "depth"} <= set(shop.budget)
    files = watching.add_watch(studio, "files", [("folder", "/pictures")], every=DAY, budget={}, politeness={})
    assert files.budget == {}
    own = watching.add_watch(studio, "own", SHOP, every=DAY, budget={"pages": 7}, politeness={})
    assert (own.budget["pages"], own.budget["images"]) == (7, 20_000)


def test_what_is_rendered_is_set_and_said(ann: Client, shop: Watch) -> None:
    assert (shop.budget["render"], shop.budget["render_pages"], shop.budget["render_seconds"]) == ("auto", 200, 1_800)
    given = fields(ann.get(f"{ADDRESS}edit").content.decode())
    ann.post(f"{ADDRESS}edit", given | {"rendering": "always", "render_pages": "7", "render_minutes": "2"})
    shop.refresh_from_db()
    assert (shop.budget["render"], shop.budget["render_pages"], shop.budget["render_seconds"]) == ("always", 7, 120)
    ann.post(f"{ADDRESS}edit", given | {"rendering": "never"})
    shop.refresh_from_db()
    assert shop.budget["render"] == "never"


def test_visits_for_evidence_are_set_and_it_is_said_when_those_of_today_are_used_up(ann: Client, shop: Watch) -> None:
    ann.post(f"{ADDRESS}edit", fields(ann.get(f"{ADDRESS}edit").content.decode()) | {"visits": "3"})
    shop.refresh_from_db()
    assert shop.budget["visits"] == 3
    assert not has_test_id(ann.get(ADDRESS), "visits-used-up")
    Watch.objects.update(visits_on=now().astimezone(UTC).date(), visits_made=3)
    assert numbers_at(ann.get(ADDRESS), "visits-used-up") == ["3"]


def test_a_changed_budget_leaves_the_next_run_where_it_is(ann: Client, shop: Watch) -> None:
    before = shop.next_run_at
    ann.post(f"{ADDRESS}edit", fields(ann.get(f"{ADDRESS}edit").content.decode()) | {"pages": "50"})
    shop.refresh_from_db()
    assert (shop.budget["pages"], shop.next_run_at) == (50, before)


def test_a_time_is_that_of_the_place_where_it_was_chosen_until_another_is(ann: Client, shop: Watch) -> None:
    ann.cookies["zone"] = "America/New_York"
    given = fields(ann.get(f"{ADDRESS}edit").content.decode())
    ann.post(f"{ADDRESS}edit", given | {"at": "02:15", "zone": "America/New_York"})
    shop.refresh_from_db()
    assert (shop.time_of_day, shop.time_zone) == (time(2, 15), "America/New_York")
    page = ann.get(ADDRESS).content.decode()
    assert ("02:15" in page, "(America/New_York)" in page) == (True, False)
    ann.cookies["zone"] = "Asia/Tokyo"
    assert "02:15 (America/New_York)" in ann.get(ADDRESS).content.decode()
    page = ann.get(f"{ADDRESS}edit").content.decode()
    for zone in ("America/New_York", "Asia/Tokyo", "UTC"):
        assert f'<option value="{zone}"' in page
    ann.post(f"{ADDRESS}edit", fields(page) | {"pages": "50"})
    shop.refresh_from_db()
    assert (shop.time_of_day, shop.time_zone) == (time(2, 15), "America/New_York")
    ann.post(f"{ADDRESS}edit", fields(page) | {"zone": "Asia/Tokyo"})
    shop.refresh_from_db()
    assert (shop.time_of_day, shop.time_zone) == (time(2, 15), "Asia/Tokyo")


@pytest.mark.parametrize(
    "wrong",
    [{"pages": "0"}, {"pages": "many"}, {"delay": "0"}, {"at": "25:00"}, {"every": "1"}, {"name": "7"}, {"name": ""}],
)
def test_what_cant_be_set_is_said_beside_the_field_and_changes_nothing(
    ann: Client, shop: Watch, wrong: dict[str, str]
) -> None:
    given = fields(ann.get(f"{ADDRESS}edit").content.decode()) | wrong
    answer = ann.post(f"{ADDRESS}edit", given)
    assert answer.status_code == 422
    assert 'class="errorlist' in answer.content.decode()
    assert Watch.objects.get() == shop
    assert Watch.objects.get().budget == shop.budget
    assert not logged("watch changed")
