"""What tests of the pages share."""

from tests.flow.conftest import inline
from tests.site.browser import chromium, site

__all__ = ["chromium", "inline", "site"]
