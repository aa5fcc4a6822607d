"""A development timestamp authority, and a timestamp from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.development.authority import DevelopmentAuthority, run_authority
from exhibit.ports import Receipt
from tests.assets.timestamp_authorities import DIGEST, anchor_to


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Iterator[DevelopmentAuthority]:
    with run_authority(folder) as running:
        yield running


@pytest.fixture(scope="module")
def receipt(authority: DevelopmentAuthority) -> Receipt:
    return anchor_to(authority.url, authority.root_pem).submit(DIGEST)
