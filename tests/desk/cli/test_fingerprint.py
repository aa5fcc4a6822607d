"""Test `exhibit fingerprint`, which prepares images that stay in place, and `exhibit work add` with its output."""

import json
from pathlib import Path

from demo.pictures import generate_flat
from exhibit.digests import Digest
from registry.models import Picture
from tests.assets.command_line import Terminal
from tests.assets.rows import encode_jpeg, photograph


def test_works_are_registered_from_a_fingerprint_file(cli: Terminal, studio: str, folder: Path) -> None:
    pictures, statement_path, table = folder / "mine", folder / "works.json", folder / "works.csv"
    pictures.mkdir()
    (pictures / "harbour.jpg").write_bytes(photograph(301))
    (pictures / "flat.jpg").write_bytes(encode_jpeg(generate_flat()))
    table.write_text("file,title,author\nharbour.jpg,Harbour at dawn,Ann\n", "utf-8")
    data = json.loads(cli.run("fingerprint", pictures, "--out", statement_path, "--json", code=4).out)
    assert [item["file"] for item in data["failed"]] == ["flat.jpg"]
    assert len(statement_path.read_bytes()) < 4000 < len(photograph(301))
    second_result = cli.run_json("work", "add", statement_path, "--owner", studio, "--table", table)
    (work,) = second_result["works"]
    assert (work["title"], work["author"], work["is_new"], second_result["rows_without_file"]) == (
        "Harbour at dawn",
        "Ann",
        True,
        [],
    )
    (picture,) = work["pictures"]
    assert (picture["digest"], picture["has_file"]) == (Digest.from_bytes(photograph(301)).hex, False)
    (picture,) = cli.api("GET", f"works/{work['number']}")["pictures"]
    assert not picture["has_file"]
    assert not Picture.objects.filter(digest=Digest.from_bytes(photograph(301))).exists()
    bad = statement_path.read_text("utf-8").replace("prints-1", "prints-9")
    statement_path.write_text(bad, "utf-8")
    (failure,) = cli.run_json("work", "add", statement_path, "--owner", studio, code=4)["failed"]
    assert (failure["file"], failure["reason"]) == ("works.json", "fingerprints")
    assert "version prints-9 instead of prints-1" in failure["sentence"]


def test_unusable_pictures_write_no_fingerprint_file(alone: Terminal, folder: Path) -> None:
    (folder / "flat.jpg").write_bytes(encode_jpeg(generate_flat()))
    alone.run("fingerprint", folder / "flat.jpg", "--out", folder / "works.json", code=4)
    assert not (folder / "works.json").exists()


def test_fingerprint_needs_no_server(alone: Terminal, folder: Path) -> None:
    (folder / "harbour.jpg").write_bytes(photograph(302))
    alone.run("fingerprint", folder / "harbour.jpg", "--out", folder / "works.json")
    assert (folder / "works.json").exists()
    assert not alone.data.exists()
