"""Test that the configuration selects the adapters of a process."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.capture.http_capturer import HttpCapturer
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from registry.configuration import load_config
from registry.fingerprints.ports import get_features
from registry.log.anchors import get_anchors
from registry.services.services import Services, build_contact_fields
from tests.assets.rows import photograph


@pytest.fixture
def fresh_config(tmp_path: Path) -> Config:
    return load_config({"EXHIBIT_DATA": str(tmp_path), "EXHIBIT_CAPTURE_BROWSER": "none"})


@pytest.mark.django_db
def test_adapters_are_created_once_from_the_configuration(fresh_config: Config) -> None:
    services = Services(replace(fresh_config, max_picture_bytes=7, allowed_networks=("127.0.0.1/32",)))
    assert services.blobs is services.blobs
    digest = services.blobs.put(b"bytes")
    assert (digest, Services(fresh_config).blobs.get(digest)) == (Digest.from_bytes(b"bytes"), b"bytes")
    assert services.limits.max_bytes == 7
    assert services.guard.resolve("127.0.0.1", 80)
    with pytest.raises(RefusedError):
        Services(fresh_config).guard.resolve("127.0.0.1", 80)
    assert get_anchors(services) == ()
    assert services.stale_after.total_seconds() == fresh_config.step_timeout_seconds


@pytest.mark.django_db
def test_feature_cache_size_is_configurable(fresh_config: Config) -> None:
    services = Services(fresh_config)
    services.features_in_memory = 1
    first_picture, other = photograph(1), photograph(2)
    first = get_features(services).get(Digest.from_bytes(first_picture), lambda: first_picture)
    assert get_features(services).get(Digest.from_bytes(first_picture), lambda: first_picture) is first
    get_features(services).get(Digest.from_bytes(other), lambda: other)
    assert get_features(services).get(Digest.from_bytes(first_picture), lambda: first_picture) is not first


def test_browser_captures_pages_if_available(fresh_config: Config) -> None:
    assert isinstance(Services(fresh_config).capturer, HttpCapturer)
    capturer = Services(replace(fresh_config, capture_browser=sys.executable)).capturer
    assert not isinstance(capturer, HttpCapturer)


def test_user_agent_contains_the_contact(fresh_config: Config) -> None:
    assert build_contact_fields("") == {}
    assert build_contact_fields("ann@example.org") == {"email": "ann@example.org"}
    assert build_contact_fields("https://studio.example/bot") == {"url": "https://studio.example/bot"}
    assert "ann@example.org" in Services(replace(fresh_config, contact="ann@example.org")).user_agent


@pytest.mark.parametrize("first", ["exhibit.pictures.decode", "indexer.picture.features", "evidence.facts.provenance"])
def test_linear_algebra_uses_one_thread_regardless_of_import_order(first: str) -> None:
    unset = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    code = f"import os, {first}, numpy; print(len(os.listdir('/proc/self/task')))"
    result = subprocess.run([sys.executable, "-c", code], env=unset, capture_output=True, check=True)
    assert result.stdout == b"1\n"
