"""Test which adapters a process uses, by configuration."""

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
from registry.services.services import Services, contact_fields
from tests.assets.rows import photograph


@pytest.fixture
def fresh(tmp_path: Path) -> Config:
    return load_config({"EXHIBIT_DATA": str(tmp_path), "EXHIBIT_CAPTURE_BROWSER": "none"})


@pytest.mark.django_db
def test_ports_are_made_once_and_by_the_configuration(fresh: Config) -> None:
    services = Services(replace(fresh, max_picture_bytes=7, allowed_networks=("127.0.0.1/32",)))
    assert services.blobs is services.blobs
    digest = services.blobs.put(b"bytes")
    assert (digest, Services(fresh).blobs.get(digest)) == (Digest.of(b"bytes"), b"bytes")
    assert services.limits.max_bytes == 7
    assert services.guard.resolve("127.0.0.1", 80)
    with pytest.raises(RefusedError):
        Services(fresh).guard.resolve("127.0.0.1", 80)
    assert get_anchors(services) == ()
    assert services.stale_after.total_seconds() == fresh.step_timeout_seconds


@pytest.mark.django_db
def test_a_process_keeps_as_many_measured_pictures_in_memory_as_it_is_given(fresh: Config) -> None:
    services = Services(fresh)
    services.features_in_memory = 1
    first_picture, other = photograph(1), photograph(2)
    first = get_features(services).get(Digest.of(first_picture), lambda: first_picture)
    assert get_features(services).get(Digest.of(first_picture), lambda: first_picture) is first
    get_features(services).get(Digest.of(other), lambda: other)
    assert get_features(services).get(Digest.of(first_picture), lambda: first_picture) is not first


def test_pages_are_captured_by_a_browser_where_there_is_one(fresh: Config) -> None:
    assert isinstance(Services(fresh).capturer, HttpCapturer)
    capturer = Services(replace(fresh, capture_browser=sys.executable)).capturer
    assert not isinstance(capturer, HttpCapturer)


def test_who_visits_names_a_contact(fresh: Config) -> None:
    assert contact_fields("") == {}
    assert contact_fields("ann@example.org") == {"email": "ann@example.org"}
    assert contact_fields("https://studio.example/bot") == {"url": "https://studio.example/bot"}
    assert "ann@example.org" in Services(replace(fresh, contact="ann@example.org")).user_agent


@pytest.mark.parametrize("first", ["exhibit.pictures.decode", "indexer.picture.features", "evidence.facts.provenance"])
def test_linear_algebra_keeps_to_one_thread_whichever_room_is_loaded_first(first: str) -> None:
    unset = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    code = f"import os, {first}, numpy; print(len(os.listdir('/proc/self/task')))"
    result = subprocess.run([sys.executable, "-c", code], env=unset, capture_output=True, check=True)
    assert result.stdout == b"1\n"
