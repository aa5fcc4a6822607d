"""Test what is read of a page's licence, credit or permission."""

import pytest

from crawler.reading.page_statements import read_statements
from crawler.reading.statements import find_statements
from tests.registry.notices.test_claim_check import PAGE


@pytest.mark.long
def test_licence_is_found_anywhere_on_page_but_not_in_comments() -> None:
    statements = read_statements(PAGE.format("x" * 2_000).encode(), "http://shop.example/image-0.jpg?size=2").statements
    assert [(statement.what, statement.name, statement.near) for statement in statements] == [
        ("creative-commons", "BY-SA 4.0", True),
        ("public-domain", "", False),
    ]
    assert "creativecommons.org/licenses/by-sa/4.0" in statements[0].words
    assert [statement.name for statement in find_statements("CC BY-NC-SA 2.0, cc by the office; © Getty Images")] == [
        "BY-NC-SA 2.0",
        "Getty Images",
    ]
    assert find_statements("<!--" * 100_000 + "rel=" * 100_000) == []
