"""Whom the servers and workers run as when root starts them."""

import os
from pathlib import Path

import pytest

from workers.servers import processes
from workers.servers.processes import Child, open_log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives rights up")
@pytest.mark.parametrize("path", [os.defpath, "/nowhere"], ids=["with setpriv", "without it"])
def test_a_child_of_root_has_no_rights_of_root(path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", path)
    user = processes.service_user(tmp_path)
    child = Child(name="x", command=("/bin/sh", "-c", "/usr/bin/id -u; /bin/grep CapEff /proc/self/status"), user=user)
    with open_log(tmp_path, "x") as log:
        assert child.start(log).wait(20) == 0
    assert user is not None
    said = (tmp_path / "x.log").read_text().split()
    assert said == [str(user.user), "CapEff:", "0" * 16]
