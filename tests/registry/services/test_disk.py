"""Test that free disk space is measured in bytes and in inodes, on each disk that stores data."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from exhibit.machine import count_free_files, write_cache_file
from registry.configuration import load_config
from registry.services.disk import get_free_space, is_disk_full
from registry.services.services import Services
from workers.operations.checks import check_disk

pytestmark = pytest.mark.root

MAX_INODES = 1_000


@pytest.fixture
def small_inode_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with a thousand inodes, and more bytes than that many small files fill."""
    place = tmp_path / "few"
    place.mkdir()
    options = f"size=256m,nr_inodes={MAX_INODES}"
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=False).returncode
    ):
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _make_config(folder: Path) -> Config:
    return replace(load_config({"EXHIBIT_DATA": str(folder)}), disk_floor_bytes=1)


def test_disk_is_full_below_the_minimum_or_the_required_fraction(tmp_path: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path / "not" / "made" / "yet")})
    free = shutil.disk_usage(tmp_path).free
    assert not is_disk_full(Services(replace(config, disk_floor_bytes=free // 2)))
    nearly = Services(replace(config, disk_floor_bytes=free * 3 // 2))
    assert is_disk_full(nearly)
    assert not is_disk_full(nearly, fraction=0.5)


def test_disk_without_free_inodes_is_full(small_inode_disk: Path) -> None:
    config = _make_config(small_inode_disk / "data")
    services = Services(config)
    assert not is_disk_full(services)
    assert check_disk(config).ok
    (small_inode_disk / "data").mkdir()
    free_files = count_free_files(small_inode_disk) or 0
    for number in range(free_files - 40):
        (small_inode_disk / f"{number}").touch()
    assert is_disk_full(services)
    assert not is_disk_full(services, fraction=0.5)
    assert re.findall(r"\d+", check_disk(config).sentence) == ["40", "50"]
    assert get_free_space(config).free > 100 << 20
    for number in range(20):
        (small_inode_disk / f"more-{number}").touch()
    assert is_disk_full(services, fraction=0.5)
    assert not write_cache_file(
        small_inode_disk / "data" / "previews" / "one", b"picture", base_folder=small_inode_disk / "data"
    )


def test_separate_blob_disk_is_checked_for_free_inodes(small_inode_disk: Path, tmp_path: Path) -> None:
    config = replace(_make_config(tmp_path / "data"), blobs_url=small_inode_disk.as_uri())
    assert not is_disk_full(Services(config))
    for number in range((count_free_files(small_inode_disk) or 0) - 10):
        (small_inode_disk / f"{number}").touch()
    assert is_disk_full(Services(config))


def test_file_system_without_inode_limit_is_not_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    values = list(real)
    values[5] = values[6] = values[7] = 0  # f_files, f_ffree and f_favail, as btrfs reports them
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result([*values, 0]))
    assert get_free_space(_make_config(tmp_path)).files is None
    assert not is_disk_full(Services(_make_config(tmp_path)))
