"""What tests of several rooms share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config import Config
from registry import fingerprints
from workers.inline import Inline


@pytest.fixture
def inline(db: None, config: Config, tmp_path: Path) -> Iterator[Inline]:
    """A house of this test's own whose steps run in this process; its rows are gone after the test."""
    fingerprints.forget_cached_spaces()
    yield Inline(replace(config, data_dir=tmp_path, retention_days=30))
    fingerprints.forget_cached_spaces()
