"""Data folders as after an installation's first start, without starting the servers for each."""

import os
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

from exhibit.config.config import ensure_data_dir
from registry.configuration import load_config
from tests import CHECKOUT
from tests.assets.stored_schema import make_schema
from workers.servers.embedded import EmbeddedServers

LASTING = ("postgres", "blobs")
"""Folders that only the first start creates; the others are created by each start."""


def install(data: Path) -> None:
    """Create a data folder with an empty, migrated database."""
    ensure_data_dir(load_config({"EXHIBIT_DATA": str(data)}))
    for name in LASTING:
        subprocess.run(["cp", "--archive", _first() / name, data], check=True)


@cache
def _first() -> Path:
    """Create the folder to be copied. It is in this test process's folder, which is deleted when the process ends."""
    data = Path(os.environ["EXHIBIT_DATA"]) / "first"
    environ = {**os.environ, "EXHIBIT_DATA": str(data), "DATABASE_URL": "", "REDIS_URL": ""}
    config = load_config({"EXHIBIT_DATA": str(data)})
    run = partial(subprocess.run, env=environ, cwd=CHECKOUT, check=True)
    with EmbeddedServers(config):
        make_schema(config, lambda: run([sys.executable, "-m", "django", "migrate", "--verbosity", "0"]))
        run([sys.executable, "-m", "workers.migrate"])  # includes the bundled data
    return data
