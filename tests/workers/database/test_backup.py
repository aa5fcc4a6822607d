"""Test backups made while the installation runs: contents, damaged files, secrets and rejected targets."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from desk.cli.backup import _echo_summary
from exhibit.errors import InvalidRequestError
from registry.services.services import Services
from tests.assets.backed_up_installation import SETTINGS, BackedUpInstallation, backed_up, ignore_message
from tests.assets.stack import connected_to
from workers.database.backup import back_up
from workers.database.backup_format import format_blob_name, iterate_files, verify_backup
from workers.servers.embedded import EmbeddedServers

__all__ = ["backed_up"]

pytestmark = pytest.mark.timeout(900)
PICTURE = b"a picture"


@pytest.fixture(scope="module", autouse=True)
def _running_servers(backed_up: BackedUpInstallation, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Run the servers of the backed-up installation, and connect this process's Django to them."""
    with django_db_blocker.unblock(), EmbeddedServers(backed_up.config), connected_to(backed_up.config):
        yield


@pytest.fixture
def picture_blob(backed_up: BackedUpInstallation) -> Iterator[str]:
    """Yield the name of a stored blob, which tests damage in the data folder or in a backup."""
    digest = backed_up.services.blobs.put(PICTURE)
    yield format_blob_name(digest.hex)
    backed_up.services.blobs.remove(digest)


def overwrite_file(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def make_unreadable(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.long
def test_existing_folder_backup_stays_valid_until_its_update_is_complete(
    backed_up: BackedUpInstallation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place, settings = tmp_path / "kept", backed_up.config.data_dir / "exhibit.toml"
    backed_up.back_up(place)
    earlier = verify_backup(place)
    inodes = {path: path.stat().st_ino for path in (place / "blobs").rglob("*") if path.is_file()}
    backed_up.services.blobs.put(str(place).encode())
    with monkeypatch.context() as patch:
        patch.setattr("workers.database.backup._copy_blobs", lambda *_: 1 // 0)
        settings.write_text("retention_days = 7\n")
        with pytest.raises(ZeroDivisionError):
            backed_up.back_up(place)
        settings.write_text(SETTINGS)
    assert verify_backup(place) == earlier
    stray = place / "blobs" / "ab" / "cd" / ("ab" * 32)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"purged since")
    later = backed_up.back_up(place)
    assert (verify_backup(place), later.blobs) == (later, earlier.blobs + 1)
    assert len(list(place.glob("database-*"))) == 1
    assert [path.read_text() for path in place.glob("files/exhibit.toml*")] == [SETTINGS]
    assert not stray.exists()
    assert {path: path.stat().st_ino for path in inodes} == inodes


@pytest.mark.long
@pytest.mark.parametrize("name", ["good", "good.tar"])
def test_damaged_file_does_not_replace_a_good_copy(
    backed_up: BackedUpInstallation, picture_blob: str, name: str
) -> None:
    backed_up.back_up(name)
    overwrite_file(backed_up.config.data_dir / picture_blob, PICTURE[:-1])
    result = backed_up.back_up(name)
    assert (verify_backup(backed_up.folder / name), result.damaged) == (result, ())
    assert [stream.read() for member, stream in iterate_files(backed_up.folder / name) if member == picture_blob] == [
        PICTURE
    ]


@pytest.mark.long
@pytest.mark.parametrize("name", ["lacking", "lacking.tar"])
@pytest.mark.parametrize(
    "spoil", [lambda path: overwrite_file(path, PICTURE[:-1]), make_unreadable], ids=["cut", "unreadable"]
)
def test_unreadable_file_is_reported_and_all_other_files_are_backed_up(
    backed_up: BackedUpInstallation, tmp_path: Path, picture_blob: str, name: str, spoil: Callable[[Path], None]
) -> None:
    place = tmp_path / name
    spoil(backed_up.config.data_dir / picture_blob)
    result = backed_up.back_up(place)
    assert (verify_backup(place), result.damaged) == (result, (Path(picture_blob).name,))
    assert picture_blob not in {member for member, _ in iterate_files(place)}
    backed_up.services.blobs.put(PICTURE)
    healed = backed_up.back_up(place)
    assert (verify_backup(place), healed.damaged, healed.blobs) == (healed, (), result.blobs + 1)


@pytest.mark.long
def test_changed_backup_copy_is_replaced_only_by_valid_bytes(
    backed_up: BackedUpInstallation, picture_blob: str
) -> None:
    copy = backed_up.folder / "rotten" / picture_blob
    backed_up.back_up("rotten")
    overwrite_file(copy, PICTURE.swapcase())
    result = backed_up.back_up("rotten")
    assert (verify_backup(backed_up.folder / "rotten"), copy.read_bytes()) == (result, PICTURE)
    overwrite_file(copy, PICTURE.swapcase())
    overwrite_file(backed_up.config.data_dir / picture_blob, PICTURE[:-1])
    result = backed_up.back_up("rotten")
    assert (verify_backup(backed_up.folder / "rotten"), result.damaged) == (result, (copy.name,))
    assert copy.read_bytes() == PICTURE.swapcase()


@pytest.mark.long
def test_failed_backup_leaves_no_file(backed_up: BackedUpInstallation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.database.backup._copy_blobs", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        backed_up.back_up("never.tar")
    assert list(backed_up.folder.glob("never*")) == []


@pytest.mark.long
def test_tar_backup_of_any_length_is_valid(backed_up: BackedUpInstallation) -> None:
    settings = backed_up.config.data_dir / "exhibit.toml"
    for more in range(0, 10_240, 2048):  # a TAR file ends at a multiple of ten kilobytes
        settings.write_text(SETTINGS + "#" * more)
        result = backed_up.back_up("of-a-length.tar")
        assert verify_backup(backed_up.folder / "of-a-length.tar") == result
    settings.write_text(SETTINGS)


@pytest.mark.long
def test_backup_without_keys_contains_no_keys(backed_up: BackedUpInstallation) -> None:
    result = backed_up.back_up("without", keys=False)
    assert result.left_out == ("secrets/",)
    key = (backed_up.config.data_dir / "secrets" / "master_key").read_bytes()
    assert all(key not in stream.read() for _, stream in iterate_files(backed_up.folder / "without"))


@pytest.mark.long
@pytest.mark.parametrize("keys", [True, False])
def test_secrets_outside_the_data_folder_are_reported_as_omitted(
    backed_up: BackedUpInstallation, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, keys: bool
) -> None:
    mount = tmp_path / "mount"
    shutil.copytree(backed_up.config.data_dir / "secrets", mount)
    (backed_up.config.data_dir / "secrets").rename(tmp_path / "aside")
    try:
        services = Services(replace(backed_up.config, secrets_dir=str(mount)))
        result = back_up(services, tmp_path / "backup", keys=keys, report=ignore_message)
    finally:
        (tmp_path / "aside").rename(backed_up.config.data_dir / "secrets")
    assert [Path(name).name for name in result.left_out if name.startswith(str(mount))] == ["master_key", "log.key"]
    assert not any(part.path.startswith("secrets/") for part in result.files)
    _echo_summary(result, tmp_path / "backup")
    output = capsys.readouterr().out
    assert str(mount / "master_key") in output
    _echo_summary(backed_up.description, backed_up.folder / "backup")
    assert "The backup contains the keys" in capsys.readouterr().out


@pytest.mark.long
def test_joined_counts_are_backed_up(backed_up: BackedUpInstallation) -> None:
    joined_path = backed_up.config.data_dir / "joined.json"
    joined_path.write_bytes(b"{}")
    result = backed_up.back_up("with-joined")
    [name] = [part.name for part in result.files if part.path == "joined.json"]
    assert (backed_up.folder / "with-joined" / name).read_bytes() == b"{}"
    joined_path.unlink()


@pytest.mark.long
@pytest.mark.parametrize("where", ["backup", "../data/backup", "..", "."])
def test_backup_target_nested_with_data_folder_is_rejected(backed_up: BackedUpInstallation, where: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot contain each other"):
        back_up(backed_up.services, backed_up.config.data_dir / where, keys=True, report=ignore_message)


@pytest.mark.long
def test_folder_with_unrelated_files_is_rejected_and_unchanged(backed_up: BackedUpInstallation) -> None:
    place = backed_up.folder / "home"
    letter = place / "files" / "letter.txt"
    letter.parent.mkdir(parents=True)
    letter.write_text("mine")
    backed_up.back_up("home")
    assert letter.read_text() == "mine"
    (place / "photo.jpg").write_bytes(b"mine too")
    with pytest.raises(InvalidRequestError, match=r"photo\.jpg"):
        backed_up.back_up("home")
    assert (place / "photo.jpg").exists()


@pytest.mark.long
def test_backup_in_a_readable_folder_is_private(backed_up: BackedUpInstallation) -> None:
    place = backed_up.folder / "open"
    place.mkdir()
    place.chmod(0o755)
    (place / ".backup-killed").mkdir()
    backed_up.back_up("open")
    assert {path.stat().st_mode & 0o077 for path in place.rglob("*.dump")} == {0}
    assert {path.stat().st_mode & 0o077 for path in (place / "files" / "secrets").iterdir()} == {0}
    assert not (place / ".backup-killed").exists()
