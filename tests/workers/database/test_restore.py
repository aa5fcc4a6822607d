"""Test refused or interrupted restores: any next step (a start, a backup, another restore) works."""

import io
import json
import lzma
import os
import shutil
import signal
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import DjangoDbBlocker

from evidence.log.append_only import BrokenHistoryError
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import ExhibitError, WrongUseError
from registry.configuration import load_config
from registry.keys.signing_keys import closed_keys
from registry.log.log import submit
from registry.log.replay import replay
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import NoticeMail
from registry.notices import mail as notice_mail
from registry.services.services import Services
from tests.assets.backed_up import MAPPING, SETTINGS, Made, answers, made, nothing
from tests.assets.command_line import CommandLine, forking
from tests.assets.processes import processes_of, wait_until
from tests.assets.stack import connected_to
from workers.database.backup import log_state
from workers.database.backup_format import DESCRIPTION, blob_name, members as members_of
from workers.database.restore import put_back
from workers.servers.embedded import EmbeddedServers
from workers.servers.keeper import are_kept

__all__ = ["made"]

pytestmark = pytest.mark.timeout(900)
Members = dict[str, bytes]


@pytest.fixture
def own(made: Made) -> Members:
    """Return the files of a backup by name."""
    with tarfile.open(made.folder / "all.tar") as tar:
        return {one.name: file.read() for one in tar if (file := tar.extractfile(one)) is not None}


def tar_of(members: Members, to: Path) -> Path:
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            told = tarfile.TarInfo(name)
            told.size = len(data)
            tar.addfile(told, BytesIO(data))
    return to


def cut_short(members: Members, to: Path) -> Path:
    tar = tar_of(members, to)
    os.truncate(tar, tar.stat().st_size * 2 // 3)
    return tar


def without_a_blob(members: Members, to: Path) -> Path:
    gone = next(name for name in members if name.startswith("blobs/"))
    return tar_of({name: data for name, data in members.items() if name != gone}, to)


def with_a_damaged_list(members: Members, to: Path) -> Path:
    return tar_of(
        {name: data.replace(b"a", b"x") if name[:6] == "blobs-" else data for name, data in members.items()}, to
    )


def of_another_format(members: Members, to: Path) -> Path:
    told = json.loads(members[DESCRIPTION]) | {"format": "exhibit-backup/2"}
    return tar_of(members | {DESCRIPTION: json.dumps(told).encode()}, to)


def no_archive(_: Members, to: Path) -> Path:
    to.write_bytes(lzma.compress(b"no archive"))
    return to


def with_settings(members: Members, to: Path, settings: str) -> Path:
    told, data = json.loads(members[DESCRIPTION]), settings.encode()
    digest = Digest.of(data).hex
    name, path = f"files/exhibit.toml-{digest[:16]}", "exhibit.toml"
    described = {"name": name, "digest": digest, "size": len(data), "mode": 0o600, "path": path}
    told["files"] = [described, *(one for one in told["files"] if one["path"] != path)]
    return tar_of(members | {name: data, DESCRIPTION: json.dumps(told).encode()}, to)


REFUSALS: list[tuple[Callable[[Members, Path], Path], str]] = [
    (no_archive, "no whole TAR file"),
    (cut_short, "no whole TAR file"),
    (without_a_blob, "missing or hold other bytes"),
    (with_a_damaged_list, "missing or hold other bytes"),
    (of_another_format, "another version"),
]


@pytest.mark.long
def test_after_whatever_refusal_and_a_sudden_end_a_start_a_backup_and_the_restore_work(
    open_folder: Path, own: Members
) -> None:
    cli = CommandLine(open_folder / "data", {"EXHIBIT_LANGUAGES": "en"})
    config = load_config({"EXHIBIT_DATA": str(cli.data)})
    for spoil, words in REFUSALS:
        with pytest.raises(ExhibitError, match=words):
            put_back(config, spoil(own, open_folder / "spoiled.tar"), nothing)
        assert left(cli) <= {"locks"}, spoil
    assert words in cli.run("restore", open_folder / "spoiled.tar", code=1).err
    whole = tar_of(own, open_folder / "whole.tar")
    with cli.started("restore", whole) as victim:
        wait_until(lambda: (cli.data / "restoring").exists() or victim.poll() is not None)
        os.killpg(victim.pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(cli.data))
    # Other commands run in between, and create their own secrets.
    with forking(cli) as quick, EmbeddedServers(config):
        work_goes_on(quick, own, open_folder)


@pytest.mark.long
def test_a_backup_with_the_schema_of_another_version_is_refused_before_anything_is_put_back(
    made: Made, open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), EmbeddedServers(made.config), connected_to(made.config):
        MigrationRecorder(connection).record_applied("registry", "0105_squashed_0001_0104")
        made.back_up("other-schema")
        MigrationRecorder(connection).record_unapplied("registry", "0105_squashed_0001_0104")
    config = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    with pytest.raises(WrongUseError, match=r"0105_squashed_0001_0104.*: nothing was restored") as refused:
        put_back(config, made.folder / "other-schema", nothing)
    assert refused.value.hint
    assert not {"blobs", "restoring", "exhibit.toml"} & left(CommandLine(config.data_dir))


def work_goes_on(cli: CommandLine, members: Members, folder: Path) -> None:
    assert cli.api("GET", "/owners")["items"] == []
    assert not (cli.data / "restoring").exists()
    cli.run("backup", folder / "empty.tar")
    settings = "[[anchors]]\nkind = 'rfc3161'\nname = 'a'\nurls = ['https://a.example']\nroots = '/gone.pem'\n"
    told = cli.ask("restore", with_settings(members, folder / "with.tar", settings))
    assert told["settings_aside"] is True
    assert (cli.data / "exhibit.toml.restored").read_text() == settings
    assert len(cli.ask("log", "verify", code=1)["problems"]) == 1  # the log's checkpoint file is missing
    assert len(cli.api("GET", "works")["items"]) == 1
    cli.run("backup", folder / "again.tar")
    assert "There are rows" in cli.run("restore", folder / "whole.tar", code=2).err
    assert not (cli.data / "restoring").exists()


def left(cli: CommandLine) -> set[str]:
    return {path.name for path in cli.data.iterdir()} if cli.data.exists() else set()


@pytest.mark.parametrize("place", ["backup", pytest.param("all.tar", marks=pytest.mark.long)])
def test_elsewhere_it_has_the_same_log_and_gives_the_same_answers(
    made: Made, place: str, django_db_blocker: DjangoDbBlocker
) -> None:
    cli = CommandLine(made.folder / f"from-{place}")
    said = cli.run("restore", made.folder / place).out
    assert "/operator/log/new-origin" in said
    assert "exhibit log verify --against" in said
    config = load_config({"EXHIBIT_DATA": str(cli.data)})
    wait_until(lambda: not are_kept(config))
    with django_db_blocker.unblock(), EmbeddedServers(config), connected_to(config):
        services = Services(config)
        assert answers(services) == made.answers
        assert len(replay(services).problems) == 1  # the log's checkpoint file is missing
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
    kept = [path for path in (cli.data / "benchmark").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [b"of a pair"]
    assert (cli.data / "secrets" / "master_key").stat().st_mode & 0o777 == 0o600
    assert not (cli.data / "restoring").exists()
    assert not (cli.data / "log.head").exists()


@pytest.mark.long
def test_what_was_damaged_is_said_when_the_backup_is_made_and_when_it_is_restored(made: Made) -> None:
    digest, rotten, place = made.services.blobs.put(b"a picture"), b"A picture", made.folder / "lacking"
    stored = made.config.data_dir / blob_name(digest.hex)
    stored.chmod(0o600)
    stored.write_bytes(rotten)
    told = made.cli.ask("backup", place, code=4)
    made.services.blobs.remove(digest)
    assert told["damaged"] == [digest.hex]
    (place / blob_name(digest.hex)).parent.mkdir(parents=True, exist_ok=True)
    (place / blob_name(digest.hex)).write_bytes(rotten)
    cli = CommandLine(made.folder / "lacks")
    assert digest.hex in cli.run("restore", place, code=4).out
    assert len(list((cli.data / "blobs").glob("*/*/*"))) == told["blobs"]


@pytest.mark.long
def test_without_its_keys_it_is_said_that_nothing_can_be_sealed(made: Made, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), EmbeddedServers(made.config), connected_to(made.config):
        made.back_up("keyless", keys=False)
    cli = CommandLine(made.folder / "from-keyless")
    said = cli.run("restore", made.folder / "keyless").out
    assert ("secrets/" in said, "exhibit key rotate" in said) == (True, True)
    shutil.copytree(made.config.data_dir / "secrets", cli.data / "secrets", dirs_exist_ok=True)
    config = load_config({"EXHIBIT_DATA": str(cli.data)})
    wait_until(lambda: not are_kept(config))
    with django_db_blocker.unblock(), EmbeddedServers(config), connected_to(config):
        assert closed_keys(Services(config)) == ""


@pytest.mark.long
def test_it_is_refused_where_there_are_rows(made: Made) -> None:
    assert "There are rows" in made.cli.run("restore", made.folder / "backup", code=2).err


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
def test_a_damaged_backup_isnt_restored(made: Made) -> None:
    place = made.folder / "damaged.tar"
    data = (made.folder / "all.tar").read_bytes()
    place.write_bytes(data[: len(data) // 2])
    cli = CommandLine(made.folder / "untouched")
    cli.run("restore", place, code=1)
    assert not (cli.data / "postgres").exists()
    assert not (cli.data / "blobs").exists()


@pytest.mark.long
def test_a_backup_that_leads_out_of_the_data_folder_is_refused(made: Made) -> None:
    told = json.loads((made.folder / "backup" / DESCRIPTION).read_bytes())
    [part] = [one for one in told["files"] if one["path"] == "exhibit.toml"]
    part["path"] = "../../evil"
    tar = made.folder / "hostile.tar"
    with tarfile.open(tar, "w") as file:
        for name, stream in members_of(made.folder / "backup"):
            data = json.dumps(told).encode() if name == DESCRIPTION else stream.read()
            inner = tarfile.TarInfo(name)
            inner.size = len(data)
            file.addfile(inner, io.BytesIO(data))
    cli = CommandLine(made.folder / "victim" / "data")
    assert "../../evil" in cli.run("restore", tar, code=1).err
    assert not (made.folder / "evil").exists()
