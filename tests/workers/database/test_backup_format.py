"""Test that a backup is verified on its own, and that damaged or missing parts are reported."""

import json
import subprocess
import tempfile
from pathlib import Path

import pytest

from exhibit.errors import IntegrityError
from tests.assets.backed_up_installation import BackedUpInstallation, backed_up
from workers.database.backup_format import DESCRIPTION_NAME, FORMAT, parse_description, verify_backup

__all__ = ["backed_up"]

pytestmark = pytest.mark.timeout(900)


@pytest.mark.long
@pytest.mark.parametrize("what", ["blobs/*/*/*", "database-*.dump", "files/secrets/log.*", "backup.json", "blobs-*"])
@pytest.mark.parametrize("change", ["damaged", "missing"])
def test_damaged_or_missing_part_is_reported(backed_up: BackedUpInstallation, what: str, change: str) -> None:
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
def test_non_backups_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="is not a backup"):
        verify_backup(tmp_path)
    (tmp_path / "a.tar").write_bytes(b"no archive at all")
    with pytest.raises(IntegrityError, match="not a complete TAR"):
        verify_backup(tmp_path / "a.tar")
    for data in (b"[]", b"{}", b"\xff"):
        with pytest.raises(IntegrityError, match=DESCRIPTION_NAME):
            parse_description(data)


@pytest.mark.parametrize("described", [{"format": "exhibit-backup/2"}, {"format": FORMAT, "version": "0.1.0"}])
def test_unknown_format_version_is_rejected(described: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match="of another version"):
        parse_description(json.dumps(described).encode())
