"""The command line as people and programs use it: real processes, real servers, a real site."""

import signal
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from exhibit.digests import Digest
from registry.crawls.watching import BUDGET
from tests.assets.command_line import CommandLine
from tests.assets.rows import copy_of, jpeg, photograph
from tests.assets.shop import Shop
from tests.assets.site import Site
from workers.crawls.search_services import SHIPPED


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A copy of the first work, an unrelated picture, a broken one and one that isn't there."""
    with Site(host="127.0.0.6") as site:
        made = Shop(site)
        made.image("/copy.jpg", copy_of(photograph(1)))
        made.image("/other.jpg", photograph(50))
        made.image("/broken.jpg", photograph(51)[:2000] + b"\0" * 500)
        made.page("/", "/copy.jpg", "/other.jpg")
        made.page("/second", "/broken.jpg", "/gone.jpg")
        yield made


def test_wrong_use_ends_with_2_and_a_sentence(cli: CommandLine, studio: str, folder: Path, tmp_path: Path) -> None:
    works = tmp_path
    (works / "one.jpg").write_bytes(photograph(1))
    (works / "notes.txt").write_text("no picture")
    (works / "broken.jpg").write_bytes(photograph(1)[:2000])
    assert "No such command" in cli.run("wrok", "list", code=2).err
    assert "No such option" in cli.run("work", "list", "--jsno", code=2).err
    assert cli.run("work", "list", "--owner", "nobody", code=2).err.splitlines() == [
        "There is no owner 'nobody'.",
        "`exhibit owner list` shows them all.",
    ]
    assert "has no work 99" in cli.run("work", "show", "99", "--owner", studio, code=2).err
    assert "There is an owner named" in cli.run("owner", "add", "the studio", code=2).err
    assert "EXHIBIT_WORKRES isn't a setting" in cli.run("work", "list", code=2, EXHIBIT_WORKRES="3").err
    own = ("--owner", studio)
    assert "begins neither with http:// nor" in cli.run("watch", "add", "w", "--site", "notaurl", *own, code=2).err
    assert (
        "isn't on the public internet" in cli.run("watch", "add", "w", "--site", "http://10.0.0.1/", *own, code=2).err
    )
    assert "notes.txt" in cli.run("compare", works / "one.jpg", works / "notes.txt", code=2).err
    assert "broken.jpg: " in cli.run("compare", works / "broken.jpg", works / "one.jpg", code=2).err


def test_with_several_owners_one_has_to_be_named(cli: CommandLine, studio: str) -> None:
    cli.run("owner", "add", "灯塔档案", "--slug", "lighthouse")
    ran = cli.run("work", "list", code=2)
    assert ran.err.splitlines()[0] == "There are several owners."
    assert "lighthouse, the-studio" in ran.err
    assert "灯塔档案" in cli.run("owner", "list").out


def test_works_come_from_folders_with_what_a_table_declares(cli: CommandLine, studio: str) -> None:
    one, two = sorted(cli.ask("work", "list", "--owner", studio)["works"], key=lambda work: str(work["file"]))[::-1]
    assert (one["file"], one["title"], one["author"]) == ("one.jpg", "The First", "Ann")
    assert one["registrations"] == [{"office": "USCO", "number": "VA 1-234", "date": "2024-05-31"}]
    assert (two["file"], two["title"], two["flags"]) == ("below/two.jpg", "two", [])


def test_files_that_cannot_be_registered_are_named_and_the_others_are(
    cli: CommandLine, studio: str, tmp_path: Path
) -> None:
    from demo.pictures import flat

    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (tmp_path / "flat.jpg").write_bytes(jpeg(flat()))
    (tmp_path / "again.jpg").write_bytes(photograph(1))
    answer = cli.ask("work", "add", tmp_path, "--owner", studio, code=4)
    assert [one["file"] for one in answer["failed"]] == ["bad.jpg"]
    found = {one["file"]: one for one in answer["works"]}
    assert found["flat.jpg"]["flags"]
    assert (found["again.jpg"]["number"], found["again.jpg"]["new"]) == (1, False)
    number = found["flat.jpg"]["number"]
    cli.run("work", "remove", number, "--owner", studio)
    assert "has no work" in cli.run("work", "show", number, "--owner", studio, code=2).err


def test_a_file_that_names_another_author_is_told_when_it_is_registered_and_shown(
    cli: CommandLine, studio: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Bo Chan"
    Image.open(BytesIO(photograph(31))).save(tmp_path / "bo.jpg", exif=exif)
    told = cli.run("work", "add", tmp_path / "bo.jpg", "--owner", studio).out
    assert "bo.jpg: The file names somebody else" in told
    number = cli.ask("work", "list", "--owner", studio)["works"][-1]["number"]
    assert "The file names somebody else" in cli.run("work", "show", number, "--owner", studio).out
    line = next(one for one in cli.run("work", "list", "--owner", studio).out.splitlines() if "bo.jpg" in one)
    assert line.endswith("credit")
    written = cli.run("work", "certificate", number, "--out", tmp_path, "--owner", studio)
    assert f"Work {number}: The file names somebody else" in written.err


def test_a_conflict_tells_that_an_earlier_registration_exists_and_its_date_only(
    cli: CommandLine, studio: str, folder: Path
) -> None:
    cli.run("owner", "add", "Rival")
    answer = cli.ask("work", "add", folder / "works" / "one.jpg", "--owner", "rival")
    (conflict,) = answer["works"][0]["conflicts"]
    assert set(conflict) == {"sentence", "date"}
    assert conflict["sentence"].endswith(f"exists, of {conflict['date']}.")
    assert "Studio" not in str(answer)


def test_licences_are_imported_whole_or_not_at_all_and_once(cli: CommandLine, studio: str, tmp_path: Path) -> None:
    table = tmp_path / "licences.csv"
    header = "works,licensee,domain,url_pattern,valid_from,valid_until,reason\n"
    table.write_text(header + "one.jpg,A shop,shop.example,,2024-01-01,,Order 7\nnope.jpg,B,b.example,,,,\n", "utf-8")
    ran = cli.run("licence", "import", table, "--owner", studio, code=2)
    assert "licences.csv, line 3: No work of The Studio: “nope.jpg”." in ran.err
    assert cli.ask("licence", "list", "--owner", studio) == {"licences": []}
    table.write_text(header + "one.jpg;2,A shop,shop.example,,2024-01-01,,Order 7\n", "utf-8")
    assert cli.ask("licence", "import", table, "--owner", studio)["new"] == 1
    assert cli.ask("licence", "import", table, "--owner", studio)["new"] == 0
    (licence,) = cli.ask("licence", "list", "--owner", studio)["licences"]
    assert (len(licence["works"]), licence["domain"], licence["valid_from"]) == (2, "shop.example", "2024-01-01")


def test_the_guard_is_asked_before_a_watch_is_kept(cli: CommandLine, studio: str) -> None:
    ran = cli.run("watch", "add", "inside", "--site", "http://10.1.2.3/", "--owner", studio, code=2)
    assert "isn't on the public internet" in ran.err
    cli.run(
        "watch", "add", "own", "--site", "http://127.0.0.1/", "--owner", studio, code=2, EXHIBIT_ALLOWED_NETWORKS=""
    )
    assert cli.ask("watch", "list", "--owner", studio) == {"watches": []}
    assert "needs a source" in cli.run("watch", "add", "none", "--owner", studio, code=2).err
    assert (
        "isn't a period" in cli.run("watch", "add", "x", "--site", "http://a.example/", "--every", "soon", code=2).err
    )


def test_a_watch_is_changed_stopped_and_deleted(cli: CommandLine, studio: str, tmp_path: Path) -> None:
    own = ("--owner", studio)
    (tmp_path / "words.txt").write_text("wave\n# not this\nfuji\n", "utf-8")
    cli.run("watch", "add", "old", "--site", "http://127.0.0.1/", *own)
    feed = ("--feed", "http://127.0.0.1/feed.xml")
    changed = cli.ask("watch", "edit", "old", "--name", "new", "--every", "7d", "--pages", "9", *feed, *own)
    assert (changed["name"], changed["every_seconds"], changed["budget"]["pages"]) == ("new", 604_800, 9)
    assert [one["kind"] for one in changed["sources"]] == ["site", "feed"]
    assert "isn't running" in cli.run("watch", "stop", "new", *own).out
    cli.run("watch", "run", "new", *own)
    assert "Run 1 of new ends" in cli.run("watch", "stop", "new", *own).out
    assert "is ending already" in cli.run("watch", "stop", "new", *own).out
    assert cli.ask("crawl", "show", "new", *own)["reason"] == "stopped"
    less = cli.ask("watch", "edit", "new", "--remove", "http://127.0.0.1/", *own)
    assert [one["kind"] for one in less["sources"]] == ["feed"]
    assert "doesn't look at" in cli.run("watch", "edit", "new", "--remove", "http://a.example/", *own, code=2).err
    assert "at least one place" in cli.run("watch", "edit", "new", "--remove", feed[1], *own, code=2).err
    cli.run("watch", "edit", "new", "--site", "http://10.0.0.1/", *own, code=2)
    words = ("--words", tmp_path / "words.txt")
    assert "not for words" in cli.run("watch", "add", "w", "--search", "tineye", *words, *own, code=2).err
    assert "Only a watch that asks a search has words" in cli.run("watch", "edit", "new", *words, *own, code=2).err
    assert "Add --yes" in cli.run("watch", "delete", "new", *own, code=2).err
    cli.run("watch", "delete", "new", "--yes", *own)
    assert cli.ask("watch", "list", *own) == {"watches": []}


def test_a_key_for_a_search_is_read_and_never_shown(cli: CommandLine, studio: str, tmp_path: Path) -> None:
    own, key = ("--owner", studio), "secret-of-the-studio"
    ran = cli.run("search", "key", "tineye", *own, told=f" {key}\n")
    assert "kept, encrypted" in ran.out
    assert "can't be a key" in cli.run("search", "key", "tineye", *own, told="", code=2).err
    assert "There is no search" in cli.run("search", "key", "nothing", *own, told=key, code=2).err
    tineye = next(one for one in cli.ask("search", "list", *own)["searches"] if one["search"] == "tineye")
    assert (tineye["takes"], tineye["key_added_at"] is None) == ("pictures", False)
    shown = ran.out + ran.err + cli.run("search", "list", *own).out + cli.run("log", "list").out
    assert key not in shown
    assert not any(key.encode() in path.read_bytes() for path in (cli.data / "log").rglob("*") if path.is_file())
    few = cli.run("watch", "add", "more", "--search", "tineye", *own)
    assert "There is no key" not in few.err
    copies = cli.ask("watch", "add", "copies", "--search", "tineye", "--searches", "20", *own)
    assert (copies["sources"], copies["budget"]["searches"]) == ([{"kind": "search", "url": "tineye"}], 20)
    assert copies["private"]
    cli.run("search", "forget", "tineye", *own)
    missing = "There is no key for tineye, so it isn't asked: exhibit search key tineye"
    assert missing in cli.run("watch", "add", "keyless", "--search", "tineye", *own).err
    assert missing in cli.run("watch", "run", "keyless", *own).err
    for name in ("more", "keyless"):
        cli.run("watch", "delete", name, "--yes", *own)
    ran = cli.run("watch", "run", "copies", "--wait", *own, code=4)
    assert "tineye: wasn't asked. There is no key for it. exhibit search key tineye" in ran.out
    assert "There is no key for it." in cli.run("crawl", "show", "copies", *own).out
    cli.run("search", "key", "tineye", *own, told=key)
    mapping = cli.data / "searches" / "few.toml"
    mapping.parent.mkdir()
    mapping.write_text((SHIPPED / "tineye.toml").read_text("utf-8").replace("searches = 50", "searches = 7"), "utf-8")
    assert cli.ask("watch", "add", "few", "--search", "few", *own)["budget"]["searches"] == 7
    cli.run("watch", "delete", "few", "--yes", *own)
    mapping.unlink()
    (tmp_path / "words.txt").write_text("wave\n", "utf-8")
    words = ("--words", tmp_path / "words.txt")
    assert "not for words" in cli.run("watch", "edit", "copies", *words, *own, code=2).err
    assert "is removed" in cli.run("search", "forget", "tineye", *own).out
    assert "There is no key" in cli.run("search", "forget", "tineye", *own).out
    cli.run("watch", "delete", "copies", "--yes", *own)


def test_from_a_watch_to_a_case_to_a_bundle_and_a_report(
    cli: CommandLine, studio: str, shop: Shop, tmp_path: Path
) -> None:
    own = ("--owner", studio)
    added = cli.ask("watch", "add", "shop", "--site", shop.url(), "--delay", "0", "--pages", "20", *own)
    assert (added["paused"], added["private"], added["budget"]) == (False, False, {**BUDGET, "pages": 20})
    ran = cli.ask("watch", "run", "shop", "--wait", *own)
    assert (ran["state"], ran["pages"], ran["pictures"], ran["waiting"], ran["cases"]) == ("done", 2, 3, 0, 1)

    refused = {one["url"]: one["reason"] for one in cli.ask("crawl", "show", "shop", *own)["refusals"]}
    assert set(refused) == {shop.url("/broken.jpg"), shop.url("/gone.jpg")}
    (case,) = cli.ask("case", "list", "--decision", "open", *own)["cases"]
    assert (case["work"]["file"], case["party"], case["decision"]) == ("one.jpg", "127.0.0.6", "open")
    (use,) = case["uses"]
    assert (use["image_url"], use["match"], use["licence"]) == (shop.url("/copy.jpg"), "certain", None)
    assert "The First" in cli.run("case", "show", case["number"], *own).out

    number = str(case["number"])
    cli.run("case", "confirm", number, "--demonstration", "--wait", *own)
    (confirmed,) = cli.ask("case", "list", *own)["cases"]
    assert (confirmed["decision"], confirmed["demonstration"]) == ("confirmed", True)
    assert confirmed["decided_by"] == "demonstration switch"
    assert confirmed["bundles"][0]["seal"] is not None
    again = cli.run("case", "confirm", number, "--reason", "No order.", *own)
    assert "Confirmed already, and left as it was: 1. Its first reason stays" in again.err
    assert not again.out
    assert "is decided: not licensed" in cli.run("case", "clear", number, "--reason", "no", *own, code=2).err
    assert "No member reported" in cli.run("keep", "0" * 64, "--reason", "no", code=2).err

    (bundle,) = cli.ask("bundle", "get", number, "--out", tmp_path, *own)["files"]
    assert Path(bundle).name == "the-studio-case-1-bundle-1.zip"
    (verdict,) = cli.ask("verify", bundle, code=4)["bundles"]
    assert (verdict["file"], verdict["verdict"]) == (bundle, "incomplete")
    report = cli.ask("report", "make", "--out", tmp_path / "report", "--title", "May", *own)
    assert {Path(name).suffix for name in report["files"]} == {".pdf", ".csv", ".xlsx", ".json"}
    assert all(Path(name).stat().st_size > 0 for name in report["files"])
    assert not list(tmp_path.glob(".*"))


def test_a_confirmation_whose_evidence_cannot_be_sealed_does_not_end_as_if_it_were(
    cli: CommandLine, studio: str, folder: Path
) -> None:
    own = ("--owner", studio)
    (folder / "copies").mkdir()
    (folder / "copies" / "copy.jpg").write_bytes(copy_of(photograph(2)))
    cli.run("watch", "add", "copies of two", "--folder", folder / "copies", *own)
    assert cli.ask("watch", "run", "copies of two", "--wait", *own)["cases"] == 1
    case = cli.ask("case", "list", "--decision", "open", *own)["cases"][-1]["number"]
    kept = photograph(2)
    [blob] = (cli.data / "blobs").rglob(Digest.of(kept).hex)
    blob.unlink()
    try:
        ran = cli.run("case", "confirm", case, "--wait", *own, code=4)
        assert f"Bundle 1 of case {case} isn't sealed: " in ran.err
        got = cli.run("bundle", "get", case, "--out", folder, *own, code=4)
        assert f"Bundle 1 of case {case} isn't sealed: " in got.err
        assert not got.out
    finally:
        blob.write_bytes(kept)


def test_ctrl_c_ends_a_wait_cleanly_and_the_next_run_goes_on_at_once(cli: CommandLine, studio: str, shop: Shop) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go_on.wait(60)

    shop.pause = hold
    cli.run("watch", "add", "slow", "--site", shop.url(), "--delay", "0", "--owner", studio)
    waiting = cli.started("watch", "run", "slow", "--wait", "--owner", studio)
    try:
        assert asked.wait(60)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=60)
    finally:
        waiting.kill()
        go_on.set()
    assert (waiting.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in err
    shop.pause = None
    assert cli.ask("watch", "run", "slow", "--wait", "--owner", studio)["number"] == 1
