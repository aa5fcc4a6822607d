"""Test failed jobs, models, calibrations, and the operator's rules."""

import json
from pathlib import Path

import pytest

from exhibit.digests import Digest
from indexer.calibration.shipped import shipped_calibration
from registry.fingerprints.descriptor_models import measure_model
from registry.fingerprints.loaded_models import install_built_in
from registry.matches.calibrations import store_shipped
from registry.matches.match import match_pictures
from registry.models import Owner, Picture
from registry.retention.picture_reports import report_picture
from tests.assets.command_line import Terminal
from tests.assets.networks import network_files
from tests.assets.rows import claim_new_slice, create_case, owner, photograph, recompress, record_sightings, register


def test_failed_jobs_are_listed_dismissed_and_retried(cli: Terminal) -> None:
    assert cli.api("GET", "/operator/failures") == {"items": []}
    crawl_slice, epoch = claim_new_slice(owner("studio"))
    record_sightings(cli.desk.services, crawl_slice, epoch, [photograph(1)])
    Picture.objects.update(state="failed", error="The step broke off.")
    (failure,) = cli.api("GET", "/operator/failures")["items"]
    assert (failure["step"], failure["count"], failure["error"], failure["dismissed"]) == (
        "match", 1, "The step broke off.", False,
    )  # fmt: skip
    assert cli.api("POST", "/operator/failures/match/dismiss") == {"rows": 1}
    assert cli.api("GET", "/operator/failures")["items"][0]["dismissed"]
    assert cli.api("POST", "/operator/failures/match/retry") == {"rows": 1}
    assert Picture.objects.get().state == "queued"
    cli.run("api", "POST", "/operator/failures/nosuch/retry", code=2)


def test_host_is_denied_with_a_reason_listed_and_allowed(cli: Terminal) -> None:
    cli.run("api", "PUT", "/operator/denied-hosts/shop.example", code=2)
    cli.api("PUT", "/operator/denied-hosts/Shop.example", reason="Asked to be left out")
    (denied_host,) = cli.api("GET", "/operator/denied-hosts")["items"]
    assert (denied_host["host"], denied_host["reason"]) == ("shop.example", "Asked to be left out")
    cli.api("DELETE", "/operator/denied-hosts/shop.example")
    assert cli.api("GET", "/operator/denied-hosts") == {"items": []}
    cli.run("api", "DELETE", "/operator/denied-hosts/shop.example", code=2)


def test_blocked_bytes_cannot_be_registered_again(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "picture.jpg").write_bytes(photograph(77))
    digest = Digest.from_bytes(photograph(77)).hex
    cli.api("PUT", f"/operator/blocked-bytes/{digest}", reason="Opt-out")
    (blocked,) = cli.api("GET", "/operator/blocked-bytes")["items"]
    assert (blocked["digest"], blocked["reason"]) == (digest, "Opt-out")
    (failure,) = cli.run_json("work", "add", folder / "picture.jpg", code=4)["failed"]
    assert failure["reason"] == "blocked"


def test_reported_picture_can_be_allowed_and_is_visible_again(cli: Terminal, studio: str) -> None:
    cli.run("api", "POST", f"/operator/pictures/{'0' * 64}/keep", "--field", "reason=no", code=2)
    case = create_case(cli.desk.services, Owner.objects.get())
    rival = owner("rival")  # shared with another owner's case, it is not purged at once
    register(cli.desk.services, rival, photograph(1))
    crawl_slice, epoch = claim_new_slice(rival, "other")
    match_pictures(
        cli.desk.services, record_sightings(cli.desk.services, crawl_slice, epoch, [recompress(photograph(1))])
    )
    report_picture(cli.desk.services, case, by="Ann", reason="It shows a child.")
    digest = Digest.from_bytes(recompress(photograph(1))).hex
    assert cli.api("POST", f"/operator/pictures/{digest}/keep", reason="A portrait") == {"rows": 1}


def test_purged_picture_cannot_be_registered_again(cli: Terminal, studio: str, folder: Path) -> None:
    picture = folder / "purged.jpg"
    picture.write_bytes(photograph(78))
    digest = Digest.from_bytes(photograph(78))
    cli.run("work", "add", picture)
    assert "items" in cli.api("GET", f"/operator/pictures/{digest.hex}/files")
    cli.run("api", "POST", f"/operator/pictures/{digest.hex}/purge", code=2)
    assert digest in cli.desk.services.blobs
    assert cli.api("POST", f"/operator/pictures/{digest.hex}/purge", reason="Order") == {"removed": True}
    assert digest not in cli.desk.services.blobs
    (failure,) = cli.run_json("work", "add", picture, code=4)["failed"]
    assert failure["reason"] == "blocked"


def test_calibrations_are_listed_and_reset(cli: Terminal) -> None:
    calibration = shipped_calibration()
    assert calibration is not None
    store_shipped(calibration)
    calibrations = cli.api("GET", "/operator/calibrations")
    assert [item["shipped"] for item in calibrations["items"]] == [True]
    assert cli.api("POST", "/operator/calibrations/reset")["in_use"] == calibrations["items"][0]["digest"]


@pytest.mark.long
def test_model_is_activated_exported_and_removed(cli: Terminal, folder: Path) -> None:
    install_built_in(cli.desk.services.blobs)
    (model,) = cli.api("GET", "/operator/models")["items"]
    assert model["state"] == "serving"
    cli.run("api", "DELETE", f"/operator/models/{model['name']}", code=2)
    (folder / "photos").mkdir()
    for seed in range(20):
        (folder / "photos" / f"{seed}.jpg").write_bytes(photograph(100 + seed))
    onnx, card = network_files(folder)
    cli.run("model", "add", onnx, "--card", card, code=1)
    cli.run("api", "GET", "/operator/models/colours/file", "--output", folder / "out.zip", code=2)
    measure_model(cli.desk.services, "colours", folder / "photos", 4, lambda *_: None, ("jpeg70",))
    key = ("--field", f"key={folder / 'heron.pem'}", "--field", "author=Heron")
    cli.run("api", "GET", "/operator/models/colours/file", *key, "--output", folder / "out.zip")
    cli.api("DELETE", "/operator/models/colours")
    cli.run("model", "add", folder / "out.zip", code=2)
    data = cli.run_json("model", "add", folder / "out.zip", "--yes", "--photos", folder / "photos", "--works", 4)
    assert data["compared"]["falls_short"] is False
    assert cli.api("POST", "/operator/models/colours/use")["state"] in {"building", "serving"}
    options = {"photos": str(folder / "nowhere"), "works": 4}
    cli.run("api", "POST", "/operator/models/colours/measure", "--json", json.dumps(options), code=2)
