"""Test `exhibit calibrate`: probabilities from the owner's archive."""

from dataclasses import replace
from pathlib import Path

import pytest

from demo.pictures import generate_textured
from evidence.accuracy.counts import FalseAlarmCounts, JointFalseAlarmCounts, read_signed_statement, sign_statement
from exhibit.comparison.calibration import FalseAlarmBound
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.calibration.shipped import shipped_calibration
from registry.fingerprints.loaded_models import install_built_in
from registry.log.local_log import get_log
from registry.matches import calibrations
from tests.assets.command_line import Terminal
from tests.assets.documented_keys import json_keys
from tests.assets.error_counts import counted_picture, counts, log_of
from tests.assets.rows import encode_jpeg


def small_jpeg(seed: int) -> bytes:
    return encode_jpeg(generate_textured(seed, (160, 120)))


def build_joined_options(*files: Path) -> list[object]:
    """Return the options for files with counts."""
    return [word for file in files for word in ("--join", file)]


def test_calibration_rejects_small_samples(cli: Terminal, folder: Path) -> None:
    install_built_in(cli.desk.services.blobs)
    (folder / "one.jpg").write_bytes(small_jpeg(1))
    assert "--folder" in cli.run("calibrate", code=2).err
    for options in ((), ("--dry-run",)):
        assert " 1 " in cli.run("calibrate", "--folder", folder, *options, code=2).err


@pytest.mark.long  # tests/indexer/calibration/ measures archives in each run
def test_calibration_stores_only_its_counts(cli: Terminal, folder: Path) -> None:
    install_built_in(cli.desk.services.blobs)
    for number in range(21):
        (folder / f"{number}.jpg").write_bytes(small_jpeg(number))
    counts_path = folder / "counts.json"
    answer = cli.run("calibrate", "--folder", folder, "--max-edited", "20", "--json", "--counts", counts_path).json
    assert answer["photographs"] == 21
    content, key = read_signed_statement(FalseAlarmCounts, counts_path.read_bytes(), file_label="counts.json")
    assert (len(content.pictures), content.calibration.hex, key) == (
        21,
        answer["digest"],
        get_log(cli.desk.services).get_verifier_key(),
    )
    assert not (cli.data / "calibration").exists()
    data = cli.api("GET", "/operator/calibrations")
    assert [item["digest"] for item in data["items"]] == [data["in_use"]]
    assert cli.api("POST", "/operator/calibrations/reset")["in_use"] is None


def test_local_calibration_is_used_until_reset_to_the_shipped_calibration(cli: Terminal) -> None:
    assert cli.api("POST", "/operator/calibrations/reset") == {"in_use": None, "items": []}
    install_built_in(cli.desk.services.blobs)
    calibration = shipped_calibration()
    assert calibration is not None
    own = replace(calibration, name="archive-2026-11")
    calibrations.activate_calibration(own, by="Ann")
    data = cli.api("GET", "/operator/calibrations")
    assert {frozenset(row) for row in data["items"]} <= {frozenset(json_keys("calibration"))}
    assert (data["in_use"], data["items"][0]["shipped"]) == (own.digest.hex, False)
    calibrations.store_shipped(calibration)
    assert cli.api("POST", "/operator/calibrations/reset")["in_use"] == calibration.digest.hex


def test_counts_of_several_installations_are_joined_and_signed(cli: Terminal, folder: Path) -> None:
    logs = [log_of(folder, name) for name in ("a.example/log", "b.example/log")]
    pictures = [counted_picture(number) for number in range(500)]
    parts = (counts(pictures[:300]), counts([*pictures[200:], counted_picture(900, Decision.REVIEW)]))
    files = []
    for log, part in zip(logs, parts, strict=True):
        files.append(folder / f"{log.origin[0]}.json")
        files[-1].write_bytes(sign_statement(log, part))
    out = folder / "joined.json"
    output = cli.run("calibrate", *build_joined_options(*files), "--out", out).out
    joined, key = read_signed_statement(JointFalseAlarmCounts, out.read_bytes(), file_label="joined.json")
    assert joined.bounds == {Decision.CERTAIN: FalseAlarmBound(501, 0), Decision.REVIEW: FalseAlarmBound(501, 1)}
    assert key == get_log(cli.desk.services).get_verifier_key()
    assert {source.digest for source in joined.sources} == {Digest.from_bytes(file.read_bytes()) for file in files}
    together = next(line.split() for line in output.splitlines() if line.startswith("together"))
    bounds = [joined.bounds[kind] for kind in (Decision.CERTAIN, Decision.REVIEW)]
    figures = [(bound.false_alarms, bound.per_million, bound.per_million_at_any_time) for bound in bounds]
    assert together[1:] == ["601", "501", *(f"{figure:,}" for figure in (*figures[0], *figures[1]))]
    assert {"+".join(log.get_verifier_key().split("+")[:2]) for log in logs} <= {
        line.split()[0] for line in output.splitlines() if line
    }


def test_only_counts_signed_by_trusted_logs_are_joined(cli: Terminal, folder: Path) -> None:
    own, other = folder / "own.json", folder / "other.json"
    own.write_bytes(sign_statement(get_log(cli.desk.services), counts([counted_picture(1), counted_picture(2)])))
    other.write_bytes(sign_statement(log_of(folder, "other.example/log"), counts([counted_picture(3)])))
    cli.run("trust", folder / "keys.json")
    result = cli.run(
        "calibrate", *build_joined_options(own, other), "--out", folder / "joined.json", "--trust", folder / "keys.json"
    )
    assert "other.json" in result.err
    assert "other.example/log+" in result.err
    assert "own.json" not in result.err
    joined, _ = read_signed_statement(
        JointFalseAlarmCounts, (folder / "joined.json").read_bytes(), file_label="joined.json"
    )
    assert joined.bounds[Decision.CERTAIN].photographs == 2
    cli.run(
        "calibrate", *build_joined_options(other), "--out", folder / "no.json", "--trust", folder / "keys.json", code=2
    )
    cli.run("calibrate", *build_joined_options(own), code=2)
    assert not (folder / "no.json").exists()


def test_invalid_count_files_are_rejected_with_a_message(cli: Terminal, folder: Path) -> None:
    counts_path = folder / "counts.json"
    counts_path.write_bytes(sign_statement(log_of(folder), counts([counted_picture(1)])).replace(b"Drawn", b"Taken"))
    assert (
        "counts.json"
        in cli.run("calibrate", *build_joined_options(counts_path), "--out", folder / "joined.json", code=1).err
    )
    counts_path.write_text("{}")
    assert (
        "exhibit calibrate --counts"
        in cli.run("calibrate", *build_joined_options(counts_path), "--out", counts_path, code=2).err
    )
