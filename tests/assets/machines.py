"""Several machines of one installation that share a database and a bucket but no folder."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from exhibit.config.config import Config
from exhibit.config.secrets import load_installation_id, load_master_key, load_secret_key
from registry.log.local_log import get_log
from registry.services.services import Services
from tests.assets.swift_server import S3
from workers.tasks.sync_runner import SyncRunner

Machine = Callable[[str], Services]
"""Function that returns a machine of an installation by its name."""


def create_machines(config: Config, s3: S3, folder: Path, count: int = 2) -> list[SyncRunner]:
    """Create machines, each with its own data folder and the same secrets."""
    first = replace(config, data_dir=folder / "machine-0", blobs_url=s3.url_for(folder / "machine-0"))
    for make in (
        load_installation_id,
        load_master_key,
        load_secret_key,
        lambda config: get_log(SyncRunner(config).services),
    ):
        make(first)
    other_configs = [replace(first, data_dir=folder / f"machine-{number}") for number in range(1, count)]
    for other in other_configs:
        shutil.copytree(first.data_dir / "secrets", other.data_dir / "secrets")
    return [SyncRunner(each) for each in (first, *other_configs)]


def machine_factory(services: Services, s3: S3, folder: Path) -> Machine:
    """Return the machines of an installation whose blobs are in a bucket; all of them have its secrets."""
    data = services.config.data_dir
    config = replace(services.config, blobs_url=s3.url_for(data))
    shared = Services(config)
    for digest in services.blobs:
        shared.blobs.put(services.blobs.get(digest))

    def get_machine(name: str) -> Services:
        shutil.copytree(data / "secrets", folder / name / "secrets", dirs_exist_ok=True)
        return Services(replace(config, data_dir=folder / name))

    return get_machine
