"""Test the editable settings of a watch, and the errors for invalid ones."""

from datetime import UTC, time

import pytest
from django.test import Client

from exhibit.clock import now
from registry.crawls import watch_settings
from registry.models import Owner, Watch
from tests.assets.pages import has_test_id, numbers_at
from tests.desk.web.watches.test_views import DAY, SHOP, WATCH_URL, ann, read_form_fields, read_log, shop, studio

__all__ = ["ann", "shop", "studio"]


def test_new_watch_has_a_budget_unless_it_reads_files(studio: Owner, shop: Watch) -> None:
    assert shop.budget["pages"] == 1_000
    assert {"images", "bytes", "seconds", "depth"} <= set(shop.budget)
    files = watch_settings.add_watch(studio, "files", [("folder", "/pictures")], every=DAY, budget={}, politeness={})
    assert files.budget == {}
    own = watch_settings.add_watch(studio, "own", SHOP, every=DAY, budget={"pages": 7}, politeness={})
    assert (own.budget["pages"], own.budget["images"]) == (7, 20_000)


def test_rendering_is_configured_and_shown(ann: Client, shop: Watch) -> None:
    assert (shop.budget["render"], shop.budget["render_pages"], shop.budget["render_seconds"]) == ("auto", 200, 1_800)
    form = read_form_fields(ann.get(f"{WATCH_URL}edit").content.decode())
    ann.post(f"{WATCH_URL}edit", form | {"rendering": "always", "render_pages": "7", "render_minutes": "2"})
    shop.refresh_from_db()
    assert (shop.budget["render"], shop.budget["render_pages"], shop.budget["render_seconds"]) == ("always", 7, 120)
    ann.post(f"{WATCH_URL}edit", form | {"rendering": "never"})
    shop.refresh_from_db()
    assert shop.budget["render"] == "never"


def test_capture_limits_are_configured_and_exhaustion_is_shown(ann: Client, shop: Watch) -> None:
    ann.post(f"{WATCH_URL}edit", read_form_fields(ann.get(f"{WATCH_URL}edit").content.decode()) | {"visits": "3"})
    shop.refresh_from_db()
    assert shop.budget["visits"] == 3
    assert not has_test_id(ann.get(WATCH_URL), "visits-used-up")
    Watch.objects.update(visit_count_date=now().astimezone(UTC).date(), visit_count=3)
    assert numbers_at(ann.get(WATCH_URL), "visits-used-up") == ["3"]


def test_changed_budget_does_not_move_the_next_run(ann: Client, shop: Watch) -> None:
    before = shop.next_run_at
    ann.post(f"{WATCH_URL}edit", read_form_fields(ann.get(f"{WATCH_URL}edit").content.decode()) | {"pages": "50"})
    shop.refresh_from_db()
    assert (shop.budget["pages"], shop.next_run_at) == (50, before)


def test_schedule_time_keeps_its_zone_until_changed(ann: Client, shop: Watch) -> None:
    ann.cookies["zone"] = "America/New_York"
    form = read_form_fields(ann.get(f"{WATCH_URL}edit").content.decode())
    ann.post(f"{WATCH_URL}edit", form | {"at": "02:15", "zone": "America/New_York"})
    shop.refresh_from_db()
    assert (shop.time_of_day, shop.time_zone) == (time(2, 15), "America/New_York")
    page = ann.get(WATCH_URL).content.decode()
    assert ("02:15" in page, "(America/New_York)" in page) == (True, False)
    ann.cookies["zone"] = "Asia/Tokyo"
    assert "02:15 (America/New_York)" in ann.get(WATCH_URL).content.decode()
    page = ann.get(f"{WATCH_URL}edit").content.decode()
    for zone in ("America/New_York", "Asia/Tokyo", "UTC"):
        assert f'<option value="{zone}"' in page
    ann.post(f"{WATCH_URL}edit", read_form_fields(page) | {"pages": "50"})
    shop.refresh_from_db()
    assert (shop.time_of_day, shop.time_zone) == (time(2, 15), "America/New_York")
    ann.post(f"{WATCH_URL}edit", read_form_fields(page) | {"zone": "Asia/Tokyo"})
    shop.refresh_from_db()
    assert (shop.time_of_day, shop.time_zone) == (time(2, 15), "Asia/Tokyo")


@pytest.mark.parametrize(
    "invalid_fields",
    [{"pages": "0"}, {"pages": "many"}, {"delay": "0"}, {"at": "25:00"}, {"every": "1"}, {"name": "7"}, {"name": ""}],
)
def test_invalid_setting_is_explained_at_its_field_and_changes_nothing(
    ann: Client, shop: Watch, invalid_fields: dict[str, str]
) -> None:
    form = read_form_fields(ann.get(f"{WATCH_URL}edit").content.decode()) | invalid_fields
    response = ann.post(f"{WATCH_URL}edit", form)
    assert response.status_code == 422
    assert 'class="errorlist' in response.content.decode()
    assert Watch.objects.get() == shop
    assert Watch.objects.get().budget == shop.budget
    assert not read_log("watch changed")
