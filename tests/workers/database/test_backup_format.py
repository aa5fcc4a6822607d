"""Test that a backup is verified from itself, and that damaged or missing parts are named."""

import json
import subprocess
import tempfile
from pathlib import Path

import pytest

from exhibit.errors import IntegrityError
from tests.assets.backed_up_installation import BackedUpInstallation, backed_up
from workers.database.backup_format import DESCRIPTION, FORMAT, parse_description, verify_backup

__all__ = ["backed_up"]

pytestmark = pytest.mark.timeout(900)


@pytest.mark.long
@pytest.mark.parametrize("what", ["blobs/*/*/*", "database-*.dump", "files/secrets/log.*", "backup.json", "blobs-*"])
@pytest.mark.parametrize("change", ["damaged", "missing"])
def test_whatever_is_damaged_or_missing_is_named(backed_up: BackedUpInstallation, what: str, change: str) -> None:
    place = Path(tempfile.mkdtemp(dir=backed_up.folder)) / "backup"
    subprocess.run(["cp", "--archive", backed_up.folder / "backup", place], check=True)
    victim = next(place.glob(what))
    data = victim.read_bytes()
    victim.unlink()
    if change == "damaged":
        victim.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(IntegrityError, match=victim.name):
        verify_backup(place)


@pytest.mark.long
def test_what_is_no_backup_is_said(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="isn't a backup"):
        verify_backup(tmp_path)
    (tmp_path / "a.tar").write_bytes(b"no archive at all")
    with pytest.raises(IntegrityError, match="no whole TAR"):
        verify_backup(tmp_path / "a.tar")
    for data in (b"[]", b"{}", b"\xff"):
        with pytest.raises(IntegrityError, match=DESCRIPTION):
            parse_description(data)


@pytest.mark.parametrize("described", [{"format": "exhibit-backup/2"}, {"format": FORMAT, "version": "0.1.0"}])
def test_the_format_of_another_version_is_refused(described: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match="of another version"):
        parse_description(json.dumps(described).encode())
