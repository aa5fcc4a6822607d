"""Each machine sweeps itself, whichever of its processes asks first."""

import os
from pathlib import Path

from tests.assets.installed import install
from workers.configuration import load_config
from workers.servers.embedded import EmbeddedServers
from workers.tasks.here import MARK, sweep_when_due


def test_an_hour_after_the_last_time_a_process_sweeps_this_machine_whose_disk_fills(tmp_path: Path) -> None:
    install(tmp_path)
    (tmp_path / "exhibit.toml").write_text(f"disk_floor_bytes = {2**52}\n")
    config = load_config({"EXHIBIT_DATA": str(tmp_path)})
    drawing, measured = tmp_path / "drawings" / "00" / "drawn.jpg", tmp_path / "features" / "p" / "00" / "measured.npz"
    for kept in (drawing, measured):
        kept.parent.mkdir(parents=True)
        kept.write_bytes(b"kept")
    with EmbeddedServers(config):
        assert sweep_when_due(config) is None  # a machine that is new has nothing to sweep
        assert sweep_when_due(config) is None
        os.utime(tmp_path / MARK, (0, 0))
        process = sweep_when_due(config)
        assert process is not None
        assert process.wait(60) == 0
        assert not drawing.exists()
        assert measured.exists()  # no other machine could be asked for it
        assert (tmp_path / "log" / "sweep.log").read_text() == ""
