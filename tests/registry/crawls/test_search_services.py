"""Test that search services are loaded from mappings, and that unreadable mappings are reported and skipped."""

import os
from pathlib import Path

import pytest

from exhibit.config.config import Config
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.configuration import load_config
from registry.crawls.search_services import (
    BUILT_IN_FOLDER,
    get_services_for,
    list_broken_mappings,
    list_own_mappings,
    load_services,
    split_queries,
)
from tests.assets.searches import MARKET
from workers.operations.checks import check_search_mappings


@pytest.fixture
def search_config(tmp_path: Path) -> Config:
    (tmp_path / "searches").mkdir()
    (tmp_path / "searches" / "market.toml").write_text(MARKET.format(url="http://market.example"), encoding="utf-8")
    return load_config({"EXHIBIT_DATA": str(tmp_path)})


def test_unreadable_mapping_is_reported_to_the_operator(search_config: Config) -> None:
    folder = search_config.data_dir / "searches"
    (folder / "wrong.toml").write_text("name = 7", encoding="utf-8")
    (folder / "市场.toml").write_text((folder / "market.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert set(load_services(search_config)) == {path.stem for path in BUILT_IN_FOLDER.glob("*.toml")} | {"market"}
    assert set(list_broken_mappings(search_config)) == {"wrong.toml", "市场.toml"}
    check = check_search_mappings(search_config)
    assert not check.ok
    assert "wrong.toml" in check.sentence
    with pytest.raises(NotFoundError, match=r"wrong.*mapping\.request"):
        get_services_for(search_config, ["wrong"], ["wave"], [])
    assert "市场.toml" in check.sentence
    for name in ("wrong.toml", "市场.toml"):
        (folder / name).unlink()
    assert check_search_mappings(search_config).ok


def test_custom_search_mapping_replaces_shipped_mapping_and_is_reloaded(search_config: Config) -> None:
    path = search_config.data_dir / "searches" / "tineye.toml"
    path.write_text(MARKET.format(url="http://a.example"), encoding="utf-8")
    assert load_services(search_config)["tineye"].name == "The market"
    path.write_text(MARKET.format(url="http://a.example").replace("The market", "Another"), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert load_services(search_config)["tineye"].name == "Another"
    assert [mapping.name for mapping in list_own_mappings(search_config)] == ["market.toml", "tineye.toml"]


def test_picture_search_rejects_words_and_word_search_requires_them(search_config: Config) -> None:
    assert split_queries(" wave \n\nfuji\nwave") == ["wave", "fuji"]
    assert [service.name for service in get_services_for(search_config, ["market"], ["wave"], [])] == ["The market"]
    for name, words, error in (
        ("market", [], InvalidRequestError), ("tineye", ["wave"], InvalidRequestError), ("nothing", [], NotFoundError),
    ):  # fmt: skip
        with pytest.raises(error):
            get_services_for(search_config, [name], words, [])
