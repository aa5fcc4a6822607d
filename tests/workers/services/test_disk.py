import shutil
from dataclasses import replace
from pathlib import Path

from workers.configuration import load_config
from workers.services.disk import disk_is_full
from workers.services.wiring import Services


def test_the_disk_is_full_at_the_floor_or_at_a_share_of_it(tmp_path: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path / "not" / "made" / "yet")})
    free = shutil.disk_usage(tmp_path).free
    assert not disk_is_full(Services(replace(config, disk_floor_bytes=free // 2)))
    nearly = Services(replace(config, disk_floor_bytes=free * 3 // 2))
    assert disk_is_full(nearly)
    assert not disk_is_full(nearly, share=0.5)
