"""Exhibit's processes as data: their names, and how they are started and stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from exhibit.config.config import Config
from registry import jobs
from workers.servers.processes import Child, launch

CHECKOUT = Path(__file__).resolve().parents[2]

# Parallelism comes from processes, so each library uses a single thread in its worker.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)

KEPT_WARM = "60"
"""Seconds (up to twice as many) for which idle worker processes stay, with what they have loaded."""
_WEB = (sys.executable, "-m", "desk.server")
_WORKER = (sys.executable, "-m", "celery", "-A", "workers.pipeline.celery", "worker", "--loglevel", "WARNING")


def environment(config: Config) -> dict[str, str]:
    """Return the environment in which another process finds this configuration."""
    variables = {
        "EXHIBIT_DATA": str(config.data_dir),
        "DATABASE_URL": config.database_url,
        "REDIS_URL": config.redis_url,
    }
    return {**os.environ, **variables, "PYTHONUNBUFFERED": "1"}


def start_detached(config: Config, module: str, log: BinaryIO) -> "subprocess.Popen[bytes]":
    """Start one of Exhibit's modules as a process in its own session."""
    return launch([sys.executable, "-m", module], log, environment(config), CHECKOUT)


def services(config: Config) -> tuple[Child, ...]:
    """Return all processes besides the servers: the site, which the start waits for, then the workers and the tick."""
    return (
        Child(
            name="web",
            command=(*_WEB, config.web_host, str(config.web_port)),
            environ=environment(config),
            folder=CHECKOUT,
        ),
        *(worker(config, name, queues) for name, queues in jobs.QUEUES_OF.items()),
        Child(
            name="beat",
            command=(sys.executable, "-m", "workers.beat"),
            environ={**environment(config), **ONE_THREAD},
            folder=CHECKOUT,
        ),
    )


def worker(config: Config, name: str, queues: Sequence[str]) -> Child:
    """Return a worker for these queues. It has one process when idle, and more as messages arrive."""
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    most = jobs.max_processes(config.workers)[name]
    broadcast_queues = (jobs.SWEEP,) if name == "worker-background" else ()
    options = ("-Q", ",".join((*queues, *broadcast_queues)), "--autoscale", f"{most},1", "-n", f"{name}@%h", *quiet)
    return Child(
        name=name,
        command=(*_WORKER, *options),
        stop=signal.SIGTERM,
        hurry=signal.SIGQUIT,
        orphaned=signal.SIGKILL,  # It would retry its broker forever, ignoring others. Its pool dies too.
        # Checks would load the site with all its libraries into each worker.
        environ={**environment(config), **ONE_THREAD, "CELERY_SKIP_CHECKS": "1", "AUTOSCALE_KEEPALIVE": KEPT_WARM},
        folder=CHECKOUT,
    )
