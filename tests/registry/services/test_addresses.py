"""Test the location of the servers' sockets."""

import shutil
from pathlib import Path

import pytest

from exhibit.errors import ConfigError
from registry.configuration import load_config
from registry.services import addresses
from tests.assets.own_servers import write_value
from workers.servers.embedded import EmbeddedServers


@pytest.mark.long
def test_long_data_path_gets_a_short_socket_folder(open_folder: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(open_folder / ("d" * 60) / ("e" * 60))})
    folder = addresses.get_socket_folder(config)
    try:
        with EmbeddedServers(config):
            assert not folder.is_relative_to(config.data_dir)
            write_value(config, "a")
    finally:
        shutil.rmtree(folder)


@pytest.mark.long
def test_symlinked_socket_folder_is_rejected(open_folder: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(open_folder / ("d" * 60) / ("e" * 60))})
    folder = addresses.get_socket_folder(config)
    folder.symlink_to(open_folder)
    try:
        with pytest.raises(ConfigError):
            EmbeddedServers(config).start()
    finally:
        folder.unlink()
