"""What tests of the pages share."""

from collections.abc import Iterator

import pytest
from django.utils import translation

from tests.flow.conftest import inline
from tests.site.browser import chromium, site

__all__ = ["chromium", "inline", "site"]


@pytest.fixture(autouse=True)
def _no_language_stays() -> Iterator[None]:
    """A request leaves its reader's language active in this thread; what is tested next reads its own."""
    yield
    translation.deactivate()
