"""A backup that is made while things go on, and put back elsewhere: the same log and answers, no second history."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from exhibit.errors import WrongUseError
from tests.assets.backed_up import SETTINGS, Made, made, nothing
from tests.assets.stack import connected_to
from workers.database.backup import back_up
from workers.database.backup_format import members, verify_backup
from workers.servers.embedded import EmbeddedServers

__all__ = ["made"]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", autouse=True)
def _running(made: Made, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """What is backed up runs, and this process's Django reads its rows."""
    with django_db_blocker.unblock(), EmbeddedServers(made.config), connected_to(made.config):
        yield


@pytest.mark.long
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


@pytest.mark.long
def test_what_isnt_whole_leaves_no_file(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.database.backup._blobs", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        made.back_up("never.tar")
    assert list(made.folder.glob("never*")) == []


@pytest.mark.long
def test_a_file_of_any_length_is_whole(made: Made) -> None:
    settings = made.config.data_dir / "exhibit.toml"
    for more in range(0, 10_240, 2048):  # a TAR file ends at a multiple of ten kilobytes
        settings.write_text(SETTINGS + "#" * more)
        told = made.back_up("of-a-length.tar")
        assert verify_backup(made.folder / "of-a-length.tar") == told
    settings.write_text(SETTINGS)


@pytest.mark.long
def test_without_keys_there_are_none_in_it(made: Made) -> None:
    told = made.back_up("without", keys=False)
    assert told.left_out == ("secrets/",)
    key = (made.config.data_dir / "secrets" / "master_key").read_bytes()
    assert all(key not in stream.read() for _, stream in members(made.folder / "without"))


@pytest.mark.long
def test_joined_counts_that_the_site_shows_are_in_it(made: Made) -> None:
    shown = made.config.data_dir / "joined.json"
    shown.write_bytes(b"{}")
    made.back_up("with-joined")
    assert (made.folder / "with-joined" / "files" / "joined.json").read_bytes() == b"{}"
    shown.unlink()


@pytest.mark.long
@pytest.mark.parametrize("where", ["backup", "../data/backup", "..", "."])
def test_the_data_folder_and_its_backup_dont_lie_one_within_the_other(made: Made, where: str) -> None:
    with pytest.raises(WrongUseError, match="one within the other"):
        back_up(made.services, made.config.data_dir / where, keys=True, tell=nothing)


@pytest.mark.long
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


@pytest.mark.long
def test_nobody_else_reads_a_backup_in_a_folder_that_others_may_read(made: Made) -> None:
    place = made.folder / "open"
    place.mkdir()
    place.chmod(0o755)
    (place / ".backup-killed").mkdir()
    made.back_up("open")
    assert {path.stat().st_mode & 0o077 for path in place.rglob("*.dump")} == {0}
    assert {path.stat().st_mode & 0o077 for path in (place / "files" / "secrets").iterdir()} == {0}
    assert not (place / ".backup-killed").exists()
