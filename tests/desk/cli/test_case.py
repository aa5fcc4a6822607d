"""`exhibit case`: found uses, and what was decided about them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from desk.cli.common.frame import person
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.types import SeenElsewhere, SeenKind
from indexer.picture.features import extract
from indexer.search.prints import StatedPicture
from registry.bundles.models import OPENED_AGAIN
from registry.cases import decisions
from registry.crawls.elsewhere import kept
from registry.matches.match import match_pictures
from registry.models import ArchiveQuestion, Bundle, CrawlSlice, Owner, Picture, Sighting
from registry.works.licences import NewLicence, keep_licences
from registry.works.stated import register_stated
from tests.assets.command_line import Terminal
from tests.assets.rows import bring, claimed_slice, copy_of, found_case, jpeg, photograph, register


def test_a_case_is_listed_and_shown_with_its_use(cli: Terminal, studio: str) -> None:
    assert "There is no case. Run a watch" in cli.run("case", "list").out
    found_case(cli.desk.services, Owner.objects.get())
    (case,) = cli.ask("case", "list", "--decision", "open")["cases"]
    for words, numbers in (("shop.example/page-0", [1]), ("image-0.jpg", [1]), ("#1", [1]), ("#2", []), ("else", [])):
        assert [one["number"] for one in cli.ask("case", "list", "--match", words)["cases"]] == numbers
    assert (case["party"], case["decision"], case["bundles"]) == ("shop.example", "open", [])
    (use,) = case["uses"]
    assert (use["image_url"], use["match"], use["licence"]) == ("http://shop.example/image-0.jpg", "certain", None)
    assert (
        "There is no case that is cleared. exhibit case list shows all."
        in cli.run("case", "list", "--decision", "cleared").out
    )
    line = " ".join(cli.run("case", "list").out.splitlines()[1].split())
    assert line == "1 1: A work shop.example certain 1 open 0"
    shown = cli.run("case", "show", "1").out
    assert "work      1: A work" in shown
    assert "Opened: shop.example shows what may be a copy of work 1." in shown
    assert "has no case 9" in cli.run("case", "show", "9", code=2).err


def test_a_place_that_several_runs_saw_is_one_use(cli: Terminal, studio: str) -> None:
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
    assert (told["places"], use["first_seen"][:10]) == (1, "2026-11-01")
    last = rows[2].sighting.last_seen
    assert last is not None
    assert use["last_seen"] == rfc3339(last)
    line = " ".join(cli.run("case", "list").out.splitlines()[1].split())
    assert line == "1 1: A work shop.example certain 1 open 0"
    shown = cli.run("case", "show", "1").out
    assert (shown.count("image "), "2026-11-01 12:00 UTC – " in shown) == (1, True)
    licence = keep_licences(of, [NewLicence("A", domain="shop.example")])[0][0]
    rows.filter(pk=rows[0].pk).update(licence=licence)  # as when it ended after the first run
    told = cli.ask("case", "show", "1")
    assert ([one["licence"] for one in told["uses"]], told["places"]) == ([1, None], 1)


@pytest.mark.long
def test_a_case_tells_which_other_works_its_picture_shows(cli: Terminal, studio: str) -> None:
    again, services, of = jpeg(Image.open(io.BytesIO(photograph(1))), 70), cli.desk.services, Owner.objects.get()
    for data, title in ((again, "Registered twice"), (photograph(1), "A work")):
        register(services, of, data, title)
    match_pictures(services, bring(services, *claimed_slice(of), [copy_of(photograph(1))]))
    both = {
        one["work"]["number"]: [(other["number"], other["decision"]) for other in one["also_shown"]]
        for one in (cli.ask("case", "show", "1"), cli.ask("case", "show", "2"))
    }
    assert both == {1: [(2, "certain")], 2: [(1, "certain")]}
    shown = [cli.run("case", "show", str(number)).out for number in (1, 2)]
    assert any("also shown  work 1, Registered twice (certain)" in out for out in shown), shown


@pytest.mark.long
def test_decisions_are_made_refused_taken_back_and_made_anew(cli: Terminal, studio: str) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    assert cli.run("case", "clear", "1", "--reason", "Not ours.").out == "Cleared: 1.\n"
    assert "is decided: cleared" in cli.run("case", "confirm", "1", code=2).err
    assert cli.run("case", "reopen", "1", "--reason", "Ours after all.").out == "Open again: 1.\n"
    ran = cli.run("case", "confirm", "1", "--reason", "No order.", "--by", "Ann")
    assert (ran.out, "start them with `exhibit up`, or add --wait" in ran.err) == ("Not licensed: 1.\n", True)
    again = cli.run("case", "confirm", "1", "--reason", "Another.")
    assert "Not licensed already, and left as it was: 1. Its first reason stays" in again.err
    assert not again.out
    assert "is decided: not licensed" in cli.run("case", "clear", "1", "--reason", "no", code=2).err
    assert cli.run("case", "undo", "1", "--by", "Ann").out == "Undone: 1.\n"
    assert "has no licence 1" in cli.run("case", "license", "1", "--licence", "1", "--reason", "x", code=2).err
    shown = cli.ask("case", "show", "1")
    assert shown["decision"] == "open"
    assert [one["kind"] for one in shown["history"]] == ["opened", "cleared", "open", "confirmed", "open"]


@pytest.mark.long
def test_a_confirmation_for_a_demonstration_is_sealed_and_says_so(cli: Terminal, studio: str) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    CrawlSlice.objects.update(state="done")  # nothing more comes of it
    cli.run("case", "confirm", "1", "--demonstration", "--wait")
    (confirmed,) = cli.ask("case", "list")["cases"]
    assert (confirmed["decision"], confirmed["demonstration"]) == ("confirmed", True)
    assert confirmed["decided_by"] == "demonstration switch"
    assert confirmed["bundles"][0]["seal"] is not None
    assert "(a switch for demonstrations)" in cli.run("case", "show", "1").out


@pytest.mark.long
def test_a_confirmation_whose_evidence_cannot_be_sealed_does_not_end_as_if_it_were(
    cli: Terminal, studio: str, tmp_path: Path
) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    CrawlSlice.objects.update(state="done")  # nothing more comes of it
    [blob] = (cli.data / "blobs").rglob(Digest.of(photograph(1)).hex)
    blob.unlink()
    ran = cli.run("case", "confirm", "1", "--wait", code=4)
    assert "Bundle 1 of case 1 isn't sealed: " in ran.err
    got = cli.run("bundle", "get", "1", "--out", tmp_path, code=4)
    assert "Bundle 1 of case 1 isn't sealed: " in got.err
    assert not got.out
    Bundle.objects.update(state="failed", error=OPENED_AGAIN)
    assert "retry" not in cli.run("bundle", "get", "1", "--out", tmp_path, code=4).err


@pytest.mark.long
def test_a_case_is_noted_on_disputed_and_settled_by_name(cli: Terminal, studio: str) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    cli.run("api", "POST", "cases/1/notes", "--field", "words=Ask the gallery first.")
    dispute = ("api", "POST", "cases/1/dispute", "--field", "reason=It is.")
    assert "is open" in cli.run(*dispute, code=2).err
    cli.run("case", "clear", "1", "--reason", "Not ours.")
    cli.run(*dispute)
    assert "disputed  since " in cli.run("case", "show", "1").out
    cli.run("api", "POST", "cases/1/settle", "--field", "reason=I asked.")
    assert "disputed  since " not in cli.run("case", "show", "1").out
    history = cli.ask("case", "show", "1")["history"]
    assert [(one["by"], one["kind"]) for one in history if one["kind"] in ("note", "disputed")] == [
        (person(), "note"),
        (person(), "disputed"),
    ]


def test_an_archive_is_asked_only_with_a_yes_and_about_what_a_person_confirmed(cli: Terminal, studio: str) -> None:
    case = found_case(cli.desk.services, Owner.objects.get())
    assert "No person has called case 1 not licensed" in cli.run("case", "ask-archive", "1", "--yes", code=2).err
    decisions.confirm(cli.desk.services, case, by="Ann", reason="")
    asked = cli.run("case", "ask-archive", "1", code=2)
    assert "http://shop.example/image-0.jpg" in asked.out
    assert "Add --yes" in asked.err
    assert not ArchiveQuestion.objects.exists()
    made = SeenElsewhere(kind=SeenKind.SEARCH_SAW, by="TinEye", stated="2019-03-03", where="https://a.example")
    Sighting.objects.update(elsewhere=kept([made]))
    shown = " ".join(cli.run("case", "show", "1").out.split())
    assert "stated by others search-saw TinEye of the picture, 2019-03-03 look it up https://a.example" in shown


@pytest.mark.long
def test_a_paper_is_written(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    papers = "cases/1/bundles/1/papers"
    cli.run("api", "GET", f"{papers}/us-902", "--output", folder / "paper.pdf")
    assert (folder / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert "us-903" in cli.run("api", "GET", f"{papers}/us-903", "--output", folder / "none.pdf", code=2).err
    assert not (folder / "none.pdf").exists()
    assert "language" in cli.run("api", "GET", f"{papers}/us-902?language=xx", "--output", "-", code=2).err


@pytest.mark.long
def test_an_owner_compares_a_picture_that_stays_away_with_what_its_fingerprints_found(
    cli: Terminal, studio: str, folder: Path
) -> None:
    services, data = cli.desk.services, photograph(303)
    told = StatedPicture.of("ours.jpg", len(data), extract(data))
    register_stated(services, Owner.objects.get(slug=studio), told)
    planned, epoch = claimed_slice(Owner.objects.get(slug=studio), "found")
    match_pictures(services, bring(services, planned, epoch, [copy_of(data)], host="prints.example"))
    (case,) = [case for case in cli.ask("case", "list")["cases"] if case["party"] == "prints.example"]
    number = case["number"]
    assert case["uses"][0]["by_fingerprints"]
    assert "exhibit case look --picture FILE" in cli.run("case", "show", number).out
    (folder / "ours.jpg").write_bytes(data)
    (folder / "other.jpg").write_bytes(copy_of(data))
    drawn = folder / "both.jpg"
    ran = cli.run("case", "look", number, "--picture", folder / "ours.jpg", "--side-by-side", drawn)
    assert "http://prints.example/image-0.jpg\ncertain: they agree as a copy and its original do." in ran.out
    assert drawn.read_bytes().startswith(b"\xff\xd8")
    assert not Picture.objects.filter(digest=Digest.of(data)).exists()
    refused = cli.run("case", "look", number, "--picture", folder / "other.jpg", code=2)
    assert f"{Digest.of(data)} was stated of work" in refused.err
    assert "evidence needs it" in cli.run("case", "confirm", number, code=2).err
    cli.run("work", "add", folder / "ours.jpg", "--owner", studio)
    here = cli.run("case", "look", number, "--picture", folder / "ours.jpg", code=2)
    assert f"is here: case {number} shows the pair" in here.err
