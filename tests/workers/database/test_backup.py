"""A backup that is made while things go on, and put back elsewhere: the same log and answers, no second history."""

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from evidence.log.append_only import BrokenHistoryError
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, WrongUseError
from registry.log.log import submit
from registry.models import Bundle, Case, Notice, NoticeMail, Work
from registry.notices import mail as notice_mail
from tests.assets.command_line import CommandLine
from tests.assets.processes import processes_of, wait_until
from tests.assets.rows import owner
from tests.assets.sealed import sealed_bundle
from tests.assets.stack import connected_to
from workers.configuration import load_config
from workers.database.backup import back_up, log_state
from workers.database.backup_format import DESCRIPTION, Description, members, parse_description, verify_backup
from workers.database.restore import put_back
from workers.database.schema import migrate
from workers.evidence.bundles import assemble
from workers.log.replay import replay
from workers.log.sequencer import sequence_log, sign_checkpoint
from workers.servers.embedded import EmbeddedServers
from workers.servers.keeper import are_kept
from workers.services.wiring import Services
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.timeout(900)
MAPPING = 'name = "Market"\n'
SETTINGS = 'operator_name = "Studio"\nretention_days = 60\n'


def nothing(_: str) -> None:
    """Told what is done."""


def answers(services: Services) -> dict[str, object]:
    """What an installation says of what it holds."""
    bundle = Bundle.objects.get()
    out = io.BytesIO()
    assemble(services, bundle, out)
    return {
        "works": list(Work.objects.order_by("number").values_list("number", "title", "pictures__digest")),
        "cases": list(Case.objects.values_list("number", "party", "decision")),
        "seal": bundle.seal_digest,
        "bytes": sorted(one.hex for one in services.blobs),
        "log": log_state(services),
    }


class Made:
    """An installation with a sealed case, and a backup of it in both forms."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config, self.cli = folder, config, CommandLine(folder / "data")
        (config.data_dir / "exhibit.toml").write_text(SETTINGS)
        (config.data_dir / "searches").mkdir()
        (config.data_dir / "searches" / "market.toml").write_text(MAPPING)
        inline = SyncRunner(config)
        self.services = inline.services
        migrate()
        sealed_bundle(inline, owner("studio"))
        sequence_log(self.services)
        sign_checkpoint(self.services)
        about = {"kind": "dmca", "language": "en", "party": "shop.example", "created_by": "Ann", "created_at": now()}
        notice = Notice.objects.create(owner=Case.objects.get().owner, number=1, **about)
        NoticeMail.objects.create(notice=notice, to="host@example.org", by="Ann", message_id="<1@example.org>")
        self.told = self.back_up("backup")
        self.back_up("all.tar")
        self.answers = answers(self.services)

    def back_up(self, name: str, *, keys: bool = True) -> Description:
        return back_up(self.services, self.folder / name, keys=keys, tell=nothing)


@pytest.fixture(scope="module")
def made(django_db_blocker: DjangoDbBlocker) -> Iterator[Made]:
    with tempfile.TemporaryDirectory(prefix="exhibit-backup-") as name:
        Path(name).chmod(0o755)
        config = load_config({"EXHIBIT_DATA": str(Path(name) / "data")})
        with django_db_blocker.unblock(), EmbeddedServers(config), connected_to(config):
            yield Made(Path(name), config)


@pytest.mark.parametrize("place", ["backup", "all.tar"])
def test_elsewhere_it_has_the_same_log_and_gives_the_same_answers(made: Made, place: str) -> None:
    cli = CommandLine(made.folder / f"from-{place}")
    said = cli.run("restore", made.folder / place).out
    assert "exhibit log new-origin" in said
    assert "exhibit log check-against" in said
    config = load_config({"EXHIBIT_DATA": str(cli.data)})
    wait_until(lambda: not are_kept(config))
    with EmbeddedServers(config), connected_to(config):
        services = Services(config)
        assert answers(services) == made.answers
        assert ["file of the log's head is missing" in one for one in replay(services).problems] == [True]
        mail = NoticeMail.objects.get()
        assert notice_mail.may_have_left(mail)
        submit(EntryType.CASE, {"number": 1})
        sequence_log(services)
        with pytest.raises(BrokenHistoryError):
            sign_checkpoint(services)
        assert log_state(services).checkpoint == made.told.log.checkpoint
        connections["default"].close()
    assert (cli.data / "exhibit.toml").read_text() == SETTINGS
    assert (cli.data / "searches" / "market.toml").read_text() == MAPPING
    assert (cli.data / "secrets" / "master_key").stat().st_mode & 0o777 == 0o600
    assert not (cli.data / "restoring").exists()
    assert not (cli.data / "log.head").exists()


def test_it_is_refused_where_there_are_rows(made: Made) -> None:
    assert "There are rows" in made.cli.run("restore", made.folder / "backup", code=2).err


def test_an_interrupted_restore_goes_on_and_settings_that_are_there_stay(made: Made) -> None:
    cli = CommandLine(made.folder / "interrupted")
    cli.data.mkdir(mode=0o755)
    (cli.data / "exhibit.toml").write_text("retention_days = 7\n")
    with cli.started("restore", made.folder / "backup") as victim:
        wait_until(lambda: (cli.data / "restoring").exists() or victim.poll() is not None)
        os.killpg(victim.pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(cli.data))
    assert (cli.data / "restoring").exists()
    told = cli.ask("restore", made.folder / "backup")
    assert told["log"]["root"] == made.told.log.root
    assert told["settings_aside"] is True
    assert (cli.data / "exhibit.toml").read_text() == "retention_days = 7\n"
    assert (cli.data / "exhibit.toml.restored").read_text() == SETTINGS


def test_a_folder_is_kept_up_and_the_earlier_backup_stays_whole_until_the_new_one_is(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = made.folder / "kept"
    earlier = made.back_up("kept")
    kept = {path: path.stat().st_ino for path in (place / "blobs").rglob("*") if path.is_file()}
    made.services.blobs.put(b"something new")
    with monkeypatch.context() as patched:
        patched.setattr("workers.database.backup._blobs", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            made.back_up("kept")
    assert verify_backup(place) == earlier
    stray = place / "blobs" / "ab" / "cd" / ("ab" * 32)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"purged since")
    later = made.back_up("kept")
    assert (verify_backup(place), later.blobs) == (later, earlier.blobs + 1)
    assert len(list(place.glob("database-*"))) == 1
    assert not stray.exists()
    assert {path: path.stat().st_ino for path in kept} == kept


def test_what_isnt_whole_leaves_no_file(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.database.backup._blobs", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        made.back_up("never.tar")
    assert list(made.folder.glob("never*")) == []


def test_a_file_of_any_length_is_whole(made: Made) -> None:
    settings = made.config.data_dir / "exhibit.toml"
    for more in range(0, 10_240, 2048):  # a TAR file ends at a multiple of ten kilobytes
        settings.write_text(SETTINGS + "#" * more)
        told = made.back_up("of-a-length.tar")
        assert verify_backup(made.folder / "of-a-length.tar") == told
    settings.write_text(SETTINGS)


def test_without_keys_there_are_none_in_it(made: Made) -> None:
    told = made.back_up("without", keys=False)
    assert told.left_out == ("secrets/",)
    key = (made.config.data_dir / "secrets" / "master_key").read_bytes()
    assert all(key not in stream.read() for _, stream in members(made.folder / "without"))


@pytest.mark.parametrize("where", ["backup", "../data/backup", "..", "."])
def test_the_data_folder_and_its_backup_dont_lie_one_within_the_other(made: Made, where: str) -> None:
    with pytest.raises(WrongUseError, match="one within the other"):
        back_up(made.services, made.config.data_dir / where, keys=True, tell=nothing)


def test_a_folder_that_holds_something_else_is_refused_and_stays_as_it_is(made: Made) -> None:
    place = made.folder / "home"
    letter = place / "files" / "letter.txt"
    letter.parent.mkdir(parents=True)
    letter.write_text("mine")
    made.back_up("home")
    assert letter.read_text() == "mine"
    (place / "photo.jpg").write_bytes(b"mine too")
    with pytest.raises(WrongUseError, match=r"belongs to no backup: photo\.jpg"):
        made.back_up("home")
    assert (place / "photo.jpg").exists()


def test_nobody_else_reads_a_backup_in_a_folder_that_others_may_read(made: Made) -> None:
    place = made.folder / "open"
    place.mkdir()
    place.chmod(0o755)
    (place / ".backup-killed").mkdir()
    made.back_up("open")
    assert {path.stat().st_mode & 0o077 for path in place.rglob("*.dump")} == {0}
    assert {path.stat().st_mode & 0o077 for path in (place / "files" / "secrets").iterdir()} == {0}
    assert not (place / ".backup-killed").exists()


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config({"EXHIBIT_DATA": str(made.folder / "small")})
    usage = shutil.disk_usage(made.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(WrongUseError, match="nothing was restored"):
        put_back(config, made.folder / "backup", nothing)
    assert not (config.data_dir / "postgres").exists()
    assert not (config.data_dir / "blobs").exists()
    assert made.told.database > 1_000_000


@pytest.mark.parametrize("what", ["blobs/*/*/*", "database-*.dump", "files/secrets/log.key", "backup.json", "blobs-*"])
@pytest.mark.parametrize("change", ["damaged", "missing"])
def test_whatever_is_damaged_or_missing_is_named(made: Made, what: str, change: str) -> None:
    place = Path(tempfile.mkdtemp(dir=made.folder)) / "backup"
    subprocess.run(["cp", "--archive", made.folder / "backup", place], check=True)
    victim = next(place.glob(what))
    data = victim.read_bytes()
    victim.unlink()
    if change == "damaged":
        victim.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(IntegrityError, match=victim.name):
        verify_backup(place)


def test_a_damaged_backup_isnt_restored(made: Made) -> None:
    place = made.folder / "damaged.tar"
    data = (made.folder / "all.tar").read_bytes()
    place.write_bytes(data[: len(data) // 2])
    cli = CommandLine(made.folder / "untouched")
    cli.run("restore", place, code=1)
    assert not (cli.data / "postgres").exists()
    assert not (cli.data / "blobs").exists()


def test_a_backup_that_leads_out_of_the_data_folder_is_refused(made: Made) -> None:
    told = json.loads((made.folder / "backup" / DESCRIPTION).read_bytes())
    [part] = [one for one in told["files"] if one["name"] == "files/exhibit.toml"]
    part["name"] = "files/../../evil"
    tar = made.folder / "hostile.tar"
    with tarfile.open(tar, "w") as file:
        for name, stream in members(made.folder / "backup"):
            data = json.dumps(told).encode() if name == DESCRIPTION else stream.read()
            inner = tarfile.TarInfo("files/../../evil" if name == "files/exhibit.toml" else name)
            inner.size = len(data)
            file.addfile(inner, io.BytesIO(data))
    cli = CommandLine(made.folder / "victim" / "data")
    assert "outside of the data folder" in cli.run("restore", tar, code=1).err
    assert not (made.folder / "evil").exists()


def test_what_is_no_backup_is_said(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="isn't a whole backup"):
        verify_backup(tmp_path)
    (tmp_path / "a.tar").write_bytes(b"no archive at all")
    with pytest.raises(IntegrityError, match="no whole TAR"):
        verify_backup(tmp_path / "a.tar")
    for data in (b"[]", b"{}", b'{"format": "exhibit-backup/9"}', b"\xff"):
        with pytest.raises(IntegrityError):
            parse_description(data)
