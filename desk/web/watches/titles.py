"""Searches by the names that people know them by."""

from collections.abc import Mapping
from typing import Any

from registry.crawls.crawling import SEARCH
from workers.crawls.search_services import services
from workers.services import wiring


def search_title(service: str) -> str:
    """What people call a search; its short name where the operator no longer offers it."""
    found = services(wiring.services().config).get(service)
    return service if found is None else found.name


def source_title(source: Mapping[str, Any]) -> str:
    """What a watch looks at: an address or a folder as it is, a search by its name."""
    return search_title(source["url"]) if source["kind"] == SEARCH else str(source["url"])
