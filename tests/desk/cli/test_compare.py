"""Test `exhibit compare`: two files without a server, or a file and the image of a case."""

from pathlib import Path

import pytest

from desk.cli.compare import DECISION_TEXTS
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.picture.features import extract
from indexer.search.fingerprint_file import StatedPicture
from registry.matches.match import match_pictures
from registry.models import Owner, Picture
from registry.works.fingerprint_registration import register_stated_picture
from tests.assets.command_line import Terminal
from tests.assets.line_drawings import draw_scene
from tests.assets.rows import claim_new_slice, photograph, recompress, record_sightings


@pytest.mark.long
def test_compare_command_needs_no_server_and_writes_drawings(alone: Terminal, folder: Path) -> None:
    work, copy, other = (folder / name for name in ("work.jpg", "copy.jpg", "other.jpg"))
    work.write_bytes(photograph(1))
    copy.write_bytes(recompress(photograph(1)))
    other.write_bytes(photograph(2))
    drawings = ("--overlay", folder / "over.png", "--difference", folder / "difference.jpg")
    data = alone.run_json("compare", work, copy, *drawings)
    assert data["decision"] == "certain"
    assert 0.5 < data["probability"] < 1
    assert len(data["calibration"]) == 64
    assert (folder / "over.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "difference.jpg").read_bytes().startswith(b"\xff\xd8")
    assert "over.gif" in alone.run("compare", work, copy, "--overlay", "over.gif", code=2).err
    assert "--case" in alone.run("compare", work, code=2).err
    assert alone.run_json("compare", work, other)["decision"] == "none"
    assert DECISION_TEXTS[Decision.NONE] in alone.run("compare", work, other).out
    assert not alone.data.exists()


@pytest.mark.long
def test_redrawn_copy_is_graded_and_drawn_as_a_map(alone: Terminal, folder: Path) -> None:
    draw_scene(1).save(folder / "work.png")
    draw_scene(1, as_outline=True).save(folder / "drawn.png")
    data = alone.run_json("compare", folder / "work.png", folder / "drawn.png", "--map", folder / "map.png")
    assert data["decision"] == "related"
    assert data["probability"] is None
    assert [len(row) for row in data["survival"]] == [12] * 9
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")
    output = alone.run("compare", folder / "work.png", folder / "drawn.png").out
    assert DECISION_TEXTS[Decision.RELATED] in output


def test_file_that_is_not_a_picture_is_reported(alone: Terminal, folder: Path) -> None:
    (folder / "one.jpg").write_bytes(photograph(1))
    (folder / "notes.txt").write_text("no picture")
    (folder / "broken.jpg").write_bytes(photograph(1)[:600])
    assert "notes.txt" in alone.run("compare", folder / "one.jpg", folder / "notes.txt", code=2).err
    assert "broken.jpg: " in alone.run("compare", folder / "broken.jpg", folder / "one.jpg", code=2).err


@pytest.mark.long
def test_removed_picture_is_compared_by_its_stored_fingerprints(cli: Terminal, studio: str, folder: Path) -> None:
    services, data = cli.desk.services, photograph(303)
    register_stated_picture(
        services, Owner.objects.get(), StatedPicture.from_features("ours.jpg", len(data), extract(data))
    )
    crawl_slice, epoch = claim_new_slice(Owner.objects.get(), "found")
    match_pictures(services, record_sightings(services, crawl_slice, epoch, [recompress(data)], host="prints.example"))
    (case,) = cli.run_json("case", "list")["cases"]
    assert case["uses"][0]["by_fingerprints"]
    (folder / "ours.jpg").write_bytes(data)
    (folder / "other.jpg").write_bytes(recompress(data))
    output_path = folder / "both.jpg"
    result = cli.run("compare", folder / "ours.jpg", "--case", case["number"], "--side-by-side", output_path)
    assert result.out.splitlines()[:2] == ["http://prints.example/image-0.jpg", DECISION_TEXTS[Decision.CERTAIN]]
    assert output_path.read_bytes().startswith(b"\xff\xd8")
    assert not Picture.objects.filter(digest=Digest.from_bytes(data)).exists()
    cli.run("compare", folder / "other.jpg", "--case", case["number"], code=2)
    cli.run("compare", folder / "ours.jpg", folder / "other.jpg", "--case", case["number"], code=2)
    cli.run("case", "confirm", case["number"], code=2)  # evidence needs the image
    cli.run("work", "add", folder / "ours.jpg")
    cli.run("compare", folder / "ours.jpg", "--case", case["number"], code=2)
