"""Test `exhibit why`: why a copy is not found, with two files or among the works."""

from pathlib import Path

from indexer.calibration.filed_pairs import FiledPairs
from registry.models import Owner
from tests.assets.command_line import Terminal
from tests.assets.documented_keys import json_keys
from tests.assets.rows import photograph, recompress, register


def test_why_compares_two_files_without_a_server_and_reports_the_failed_gate(alone: Terminal, folder: Path) -> None:
    for name, data in (
        ("work.jpg", photograph(1)),
        ("copy.jpg", recompress(photograph(1))),
        ("other.jpg", photograph(2)),
    ):
        (folder / name).write_bytes(data)
    second_result = alone.run("why", folder / "work.jpg", folder / "other.jpg", code=1)
    assert second_result.out.startswith("none: ")
    assert "FAILED" in second_result.out
    result = alone.run_json("why", folder / "work.jpg", folder / "other.jpg", code=1)
    assert set(result) == json_keys("`exhibit why`")
    gates = {gate["name"]: gate for gate in result["gates"]}
    assert not gates[result["fell"]]["passed"]
    assert any(figure["figure"] < figure["limit"] for figure in gates[result["fell"]]["figures"])
    report = alone.run_json("why", folder / "work.jpg", folder / "copy.jpg")
    assert (report["decision"], report["fell"]) == ("certain", None)
    (folder / "cut.jpg").write_bytes(photograph(1)[:-300])
    cut = "The file is truncated or damaged. The readable part was compared."
    assert cut in alone.run_json("why", folder / "work.jpg", folder / "cut.jpg")["sentences"]
    assert cut not in report["sentences"]
    assert not alone.data.exists()


def test_why_compares_a_file_with_a_work_and_saves_the_pair(cli: Terminal, studio: str, folder: Path) -> None:
    for seed, title in ((1, "The First"), (2, "The Second")):
        register(cli.desk.services, Owner.objects.get(), photograph(seed), title)
    (folder / "copy.jpg").write_bytes(recompress(photograph(1)))
    assert cli.run_json("why", "1", folder / "copy.jpg")["decision"] == "certain"
    result = cli.run("why", "2", folder / "copy.jpg", "--save", "different", code=1)
    assert result.err
    (pair,) = FiledPairs(cli.data).load_pairs()
    assert (pair.said, pair.decision, pair.about) == ("different", "none", f"{studio} work 2 / copy.jpg")
    assert "3" in cli.run("why", "3", folder / "copy.jpg", code=2).err


def test_unknown_target_is_a_usage_error_and_invalid_picture_is_reported(alone: Terminal, folder: Path) -> None:
    (folder / "work.jpg").write_bytes(photograph(1))
    (folder / "notes.txt").write_text("no picture")
    assert "missing.jpg" in alone.run("why", "missing.jpg", folder / "work.jpg", code=2).err
    assert alone.run("why", folder / "notes.txt", folder / "work.jpg", code=2).err
    assert alone.run_json("why", folder / "work.jpg", folder / "notes.txt", code=1)["fell"] == "reading"
    result = alone.run("why", folder / "work.jpg", folder / "notes.txt", "--save", "copy", code=2)
    assert result.err
