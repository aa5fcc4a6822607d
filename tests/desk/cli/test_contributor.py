"""Test `exhibit contributor join`."""

import pytest

from tests.assets.command_line import Terminal


@pytest.mark.parametrize("url", ["http://exhibit.example", "ftp://exhibit.example", "exhibit.example"])
def test_token_is_never_sent_over_plain_http(alone: Terminal, url: str) -> None:
    assert "https://" in alone.run("contributor", "join", url, "exe_x", code=2).err
