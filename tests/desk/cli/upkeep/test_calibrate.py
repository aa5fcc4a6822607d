"""`exhibit calibrate`: probabilities from an archive of one's own."""

from dataclasses import replace
from pathlib import Path

import pytest

from demo.pictures import textured
from indexer.calibration.shipped import shipped_calibration
from registry.vectors import calibrations
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from tests.assets.rows import jpeg
from workers.services.descriptors import start_shipped


def small(seed: int) -> bytes:
    return jpeg(textured(seed, (160, 120)))


def test_calibrating_refuses_what_is_too_small(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    (folder / "one.jpg").write_bytes(small(1))
    assert "No folder is named" in cli.run("calibrate", code=2).err
    assert "holds 1 different photographs" in cli.run("calibrate", "--folder", folder, code=2).err
    assert "1 file is too few" in cli.run("calibrate", "--folder", folder, "--dry-run", code=2).err


@pytest.mark.long  # tests/indexer/calibration/ measures archives in each run
def test_calibrating_leaves_nothing_behind_but_its_figures(cli: Terminal, folder: Path) -> None:
    start_shipped(cli.desk.services.blobs)
    for number in range(21):
        (folder / f"{number}.jpg").write_bytes(small(number))
    assert cli.run("calibrate", "--folder", folder, "--edited", "20", "--json").answer["photographs"] == 21
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
