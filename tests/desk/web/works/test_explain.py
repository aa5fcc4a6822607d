"""Test the page that explains why an image is not found: an uploaded file is discarded unless the user keeps it."""

from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import expect

from indexer.calibration.filed_pairs import FiledPairs
from indexer.compare.odds_model import load_shipped_model
from registry.models import Membership, Owner, Role
from tests.assets.pages import has_test_id, select
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.site_browser import PHONE, Site, site
from tests.assets.source import collapse_whitespace
from tests.desk.web.works.test_uploads import ann, build_upload, build_url, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "site", "studio"]


@pytest.mark.long
def test_comparison_page_shows_gates_and_stores_nothing(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(1))
    assert build_url("why", 1) in ann.get(build_url("work", 1)).content.decode()
    before = ann.get(build_url("why", 1)).content.decode()
    assert 'name="keep"' not in before
    page = collapse_whitespace(
        ann.post(build_url("why", 1), {"copy": build_upload("found.jpg", photograph(50))}).content.decode()
    )
    assert has_test_id(page, "not-found")
    assert "data:image/jpeg;base64," in page
    assert f"at least {load_shipped_model().related_limit:g}" in page
    assert 'name="keep"' in page
    assert FiledPairs(inline.services.config.data_dir).load_pairs() == []
    text = collapse_whitespace(
        ann.post(build_url("why", 1), {"copy": build_upload("found.jpg", recompress(photograph(1)))}).content.decode()
    )
    assert has_test_id(text, "found")


def test_pair_is_stored_with_one_button(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(1))
    form = {"copy": build_upload("found.jpg", photograph(50)), "keep": "different"}
    assert has_test_id(ann.post(build_url("why", 1), form), "pair-kept")
    (pair,) = FiledPairs(inline.services.config.data_dir).load_pairs()
    assert (pair.said, pair.by, pair.about) == ("different", "ann@example.org", "studio work 1 / found.jpg")
    odd = {"copy": build_upload("found.jpg", photograph(51)), "keep": "cat"}
    assert "is kept" not in ann.post(build_url("why", 1), odd).content.decode()


def test_invalid_comparison_is_explained(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(1))
    assert select(ann.post(build_url("why", 1)), "[role=alert]")
    no_picture = {"copy": build_upload("notes.txt", b"no picture"), "keep": "copy"}
    assert select(ann.post(build_url("why", 1), no_picture), "[role=alert]")
    assert FiledPairs(inline.services.config.data_dir).load_pairs() == []
    assert not has_test_id(ann.post(build_url("why", 1), {"copy": build_upload("notes.txt", b"no picture")}), "found")


def test_work_of_other_owner_is_not_found_and_viewers_cannot_compare(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    rival = owner("rival")
    register(inline.services, rival, photograph(1))
    assert ann.get(build_url("why", 1)).status_code == 404
    assert ann.post("/o/rival/works/1/why", {"copy": build_upload("x.jpg", photograph(1))}).status_code == 404
    register(inline.services, studio, photograph(2))
    Membership.objects.update(role=Role.VIEWER)
    assert ann.post(build_url("why", 1), {"copy": build_upload("x.jpg", photograph(1))}).status_code == 403
    assert build_url("why", 1) not in ann.get(build_url("work", 1)).content.decode()


@pytest.mark.long
def test_comparison_page_works_in_a_browser_and_keeps_the_chosen_file(
    site: Site, studio: Owner, tmp_path: Path
) -> None:
    register(site.services, studio, photograph(1))
    (tmp_path / "found.jpg").write_bytes(recompress(photograph(1)))
    visitor = site.member(studio, size=PHONE, language="zh-CN")
    page = visitor.open(build_url("why", 1))
    page.set_input_files("#copy", tmp_path / "found.jpg")
    page.locator("#why button").click()
    expect(page.locator("#answer figure img")).to_be_visible(timeout=20_000)
    visitor.check()
    page.locator("button[value=copy]").click()
    expect(page.locator("#answer .message.success")).to_be_visible(timeout=20_000)
    visitor.check()
    (pair,) = FiledPairs(site.services.config.data_dir).load_pairs()
    assert (pair.said, pair.decision) == ("copy", "certain")


@pytest.mark.long
def test_file_must_be_chosen_again_without_scripts(site: Site, studio: Owner, tmp_path: Path) -> None:
    register(site.services, studio, photograph(1))
    (tmp_path / "found.jpg").write_bytes(photograph(50))
    visitor = site.member(studio, javascript=False)
    page = visitor.open(build_url("why", 1))
    for button in ("#why button", "button[value=different]"):
        page.set_input_files("#copy", tmp_path / "found.jpg")
        page.locator(button).click()
    expect(page.locator("#answer .message.success")).to_be_visible(timeout=20_000)
    visitor.check_behaviour()
    (pair,) = FiledPairs(site.services.config.data_dir).load_pairs()
    assert pair.said == "different"
