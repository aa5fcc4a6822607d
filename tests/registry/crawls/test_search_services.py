"""Test that an installation's searches are its mappings; an unreadable one is reported, and the others are used."""

import os
from pathlib import Path

import pytest

from exhibit.config.config import Config
from exhibit.errors import NotFoundError, WrongUseError
from registry.configuration import load_config
from registry.crawls.search_services import (
    SHIPPED,
    get_services_for,
    list_broken,
    list_own_mappings,
    load_services,
    split_queries,
)
from tests.assets.searches import MARKET
from workers.operations.checks import search_check


@pytest.fixture
def installed(tmp_path: Path) -> Config:
    (tmp_path / "searches").mkdir()
    (tmp_path / "searches" / "market.toml").write_text(MARKET.format(url="http://market.example"), encoding="utf-8")
    return load_config({"EXHIBIT_DATA": str(tmp_path)})


def test_unreadable_mapping_is_reported_to_the_operator(installed: Config) -> None:
    folder = installed.data_dir / "searches"
    (folder / "wrong.toml").write_text("name = 7", encoding="utf-8")
    (folder / "市场.toml").write_text((folder / "market.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert set(load_services(installed)) == {path.stem for path in SHIPPED.glob("*.toml")} | {"market"}
    assert set(list_broken(installed)) == {"wrong.toml", "市场.toml"}
    check = search_check(installed)
    assert not check.ok
    assert "wrong.toml" in check.sentence
    with pytest.raises(NotFoundError, match=r"wrong.*mapping\.request"):
        get_services_for(installed, ["wrong"], ["wave"], [])
    assert "市场.toml" in check.sentence
    for name in ("wrong.toml", "市场.toml"):
        (folder / name).unlink()
    assert search_check(installed).ok


def test_own_mapping_replaces_a_shipped_one_and_is_reloaded(installed: Config) -> None:
    path = installed.data_dir / "searches" / "tineye.toml"
    path.write_text(MARKET.format(url="http://a.example"), encoding="utf-8")
    assert load_services(installed)["tineye"].name == "The market"
    path.write_text(MARKET.format(url="http://a.example").replace("The market", "Another"), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert load_services(installed)["tineye"].name == "Another"
    assert [mapping.name for mapping in list_own_mappings(installed)] == ["market.toml", "tineye.toml"]


def test_a_search_for_pictures_takes_no_words_and_one_for_words_needs_some(installed: Config) -> None:
    assert split_queries(" wave \n\nfuji\nwave") == ["wave", "fuji"]
    assert [service.name for service in get_services_for(installed, ["market"], ["wave"], [])] == ["The market"]
    for name, words, error in (
        ("market", [], WrongUseError), ("tineye", ["wave"], WrongUseError), ("nothing", [], NotFoundError),
    ):  # fmt: skip
        with pytest.raises(error):
            get_services_for(installed, [name], words, [])
