"""Test the options of `exhibit watch add`."""

from pathlib import Path
from typing import Any

import click
import pytest

from desk.cli import watch_options
from desk.cli.watch_options import parse_interval
from exhibit.errors import InvalidRequestError


def build_options(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - as click gives it
    defaults = dict.fromkeys(("site", "sitemap", "feed", "lists", "folder", "warc"), ())
    unsaid = ("words", "works", "pages", "depth", "searches", "money", "money_month", "delay")
    return {**defaults, **dict.fromkeys(unsaid), **values}


def test_sources_come_from_options_lists_and_files(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("\ufeff# shops\nhttp://a.example/1\n\n http://a.example/2 \n", "utf-8")
    sources = list(
        watch_options.parse_sources(build_options(site=("http://b.example/",), lists=(listed,), folder=(tmp_path,)))
    )
    assert sources == [
        ("site", "http://b.example/"),
        ("list", "http://a.example/1"),
        ("list", "http://a.example/2"),
        ("folder", str(tmp_path.resolve())),
    ]
    listed.write_text("# nothing\n", "utf-8")
    with pytest.raises(InvalidRequestError, match="list"):
        list(watch_options.parse_sources(build_options(lists=(listed,))))
    listed.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidRequestError, match="list"):
        list(watch_options.parse_sources(build_options(lists=(listed,))))


def test_limits_and_search_words_come_from_options(tmp_path: Path) -> None:
    assert watch_options.parse_budget(build_options()) == watch_options.parse_politeness(build_options()) == {}
    assert watch_options.parse_budget(build_options(pages=9, depth=0)) == {"pages": 9, "depth": 0}
    assert watch_options.parse_budget(build_options(render="always", render_pages=0)) == {
        "render": "always",
        "render_pages": 0,
    }
    assert watch_options.parse_politeness(build_options(delay=0.0)) == {"delay": 0.0}
    (tmp_path / "words.txt").write_text("wave\n# not this\nfuji\n", "utf-8")
    assert watch_options.parse_queries(build_options(words=tmp_path / "words.txt")) == ["wave", "fuji"]
    assert watch_options.parse_queries(build_options()) == []


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)])
def test_periods_are_read(text: str, seconds: int) -> None:
    assert parse_interval(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1y", "1h30m", "99999999h"])
def test_invalid_periods_are_rejected(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_interval(text)


def test_works_and_budget_come_from_options() -> None:
    assert watch_options.parse_works(build_options()) is None
    assert [watch_options.parse_works(build_options(works=text)) for text in ("all", "7", "3,12")] == [[], [7], [3, 12]]
    for value in ("", "3,", "a", "1-3"):
        with pytest.raises(InvalidRequestError):
            watch_options.parse_works(build_options(works=value))
    limits = {"money": "5USD", "money_month": "none"}
    assert watch_options.parse_budget(build_options(**limits)) == {"money": "5USD", "money_month": ""}
