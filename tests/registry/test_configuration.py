from pathlib import Path

import pytest

from evidence.anchors import KINDS
from exhibit.errors import ConfigError
from registry.configuration import load_config


def test_settings_of_every_timestamp_service_are_known(tmp_path: Path) -> None:
    assert load_config({"EXHIBIT_DATA": str(tmp_path)}).anchors == ()
    toml = '[[anchors]]\nkind = "{}"\nname = "a"\nurls = "https://a.example"\nno_such_setting = 1\n'
    for kind in KINDS:
        (tmp_path / "exhibit.toml").write_text(toml.format(kind))
        with pytest.raises(ConfigError, match="no_such_setting"):
            load_config({"EXHIBIT_DATA": str(tmp_path)})
    (tmp_path / "exhibit.toml").write_text(toml.format("none"))
    with pytest.raises(ConfigError):
        load_config({"EXHIBIT_DATA": str(tmp_path)})
