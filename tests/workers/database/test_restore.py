"""Test rejected and interrupted restores: a start, a backup or a new restore still works afterwards."""

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
from exhibit.errors import ExhibitError, InvalidRequestError
from registry.configuration import load_config
from registry.keys.signing_keys import describe_locked_keys
from registry.log.log import submit_entry
from registry.log.replay import replay
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import NoticeMail
from registry.notices import mail as notice_mail
from registry.services.services import Services
from tests.assets.backed_up_installation import (
    MAPPING,
    SETTINGS,
    BackedUpInstallation,
    backed_up,
    ignore_message,
    summarize,
)
from tests.assets.command_line import CommandLine, forking_command_line
from tests.assets.processes import find_processes, wait_until
from tests.assets.stack import connected_to
from workers.database.backup import get_log_state
from workers.database.backup_format import DESCRIPTION_NAME, format_blob_name, iterate_files as members_of
from workers.database.restore import restore_backup
from workers.servers.embedded import EmbeddedServers
from workers.servers.keeper import are_servers_supervised

__all__ = ["backed_up"]

pytestmark = pytest.mark.timeout(900)
Members = dict[str, bytes]


@pytest.fixture
def backup_members(backed_up: BackedUpInstallation) -> Members:
    """Return the files of a backup by name."""
    with tarfile.open(backed_up.folder / "all.tar") as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}


def make_tar(members: Members, to: Path) -> Path:
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            tar_info = tarfile.TarInfo(name)
            tar_info.size = len(data)
            tar.addfile(tar_info, BytesIO(data))
    return to


def make_truncated_tar(members: Members, to: Path) -> Path:
    tar = make_tar(members, to)
    os.truncate(tar, tar.stat().st_size * 2 // 3)
    return tar


def make_tar_without_blob(members: Members, to: Path) -> Path:
    missing_name = next(name for name in members if name.startswith("blobs/"))
    return make_tar({name: data for name, data in members.items() if name != missing_name}, to)


def make_tar_with_damaged_list(members: Members, to: Path) -> Path:
    return make_tar(
        {name: data.replace(b"a", b"x") if name[:6] == "blobs-" else data for name, data in members.items()}, to
    )


def make_tar_of_other_format(members: Members, to: Path) -> Path:
    description = json.loads(members[DESCRIPTION_NAME]) | {"format": "exhibit-backup/2"}
    return make_tar(members | {DESCRIPTION_NAME: json.dumps(description).encode()}, to)


def make_invalid_tar(_: Members, to: Path) -> Path:
    to.write_bytes(lzma.compress(b"no archive"))
    return to


def make_tar_with_settings(members: Members, to: Path, settings: str) -> Path:
    description, data = json.loads(members[DESCRIPTION_NAME]), settings.encode()
    digest = Digest.from_bytes(data).hex
    name, path = f"files/exhibit.toml-{digest[:16]}", "exhibit.toml"
    described = {"name": name, "digest": digest, "size": len(data), "mode": 0o600, "path": path}
    description["files"] = [described, *(entry for entry in description["files"] if entry["path"] != path)]
    return make_tar(members | {name: data, DESCRIPTION_NAME: json.dumps(description).encode()}, to)


REFUSALS: list[tuple[Callable[[Members, Path], Path], str]] = [
    (make_invalid_tar, "is not a complete TAR file"),
    (make_truncated_tar, "is not a complete TAR file"),
    (make_tar_without_blob, "missing or damaged"),
    (make_tar_with_damaged_list, "missing or damaged"),
    (make_tar_of_other_format, "another version"),
]


@pytest.mark.long
def test_installation_can_start_back_up_and_restore_after_failed_restores(
    open_folder: Path, backup_members: Members
) -> None:
    cli = CommandLine(open_folder / "data", {"EXHIBIT_LANGUAGES": "en"})
    config = load_config({"EXHIBIT_DATA": str(cli.data)})
    for spoil, message in REFUSALS:
        with pytest.raises(ExhibitError, match=message):
            restore_backup(config, spoil(backup_members, open_folder / "spoiled.tar"), ignore_message)
        assert list_files(cli) <= {"locks"}, spoil
    assert message in cli.run("restore", open_folder / "spoiled.tar", code=1).err
    tar_path = make_tar(backup_members, open_folder / "whole.tar")
    with cli.start("restore", tar_path) as victim:
        wait_until(lambda: (cli.data / "restoring").exists() or victim.poll() is not None)
        os.killpg(victim.pid, signal.SIGKILL)
    wait_until(lambda: not find_processes(cli.data))
    # Other commands run in between, and create their own secrets.
    with forking_command_line(cli) as quick, EmbeddedServers(config):
        assert_restore_continues(quick, backup_members, open_folder)


@pytest.mark.long
def test_backup_with_unknown_schema_is_rejected_before_restoring(
    backed_up: BackedUpInstallation, open_folder: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), EmbeddedServers(backed_up.config), connected_to(backed_up.config):
        MigrationRecorder(connection).record_applied("registry", "0105_squashed_0001_0104")
        backed_up.back_up("other-schema")
        MigrationRecorder(connection).record_unapplied("registry", "0105_squashed_0001_0104")
    config = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    with pytest.raises(InvalidRequestError, match=r"0105_squashed_0001_0104.*: nothing was restored") as error_info:
        restore_backup(config, backed_up.folder / "other-schema", ignore_message)
    assert error_info.value.hint
    assert not {"blobs", "restoring", "exhibit.toml"} & list_files(CommandLine(config.data_dir))


def assert_restore_continues(cli: CommandLine, members: Members, folder: Path) -> None:
    assert cli.api("GET", "/owners")["items"] == []
    assert not (cli.data / "restoring").exists()
    cli.run("backup", folder / "empty.tar")
    settings = "[[anchors]]\nkind = 'rfc3161'\nname = 'a'\nurls = ['https://a.example']\nroots = '/gone.pem'\n"
    result = cli.run_json("restore", make_tar_with_settings(members, folder / "with.tar", settings))
    assert result["settings_aside"] is True
    assert (cli.data / "exhibit.toml.restored").read_text() == settings
    assert len(cli.run_json("log", "verify", code=1)["problems"]) == 1  # the log's checkpoint file is missing
    assert len(cli.api("GET", "works")["items"]) == 1
    cli.run("backup", folder / "again.tar")
    assert "already contains data" in cli.run("restore", folder / "whole.tar", code=2).err
    assert not (cli.data / "restoring").exists()


def list_files(cli: CommandLine) -> set[str]:
    return {path.name for path in cli.data.iterdir()} if cli.data.exists() else set()


@pytest.mark.parametrize("place", ["backup", pytest.param("all.tar", marks=pytest.mark.long)])
def test_restored_installation_has_the_same_log_and_data(
    backed_up: BackedUpInstallation, place: str, django_db_blocker: DjangoDbBlocker
) -> None:
    cli = CommandLine(backed_up.folder / f"from-{place}")
    output = cli.run("restore", backed_up.folder / place).out
    assert "/operator/log/new-origin" in output
    assert "exhibit log verify --against" in output
    config = load_config({"EXHIBIT_DATA": str(cli.data)})
    wait_until(lambda: not are_servers_supervised(config))
    with django_db_blocker.unblock(), EmbeddedServers(config), connected_to(config):
        services = Services(config)
        assert summarize(services) == backed_up.answers
        assert len(replay(services).problems) == 1  # the log's checkpoint file is missing
        mail = NoticeMail.objects.get()
        assert notice_mail.has_uncertain_delivery(mail)
        submit_entry(EntryType.CASE, {"number": 1})
        sequence_log(services)
        with pytest.raises(BrokenHistoryError):
            sign_checkpoint(services)
        assert get_log_state(services).checkpoint == backed_up.description.log.checkpoint
        connections["default"].close()
    assert (cli.data / "exhibit.toml").read_text() == SETTINGS
    assert (cli.data / "searches" / "market.toml").read_text() == MAPPING
    paths = [path for path in (cli.data / "benchmark").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in paths] == [b"of a pair"]
    assert (cli.data / "secrets" / "master_key").stat().st_mode & 0o777 == 0o600
    assert not (cli.data / "restoring").exists()
    assert not (cli.data / "log.head").exists()


@pytest.mark.long
def test_damaged_files_are_reported_on_backup_and_restore(
    backed_up: BackedUpInstallation,
) -> None:
    digest, rotten, place = backed_up.services.blobs.put(b"a picture"), b"A picture", backed_up.folder / "lacking"
    stored = backed_up.config.data_dir / format_blob_name(digest.hex)
    stored.chmod(0o600)
    stored.write_bytes(rotten)
    result = backed_up.cli.run_json("backup", place, code=4)
    backed_up.services.blobs.remove(digest)
    assert result["damaged"] == [digest.hex]
    (place / format_blob_name(digest.hex)).parent.mkdir(parents=True, exist_ok=True)
    (place / format_blob_name(digest.hex)).write_bytes(rotten)
    cli = CommandLine(backed_up.folder / "lacks")
    assert digest.hex in cli.run("restore", place, code=4).out
    assert len(list((cli.data / "blobs").glob("*/*/*"))) == result["blobs"]


@pytest.mark.long
def test_restore_without_keys_reports_missing_secrets(
    backed_up: BackedUpInstallation, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), EmbeddedServers(backed_up.config), connected_to(backed_up.config):
        backed_up.back_up("keyless", keys=False)
    cli = CommandLine(backed_up.folder / "from-keyless")
    output = cli.run("restore", backed_up.folder / "keyless").out
    assert ("secrets/" in output, "exhibit key rotate" in output) == (True, True)
    shutil.copytree(backed_up.config.data_dir / "secrets", cli.data / "secrets", dirs_exist_ok=True)
    config = load_config({"EXHIBIT_DATA": str(cli.data)})
    wait_until(lambda: not are_servers_supervised(config))
    with django_db_blocker.unblock(), EmbeddedServers(config), connected_to(config):
        assert describe_locked_keys(Services(config)) == ""


@pytest.mark.long
def test_restore_into_a_non_empty_database_is_rejected(backed_up: BackedUpInstallation) -> None:
    assert "already contains data" in backed_up.cli.run("restore", backed_up.folder / "backup", code=2).err


@pytest.mark.long
def test_interrupted_restore_resumes_and_keeps_existing_settings(backed_up: BackedUpInstallation) -> None:
    cli = CommandLine(backed_up.folder / "interrupted")
    cli.data.mkdir(mode=0o755)
    (cli.data / "exhibit.toml").write_text("retention_days = 7\n")
    with cli.start("restore", backed_up.folder / "backup") as victim:
        wait_until(lambda: (cli.data / "restoring").exists() or victim.poll() is not None)
        os.killpg(victim.pid, signal.SIGKILL)
    wait_until(lambda: not find_processes(cli.data))
    assert (cli.data / "restoring").exists()
    result = cli.run_json("restore", backed_up.folder / "backup")
    assert result["log"]["root"] == backed_up.description.log.root
    assert result["settings_aside"] is True
    assert (cli.data / "exhibit.toml").read_text() == "retention_days = 7\n"
    assert (cli.data / "exhibit.toml.restored").read_text() == SETTINGS


@pytest.mark.long
def test_insufficient_disk_space_is_reported_before_writing(
    backed_up: BackedUpInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config({"EXHIBIT_DATA": str(backed_up.folder / "small")})
    usage = shutil.disk_usage(backed_up.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(InvalidRequestError, match="nothing was restored"):
        restore_backup(config, backed_up.folder / "backup", ignore_message)
    assert not (config.data_dir / "postgres").exists()
    assert not (config.data_dir / "blobs").exists()
    assert backed_up.description.database > 1_000_000


@pytest.mark.long
def test_damaged_backup_is_not_restored(backed_up: BackedUpInstallation) -> None:
    place = backed_up.folder / "damaged.tar"
    data = (backed_up.folder / "all.tar").read_bytes()
    place.write_bytes(data[: len(data) // 2])
    cli = CommandLine(backed_up.folder / "untouched")
    cli.run("restore", place, code=1)
    assert not (cli.data / "postgres").exists()
    assert not (cli.data / "blobs").exists()


@pytest.mark.long
def test_backup_with_path_outside_the_data_folder_is_rejected(backed_up: BackedUpInstallation) -> None:
    description = json.loads((backed_up.folder / "backup" / DESCRIPTION_NAME).read_bytes())
    [part] = [entry for entry in description["files"] if entry["path"] == "exhibit.toml"]
    part["path"] = "../../evil"
    tar = backed_up.folder / "hostile.tar"
    with tarfile.open(tar, "w") as file:
        for name, stream in members_of(backed_up.folder / "backup"):
            data = json.dumps(description).encode() if name == DESCRIPTION_NAME else stream.read()
            inner = tarfile.TarInfo(name)
            inner.size = len(data)
            file.addfile(inner, io.BytesIO(data))
    cli = CommandLine(backed_up.folder / "victim" / "data")
    assert "../../evil" in cli.run("restore", tar, code=1).err
    assert not (backed_up.folder / "evil").exists()
