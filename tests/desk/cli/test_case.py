"""Test `exhibit case`: the uses found, and their confirmation."""

from pathlib import Path

import pytest

from exhibit.clock import rfc3339
from exhibit.digests import Digest
from registry.bundles.models import OPENED_AGAIN
from registry.matches.match import match_pictures
from registry.models import Bundle, CrawlSlice, Owner, Sighting
from registry.works.licences import NewLicence, keep_licences
from tests.assets.command_line import Terminal
from tests.assets.rows import bring, claimed_slice, copy_of, found_case, photograph


def test_a_case_is_listed_with_its_use(cli: Terminal, studio: str) -> None:
    assert "exhibit watch run" in cli.run("case", "list").out
    found_case(cli.desk.services, Owner.objects.get())
    (case,) = cli.ask("case", "list", "--decision", "open")["cases"]
    for words, numbers in (("shop.example/page-0", [1]), ("image-0.jpg", [1]), ("#1", [1]), ("#2", []), ("else", [])):
        assert [one["number"] for one in cli.ask("case", "list", "--search", words)["cases"]] == numbers
    assert (case["site"], case["decision"], case["bundles"]) == ("shop.example", "open", [])
    (use,) = case["uses"]
    assert (use["image_url"], use["match"], use["licence"]) == ("http://shop.example/image-0.jpg", "certain", None)
    assert cli.ask("case", "list", "--decision", "cleared") == {"cases": []}
    line = " ".join(cli.run("case", "list").out.splitlines()[1].split())
    assert line == "1 1: A work shop.example certain 1 open 0"


def test_a_place_that_several_crawls_saw_is_one_use(cli: Terminal, studio: str) -> None:
    services, of = cli.desk.services, Owner.objects.get()
    case = found_case(services, of)
    for name in ("second", "third"):
        match_pictures(services, bring(services, *claimed_slice(of, name), [copy_of(photograph(1))]))
    rows = case.case_sightings.order_by("pk")
    assert rows.count() == 3
    Sighting.objects.filter(pk=rows[0].sighting_id).update(
        first_seen="2026-11-01T12:00Z", last_seen="2026-11-01T12:00Z"
    )
    (told,) = cli.ask("case", "list")["cases"]
    (use,) = told["uses"]
    assert (told["pages"], use["first_seen"][:10]) == (1, "2026-11-01")
    last = rows[2].sighting.last_seen
    assert last is not None
    assert use["last_seen"] == rfc3339(last)
    licence = keep_licences(of, [NewLicence("A", domain="shop.example")])[0][0]
    rows.filter(pk=rows[0].pk).update(licence=licence)  # as if it had ended after the first crawl
    told = cli.api("GET", "cases/1")
    assert ([one["licence"] for one in told["uses"]], told["pages"]) == ([1, None], 1)


def test_a_case_is_confirmed_once_and_keeps_its_reason(cli: Terminal, studio: str) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    cli.api("POST", "cases/1/decisions", decision="cleared", reason="Not ours.")
    cli.run("case", "confirm", "1", code=2)
    cli.api("POST", "cases/1/decisions", decision="open", reason="Ours after all.")
    ran = cli.run("case", "confirm", "1", "--reason", "No order.", "--by", "Ann")
    assert ("1" in ran.out, "--wait" in ran.err) == (True, True)
    again = cli.run("case", "confirm", "1", "--reason", "Another.")
    assert (again.out, "exhibit api POST cases/N/notes" in again.err) == ("", True)
    shown = cli.api("GET", "cases/1")
    assert (shown["decision"], shown["decided_by"], shown["reason"]) == ("confirmed", "Ann", "No order.")
    assert [one["kind"] for one in shown["history"]] == ["opened", "cleared", "open", "confirmed"]


@pytest.mark.long
def test_a_confirmation_for_a_demonstration_is_sealed_and_says_so(cli: Terminal, studio: str, folder: Path) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    CrawlSlice.objects.update(state="done")  # no more results
    cli.run("case", "confirm", "1", "--demonstration", "--wait")
    (confirmed,) = cli.ask("case", "list")["cases"]
    assert (confirmed["decision"], confirmed["demonstration"]) == ("confirmed", True)
    assert confirmed["decided_by"] == "demonstration switch"
    assert confirmed["bundles"][0]["seal"] is not None
    copies = [folder / "whole.zip", folder / "less.zip"]
    withheld = ("--field", "withhold=originals", "--field", "reason=They stay with us.")
    for path, fields in zip(copies, ((), withheld), strict=True):
        cli.run("api", "GET", "cases/1/bundles/1/file", *fields, "--output", path)
    assert copies[1].stat().st_size < copies[0].stat().st_size


@pytest.mark.long
def test_a_confirmation_whose_evidence_cannot_be_sealed_ends_with_4(cli: Terminal, studio: str) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    CrawlSlice.objects.update(state="done")  # no more results
    [blob] = (cli.data / "blobs").rglob(Digest.of(photograph(1)).hex)
    blob.unlink()
    assert "Bundle 1 of case 1" in cli.run("case", "confirm", "1", "--wait", code=4).err
    Bundle.objects.update(state="failed", error="The step broke off.")
    assert "/operator/failures/seal/retry" in cli.run("case", "confirm", "1", "--wait", code=4).err
    Bundle.objects.update(state="failed", error=OPENED_AGAIN)
    assert "retry" not in cli.run("case", "confirm", "1", "--wait", code=4).err
