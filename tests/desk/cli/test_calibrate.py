"""`exhibit calibrate`: probabilities from an archive of one's own."""

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


def test_calibrating_refuses_what_is_too_small(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    (folder / "one.jpg").write_bytes(small(1))
    assert "No folder is named" in cli.run("calibrate", code=2).err
    assert "holds 1 different photographs" in cli.run("calibrate", "--folder", folder, code=2).err
    assert "holds 1 different photographs" in cli.run("calibrate", "--folder", folder, "--dry-run", code=2).err


@pytest.mark.long  # tests/indexer/calibration/ measures archives in each run
def test_calibrating_leaves_nothing_behind_but_its_figures(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    for number in range(21):
        (folder / f"{number}.jpg").write_bytes(small(number))
    written = folder / "counts.json"
    told = cli.run("calibrate", "--folder", folder, "--edited", "20", "--json", "--counts", written).answer
    assert told["photographs"] == 21
    stated, key = read_signed(Counts, written.read_bytes(), what="counts.json")
    assert (len(stated.pictures), stated.calibration.hex, key) == (
        21,
        told["digest"],
        get_log(cli.desk.services).vkey(),
    )
    assert not (cli.data / "calibration").exists()
    shown = cli.ask("calibrate", "show")
    assert set(shown) == json_keys("`exhibit calibrate show`")
    assert (shown["calibrations"][0]["digest"], len(shown["calibrations"])) == (shown["in_use"], 1)
    cli.run("calibrate", "reset")
    assert cli.ask("calibrate", "show", code=4)["in_use"] is None


def test_one_of_ones_own_is_used_until_the_shipped_one_takes_its_place(cli: Terminal) -> None:
    assert "Make one: exhibit calibrate --folder DIR" in cli.run("calibrate", "show", code=4).err
    assert "no probability" in cli.run("calibrate", "reset").out
    start_shipped(cli.desk.services.blobs)
    shipped = shipped_calibration()
    assert shipped is not None
    own = replace(shipped, name="archive-2026-11")
    calibrations.use(own, by="Ann")
    told = cli.ask("calibrate", "show")
    assert set(told) == json_keys("`exhibit calibrate show`")
    assert {frozenset(row) for row in told["calibrations"]} <= {frozenset(json_keys("calibration"))}
    assert (told["in_use"], told["calibrations"][0]["shipped"]) == (own.digest.hex, False)
    calibrations.keep_shipped(shipped)
    assert shipped.name in cli.run("calibrate", "reset").out
    used = [line for line in cli.run("calibrate", "show").out.splitlines() if line.endswith("  yes")]
    assert [line.startswith(shipped.name) for line in used] == [True]


def test_counts_of_several_installations_are_joined_and_signed(cli: Terminal, folder: Path) -> None:
    logs = [log_of(folder, name) for name in ("a.example/log", "b.example/log")]
    pictures = [picture(number) for number in range(500)]
    parts = (counts(pictures[:300]), counts([*pictures[200:], picture(900, Decision.REVIEW)]))
    files = []
    for log, part in zip(logs, parts, strict=True):
        files.append(folder / f"{log.origin[0]}.json")
        files[-1].write_bytes(signed(log, part))
    out = folder / "joined.json"
    told = cli.run("calibrate", "join", *files, "--out", out).out
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
    ran = cli.run("calibrate", "join", own, other, "--out", folder / "joined.json", "--trust", folder / "keys.json")
    assert "no trust list names its key: other.json, other.example/log+" in ran.err
    joined, _ = read_signed(Joined, (folder / "joined.json").read_bytes(), what="joined.json")
    assert joined.bounds[Decision.CERTAIN].photographs == 2
    ran = cli.run("calibrate", "join", other, "--out", folder / "no.json", "--trust", folder / "keys.json", code=2)
    assert "No photographs are left to count." in ran.err
    assert not (folder / "no.json").exists()


def test_counts_that_were_changed_or_are_something_else_end_with_a_sentence(cli: Terminal, folder: Path) -> None:
    given = folder / "counts.json"
    given.write_bytes(signed(log_of(folder), counts([picture(1)])).replace(b"Drawn", b"Taken"))
    said = cli.run("calibrate", "join", given, "--out", folder / "joined.json", code=1).err
    assert "counts.json isn't what log.tests.example has signed" in said
    given.write_text("{}")
    assert "exhibit calibrate --counts" in cli.run("calibrate", "join", given, "--out", given, code=2).err
