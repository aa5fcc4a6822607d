"""Test identification of works in images from files, standard input and URLs, with several owners."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageOps

from desk.cli import identify as command
from desk.cli.common.context import CommandContext
from exhibit.errors import RefusedError, ServiceMissingError, UnreadablePictureError
from exhibit.types import Decision, Verification
from indexer.compare.wording import as_dict
from registry.matches.identify import fetch_picture, identify_picture
from registry.models import HostDenial, Match, Owner, Picture
from registry.works.registration import remove_work
from tests.assets.documented_keys import json_keys
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, register
from tests.assets.shop import LOOPBACK
from tests.assets.site import Answer, Site
from tests.assets.textured import encoded, page_with, text_page, textured
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

MEASUREMENT_FIELDS = set(as_dict(Verification(Decision.NONE, 0, 0, 0.0, None, False, 0, 0.0, 0.0, None, "")))  # noqa: FBT003 - a field
"""Fields of a match in the output."""
HARBOUR, ALLEY, OTHER_PICTURE = textured(1), textured(2), textured(3)


def make_copy(picture: Image.Image) -> bytes:
    """Return a mirrored, cropped copy."""
    return encoded(ImageOps.mirror(picture).crop((40, 30, 440, 330)), "JPEG")


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """A studio with two works."""
    stage.services.config = replace(stage.services.config, allowed_networks=(LOOPBACK,), contact="tests@example.org")
    studio = owner("studio")
    for title, picture in (("harbour", HARBOUR), ("alley", ALLEY)):
        register(stage.services, studio, encoded(picture), title)


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


@pytest.mark.long
def test_only_works_of_the_requesting_owner_are_searched(inline: SyncRunner, studio: Owner) -> None:
    services, rival = inline.services, owner("rival")
    register(services, rival, encoded(OTHER_PICTURE))
    rival_work = register(services, rival, encoded(HARBOUR)).work
    assert identify_picture(services, studio, make_copy(OTHER_PICTURE)).works == ()
    for rights_holder, work in ((studio, studio.works.get(number=1)), (rival, rival_work)):
        (match,) = identify_picture(services, rights_holder, encoded(HARBOUR)).works
        assert (match.work, match.verification.decision) == (work, Decision.CERTAIN)


@pytest.mark.long
def test_many_pictures_of_other_owners_do_not_hide_a_work(inline: SyncRunner, studio: Owner) -> None:
    services, agency = inline.services, owner("agency")
    for number in range(13):
        register(services, studio, encoded(HARBOUR.resize((320 + number, 240))))
    register(services, agency, encoded(ImageOps.expand(HARBOUR, 3)))
    (match,) = identify_picture(services, agency, encoded(HARBOUR)).works
    assert match.work.owner == agency


@pytest.mark.long
def test_identify_returns_every_registration_of_a_picture(inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, encoded(HARBOUR, "JPEG", 70), "registered twice")
    matches = identify_picture(inline.services, studio, make_copy(HARBOUR)).works
    assert [(match.work.title, match.verification.decision) for match in matches] == [
        ("harbour", Decision.CERTAIN),
        ("registered twice", Decision.CERTAIN),
    ]


def test_removed_work_is_not_identified(inline: SyncRunner, studio: Owner) -> None:
    remove_work(studio.works.get(number=1), by="the test")
    assert identify_picture(inline.services, studio, encoded(HARBOUR)).works == ()


def test_identifying_a_picture_stores_nothing(inline: SyncRunner, studio: Owner, tmp_path: Path) -> None:
    rows, files = Picture.objects.count(), set((tmp_path / "blobs").rglob("*"))
    assert identify_picture(inline.services, studio, make_copy(HARBOUR)).works
    assert (Picture.objects.count(), Match.objects.count()) == (rows, 0)
    assert set((tmp_path / "blobs").rglob("*")) == files


def test_disallowed_url_is_not_fetched(inline: SyncRunner) -> None:
    for url in ("http://127.0.0.1:9/a.jpg", "file:///etc/passwd", "http://user:word@93.184.215.14/a.jpg"):
        with pytest.raises((RefusedError, ServiceMissingError)):
            fetch_picture(inline.services, url)


def test_denied_host_is_not_requested_after_a_redirect(inline: SyncRunner) -> None:
    with Site(host="127.0.0.7") as shop, Site(host="127.0.0.8") as denied:
        shop.routes["/a.jpg"] = Answer(b"", status=302, headers=(("Location", denied.url("/a.jpg")),))
        denied.routes["/a.jpg"] = Answer(encoded(HARBOUR), "image/png")
        assert fetch_picture(inline.services, shop.url("/a.jpg")) == encoded(HARBOUR)
        HostDenial.objects.create(host="127.0.0.8", reason="opted out")
        count = len(denied.requests)
        with pytest.raises(RefusedError, match=r"127\.0\.0\.8"):
            fetch_picture(inline.services, shop.url("/a.jpg"))
        assert len(denied.requests) == count == 1


def test_invalid_picture_is_rejected(inline: SyncRunner, studio: Owner) -> None:
    with pytest.raises(UnreadablePictureError):
        identify_picture(inline.services, studio, b"\xff\xd8\xff no picture")


RunIdentify = Callable[..., Result]


@pytest.fixture
def run_identify(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> RunIdentify:
    """A function that runs `exhibit identify`."""
    desk = CommandContext(inline.services.config)
    desk.__dict__["services"] = inline.services
    monkeypatch.setattr(command, "open_command_context", lambda: desk)

    def run(*words: object, code: int = 0, stdin: bytes = b"") -> Result:
        result = CliRunner().invoke(command.identify_command, [str(word) for word in words], input=stdin)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run


def parse_images(result: Result) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = json.loads(result.stdout)["images"]
    return images


@pytest.mark.long
def test_identify_returns_work_with_drawings_and_proofs(run_identify: RunIdentify, tmp_path: Path) -> None:
    picture_path, page, out = tmp_path / "seen here.jpg", tmp_path / "page.png", tmp_path / "proofs"
    picture_path.write_bytes(make_copy(ALLEY))
    page.write_bytes(encoded(page_with(HARBOUR)))
    images = parse_images(run_identify(picture_path, page, "--out", out, "--json"))
    assert [[work["title"] for work in image["works"]] for image in images] == [["alley"], ["harbour"]]
    assert images[0]["digest"] == sha256(picture_path.read_bytes()).hexdigest()
    (work,) = images[0]["works"]
    assert set(work) - MEASUREMENT_FIELDS == json_keys("work found by `identify`")
    assert (work["number"], work["mirrored"], work["decision"]) == (2, True, "certain")
    folder = out / f"seen-here-{images[0]['digest'][:8]}-work-2"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "difference.jpg", "overlay.jpg", "points.jpg", "registration/READ-ME.txt", "registration/checkpoint",
        "registration/entry.json", "registration/inclusion.json", "side-by-side.jpg",
    ]  # fmt: skip
    assert {Path(name) for name in work["files"]} == {path for path in folder.rglob("*") if path.is_file()}
    with Image.open(folder / "overlay.jpg") as overlay:
        assert max(overlay.size) == 1600


@pytest.mark.long
def test_pictures_with_the_same_name_are_written_to_separate_folders(run_identify: RunIdentify, tmp_path: Path) -> None:
    paths = [tmp_path / name / "seen.jpg" for name in ("a", "b")]
    for path, quality in zip(paths, (90, 60), strict=True):
        path.parent.mkdir()
        ALLEY.save(path, quality=quality)
    images = parse_images(run_identify(*paths, "--out", tmp_path / "proofs", "--json"))
    files = [name for image in images for work in image["works"] for name in work["files"]]
    assert len(set(files)) == len(files) == 16
    unread = parse_images(run_identify(tmp_path, "--json", code=2))
    assert {*images[0], *unread[0]} == json_keys("result of `identify`")


@pytest.mark.long
def test_unreadable_files_are_reported_and_others_identified(run_identify: RunIdentify, tmp_path: Path) -> None:
    picture_path, broken = tmp_path / "seen.jpg", tmp_path / "broken.jpg"
    picture_path.write_bytes(make_copy(ALLEY))
    broken.write_bytes(b"\xff\xd8\xff no picture")
    with Site(host="127.0.0.7") as site:
        site.routes["/seen.jpg"] = Answer(make_copy(ALLEY), media_type="image/jpeg")
        urls = site.url("/seen.jpg"), site.url("/gone.jpg"), "http://10.0.0.1/a.jpg"
        mixed_result = run_identify(
            broken, tmp_path / "absent.jpg", *urls, "http://127.0.0.7:1/a.jpg", picture_path, code=3
        )
    for image in (picture_path, urls[0]):
        assert f"{image}: work 2, alley" in mixed_result.stdout
    assert "broken.jpg: " in mixed_result.stderr
    assert "absent.jpg: The file does not exist" in mixed_result.stderr
    assert "status 404" in mixed_result.stderr
    assert "http://127.0.0.7:1/a.jpg: 127.0.0.7 could not be reached." in mixed_result.stderr
    assert "http://10.0.0.1/a.jpg: " in mixed_result.stderr


@pytest.mark.long
def test_unmatched_pictures_exit_with_1_and_flat_pictures_are_reported(
    run_identify: RunIdentify, tmp_path: Path
) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(encoded(textured(50), "JPEG"))
    page, wall = tmp_path / "page.png", encoded(Image.new("RGB", (320, 240), "white"))
    page.write_bytes(encoded(text_page(1)))
    none = run_identify(other, page, "-", code=1, stdin=wall)
    assert none.stdout.count("flat") == 1
