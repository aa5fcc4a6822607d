"""Restores that are refused or broken off: whatever comes next (a start, a backup, another restore) works."""

import json
import lzma
import os
import signal
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from exhibit.digests import Digest
from tests import ASSETS
from tests.assets.command_line import CommandLine
from tests.assets.processes import processes_of, wait_until
from workers.database.backup_format import DESCRIPTION

pytestmark = pytest.mark.timeout(300)
KEPT = ASSETS / "upgrades"
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def members() -> Members:
    """The files of a small backup by name."""
    newest = max(KEPT.glob("*.tar.xz"))
    with tarfile.open(newest) as tar:
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
    told = json.loads(members[DESCRIPTION]) | {"format": "exhibit-backup/9"}
    return tar_of(members | {DESCRIPTION: json.dumps(told).encode()}, to)


def no_archive(_: Members, to: Path) -> Path:
    to.write_bytes(lzma.compress(b"no archive"))
    return to


def with_settings(members: Members, to: Path, settings: str) -> Path:
    told, data = json.loads(members[DESCRIPTION]), settings.encode()
    told["files"].append(
        {"name": "files/exhibit.toml", "digest": Digest.of(data).hex, "size": len(data), "mode": 0o600}
    )
    return tar_of(members | {"files/exhibit.toml": data, DESCRIPTION: json.dumps(told).encode()}, to)


REFUSALS: list[tuple[Callable[[Members, Path], Path], str]] = [
    (no_archive, "no whole TAR file"),
    (cut_short, "no whole TAR file"),
    (without_a_blob, "missing or hold other bytes"),
    (with_a_damaged_list, "missing or hold other bytes"),
    (of_another_format, "another version"),
]


def test_after_whatever_refusal_and_a_sudden_end_a_start_a_backup_and_the_restore_work(
    open_folder: Path, members: Members
) -> None:
    cli = CommandLine(open_folder / "data", {"EXHIBIT_LANGUAGES": "en"})
    for spoil, words in REFUSALS:
        assert words in cli.run("restore", spoil(members, open_folder / "spoiled.tar"), code=1).err, spoil
        assert left(cli) <= {"locks"}, spoil
    whole = tar_of(members, open_folder / "whole.tar")
    with cli.started("restore", whole) as victim:
        wait_until(lambda: (cli.data / "restoring").exists() or victim.poll() is not None)
        os.killpg(victim.pid, signal.SIGKILL)
    wait_until(lambda: not processes_of(cli.data))
    # other commands come between, and make secrets of their own
    assert cli.ask("owner", "list")["owners"] == []
    assert not (cli.data / "restoring").exists()
    cli.run("backup", open_folder / "empty.tar")
    settings = "[[anchors]]\nkind = 'rfc3161'\nname = 'a'\nurls = ['https://a.example']\nroots = '/gone.pem'\n"
    told = cli.ask("restore", with_settings(members, open_folder / "with.tar", settings))
    assert told["settings_aside"] is True
    assert (cli.data / "exhibit.toml.restored").read_text() == settings
    [problem] = cli.ask("log", "verify", code=1)["problems"]
    assert "file of the log's head is missing" in problem
    assert len(cli.ask("work", "list")["works"]) == 2
    cli.run("backup", open_folder / "again.tar")
    assert "There are rows" in cli.run("restore", whole, code=2).err
    assert not (cli.data / "restoring").exists()


def left(cli: CommandLine) -> set[str]:
    return {path.name for path in cli.data.iterdir()} if cli.data.exists() else set()
