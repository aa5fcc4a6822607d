"""Test that many works are measured in parallel before their registration."""

import multiprocessing
import os
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from indexer.picture.spaces import PIPELINE
from registry.fingerprints.descriptor_models import add_model, use_model
from registry.models import DescriptorModel
from registry.works import prefetch
from registry.works.prefetch import prefetch_features
from tests.assets.networks import network_files
from tests.assets.rows import photograph
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def model_files(tmp_path: Path) -> tuple[Path, Path]:
    return network_files(tmp_path)


def test_works_are_measured_with_the_active_model(
    inline: SyncRunner, model_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prefetch, "MIN_FILES", 2)
    inline.services.config = replace(inline.services.config, workers=1)
    services, paths = inline.services, [tmp_path / "1.jpg", tmp_path / "2.jpg"]
    for seed, path in enumerate(paths):
        path.write_bytes(photograph(100 + seed))
    add_model(services, *model_files)
    DescriptorModel.objects.update(measurement={})
    use_model(services, "colours")
    inline.run_until_idle()
    with prefetch_features(services.config, paths) as wait:
        for _ in paths:
            wait()
    names = [path.parent.parent.name for path in (services.config.data_dir / "features").rglob("*.npz")]
    assert names == [f"{PIPELINE}-colours@1"] * len(paths)


def test_pipes_are_skipped_and_interrupt_kills_child_processes(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prefetch, "MIN_FILES", 1)
    config, children_before = replace(inline.services.config, workers=1), multiprocessing.active_children()
    os.mkfifo(pipe := tmp_path / "x.jpg")
    with suppress(KeyboardInterrupt), prefetch_features(config, [pipe]) as wait:
        wait()
        children = [child for child in multiprocessing.active_children() if child not in children_before]
        for child in children:
            os.kill(child.pid or 0, signal.SIGSTOP)
        raise KeyboardInterrupt
    for child in children:
        child.join(20)
    assert [child.exitcode for child in children] == [-signal.SIGKILL]


def test_no_worker_processes_are_started_for_few_works(config: Config, tmp_path: Path) -> None:
    with prefetch_features(replace(config, data_dir=tmp_path), [tmp_path / "1.jpg"]) as wait:
        wait()
    assert list(tmp_path.iterdir()) == []
