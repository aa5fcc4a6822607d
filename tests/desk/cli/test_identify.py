"""`exhibit identify`: which work a picture shows, from a file or standard input."""

import re
from pathlib import Path

import pytest

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
    assert ran.out.startswith(f"{folder / 'found.jpg'}: work 1, The First\n  certain: They agree as a copy")
    assert not re.search(r"\b(?:bits|blocks|odds|ratio|witness)\b", ran.out)
    told = cli.run("identify", folder / "found.jpg", "--details").out
    assert all(word in told for word in ("of the blocks agree", "differ in", "Weighed odds", "ikelihood ratio", "log "))
    kept = [path.name for path in (cli.data / "blobs").rglob("*") if path.is_file()]
    assert found["digest"] not in kept


@pytest.mark.long
def test_a_file_that_breaks_off_is_told_as_one(cli: Terminal, studio: str, folder: Path) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    whole = photograph(1)
    said = cli.run("identify", _written(folder, whole[: len(whole) * 9 // 10])).out
    assert "work 1, The First" in said
    assert "The file breaks off or is damaged: compared was what there is of it." in said
    assert "breaks off" not in cli.run("identify", _written(folder, whole)).out


@pytest.mark.long
def test_a_marked_copy_is_told_with_whom_it_was_for_and_what_that_does_not_show(
    cli: Terminal, studio: str, folder: Path
) -> None:
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    assert "mark" not in cli.run("identify", _written(folder, photograph(1))).out
    cli.run("work", "export", 1, "--out", folder / "given", "--mark-for", "Heron Magazine")
    (given,) = (folder / "given").iterdir()
    seen = _written(folder, copy_of(given.read_bytes()))
    said = " ".join(cli.run("identify", seen).out.split())
    assert "by its invisible mark, from the copy of work 1 for Heron Magazine; by chance at most 1 picture in" in said
    assert "1 mark looked for. None shows who published it; a lack of one proves nothing." in said
    (image,) = cli.ask("identify", seen)["images"]
    (copy,) = image["copies"]
    assert set(copy) == json_keys("copy told by `identify`")
    assert (copy["work"], copy["recipient"], copy["key"], image["marks"]) == (1, "Heron Magazine", "", 1)
    said = " ".join(cli.run("identify", _written(folder, photograph(1))).out.split())
    assert "Heron" not in said
    assert "1 mark looked for." in said


def _written(folder: Path, data: bytes) -> Path:
    path = folder / "seen.jpg"
    path.write_bytes(data)
    return path


def test_a_signed_copy_is_told_with_the_key(cli: Terminal, studio: str, folder: Path) -> None:
    pytest.importorskip("c2pa", reason="the optional part c2pa isn't installed")
    register(cli.desk.services, Owner.objects.get(), photograph(1), "The First")
    cli.run("work", "export", 1, "--out", folder / "signed", "--sign")
    (given,) = (folder / "signed").iterdir()
    said = " ".join(cli.run("identify", given).out.split())
    key = bytes(DocumentKey.objects.get().public_key).hex()
    assert "byte for byte, a copy of work 1 with credentials of the owner's key" in said
    assert f"key {key} " in said
    cli.run("key", "revoke", key, "--reason", "Stolen")
    assert f"key {key}, revoked" in " ".join(cli.run("identify", given).out.split())


@pytest.mark.long
def test_a_redrawn_work_is_told_to_who_asks_for_derived_ones(cli: Terminal, studio: str, folder: Path) -> None:
    register(cli.desk.services, Owner.objects.get(), encoded(scene(1)), "Shapes")
    (folder / "drawn.png").write_bytes(encoded(scene(1, drawn=True)))
    assert cli.ask("identify", folder / "drawn.png", code=1)["images"][0]["works"] == []
    cli.run("owner", "derived", "on")
    assert "resembles: It has to do with the work" in cli.run("identify", folder / "drawn.png").out
    [work] = cli.ask("identify", folder / "drawn.png")["images"][0]["works"]
    assert (work["decision"], len(work["survival"])) == ("resembles", 9)


def test_what_shows_no_work_ends_with_1_and_what_cannot_be_read_with_2(
    cli: Terminal, studio: str, folder: Path
) -> None:
    pictures = (folder / "missing.jpg", folder / "plain.jpg")
    pictures[1].write_bytes(photograph(77))
    ran = cli.run("identify", *pictures, "--owner", studio, code=2)
    assert ran.out.startswith(f"{pictures[1]}: no registered work")
    assert "missing.jpg: It isn't a file." in ran.err
    assert cli.ask("identify", pictures[1], code=1)["images"][0]["works"] == []
    assert cli.ask("identify", "-", code=2)["images"][0]["reason"] == "empty"
    assert "Standard input can be read once only." in cli.run("identify", "-", "-", code=2).err
