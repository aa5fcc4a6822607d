"""Test where the servers' sockets are."""

import shutil
from pathlib import Path

import pytest

from exhibit.errors import ConfigError
from registry.configuration import load_config
from registry.services import addresses
from tests.assets.own_servers import write_value
from workers.servers.embedded import EmbeddedServers


@pytest.mark.long
def test_a_long_path_gets_a_short_folder_for_its_sockets(open_folder: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(open_folder / ("d" * 60) / ("e" * 60))})
    folder = addresses.socket_folder(config)
    try:
        with EmbeddedServers(config):
            assert not folder.is_relative_to(config.data_dir)
            write_value(config, "a")
    finally:
        shutil.rmtree(folder)


@pytest.mark.long
def test_a_folder_for_sockets_that_is_a_link_is_not_used(open_folder: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(open_folder / ("d" * 60) / ("e" * 60))})
    folder = addresses.socket_folder(config)
    folder.symlink_to(open_folder)
    try:
        with pytest.raises(ConfigError):
            EmbeddedServers(config).start()
    finally:
        folder.unlink()
