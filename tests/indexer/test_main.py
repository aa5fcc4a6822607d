"""Test the indexer's command line without a server: once as a user runs it, otherwise in this process."""

import io
import json
import struct
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image, ImageOps

from exhibit.types import Decision
from indexer.__main__ import main
from indexer.compare.wording import DECISIONS
from tests import CHECKOUT
from tests.assets.textured import collage_with, encoded, text_page, textured

SIZE = (360, 270)


class CommandResult(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def indexer(*arguments: object) -> CommandResult:
    out, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(stderr):
        try:
            code = main([*map(str, arguments)])
        except SystemExit as error:  # like argparse
            code = int(error.code or 0)
    return CommandResult(code, out.getvalue(), stderr.getvalue())


def process(*arguments: object) -> CommandResult:
    command = [sys.executable, "-m", "indexer", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=CHECKOUT, check=False)
    return CommandResult(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("folders")
    works, pictures = root / "works", root / "pictures"
    for folder in (works / "series", pictures / "a" / "b", pictures / ".hidden"):
        folder.mkdir(parents=True)
    (works / "one.png").write_bytes(encoded(textured(1, SIZE)))
    (works / "series" / "two.png").write_bytes(encoded(textured(2, SIZE)))
    (works / "page.png").write_bytes(encoded(text_page(1)))
    (works / "wall.png").write_bytes(encoded(Image.new("RGB", SIZE, "white")))
    (works / "notes.txt").write_text("not a picture")
    (pictures / "same.png").write_bytes(encoded(textured(1, SIZE)))
    (pictures / "same again.png").write_bytes(encoded(textured(1, SIZE)))
    (pictures / "a" / "mirrored.jpg").write_bytes(encoded(ImageOps.mirror(textured(2, SIZE)), "JPEG"))
    (pictures / "a" / "b" / "collage.webp").write_bytes(encoded(collage_with(textured(1, SIZE)), "WEBP"))
    (pictures / "a" / "page.jpg").write_bytes(encoded(text_page(1), "JPEG", 90))
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (pictures / ".hidden" / "same.png").write_bytes(encoded(textured(1, SIZE)))
    for seed in range(20, 32):
        (pictures / f"other-{seed}.jpg").write_bytes(encoded(textured(seed, SIZE), "JPEG"))
    return works, pictures


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def run(
    request: pytest.FixtureRequest, folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[CommandResult, Path]:
    out = tmp_path_factory.mktemp("out") / "matches.jsonl"
    run = indexer if request.param == 1 else process
    return run("match", *folders, "--out", out, "--jobs", request.param), out


def matches(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.long
def test_match_writes_one_line_per_copy(run: tuple[CommandResult, Path]) -> None:
    done, out = run
    assert done.returncode == 0, done.stderr
    lines = matches(out)
    assert [(line["work"], line["picture"], line["decision"]) for line in lines] == [
        ("one.png", "a/b/collage.webp", "certain"),
        ("series/two.png", "a/mirrored.jpg", "certain"),
        ("page.png", "a/page.jpg", "certain"),
        ("one.png", "same again.png", "certain"),
        ("one.png", "same.png", "certain"),
    ]
    assert [line["mirrored"] for line in lines] == [False, True, False, False, False]
    for line in lines:
        measurable = line["work"] != "page.png"
        assert (line["probability"] is not None, line["calibration"] is not None) == (measurable, measurable)
        assert {"hamming", "inliers", "dense", "transform", "reasons", "pipeline"} <= line.keys()
        assert [len(row) for row in line["transform"]] == [3, 3, 3]


@pytest.mark.long
def test_match_reports_skipped_and_unreliable_pictures(
    run: tuple[CommandResult, Path],
) -> None:
    done, _ = run
    assert "skipped notes.txt: " in done.stderr
    assert "skipped broken.jpg: " in done.stderr
    assert "wall.png cannot be matched reliably (flat)" in done.stderr
    assert "page.png cannot be matched reliably" not in done.stderr
    assert "5 matches" in done.stderr
    assert "2 files skipped" in done.stderr
    assert "pictures 18 of 18" in done.stderr
    assert done.stdout == ""


@pytest.mark.long
def test_match_reuses_earlier_measurements(folders: tuple[Path, Path], tmp_path: Path) -> None:
    works, pictures = folders
    arguments = ["match", works, pictures / "a", "--jobs", 1, "--cache", tmp_path / "cache", "--out"]
    assert indexer(*arguments, tmp_path / "first.jsonl").returncode == 0
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npz")}
    assert len(stored) == 4
    assert indexer(*arguments, tmp_path / "second.jsonl").returncode == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npz")} == stored
    assert (tmp_path / "first.jsonl").read_bytes() == (tmp_path / "second.jsonl").read_bytes()


def test_match_leaves_no_partial_file(tmp_path: Path) -> None:
    (tmp_path / "works").mkdir()
    (tmp_path / "works" / "notes.txt").write_text("not a picture")
    done = indexer("match", tmp_path / "works", tmp_path / "works", "--out", tmp_path / "matches.jsonl")
    assert done.returncode == 2
    assert "No picture in" in done.stderr
    assert not list(tmp_path.glob("*matches*"))


@pytest.mark.long
def test_compare_prints_text_and_draws_every_view(folders: tuple[Path, Path], tmp_path: Path) -> None:
    works, pictures = folders
    pair = works / "series" / "two.png", pictures / "a" / "mirrored.jpg"
    files = {view: tmp_path / f"{view}.jpg" for view in ("side-by-side", "overlay", "difference")}
    drawings = [text for view, file in files.items() for text in (f"--{view}", file)]
    done = indexer("compare", *pair, *drawings, "--points", tmp_path / "points.png")
    assert done.returncode == 0, done.stderr
    assert DECISIONS[Decision.CERTAIN].partition(".")[0] in done.stdout
    assert "Mirrored           yes" in done.stdout
    for file, kind in [*((file, "JPEG") for file in files.values()), (tmp_path / "points.png", "PNG")]:
        with Image.open(file) as picture:
            assert (picture.format, max(picture.size) <= 1600) == (kind, True)


def test_compare_and_match_return_same_result(run: tuple[CommandResult, Path], folders: tuple[Path, Path]) -> None:
    line = next(line for line in matches(run[1]) if line["picture"] == "a/mirrored.jpg")
    works, pictures = folders
    comparison = json.loads(indexer("compare", works / line["work"], pictures / line["picture"], "--json").stdout)
    assert comparison == {name: line[name] for name in comparison}


def test_compare_prints_json(folders: tuple[Path, Path]) -> None:
    works, pictures = folders
    page = indexer("compare", works / "page.png", pictures / "a" / "page.jpg", "--json")
    assert page.returncode == 0
    assert json.loads(page.stdout)["decision"] == "certain"
    nothing = indexer("compare", works / "one.png", works / "series" / "two.png", "--json")
    assert nothing.returncode == 1
    assert json.loads(nothing.stdout)["decision"] == "none"


def test_partially_damaged_copy_is_compared_with_a_warning(folders: tuple[Path, Path], tmp_path: Path) -> None:
    works, _ = folders
    data = (works / "one.png").read_bytes()
    text = struct.pack(">I", 7) + b"tEXtTitle\0A" + bytes(4)  # with a wrong checksum
    copy = tmp_path / "copy.png"
    copy.write_bytes(data[:33] + text + data[33:])
    done = indexer("compare", works / "one.png", copy, "--json")
    assert json.loads(done.stdout)["decision"] == "certain"
    assert done.stderr.startswith(f"{copy}: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["match", "nowhere", "works", "--out", "x.jsonl"],
        ["match", "works", "pictures", "--out", "no/such/folder/x.jsonl"],
        ["match", "works", "pictures"],
        ["match", "works", "pictures", "--out", "x.jsonl", "--jobs", "0"],
        ["compare", "works/one.png", "works/absent.png"],
        ["compare", "works/one.png", "pictures/broken.jpg"],
        ["compare", "works/one.png"],
        ["compare", "works/one.png", "works/series/two.png", "--overlay", "overlay.gif"],
        ["watch"],
        [],
    ],
    ids=" ".join,
)
def test_invalid_usage_exits_with_2_and_a_message(folders: tuple[Path, Path], arguments: list[str]) -> None:
    root = folders[0].parent
    placed = [
        str(root / argument) if "/" in argument or (root / argument).exists() else argument for argument in arguments
    ]
    done = indexer(*placed)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_help_shows_examples() -> None:
    done = indexer("--help")
    assert done.returncode == 0
    assert "python -m indexer match works/ pictures/ --out matches.jsonl" in done.stdout
