"""Test `exhibit identify`: which work an image shows, from a file or standard input."""

import re
from pathlib import Path
from zipfile import ZipFile

import pytest

from desk.cli.identify import SAID
from indexer.search import why as explaining
from registry.models import DocumentKey, Owner
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from tests.assets.redrawn import scene
from tests.assets.rows import copy_of, photograph, register
from tests.assets.textured import encoded


@pytest.mark.long
def test_a_copy_is_told_with_its_figures_and_proofs_and_nothing_of_it_is_stored(
    cli: Terminal, studio: str, folder: Path
) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    (folder / "found.jpg").write_bytes(copy_of(photograph(1)))
    (folder / "other.jpg").write_bytes(photograph(50))
    found, other = cli.ask("identify", folder / "found.jpg", folder / "other.jpg", "--out", folder / "proofs")["images"]
    assert other["works"] == []
    [work] = found["works"]
    assert (work["number"], work["title"], work["decision"]) == (1, "The First", "certain")
    assert work["files"]
    assert all(Path(name).stat().st_size for name in work["files"])
    assert {Path(name).suffix for name in work["files"]} >= {".jpg", ".json"}
    ran = cli.run("identify", folder / "found.jpg")
    assert (str(folder / "found.jpg") in ran.out, SAID["certain"] in ran.out) == (True, True)
    assert not re.search(r"\b(?:bits|blocks|odds|ratio|witness)\b", ran.out)
    told = cli.run("identify", folder / "found.jpg", "--details").out
    assert len(told) > len(ran.out)
    kept = [path.name for path in (cli.data / "blobs").rglob("*") if path.is_file()]
    assert found["digest"] not in kept


@pytest.mark.long
def test_a_file_that_breaks_off_is_told_as_one(cli: Terminal, studio: str, folder: Path) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    whole = photograph(1)
    said = cli.run("identify", _written(folder, whole[: len(whole) * 9 // 10])).out
    assert "work 1, The First" in said
    assert explaining.BREAKS_OFF in said
    assert explaining.BREAKS_OFF not in cli.run("identify", _written(folder, whole)).out


@pytest.mark.long
def test_a_marked_copy_is_told_with_whom_it_was_for_and_what_that_does_not_show(
    cli: Terminal, studio: str, folder: Path
) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    assert "mark" not in cli.run("identify", _written(folder, photograph(1))).out
    given = _exported(cli, folder, mark_for="Heron Magazine")
    seen = _written(folder, copy_of(given.read_bytes()))
    assert "Heron Magazine" in cli.run("identify", seen).out
    (image,) = cli.ask("identify", seen)["images"]
    (copy,) = image["published_copies"]
    assert set(copy) == json_keys("copy found by `identify`")
    assert (copy["work"], copy["recipient"], copy["key"], image["marks_checked"]) == (1, "Heron Magazine", "", 1)
    assert "Heron" not in cli.run("identify", _written(folder, photograph(1))).out
    assert cli.ask("identify", _written(folder, photograph(1)))["images"][0]["marks_checked"] == 1


def _exported(cli: Terminal, folder: Path, **wanted: str) -> Path:
    """Export a copy of the first work for publishing."""
    fields = [word for field in wanted.items() for word in ("--field", "=".join(field))]
    cli.run("api", "POST", "works/1/export", *fields, "--output", folder / "copies.zip")
    with ZipFile(folder / "copies.zip") as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".jpg")]
        return Path(archive.extract(name, folder / "copies"))


def _written(folder: Path, data: bytes) -> Path:
    path = folder / "seen.jpg"
    path.write_bytes(data)
    return path


def test_a_signed_copy_is_told_with_the_key(cli: Terminal, studio: str, folder: Path) -> None:
    pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    given = _exported(cli, folder, sign="true")
    said = " ".join(cli.run("identify", given).out.split())
    key = bytes(DocumentKey.objects.get().public_key).hex()
    assert key in said
    for revoked in (False, True):
        (copy,) = cli.ask("identify", given)["images"][0]["published_copies"]
        assert (copy["work"], copy["key"], copy["revoked"]) == (1, key, revoked)
        if not revoked:
            cli.api("POST", f"keys/{key}/revoke", reason="Stolen")


@pytest.mark.long
def test_a_redrawn_work_is_told_to_who_asks_for_derived_ones(cli: Terminal, studio: str, folder: Path) -> None:
    register(cli.desk.services, Owner.objects.get(), encoded(scene(1)), "Shapes")
    (folder / "drawn.png").write_bytes(encoded(scene(1, drawn=True)))
    assert cli.ask("identify", folder / "drawn.png", code=1)["images"][0]["works"] == []
    cli.api("PATCH", "options", derived="true")
    assert SAID["resembles"] in cli.run("identify", folder / "drawn.png").out
    [work] = cli.ask("identify", folder / "drawn.png")["images"][0]["works"]
    assert (work["decision"], len(work["survival"])) == ("resembles", 9)


def test_what_shows_no_work_ends_with_1_and_what_cannot_be_read_with_2(
    cli: Terminal, studio: str, folder: Path
) -> None:
    pictures = (folder / "missing.jpg", folder / "plain.jpg")
    pictures[1].write_bytes(photograph(77))
    ran = cli.run("identify", *pictures, "--owner", studio, code=2)
    assert (str(pictures[1]) in ran.out, "missing.jpg" in ran.err) == (True, True)
    assert cli.ask("identify", pictures[1], code=1)["images"][0]["works"] == []
    assert cli.ask("identify", "-", code=2)["images"][0]["reason"] == "empty"
    cli.run("identify", "-", "-", code=2)
