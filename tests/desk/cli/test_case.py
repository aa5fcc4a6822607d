"""Test `exhibit case`: the uses found, and their confirmation."""

from pathlib import Path

import pytest

from exhibit.clock import format_rfc3339
from exhibit.digests import Digest
from registry.bundles.models import REOPENED_CASE
from registry.matches.match import match_pictures
from registry.models import Bundle, CrawlSlice, Owner, Sighting
from registry.works.licences import NewLicence, add_licences
from tests.assets.command_line import Terminal
from tests.assets.rows import claim_new_slice, create_case, photograph, recompress, record_sightings


def test_case_is_listed_with_its_use(cli: Terminal, studio: str) -> None:
    assert "exhibit watch run" in cli.run("case", "list").out
    create_case(cli.desk.services, Owner.objects.get())
    (case,) = cli.run_json("case", "list", "--decision", "open")["cases"]
    for text, numbers in (("shop.example/page-0", [1]), ("image-0.jpg", [1]), ("#1", [1]), ("#2", []), ("else", [])):
        assert [item["number"] for item in cli.run_json("case", "list", "--search", text)["cases"]] == numbers
    assert (case["site"], case["decision"], case["bundles"]) == ("shop.example", "open", [])
    (use,) = case["uses"]
    assert (use["image_url"], use["match"], use["licence"]) == ("http://shop.example/image-0.jpg", "certain", None)
    assert cli.run_json("case", "list", "--decision", "dismissed") == {"cases": []}
    line = " ".join(cli.run("case", "list").out.splitlines()[1].split())
    assert line == "1 1: A work shop.example certain 1 open 0"


def test_page_seen_by_several_crawls_is_a_single_use(cli: Terminal, studio: str) -> None:
    services, owner_row = cli.desk.services, Owner.objects.get()
    case = create_case(services, owner_row)
    for name in ("second", "third"):
        match_pictures(
            services, record_sightings(services, *claim_new_slice(owner_row, name), [recompress(photograph(1))])
        )
    rows = case.case_sightings.order_by("pk")
    assert rows.count() == 3
    Sighting.objects.filter(pk=rows[0].sighting_id).update(
        first_seen="2026-11-01T12:00Z", last_seen="2026-11-01T12:00Z"
    )
    (data,) = cli.run_json("case", "list")["cases"]
    (use,) = data["uses"]
    assert (data["pages"], use["first_seen"][:10]) == (1, "2026-11-01")
    last = rows[2].sighting.last_seen
    assert last is not None
    assert use["last_seen"] == format_rfc3339(last)
    licence = add_licences(owner_row, [NewLicence("A", domain="shop.example")])[0][0]
    rows.filter(pk=rows[0].pk).update(licence=licence)  # as if it had ended after the first crawl
    data = cli.api("GET", "cases/1")
    assert ([item["licence"] for item in data["uses"]], data["pages"]) == ([1, None], 1)


def test_case_is_confirmed_once_and_keeps_its_reason(cli: Terminal, studio: str) -> None:
    create_case(cli.desk.services, Owner.objects.get())
    cli.api("POST", "cases/1/decisions", decision="dismissed", reason="Not ours.")
    cli.run("case", "confirm", "1", code=2)
    cli.api("POST", "cases/1/decisions", decision="open", reason="Ours after all.")
    result = cli.run("case", "confirm", "1", "--reason", "No order.", "--by", "Ann")
    assert ("1" in result.out, "--wait" in result.err) == (True, True)
    second_result = cli.run("case", "confirm", "1", "--reason", "Another.")
    assert (second_result.out, "exhibit api POST cases/N/notes" in second_result.err) == ("", True)
    data = cli.api("GET", "cases/1")
    assert (data["decision"], data["decided_by"], data["reason"]) == ("confirmed", "Ann", "No order.")
    assert [event["kind"] for event in data["history"]] == ["opened", "dismissed", "open", "confirmed"]


@pytest.mark.long
def test_demonstration_confirmation_is_sealed_and_labelled(cli: Terminal, studio: str, folder: Path) -> None:
    create_case(cli.desk.services, Owner.objects.get())
    CrawlSlice.objects.update(state="done")  # no more results
    cli.run("case", "confirm", "1", "--demonstration", "--wait")
    (confirmed_case,) = cli.run_json("case", "list")["cases"]
    assert (confirmed_case["decision"], confirmed_case["demonstration"]) == ("confirmed", True)
    assert confirmed_case["decided_by"] == "demonstration switch"
    assert confirmed_case["bundles"][0]["seal"] is not None
    copies = [folder / "whole.zip", folder / "less.zip"]
    withheld = ("--field", "withhold=originals", "--field", "reason=They stay with us.")
    for path, fields in zip(copies, ((), withheld), strict=True):
        cli.run("api", "GET", "cases/1/bundles/1/file", *fields, "--output", path)
    assert copies[1].stat().st_size < copies[0].stat().st_size


@pytest.mark.long
def test_confirming_a_case_whose_evidence_cannot_be_sealed_exits_with_4(cli: Terminal, studio: str) -> None:
    create_case(cli.desk.services, Owner.objects.get())
    CrawlSlice.objects.update(state="done")  # no more results
    [blob] = (cli.data / "blobs").rglob(Digest.from_bytes(photograph(1)).hex)
    blob.unlink()
    assert "Bundle 1 of case 1" in cli.run("case", "confirm", "1", "--wait", code=4).err
    Bundle.objects.update(state="failed", error="The step broke off.")
    assert "/operator/failures/seal/retry" in cli.run("case", "confirm", "1", "--wait", code=4).err
    Bundle.objects.update(state="failed", error=REOPENED_CASE)
    assert "retry" not in cli.run("case", "confirm", "1", "--wait", code=4).err
