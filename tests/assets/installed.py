"""Data folders as an installation has them after its first start, without a first start for each."""

import os
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

from exhibit.config.config import made_data_dir
from registry.configuration import load_config
from tests import CHECKOUT
from tests.assets.kept_schema import make_schema
from workers.servers.embedded import EmbeddedServers

LASTING = ("postgres", "blobs")
"""What the first start has made; the rest of the folder is made by each start."""


def install(data: Path) -> None:
    """Make a data folder whose database is up to date and holds nothing."""
    made_data_dir(load_config({"EXHIBIT_DATA": str(data)}))
    for name in LASTING:
        subprocess.run(["cp", "--archive", _first() / name, data], check=True)


@cache
def _first() -> Path:
    """The folder that is copied; it lies in that of this test process and ends with it."""
    data = Path(os.environ["EXHIBIT_DATA"]) / "first"
    environ = {**os.environ, "EXHIBIT_DATA": str(data), "DATABASE_URL": "", "REDIS_URL": ""}
    config = load_config({"EXHIBIT_DATA": str(data)})
    run = partial(subprocess.run, env=environ, cwd=CHECKOUT, check=True)
    with EmbeddedServers(config):
        make_schema(config, lambda: run([sys.executable, "-m", "django", "migrate", "--verbosity", "0"]))
        run([sys.executable, "-m", "workers.migrate"])  # what comes along
    return data
