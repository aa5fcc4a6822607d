"""Test `exhibit identify`: which work an image shows, from a file or standard input."""

import re
from pathlib import Path
from zipfile import ZipFile

import pytest

from desk.cli.identify import DECISION_TEXTS
from indexer.search import explanation as explaining
from registry.models import DocumentKey, Owner
from tests.assets.command_line import Terminal
from tests.assets.documented_keys import json_keys
from tests.assets.line_drawings import draw_scene
from tests.assets.rows import photograph, recompress, register
from tests.assets.textured import encoded


@pytest.mark.long
def test_copy_is_identified_with_measurements_and_proofs_and_not_stored(
    cli: Terminal, studio: str, folder: Path
) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    (folder / "found.jpg").write_bytes(recompress(photograph(1)))
    (folder / "other.jpg").write_bytes(photograph(50))
    image, other = cli.run_json("identify", folder / "found.jpg", folder / "other.jpg", "--out", folder / "proofs")[
        "images"
    ]
    assert other["works"] == []
    [work] = image["works"]
    assert (work["number"], work["title"], work["decision"]) == (1, "The First", "certain")
    assert work["files"]
    assert all(Path(name).stat().st_size for name in work["files"])
    assert {Path(name).suffix for name in work["files"]} >= {".jpg", ".json"}
    result = cli.run("identify", folder / "found.jpg")
    assert (str(folder / "found.jpg") in result.out, DECISION_TEXTS["certain"] in result.out) == (True, True)
    assert not re.search(r"\b(?:bits|blocks|odds|ratio|witness)\b", result.out)
    output = cli.run("identify", folder / "found.jpg", "--details").out
    assert len(output) > len(result.out)
    stored_names = [path.name for path in (cli.data / "blobs").rglob("*") if path.is_file()]
    assert image["digest"] not in stored_names


@pytest.mark.long
def test_truncated_file_is_reported(cli: Terminal, studio: str, folder: Path) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    whole = photograph(1)
    output = cli.run("identify", _write_file(folder, whole[: len(whole) * 9 // 10])).out
    assert "work 1, The First" in output
    assert explaining.TRUNCATED_FILE in output
    assert explaining.TRUNCATED_FILE not in cli.run("identify", _write_file(folder, whole)).out


@pytest.mark.long
def test_marked_copy_reports_its_recipient_and_evidence_limits(cli: Terminal, studio: str, folder: Path) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    assert "mark" not in cli.run("identify", _write_file(folder, photograph(1))).out
    export = _export_work(cli, folder, mark_for="Heron Magazine")
    copy_path = _write_file(folder, recompress(export.read_bytes()))
    assert "Heron Magazine" in cli.run("identify", copy_path).out
    (image,) = cli.run_json("identify", copy_path)["images"]
    (copy,) = image["published_copies"]
    assert set(copy) == json_keys("copy found by `identify`")
    assert (copy["work"], copy["recipient"], copy["key"], image["marks_checked"]) == (1, "Heron Magazine", "", 1)
    assert "Heron" not in cli.run("identify", _write_file(folder, photograph(1))).out
    assert cli.run_json("identify", _write_file(folder, photograph(1)))["images"][0]["marks_checked"] == 1


def _export_work(cli: Terminal, folder: Path, **options: str) -> Path:
    """Export a copy of the first work for publishing."""
    fields = [word for field in options.items() for word in ("--field", "=".join(field))]
    cli.run("api", "POST", "works/1/export", *fields, "--output", folder / "copies.zip")
    with ZipFile(folder / "copies.zip") as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".jpg")]
        return Path(archive.extract(name, folder / "copies"))


def _write_file(folder: Path, data: bytes) -> Path:
    path = folder / "seen.jpg"
    path.write_bytes(data)
    return path


def test_signed_copy_is_reported_with_its_key(cli: Terminal, studio: str, folder: Path) -> None:
    pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    export = _export_work(cli, folder, sign="true")
    output = " ".join(cli.run("identify", export).out.split())
    key = bytes(DocumentKey.objects.get().public_key).hex()
    assert key in output
    for is_revoked in (False, True):
        (copy,) = cli.run_json("identify", export)["images"][0]["published_copies"]
        assert (copy["work"], copy["key"], copy["revoked"]) == (1, key, is_revoked)
        if not is_revoked:
            cli.api("POST", f"keys/{key}/revoke", reason="Stolen")


@pytest.mark.long
def test_redrawn_work_is_reported_only_on_request(cli: Terminal, studio: str, folder: Path) -> None:
    register(cli.desk.services, Owner.objects.get(), encoded(draw_scene(1)), "Shapes")
    (folder / "drawn.png").write_bytes(encoded(draw_scene(1, as_outline=True)))
    assert cli.run_json("identify", folder / "drawn.png", code=1)["images"][0]["works"] == []
    cli.api("PATCH", "options", derived_works="true")
    assert DECISION_TEXTS["related"] in cli.run("identify", folder / "drawn.png").out
    [work] = cli.run_json("identify", folder / "drawn.png")["images"][0]["works"]
    assert (work["decision"], len(work["survival"])) == ("related", 9)


def test_no_match_exits_with_1_and_unreadable_file_with_2(cli: Terminal, studio: str, folder: Path) -> None:
    pictures = (folder / "missing.jpg", folder / "plain.jpg")
    pictures[1].write_bytes(photograph(77))
    result = cli.run("identify", *pictures, "--owner", studio, code=2)
    assert (str(pictures[1]) in result.out, "missing.jpg" in result.err) == (True, True)
    assert cli.run_json("identify", pictures[1], code=1)["images"][0]["works"] == []
    assert cli.run_json("identify", "-", code=2)["images"][0]["reason"] == "empty"
    cli.run("identify", "-", "-", code=2)
