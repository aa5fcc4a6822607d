"""Test `exhibit fingerprint`, which prepares images that stay in place, and `exhibit work add` with its output."""

import json
from pathlib import Path

from demo.pictures import flat
from exhibit.digests import Digest
from registry.models import Picture
from tests.assets.command_line import Terminal
from tests.assets.rows import jpeg, photograph


def test_works_are_registered_by_a_file_that_no_picture_is_in(cli: Terminal, studio: str, folder: Path) -> None:
    pictures, told, table = folder / "mine", folder / "works.json", folder / "works.csv"
    pictures.mkdir()
    (pictures / "harbour.jpg").write_bytes(photograph(301))
    (pictures / "flat.jpg").write_bytes(jpeg(flat()))
    table.write_text("file,title,author\nharbour.jpg,Harbour at dawn,Ann\n", "utf-8")
    answer = json.loads(cli.run("fingerprint", pictures, "--out", told, "--json", code=4).out)
    assert [one["file"] for one in answer["failed"]] == ["flat.jpg"]
    assert len(told.read_bytes()) < 4000 < len(photograph(301))
    added = cli.ask("work", "add", told, "--owner", studio, "--table", table)
    (work,) = added["works"]
    assert (work["title"], work["author"], work["is_new"], added["rows_without_file"]) == (
        "Harbour at dawn",
        "Ann",
        True,
        [],
    )
    (picture,) = work["pictures"]
    assert (picture["digest"], picture["has_file"]) == (Digest.of(photograph(301)).hex, False)
    (picture,) = cli.api("GET", f"works/{work['number']}")["pictures"]
    assert not picture["has_file"]
    assert not Picture.objects.filter(digest=Digest.of(photograph(301))).exists()
    bad = told.read_text("utf-8").replace("prints-1", "prints-9")
    told.write_text(bad, "utf-8")
    (refused,) = cli.ask("work", "add", told, "--owner", studio, code=4)["failed"]
    assert (refused["file"], refused["reason"]) == ("works.json", "fingerprints")
    assert "of version prints-9, not prints-1" in refused["sentence"]


def test_nothing_is_written_where_nothing_can_be_told(alone: Terminal, folder: Path) -> None:
    (folder / "flat.jpg").write_bytes(jpeg(flat()))
    alone.run("fingerprint", folder / "flat.jpg", "--out", folder / "works.json", code=4)
    assert not (folder / "works.json").exists()


def test_it_needs_no_server(alone: Terminal, folder: Path) -> None:
    (folder / "harbour.jpg").write_bytes(photograph(302))
    alone.run("fingerprint", folder / "harbour.jpg", "--out", folder / "works.json")
    assert (folder / "works.json").exists()
    assert not alone.data.exists()
