"""Which work a picture shows, asked as people ask it: files, standard input, addresses; several owners."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from evidence.formats.codec import parse_json
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError, UnreadablePictureError
from exhibit.types import Decision, Verification
from indexer.compare.wording import as_plain
from registry.models import HostDenial, LogCheckpoint, Match, Picture
from tests import CHECKOUT
from tests.assets.command_line import CommandLine, forking
from tests.assets.documented import json_keys
from tests.assets.installed import install
from tests.assets.rows import owner, register
from tests.assets.shop import LOOPBACK
from tests.assets.site import Answer, Site
from tests.assets.textured import encoded, page_with, text_page, textured
from workers.configuration import load_config
from workers.matching.identify import fetch, identify
from workers.servers.embedded import EmbeddedServers
from workers.tasks.sync_runner import SyncRunner
from workers.works.registrations import proof_files, registration_of

FIGURES = set(as_plain(Verification(Decision.NONE, 0, 0, 0.0, None, False, 0, 0.0, 0.0, None, "")))  # noqa: FBT003 - a field
"""What is told of a match."""
HARBOUR, ALLEY, THEIRS = textured(1), textured(2), textured(3)


def copied(picture: Image.Image) -> bytes:
    """A mirrored, cropped copy."""
    return encoded(ImageOps.mirror(picture).crop((40, 30, 440, 330)), "JPEG")


def test_only_the_works_of_the_owner_who_asks_are_searched_and_told(inline: SyncRunner) -> None:
    services, studio, rival = inline.services, owner("studio"), owner("rival")
    harbour = register(services, studio, encoded(HARBOUR)).work
    register(services, rival, encoded(THEIRS))
    same = register(services, rival, encoded(HARBOUR)).work
    assert identify(services, studio, copied(THEIRS)).works == ()
    for of, work in ((studio, harbour), (rival, same)):
        (found,) = identify(services, of, encoded(HARBOUR)).works
        assert (found.work, found.verification.decision) == (work, Decision.CERTAIN)


def test_pictures_of_other_owners_leave_no_work_out(inline: SyncRunner) -> None:
    services, studio, rival = inline.services, owner("studio"), owner("rival")
    for number in range(14):
        register(services, rival, encoded(HARBOUR.resize((480 + number, 360))))
    register(services, studio, encoded(ImageOps.expand(HARBOUR, 3)))
    (found,) = identify(services, studio, encoded(HARBOUR)).works
    assert found.work.owner == studio


def test_a_removed_work_is_found_no_more(inline: SyncRunner) -> None:
    from workers.works.registration import remove_work

    studio = owner("studio")
    remove_work(register(inline.services, studio, encoded(HARBOUR)).work, by="the test")
    assert identify(inline.services, studio, encoded(HARBOUR)).works == ()


def test_nothing_is_kept_of_what_was_asked(inline: SyncRunner, tmp_path: Path) -> None:
    studio = owner("studio")
    register(inline.services, studio, encoded(HARBOUR))
    rows, files = Picture.objects.count(), set((tmp_path / "blobs").rglob("*"))
    assert identify(inline.services, studio, copied(HARBOUR)).works
    assert (Picture.objects.count(), Match.objects.count()) == (rows, 0)
    assert set((tmp_path / "blobs").rglob("*")) == files


def test_the_proof_of_a_registration_grows_from_nothing_to_a_checkpoint(inline: SyncRunner) -> None:
    work = register(inline.services, owner("studio"), encoded(HARBOUR)).work
    waiting = registration_of(work)
    assert waiting is not None
    assert (waiting.entry, waiting.checkpoint) == (None, None)
    files = proof_files(inline.services, work)
    assert sorted(files) == ["READ-ME.txt", "checkpoint", "entry.json", "inclusion.json"]
    logged = registration_of(work)
    assert logged is not None
    assert (logged.entry, logged.checkpoint) == (0, LogCheckpoint.objects.get())
    assert (
        parse_json(files["entry.json"], what="entry.json")["opening"]["picture"] == sha256(encoded(HARBOUR)).hexdigest()
    )
    assert proof_files(inline.services, work) == files


@pytest.mark.parametrize("kind", ["rfc3161", "opentimestamps", "evm"])
def test_what_the_proofs_of_a_registration_say_to_check_is_there(inline: SyncRunner, kind: str) -> None:
    work = register(inline.services, owner("studio"), encoded(HARBOUR)).work
    proof_files(inline.services, work)
    checkpoint = LogCheckpoint.objects.get()
    checkpoint.receipts.create(kind=kind, witness="A", digest=Digest.of(b"checkpoint"), proof=b"proof")
    files = proof_files(inline.services, work)
    named = set(re.findall(r"[\w-]+\.(?:tsr|ots|json)", files["READ-ME.txt"].decode()))
    assert named == set(files) - {"READ-ME.txt", "checkpoint"}


def test_an_address_is_fetched_through_the_guard_only(inline: SyncRunner) -> None:
    for url in ("http://127.0.0.1:9/a.jpg", "file:///etc/passwd", "http://user:word@93.184.215.14/a.jpg"):
        with pytest.raises((RefusedError, ServiceMissingError)):
            fetch(inline.services, url)


def test_a_host_that_the_operator_denies_is_not_asked_when_another_redirects_to_it(inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Site(host="127.0.0.7") as shop, Site(host="127.0.0.8") as denied:
        shop.routes["/a.jpg"] = Answer(b"", status=302, headers=(("Location", denied.url("/a.jpg")),))
        denied.routes["/a.jpg"] = Answer(encoded(HARBOUR), "image/png")
        assert fetch(inline.services, shop.url("/a.jpg")) == encoded(HARBOUR)
        HostDenial.objects.create(host="127.0.0.8", reason="opted out")
        asked = len(denied.seen)
        with pytest.raises(RefusedError, match=r"rules name 127\.0\.0\.8"):
            fetch(inline.services, shop.url("/a.jpg"))
        assert len(denied.seen) == asked == 1


def test_what_is_no_picture_is_refused(inline: SyncRunner) -> None:
    with pytest.raises(UnreadablePictureError):
        identify(inline.services, owner("studio"), b"\xff\xd8\xff no picture")


@pytest.fixture(scope="module")
def cli() -> Iterator[CommandLine]:
    """A studio with two works."""
    with tempfile.TemporaryDirectory(prefix="exhibit-identify-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        settings = {"EXHIBIT_ALLOWED_NETWORKS": LOOPBACK, "EXHIBIT_CONTACT": "tests@example.org"}
        install(folder / "data")
        line = CommandLine(folder / "data", settings)
        with EmbeddedServers(load_config({"EXHIBIT_DATA": str(folder / "data")})), forking(line) as asked:
            for title, picture in (("harbour", HARBOUR), ("alley", ALLEY)):
                (folder / f"{title}.png").write_bytes(encoded(picture))
            asked.run("owner", "add", "Studio")
            asked.run("work", "add", folder / "harbour.png", folder / "alley.png")
            yield asked


def test_each_copy_is_named_with_its_work_drawings_and_proofs(cli: CommandLine, tmp_path: Path) -> None:
    seen, page, out = tmp_path / "seen here.jpg", tmp_path / "page.png", tmp_path / "proofs"
    seen.write_bytes(copied(ALLEY))
    page.write_bytes(encoded(page_with(HARBOUR)))
    images = cli.ask("identify", seen, page, "--out", out)["images"]
    assert [[work["title"] for work in image["works"]] for image in images] == [["alley"], ["harbour"]]
    assert images[0]["digest"] == sha256(seen.read_bytes()).hexdigest()
    (work,) = images[0]["works"]
    assert set(work) - FIGURES == json_keys("work found by `identify`")
    assert (work["number"], work["mirrored"], work["decision"]) == (2, True, "certain")
    folder = out / f"seen-here-{images[0]['digest'][:8]}-work-2"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "difference.jpg", "overlay.jpg", "points.jpg", "registration/READ-ME.txt", "registration/checkpoint",
        "registration/entry.json", "registration/inclusion.json", "side-by-side.jpg",
    ]  # fmt: skip
    assert {Path(name) for name in work["files"]} == {path for path in folder.rglob("*") if path.is_file()}
    with Image.open(folder / "overlay.jpg") as drawn:
        assert max(drawn.size) == 1600


def test_two_pictures_of_one_name_are_written_beside_each_other(cli: CommandLine, tmp_path: Path) -> None:
    seen = [tmp_path / name / "seen.jpg" for name in ("a", "b")]
    for path, quality in zip(seen, (90, 60), strict=True):
        path.parent.mkdir()
        ALLEY.save(path, quality=quality)
    images = cli.ask("identify", *seen, "--out", tmp_path / "proofs")["images"]
    files = [name for image in images for work in image["works"] for name in work["files"]]
    assert len(set(files)) == len(files) == 16
    unread = cli.run("identify", tmp_path, "--json", code=2).answer["images"]
    assert {*images[0], *unread[0]} == json_keys("answer of `identify`")


def test_what_cannot_be_read_is_named_and_the_others_are_answered(cli: CommandLine, tmp_path: Path) -> None:
    seen, broken = tmp_path / "seen.jpg", tmp_path / "broken.jpg"
    seen.write_bytes(copied(ALLEY))
    broken.write_bytes(b"\xff\xd8\xff no picture")
    with Site(host="127.0.0.7") as site:
        site.routes["/seen.jpg"] = Answer(copied(ALLEY), media_type="image/jpeg")
        urls = site.url("/seen.jpg"), site.url("/gone.jpg"), "http://10.0.0.1/a.jpg"
        mixed = cli.run("identify", broken, tmp_path / "absent.jpg", *urls, "http://127.0.0.7:1/a.jpg", seen, code=3)
    for image in (seen, urls[0]):
        assert f"{image}: work 2, alley" in mixed.out
    assert "It is mirrored." in mixed.out
    assert "broken.jpg: " in mixed.err
    assert "absent.jpg: It isn't a file." in mixed.err
    assert "status 404" in mixed.err
    assert "http://127.0.0.7:1/a.jpg: 127.0.0.7 can't be reached." in mixed.err
    assert "http://10.0.0.1/a.jpg: " in mixed.err


def test_nothing_found_ends_with_1_and_plain_pictures_are_said_to_be_too_plain(
    cli: CommandLine, tmp_path: Path
) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(encoded(textured(50), "JPEG"))
    none = subprocess.run(
        [sys.executable, "-m", "desk", "identify", other, "-"],
        cwd=CHECKOUT, env=cli.environ, input=encoded(text_page(1)), capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert none.returncode == 1
    assert none.stdout.count(b"no registered work was found in it") == 2
    assert b"too plain to be told apart" in none.stdout
    assert b"only exact copies are recognised" in none.stdout
