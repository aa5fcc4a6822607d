"""Test the path from a copy on a page to a sealed bundle with a browser capture: its contents and its verification."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)

from evidence.capture.browser.capturer import BrowserCapturer
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from exhibit.config.config import Config
from exhibit.errors import ExitCode
from registry.bundles.bundles import write_bundle_zip
from registry.bundles.verifier_drawings import CONTENT_GENERATORS
from registry.cases.decisions import confirm_case
from registry.fingerprints import fingerprints
from registry.models import AnchorReceipt
from registry.retention.picture_reports import report_picture
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.shop import LOOPBACK, add_own_keys, create_watch, find_files_with, running_timestamp_services
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

CAPTURE_ROLES = {
    "exchange.warc",
    "network.json",
    "page.html",
    "image.jpg",
    "screenshot.png",
    "screenshot-boxed.png",
    "page.pdf",
    "page.mhtml",
    "dom.html",
    "capture.wacz",
}


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def world(db: None, config: Config, tmp_path: Path) -> Iterator[tuple[SyncRunner, Trust]]:
    """An installation with a browser and timestamp services, and a matching trust list."""
    fingerprints.clear_cached_spaces()
    own = replace(config, data_dir=tmp_path, allowed_networks=(LOOPBACK,), checkpoint_seconds=1, capture_browser="")
    with running_timestamp_services(own, tmp_path / "timestamps") as (complete, trust):
        runner = SyncRunner(complete)
        yield runner, trust
        assert isinstance(runner.services.capturer, BrowserCapturer)
        runner.services.capturer.close()
    fingerprints.clear_cached_spaces()


@pytest.mark.long
def test_bundle_with_browser_screenshots_verifies(world: tuple[SyncRunner, Trust], site: Site, tmp_path: Path) -> None:
    inline, trust = world
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    site.page("/", '<!doctype html><title>A shop</title><h1>Prints</h1><img src="copy.jpg">')
    site.routes["/copy.jpg"] = Answer(recompress(photograph(1)), media_type="image/jpeg")
    create_watch(studio, site.url("/"))
    inline.run_until_idle()
    case = studio.cases.get()
    confirm_case(inline.services, case, by="ann", reason="")
    inline.run_until(
        lambda: not AnchorReceipt.objects.exclude(state="done").exists() and case.bundles.get().state == "done"
    )
    (capture,) = case.captures.all()
    assert (capture.method, capture.outcome) == ("browser", "captured")
    path = tmp_path / "bundle.zip"
    with path.open("wb") as out:
        write_bundle_zip(inline.services, case.bundles.get(), out)
    with zipfile.ZipFile(path) as bundle:
        names = {name.removeprefix("data/sightings/01/capture-1/") for name in bundle.namelist()}
        facts = json.loads(bundle.read("data/facts.json"))
        roles = {item["role"] for item in json.loads(bundle.read("data/manifest.json"))["files"]}
    assert names >= CAPTURE_ROLES
    assert roles >= {"screenshot", "screenshot-boxed", "wacz", "mhtml", "page-pdf", "dom"}
    assert facts["sightings"][0]["captures"][0]["method"] == "browser"
    verdict = Verifier(add_own_keys(inline.services, trust), CONTENT_GENERATORS).verify(path)
    assert verdict.outcome is ExitCode.DONE, [item for item in verdict.checks if item.state != "passed"]
    states = {item.name: str(item.state) for item in verdict.checks}
    assert {states[name] for name in ("capture:01-1", "wacz:01-1", "drawings", "sheet", "words")} == {"passed"}


@pytest.mark.long
def test_page_with_reported_picture_is_sealed_without_its_screenshots(
    world: tuple[SyncRunner, Trust], site: Site, tmp_path: Path
) -> None:
    inline, trust = world
    studio = owner("studio")
    site.page("/", '<!doctype html><title>A shop</title><img src="copy-1.jpg"><img src="copy-2.jpg">')
    for number in (1, 2):
        register(inline.services, studio, photograph(number), f"Work {number}")
        site.routes[f"/copy-{number}.jpg"] = Answer(recompress(photograph(number)), media_type="image/jpeg")
    create_watch(studio, site.url("/"))
    inline.run_until_idle()
    case, other = (studio.cases.get(work__number=number) for number in (1, 2))
    report_picture(inline.services, other, by="Ann", reason="It may not be kept.")
    confirm_case(inline.services, case, by="ann", reason="")
    inline.run_until(
        lambda: not AnchorReceipt.objects.exclude(state="done").exists() and case.bundles.get().state == "done"
    )
    path = tmp_path / "bundle.zip"
    with path.open("wb") as out:
        write_bundle_zip(inline.services, case.bundles.get(), out)
    with zipfile.ZipFile(path) as bundle:
        absences = {
            absence["role"]: absence["why"] for absence in json.loads(bundle.read("data/facts.json"))["left_out"]
        }
    assert absences == dict.fromkeys(("screenshot", "screenshot-boxed", "page-pdf", "mhtml", "wacz"), "reported")
    verdict = Verifier(add_own_keys(inline.services, trust), CONTENT_GENERATORS).verify(path)
    states = {check.name: str(check.state) for check in verdict.checks}
    assert {states[name] for name in ("capture:01-1", "capture:01-2", "captures", "sheet")} == {"passed"}
    assert (verdict.outcome, verdict.failures) == (ExitCode.DONE, ())
    assert find_files_with(inline, recompress(photograph(2))) == []
