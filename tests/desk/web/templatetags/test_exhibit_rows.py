"""Test the template tags for rows."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.core.paginator import Paginator
from django.template import RequestContext
from django.test import RequestFactory
from django.utils import translation

from desk.web.templatetags.exhibit_rows import (
    is_composed,
    kind_in_words,
    paging_of,
    parse_time,
    source_title,
    works_in_words,
)
from exhibit.clock import format_rfc3339, now
from exhibit.config.config import Config
from indexer.layout.information import COMPOSITION_REASONS
from registry.crawls.watch_settings import FILE_KINDS
from registry.models import Work
from registry.services.services import Services
from tests.assets.site_browser import use_services


def test_each_list_on_a_page_is_paginated_independently() -> None:
    context = RequestContext(RequestFactory().get("/", {"visits": "2", "q": "a b"}))
    pages = Paginator(range(10), 4)
    middle = paging_of(context, pages.page(2), "history", "History pagination")
    assert middle["before"] == "?visits=2&q=a+b&history=1#history"
    assert middle["after"] == "?visits=2&q=a+b&history=3#history"
    assert paging_of(context, pages.page(1), "history", "")["before"] == ""
    assert paging_of(context, pages.page(3), "history", "")["after"] == ""
    paging = paging_of(context, pages.page(2))
    assert (paging["label"], paging["after"]) == ("Pages", "?visits=2&q=a+b&page=3")


def test_work_on_hold_is_described_as_composed_only_without_other_reasons() -> None:
    reason = next(iter(COMPOSITION_REASONS))
    assert is_composed([reason])
    assert not is_composed([reason, "flat"])
    assert not is_composed([])


def test_works_of_a_licence_are_shown_by_number_or_count() -> None:
    works = [Work(number=number) for number in (3, 4)]
    assert (works_in_words(works), works_in_words(works, 2), works_in_words(works, 1)) == ("3, 4", "3, 4", "2 works")
    assert works_in_words([], 1) == "all"


def test_sources_and_times_of_rows_are_readable() -> None:
    for kind in ("site", "sitemap", "feed", "list", "search", *FILE_KINDS):
        with translation.override("zh-hans"):
            assert kind_in_words(kind) not in (kind, ""), kind
    assert kind_in_words("later") == "later"
    now_ = now()
    assert parse_time(format_rfc3339(now_)) == now_


def test_search_shows_its_display_name_and_site_its_url(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_services(monkeypatch, Services(replace(config, data_dir=tmp_path)))
    assert source_title({"kind": "search", "url": "tineye"}) == "TinEye"
    assert source_title({"kind": "search", "url": "gone"}) == "gone"  # the operator no longer offers it
    assert source_title({"kind": "site", "url": "https://tineye.example/"}) == "https://tineye.example/"
