"""Specifications of Exhibit's processes: names, commands and stop signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from exhibit.config.config import Config
from registry import jobs
from workers.servers.processes import ChildSpec, launch

CHECKOUT = Path(__file__).resolve().parents[2]

# Workers run in parallel as processes, so each library may use only one thread.
SINGLE_THREAD_ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)

IDLE_SECONDS = "60"
"""Seconds for which idle worker processes are kept with their loaded libraries; at most twice as long."""
_WEB_COMMAND = (sys.executable, "-m", "desk.server")
_WORKER_COMMAND = (sys.executable, "-m", "celery", "-A", "workers.pipeline.celery", "worker", "--loglevel", "WARNING")


def build_environment(config: Config) -> dict[str, str]:
    """Return the environment for child processes with this configuration."""
    variables = {
        "EXHIBIT_DATA": str(config.data_dir),
        "DATABASE_URL": config.database_url,
        "REDIS_URL": config.redis_url,
    }
    return {**os.environ, **variables, "PYTHONUNBUFFERED": "1"}


def start_detached(config: Config, module: str, log: BinaryIO) -> "subprocess.Popen[bytes]":
    """Start one of Exhibit's modules as a process in its own session."""
    return launch([sys.executable, "-m", module], log, build_environment(config), CHECKOUT)


def list_services(config: Config) -> tuple[ChildSpec, ...]:
    """Return all processes except the servers: the site, for which the start waits, then the workers and the tick."""
    return (
        ChildSpec(
            name="web",
            command=(*_WEB_COMMAND, config.web_host, str(config.web_port)),
            environ=build_environment(config),
            folder=CHECKOUT,
        ),
        *(build_worker(config, name, queues) for name, queues in jobs.QUEUES_BY_WORKER.items()),
        ChildSpec(
            name="beat",
            command=(sys.executable, "-m", "workers.beat"),
            environ={**build_environment(config), **SINGLE_THREAD_ENVIRONMENT},
            folder=CHECKOUT,
        ),
    )


def build_worker(config: Config, name: str, queues: Sequence[str]) -> ChildSpec:
    """Return a worker for these queues. It scales from one process when idle to its maximum."""
    quiet_options = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    max_processes = jobs.get_max_processes(config.workers)[name]
    broadcast_queues = (jobs.SWEEP,) if name == "worker-background" else ()
    options = (
        "-Q",
        ",".join((*queues, *broadcast_queues)),
        "--autoscale",
        f"{max_processes},1",
        "-n",
        f"{name}@%h",
        *quiet_options,
    )
    return ChildSpec(
        name=name,
        command=(*_WORKER_COMMAND, *options),
        stop_signal=signal.SIGTERM,
        urgent_stop=signal.SIGQUIT,
        parent_death=signal.SIGKILL,  # An orphan would retry its broker forever. Its pool dies too.
        # Django's checks would load the site with all its libraries into each worker.
        environ={
            **build_environment(config),
            **SINGLE_THREAD_ENVIRONMENT,
            "CELERY_SKIP_CHECKS": "1",
            "AUTOSCALE_KEEPALIVE": IDLE_SECONDS,
        },
        folder=CHECKOUT,
    )
