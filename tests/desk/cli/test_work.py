"""Test `exhibit work`: images become works, with the declarations of a table and the warnings about them."""

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from PIL import ExifTags, Image

from demo.pictures import generate_flat
from tests.assets.command_line import Terminal
from tests.assets.metadata_files import dataset, with_iptc_of
from tests.assets.rows import encode_jpeg, photograph
from tests.assets.tiffs import RAW_PHOTOGRAPHS


def test_works_are_registered_from_folders_with_declarations_of_a_table(
    cli: Terminal, studio: str, folder: Path
) -> None:
    (folder / "works" / "below").mkdir(parents=True)
    (folder / "works" / "one.jpg").write_bytes(photograph(1))
    (folder / "works" / "below" / "two.jpg").write_bytes(photograph(2))
    (folder / "works" / "notes.txt").write_text("no picture")
    (folder / "works" / ".hidden.jpg").write_bytes(photograph(9))
    table = folder / "works.csv"
    table.write_text("file,title,author,registrations\none.jpg,The First,Ann,USCO|VA 1-234|2024-05-31\n", "utf-8")
    data = cli.run_json("work", "add", folder / "works", "--owner", "The Studio", "--table", table)
    assert (len(data["works"]), data["failed"]) == (2, [])
    first, two = sorted(cli.api("GET", "works")["items"], key=lambda work: str(work["file"]))[::-1]
    assert (first["file"], first["title"], first["author"]) == ("one.jpg", "The First", "Ann")
    assert first["registrations"] == [{"office": "USCO", "number": "VA 1-234", "date": "2024-05-31"}]
    assert (two["file"], two["title"], two["flags"]) == ("below/two.jpg", "two", [])


def test_skipped_rows_truncated_fields_and_unused_declarations_are_reported(
    cli: Terminal, studio: str, folder: Path
) -> None:
    works, table = folder / "works", folder / "t.csv"
    works.mkdir()
    (works / "a.jpg").write_bytes(photograph(1))
    (works / "half.jpg").write_bytes(photograph(2)[:-9_000])
    for name in ("IMG_1.HEIC", "IMG_2.heic", "IMG_3.CR2", "noending", "Thumbs.db", "a.xmp", ".hidden"):
        (works / name).write_bytes(photograph(3))
    first = cli.run("work", "add", works, "--owner", studio)
    assert "half.jpg" in first.out
    assert all(name in first.err for name in ("IMG_1.HEIC", "IMG_2.heic", "IMG_3.CR2", "noending"))
    table.write_text("file,title,author,holder\na.jpg,My title,Ann,\nhalf.jpg,half,,\n", "utf-8")
    assert "exhibit api PATCH works/1" in cli.run("work", "add", works, "--owner", studio, "--table", table).err
    data = cli.run_json("work", "add", works, "--owner", studio, "--table", table)
    assert data["rows_unused"] == [{"file": "a.jpg", "work": 1, "columns": ["title", "author"]}]
    assert data["passed_over"] == ["IMG_1.HEIC", "IMG_2.heic", "IMG_3.CR2", "noending"]
    assert data["works"][0]["title"] == "a"


def test_unregistered_files_of_a_folder_are_counted_by_reason(cli: Terminal, studio: str, folder: Path) -> None:
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
    second_result = cli.run_json("work", "add", works, code=4)
    assert len(second_result["works"]) == 2
    reasons = {item["file"]: item["reason"] for item in second_result["failed"]}
    assert set(reasons) == {*broken, "pipe.jpg", "nowhere.jpg"}
    assert all([*reasons.values(), *(item["sentence"] for item in second_result["failed"])])
    assert [(item["file"], item["reason"]) for item in second_result["left_out"]] == [("a.psd", "format")]
    assert "a.psd" in cli.run("work", "add", works, code=4).err


def test_uncertain_metadata_is_reported_and_never_declared(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(with_iptc_of(photograph(1), dataset(80, b"Jos\xe9"), dataset(116, b"Ours")))
    ((work,), *_) = (cli.run_json("work", "add", folder / "a.jpg", "--owner", studio, "--use-metadata")["works"],)
    (problem,) = work["metadata_problems"]
    assert (work["author"], work["rights"]) == ("", "Ours")
    assert [problem[name] for name in ("block", "reason", "field", "text")] == [
        "IPTC",
        "encoding",
        "author",
        "Jos\ufffd",
    ]
    assert problem["sentence"] in cli.run("work", "add", folder / "a.jpg", "--owner", studio).err
    assert problem["sentence"] in cli.run("identify", folder / "a.jpg", "--owner", studio).out


def test_unregistrable_files_are_reported_and_others_are_registered(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "again.jpg").write_bytes(photograph(1))
    cli.run("work", "add", folder)
    assert [item["is_new"] for item in cli.run_json("work", "add", folder)["works"]] == [False]
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "flat.jpg").write_bytes(encode_jpeg(generate_flat()))
    data = cli.run_json("work", "add", folder, "--owner", studio, code=4)
    assert [item["file"] for item in data["failed"]] == ["bad.jpg"]
    results = {item["file"]: item for item in data["works"]}
    assert results["flat.jpg"]["flags"]
    assert (results["again.jpg"]["number"], results["again.jpg"]["is_new"]) == (1, False)


def test_raw_photograph_is_rejected_with_a_hint(cli: Terminal, studio: str, folder: Path) -> None:
    for name, make in RAW_PHOTOGRAPHS.items():
        path = folder / f"{name}.nef"
        path.write_bytes(make())
        data = cli.run_json("work", "add", path, "--owner", studio, code=4)
        assert data["works"] == []
        assert [item["file"] for item in data["failed"]] == [path.name]
    assert "TIFF or JPEG" in cli.run("compare", path, path, code=2).err


def test_different_author_in_file_metadata_raises_a_warning(cli: Terminal, studio: str, folder: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Bo Chan"
    Image.open(BytesIO(photograph(31))).save(folder / "bo.jpg", exif=exif)
    (work,) = cli.run_json("work", "add", folder / "bo.jpg", "--owner", studio)["works"]
    (remark,) = work["ownership_warnings"]
    assert remark["kind"] == "credit"
    assert remark["sentence"] in cli.run("work", "add", folder / "bo.jpg", "--owner", studio).out


def test_conflict_shows_only_the_date_of_the_earlier_registration(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "one.jpg").write_bytes(photograph(1))
    cli.run("work", "add", folder)
    cli.run("owner", "add", "Rival")
    data = cli.run_json("work", "add", folder / "one.jpg", "--owner", "rival")
    (conflict,) = data["works"][0]["earlier_registrations"]
    assert set(conflict) == {"sentence", "date"}
    assert conflict["date"] in conflict["sentence"]
    assert "Studio" not in str(data)


def test_full_disk_message_includes_the_minimum_and_its_setting(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(photograph(1))
    cli.run("watch", "add", "shop", "--site", "https://shop.example/")
    cli.desk.config = replace(cli.desk.config, disk_floor_bytes=2**62)
    for arguments, code in ((("work", "add", folder), 2), (("watch", "run", "shop"), 3)):
        result = cli.run(*arguments, code=code)
        assert "EXHIBIT_DISK_FLOOR_BYTES" in result.err
