"""Searches by the names that people know them by."""

from dataclasses import replace
from pathlib import Path

import pytest

from desk.web.watches.titles import source_title
from exhibit.config.config import Config
from tests.assets.site_browser import use_house
from workers.services.wiring import Services


def test_a_search_has_the_name_that_people_know_and_a_site_its_address(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_house(monkeypatch, Services(replace(config, data_dir=tmp_path)))
    assert source_title({"kind": "search", "url": "tineye"}) == "TinEye"
    assert source_title({"kind": "search", "url": "gone"}) == "gone"  # the operator no longer offers it
    assert source_title({"kind": "site", "url": "https://tineye.example/"}) == "https://tineye.example/"
