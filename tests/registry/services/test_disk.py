"""Test that disk space is measured in bytes and in files, at its scarcest place."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from exhibit.machine import files_left, keep_in_cache
from registry.configuration import load_config
from registry.services.disk import disk_is_full, get_free_space
from registry.services.services import Services
from workers.operations.checks import disk_check

pytestmark = pytest.mark.root

INODES = 1_000


@pytest.fixture
def few_files(tmp_path: Path) -> Iterator[Path]:
    """A disk for a thousand files, and for more bytes than they could hold."""
    place = tmp_path / "few"
    place.mkdir()
    options = f"size=256m,nr_inodes={INODES}"
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=False).returncode
    ):
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _config(folder: Path) -> Config:
    return replace(load_config({"EXHIBIT_DATA": str(folder)}), disk_floor_bytes=1)


def test_the_disk_is_full_at_the_floor_or_at_a_share_of_it(tmp_path: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path / "not" / "made" / "yet")})
    free = shutil.disk_usage(tmp_path).free
    assert not disk_is_full(Services(replace(config, disk_floor_bytes=free // 2)))
    nearly = Services(replace(config, disk_floor_bytes=free * 3 // 2))
    assert disk_is_full(nearly)
    assert not disk_is_full(nearly, share=0.5)


def test_a_disk_on_which_no_more_files_fit_is_full_though_bytes_are_free(few_files: Path) -> None:
    config = _config(few_files / "data")
    services = Services(config)
    assert not disk_is_full(services)
    assert disk_check(config).ok
    (few_files / "data").mkdir()
    free_files = files_left(few_files) or 0
    for number in range(free_files - 40):
        (few_files / f"{number}").touch()
    assert disk_is_full(services)
    assert not disk_is_full(services, share=0.5)
    assert re.findall(r"\d+", disk_check(config).sentence) == ["40", "50"]
    assert get_free_space(config).free > 100 << 20
    for number in range(20):
        (few_files / f"more-{number}").touch()
    assert disk_is_full(services, share=0.5)
    assert not keep_in_cache(few_files / "data" / "previews" / "one", b"picture", below=few_files / "data")


def test_bytes_that_lie_on_another_disk_count_with_its_files(few_files: Path, tmp_path: Path) -> None:
    config = replace(_config(tmp_path / "data"), blobs_url=few_files.as_uri())
    assert not disk_is_full(Services(config))
    for number in range((files_left(few_files) or 0) - 10):
        (few_files / f"{number}").touch()
    assert disk_is_full(Services(config))


def test_a_file_system_that_knows_no_limit_of_files_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    values = list(real)
    values[5] = values[6] = values[7] = 0  # f_files, f_ffree and f_favail, as btrfs reports them
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result([*values, 0]))
    assert get_free_space(_config(tmp_path)).files is None
    assert not disk_is_full(Services(_config(tmp_path)))
