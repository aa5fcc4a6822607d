"""Test that the development authority keeps its root, and reports errors in its folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.anchors.rfc3161.anchor import create_request
from evidence.anchors.rfc3161.stamps import verify_response
from evidence.development.authority import DevelopmentAuthority, run_authority
from evidence.development.server import LoopbackServer
from exhibit.errors import ConfigError
from tests.assets.timestamp_authorities import DIGEST, anchor_to


def test_restarted_authority_reuses_root_with_new_url(tmp_path: Path) -> None:
    with run_authority(tmp_path) as first:
        root, old_url = first.root_pem, first.url
        old = first.create_response(create_request(DIGEST, 1))
    holding = LoopbackServer(int(old_url.rpartition(":")[2]))
    with run_authority(tmp_path) as second:
        assert second.root_pem == root
        assert second.url != old_url
        receipt = anchor_to(second.url, root).submit(DIGEST)
    holding.close()
    assert sum(name.startswith("crl-") for name, _ in receipt.material) == 2
    assert verify_response(old, DIGEST, [root]) < datetime.now(UTC) + timedelta(seconds=2)


def test_damaged_folder_raises(tmp_path: Path) -> None:
    DevelopmentAuthority(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "root.pem").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="cannot be read"):
        DevelopmentAuthority(tmp_path, "http://127.0.0.1:9")
