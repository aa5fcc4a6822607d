"""Test `exhibit why`: why a copy is not found, with two files or among the works."""

from pathlib import Path

from indexer.calibration.kept import KeptPairs
from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from tests.assets.rows import copy_of, photograph, register


def test_two_files_need_no_server_and_tell_the_gate_where_it_fell(alone: Terminal, folder: Path) -> None:
    for name, data in (("work.jpg", photograph(1)), ("copy.jpg", copy_of(photograph(1))), ("other.jpg", photograph(2))):
        (folder / name).write_bytes(data)
    ran = alone.run("why", folder / "work.jpg", folder / "other.jpg", code=1)
    assert ran.out.startswith("none: ")
    assert "FAILED" in ran.out
    told = alone.ask("why", folder / "work.jpg", folder / "other.jpg", code=1)
    assert set(told) == json_keys("`exhibit why`")
    gates = {gate["name"]: gate for gate in told["gates"]}
    assert not gates[told["fell"]]["passed"]
    assert any(one["figure"] < one["limit"] for one in gates[told["fell"]]["figures"])
    found = alone.ask("why", folder / "work.jpg", folder / "copy.jpg")
    assert (found["decision"], found["fell"]) == ("certain", None)
    (folder / "cut.jpg").write_bytes(photograph(1)[:-300])
    cut = "The file is truncated or damaged. The readable part was compared."
    assert cut in alone.ask("why", folder / "work.jpg", folder / "cut.jpg")["sentences"]
    assert cut not in found["sentences"]
    assert not alone.data.exists()


def test_a_file_is_searched_for_among_the_works_and_the_pair_kept(cli: Terminal, studio: str, folder: Path) -> None:
    for seed, title in ((1, "The First"), (2, "The Second")):
        register(cli.desk.services, Owner.objects.get(), photograph(seed), title)
    (folder / "copy.jpg").write_bytes(copy_of(photograph(1)))
    assert cli.ask("why", "1", folder / "copy.jpg")["decision"] == "certain"
    ran = cli.run("why", "2", folder / "copy.jpg", "--save", "different", code=1)
    assert ran.err
    (pair,) = KeptPairs(cli.data).pairs()
    assert (pair.said, pair.decision, pair.about) == ("different", "none", f"{studio} work 2 / copy.jpg")
    assert "3" in cli.run("why", "3", folder / "copy.jpg", code=2).err


def test_what_is_neither_a_file_nor_a_work_is_wrong_use_and_no_picture_is_not_found(
    alone: Terminal, folder: Path
) -> None:
    (folder / "work.jpg").write_bytes(photograph(1))
    (folder / "notes.txt").write_text("no picture")
    assert "missing.jpg" in alone.run("why", "missing.jpg", folder / "work.jpg", code=2).err
    assert alone.run("why", folder / "notes.txt", folder / "work.jpg", code=2).err
    assert alone.ask("why", folder / "work.jpg", folder / "notes.txt", code=1)["fell"] == "reading"
    kept = alone.run("why", folder / "work.jpg", folder / "notes.txt", "--save", "copy", code=2)
    assert kept.err
