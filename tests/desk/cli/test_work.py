"""`exhibit work`: pictures become works, with what a table declares and what speaks against them."""

import json
import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from demo.pictures import flat
from registry.alliance.pdq_feed import feed
from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.flooded import found_on_sites, stranger, with_floor
from tests.assets.metadata_files import dataset, with_iptc_of
from tests.assets.rows import jpeg, photograph, register
from tests.assets.tiffs import RAW_PHOTOGRAPHS
from workers.tasks.sync_runner import SyncRunner


def test_works_come_from_folders_with_what_a_table_declares(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "works" / "below").mkdir(parents=True)
    (folder / "works" / "one.jpg").write_bytes(photograph(1))
    (folder / "works" / "below" / "two.jpg").write_bytes(photograph(2))
    (folder / "works" / "notes.txt").write_text("no picture")
    (folder / "works" / ".hidden.jpg").write_bytes(photograph(9))
    table = folder / "works.csv"
    table.write_text("file,title,author,registrations\none.jpg,The First,Ann,USCO|VA 1-234|2024-05-31\n", "utf-8")
    assert cli.run("work", "list").out == "There is no work yet. Register some: exhibit work add PATHS\n"
    assert (
        cli.run("work", "add", folder / "works", "--owner", "The Studio", "--csv", table).out == "2 works registered.\n"
    )
    one, two = sorted(cli.ask("work", "list", "--owner", studio)["works"], key=lambda work: str(work["file"]))[::-1]
    assert (one["file"], one["title"], one["author"]) == ("one.jpg", "The First", "Ann")
    assert one["registrations"] == [{"office": "USCO", "number": "VA 1-234", "date": "2024-05-31"}]
    assert (two["file"], two["title"], two["flags"]) == ("below/two.jpg", "two", [])
    assert "USCO VA 1-234 2024-05-31" in cli.run("work", "show", one["number"]).out
    assert "has no work 99" in cli.run("work", "show", "99", code=2).err


def test_what_is_passed_over_cut_off_or_declared_in_vain_is_told(cli: Terminal, studio: str, folder: Path) -> None:
    works, table = folder / "works", folder / "t.csv"
    works.mkdir()
    (works / "a.jpg").write_bytes(photograph(1))
    (works / "half.jpg").write_bytes(photograph(2)[:-9_000])
    for name in ("IMG_1.HEIC", "IMG_2.heic", "IMG_3.CR2", "noending", "Thumbs.db", "a.xmp", ".hidden"):
        (works / name).write_bytes(photograph(3))
    first = cli.run("work", "add", works, "--owner", studio)
    assert "half.jpg: The file breaks off or is damaged" in first.out
    assert "1 without an ending, 1 CR2, 2 HEIC (IMG_1.HEIC, IMG_2.heic, IMG_3.CR2, noending)" in first.err
    table.write_text("file,title,author,holder\na.jpg,My title,Ann,\nhalf.jpg,half,,\n", "utf-8")
    again = cli.run("work", "add", works, "--owner", studio, "--csv", table)
    assert "1 line of the table wasn't used" in again.err
    assert "a.jpg: work 1 says something else in title, author." in again.err
    answer = cli.ask("work", "add", works, "--owner", studio, "--csv", table)
    assert answer["lines_unused"] == [{"file": "a.jpg", "work": 1, "columns": ["title", "author"]}]
    assert answer["passed_over"] == ["IMG_1.HEIC", "IMG_2.heic", "IMG_3.CR2", "noending"]
    assert answer["works"][0]["title"] == "a"


def test_every_file_of_a_folder_that_is_not_registered_is_counted_with_a_reason(
    cli: Terminal, studio: str, folder: Path
) -> None:
    works, strange = folder / "works", os.fsdecode(b"c\xff\n.png")
    works.mkdir()
    for name in ("good.jpg", strange):
        (works / name).write_bytes(photograph(len(name)))
    heic = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(200)
    broken = {"empty.jpg": b"", "heic.jpg": heic, "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
    broken |= {"psd.tif": b"8BPS\0\1" + bytes(200), "pdf.jpg": b"%PDF-1.7\n%%EOF"}
    for name, data in broken.items():
        (works / name).write_bytes(data)
    os.mkfifo(works / "pipe.jpg")
    (works / "nowhere.jpg").symlink_to(works / "missing.jpg")
    (works / "a.psd").touch()
    answer = cli.ask("work", "add", works, code=4)
    assert len(answer["works"]) == 2
    failed = {one["file"]: one["reason"] for one in answer["failed"]}
    assert set(failed) == {*broken, "pipe.jpg", "nowhere.jpg"}
    assert all([*failed.values(), *(one["sentence"] for one in answer["failed"])])
    assert [(one["file"], one["reason"]) for one in answer["left_out"]] == [("a.psd", "format")]
    assert "a.psd" in cli.run("work", "add", works, code=4).err


def test_uncertain_metadata_is_reported_and_never_declared(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(with_iptc_of(photograph(1), dataset(80, b"Jos\xe9"), dataset(116, b"Ours")))
    ((one,), *_) = (cli.ask("work", "add", folder / "a.jpg", "--owner", studio, "--metadata")["works"],)
    (problem,) = one["metadata_problems"]
    assert (one["author"], one["rights"]) == ("", "Ours")
    assert [problem[name] for name in ("block", "reason", "field", "text")] == [
        "IPTC",
        "encoding",
        "author",
        "Jos\ufffd",
    ]
    assert problem["sentence"] in cli.run("work", "add", folder / "a.jpg", "--owner", studio).err
    assert problem["sentence"] in cli.run("work", "show", one["number"], "--owner", studio).out
    assert problem["sentence"] in cli.run("identify", folder / "a.jpg", "--owner", studio).out


def test_files_that_cannot_be_registered_are_named_and_the_others_are(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "again.jpg").write_bytes(photograph(1))
    cli.run("work", "add", folder)
    assert cli.run("work", "add", folder).out == "0 works registered; 1 was registered already.\n"
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "flat.jpg").write_bytes(jpeg(flat()))
    answer = cli.ask("work", "add", folder, "--owner", studio, code=4)
    assert [one["file"] for one in answer["failed"]] == ["bad.jpg"]
    found = {one["file"]: one for one in answer["works"]}
    assert found["flat.jpg"]["flags"]
    assert (found["again.jpg"]["number"], found["again.jpg"]["new"]) == (1, False)
    number = found["flat.jpg"]["number"]
    cli.run("work", "remove", number, "--owner", studio)
    assert "has no work" in cli.run("work", "show", number, "--owner", studio, code=2).err


def test_a_raw_photograph_is_refused_by_name_with_what_to_do(cli: Terminal, studio: str, folder: Path) -> None:
    for name, make in RAW_PHOTOGRAPHS.items():
        path = folder / f"{name}.nef"
        path.write_bytes(make())
        answer = cli.ask("work", "add", path, "--owner", studio, code=4)
        assert answer["works"] == []
        assert [one["file"] for one in answer["failed"]] == [path.name]
    assert "TIFF or JPEG" in cli.run("compare", path, path, code=2).err


def test_a_file_that_names_another_author_is_told_when_it_is_registered_and_shown(
    cli: Terminal, studio: str, folder: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Bo Chan"
    Image.open(BytesIO(photograph(31))).save(folder / "bo.jpg", exif=exif)
    told = cli.run("work", "add", folder / "bo.jpg", "--owner", studio).out
    assert "bo.jpg: The file names somebody else" in told
    number = cli.ask("work", "list", "--owner", studio)["works"][-1]["number"]
    assert "The file names somebody else" in cli.run("work", "show", number, "--owner", studio).out
    line = next(one for one in cli.run("work", "list", "--owner", studio).out.splitlines() if "bo.jpg" in one)
    assert line.endswith("credit")
    written = cli.run("work", "certificate", number, "--out", folder, "--owner", studio)
    assert f"Work {number}: The file names somebody else" in written.err


def test_a_conflict_tells_that_an_earlier_registration_exists_and_its_date_only(
    cli: Terminal, studio: str, folder: Path
) -> None:
    (folder / "one.jpg").write_bytes(photograph(1))
    cli.run("work", "add", folder)
    cli.run("owner", "add", "Rival")
    answer = cli.ask("work", "add", folder / "one.jpg", "--owner", "rival")
    (conflict,) = answer["works"][0]["conflicts"]
    assert set(conflict) == {"sentence", "date"}
    assert conflict["sentence"].endswith(f"exists, of {conflict['date']}.")
    assert "Studio" not in str(answer)


@pytest.mark.long
def test_a_work_that_is_held_back_is_told_and_answered(cli: Terminal, inline: SyncRunner, studio: str) -> None:
    of = Owner.objects.get(slug=studio)
    register(with_floor(inline.services, 1), of, photograph(1), "A logo")
    found_on_sites(inline.services, of, [stranger(number, photograph(1)) for number in range(3)])
    shown = cli.run("work", "show", "1").out
    assert "In one day it was found on 2 new sites" in shown
    assert "exhibit api POST works/1/held" in shown
    held = ("api", "POST", "works/1/held", "--field")
    cli.run(*held, "answer=dismiss", "--field", "reason=A logo.")
    assert "Somebody else has said so" in cli.run(*held, "answer=dismiss", code=2).err
    cli.run(*held, "answer=undo")
    assert "No worker runs" in cli.run(*held, "answer=open").err
    inline.run_until_idle()
    assert [case["party"] for case in cli.ask("case", "list")["cases"]] == [f"site-{n}.example" for n in range(3)]
    assert "isn't held back" in cli.run(*held, "answer=open", code=2).err


@pytest.mark.long
def test_a_work_tells_which_others_show_the_same(cli: Terminal, inline: SyncRunner, studio: str, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(photograph(1))
    (folder / "b.jpg").write_bytes(jpeg(Image.open(BytesIO(photograph(1))), 80))
    cli.run("work", "add", folder / "a.jpg", folder / "b.jpg", "--owner", studio)
    inline.run_until_idle()
    assert "work 2, b: It shows the same picture, in another file." in cli.run("work", "show", "1").out
    (other,) = cli.ask("work", "show", "2")["relations"]
    assert (other["work"], other["kind"], other["shown"] > 0.9) == (1, "duplicate", True)


def test_copies_for_publishing_are_written_with_what_is_declared(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "works").mkdir()
    (folder / "works" / "one.jpg").write_bytes(photograph(41))
    number = cli.ask("work", "add", folder / "works", "--owner", studio)["works"][0]["number"]
    to = folder / "publish"
    asked = ("work", "export", number, "--out", to, "--owner", studio)
    told = cli.run(*asked, "--licence-url", "https://studio.example/l", "--no-training").out.splitlines()
    image, reservation = map(Path, told)
    assert b"https://studio.example/l" in image.read_bytes()
    assert b"DMI-PROHIBITED" in image.read_bytes()
    assert json.loads(reservation.read_bytes()) == [{"location": f"/*{image.name}", "tdm-reservation": 1}]
    assert "https://" in cli.run(*asked, "--licence-url", "javascript:1", code=2).err
    assert "has no work 99" in cli.run("work", "export", "99", "--out", to, "--owner", studio, code=2).err


def test_hashes_are_published_and_taken_back(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "one.jpg").write_bytes(photograph(304))
    number = cli.ask("work", "add", folder / "one.jpg", "--owner", studio)["works"][0]["number"]
    assert cli.run("work", "publish", number, "--owner", studio).out == f"In the feed: {number}.\n"
    assert len(feed(cli.desk.services)["feed.txt"].splitlines()) == 1
    assert cli.run("work", "publish", number, "--withdraw", "--owner", studio).out == f"Withdrawn: {number}.\n"
    assert feed(cli.desk.services)["feed.txt"] == ""


def test_without_room_the_operator_is_told_the_floor_and_its_setting(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(photograph(1))
    cli.desk.config = replace(cli.desk.config, disk_floor_bytes=2**62)
    for words, code in ((("work", "add", folder), 2), (("watch", "look", "https://shop.example/"), 3)):
        ran = cli.run(*words, code=code)
        assert "GiB are free" in ran.err
        assert "EXHIBIT_DISK_FLOOR_BYTES" in ran.err
        assert "Ask the operator" not in ran.err
