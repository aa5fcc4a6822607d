"""Test `exhibit calibrate`: probabilities from the owner's archive."""

from dataclasses import replace
from pathlib import Path

import pytest

from demo.pictures import textured
from evidence.accuracy.counts import Counts, Joined, read_signed, signed
from exhibit.comparison.calibration import Bound
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.calibration.shipped import shipped_calibration
from registry.fingerprints.loaded_networks import start_shipped
from registry.log.own_log import get_log
from registry.matches import calibrations
from tests.assets.command_line import Terminal
from tests.assets.counted import counts, log_of, picture
from tests.assets.documented import json_keys
from tests.assets.rows import jpeg


def small(seed: int) -> bytes:
    return jpeg(textured(seed, (160, 120)))


def joined_of(*files: Path) -> list[object]:
    """Return the options for files with counts."""
    return [word for file in files for word in ("--join", file)]


def test_calibrating_refuses_what_is_too_small(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    (folder / "one.jpg").write_bytes(small(1))
    assert "--folder" in cli.run("calibrate", code=2).err
    for words in ((), ("--dry-run",)):
        assert " 1 " in cli.run("calibrate", "--folder", folder, *words, code=2).err


@pytest.mark.long  # tests/indexer/calibration/ measures archives in each run
def test_calibrating_leaves_nothing_behind_but_its_figures(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    for number in range(21):
        (folder / f"{number}.jpg").write_bytes(small(number))
    written = folder / "counts.json"
    told = cli.run("calibrate", "--folder", folder, "--max-edited", "20", "--json", "--counts", written).answer
    assert told["photographs"] == 21
    stated, key = read_signed(Counts, written.read_bytes(), what="counts.json")
    assert (len(stated.pictures), stated.calibration.hex, key) == (
        21,
        told["digest"],
        get_log(cli.desk.services).vkey(),
    )
    assert not (cli.data / "calibration").exists()
    shown = cli.api("GET", "/operator/calibrations")
    assert [one["digest"] for one in shown["items"]] == [shown["in_use"]]
    assert cli.api("POST", "/operator/calibrations/reset")["in_use"] is None


def test_one_of_ones_own_is_used_until_the_shipped_one_takes_its_place(cli: Terminal) -> None:
    assert cli.api("POST", "/operator/calibrations/reset") == {"in_use": None, "items": []}
    start_shipped(cli.desk.services.blobs)
    shipped = shipped_calibration()
    assert shipped is not None
    own = replace(shipped, name="archive-2026-11")
    calibrations.use(own, by="Ann")
    told = cli.api("GET", "/operator/calibrations")
    assert {frozenset(row) for row in told["items"]} <= {frozenset(json_keys("calibration"))}
    assert (told["in_use"], told["items"][0]["shipped"]) == (own.digest.hex, False)
    calibrations.keep_shipped(shipped)
    assert cli.api("POST", "/operator/calibrations/reset")["in_use"] == shipped.digest.hex


def test_counts_of_several_installations_are_joined_and_signed(cli: Terminal, folder: Path) -> None:
    logs = [log_of(folder, name) for name in ("a.example/log", "b.example/log")]
    pictures = [picture(number) for number in range(500)]
    parts = (counts(pictures[:300]), counts([*pictures[200:], picture(900, Decision.REVIEW)]))
    files = []
    for log, part in zip(logs, parts, strict=True):
        files.append(folder / f"{log.origin[0]}.json")
        files[-1].write_bytes(signed(log, part))
    out = folder / "joined.json"
    told = cli.run("calibrate", *joined_of(*files), "--out", out).out
    joined, key = read_signed(Joined, out.read_bytes(), what="joined.json")
    assert joined.bounds == {Decision.CERTAIN: Bound(501, 0), Decision.REVIEW: Bound(501, 1)}
    assert key == get_log(cli.desk.services).vkey()
    assert {source.digest for source in joined.sources} == {Digest.of(file.read_bytes()) for file in files}
    together = next(line.split() for line in told.splitlines() if line.startswith("together"))
    bounds = [joined.bounds[kind] for kind in (Decision.CERTAIN, Decision.REVIEW)]
    figures = [(bound.failed, bound.per_million, bound.per_million_at_any_time) for bound in bounds]
    assert together[1:] == ["601", "501", *(f"{figure:,}" for figure in (*figures[0], *figures[1]))]
    assert {"+".join(log.vkey().split("+")[:2]) for log in logs} <= {
        line.split()[0] for line in told.splitlines() if line
    }


def test_only_logs_of_the_named_trust_lists_count(cli: Terminal, folder: Path) -> None:
    own, other = folder / "own.json", folder / "other.json"
    own.write_bytes(signed(get_log(cli.desk.services), counts([picture(1), picture(2)])))
    other.write_bytes(signed(log_of(folder, "other.example/log"), counts([picture(3)])))
    cli.run("trust", folder / "keys.json")
    ran = cli.run("calibrate", *joined_of(own, other), "--out", folder / "joined.json", "--trust", folder / "keys.json")
    assert "other.json" in ran.err
    assert "other.example/log+" in ran.err
    assert "own.json" not in ran.err
    joined, _ = read_signed(Joined, (folder / "joined.json").read_bytes(), what="joined.json")
    assert joined.bounds[Decision.CERTAIN].photographs == 2
    cli.run("calibrate", *joined_of(other), "--out", folder / "no.json", "--trust", folder / "keys.json", code=2)
    cli.run("calibrate", *joined_of(own), code=2)
    assert not (folder / "no.json").exists()


def test_counts_that_were_changed_or_are_something_else_end_with_a_sentence(cli: Terminal, folder: Path) -> None:
    given = folder / "counts.json"
    given.write_bytes(signed(log_of(folder), counts([picture(1)])).replace(b"Drawn", b"Taken"))
    assert "counts.json" in cli.run("calibrate", *joined_of(given), "--out", folder / "joined.json", code=1).err
    given.write_text("{}")
    assert "exhibit calibrate --counts" in cli.run("calibrate", *joined_of(given), "--out", given, code=2).err
