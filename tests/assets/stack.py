"""The whole product as separate processes, its rows as seen by this process, and functions to kill parts of it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import psutil
from django.db import InterfaceError, OperationalError, connections

from exhibit.config.config import Config
from registry.configuration import load_config
from registry.fingerprints import fingerprints
from registry.models import Bundle, Report
from registry.services.addresses import build_django_database
from registry.services.services import Services
from tests.assets.installed import install
from tests.assets.processes import find_processes, free_port, wait_until
from tests.assets.shop import LOOPBACK
from workers.servers.product import CHECKOUT
from workers.tasks.supervisor import read_running_status

T = TypeVar("T")

FAST_SETTINGS = {"EXHIBIT_STEP_TIMEOUT_SECONDS": "3", "EXHIBIT_TICK_SECONDS": "1", "EXHIBIT_CHECKPOINT_SECONDS": "1"}


@dataclass
class Stack:
    """A running product.

    Attributes:
        config: Its configuration.
        services: Services on its data folder, for this process.
        process: The supervisor.
        environ: Environment with which the supervisor was started.
    """

    config: Config
    services: Services
    process: "subprocess.Popen[str]"
    environ: Mapping[str, str] = field(default_factory=dict)

    def workers(self) -> list[psutil.Process]:
        """Return the main processes of the workers."""
        status = read_running_status(self.config)
        numbers = {} if status is None else status.processes
        return _running_processes(number for name, number in numbers.items() if name.startswith("worker"))

    def postmaster(self) -> list[psutil.Process]:
        """Return PostgreSQL's first process."""
        try:
            text = (self.config.data_dir / "postgres" / "postmaster.pid").read_text()
        except OSError:
            return []
        return _running_processes([int(text.split("\n")[0])])

    def redis(self) -> list[psutil.Process]:
        """Return the Redis process."""
        try:
            return _running_processes([int((self.config.data_dir / "redis" / "redis.pid").read_text())])
        except (OSError, ValueError):
            return []

    def backends(self) -> list[psutil.Process]:
        """Return PostgreSQL's processes that serve a connection."""
        return [
            process
            for first in self.postmaster()
            for process in _children(first)
            if "exhibit" in _command_line(process)
        ]

    def pool(self) -> list[psutil.Process]:
        """Return the processes in which the workers' tasks run."""
        children = [process for main in self.workers() for process in _children(main)]
        return [process for process in children if "celery" in _command_line(process)]

    def crawlers(self) -> list[psutil.Process]:
        """Return the crawl processes."""
        below = [process for main in self.workers() for process in _children(main, recursive=True)]
        return [process for process in below if "-m crawler " in _command_line(process)]

    def browsers(self) -> list[psutil.Process]:
        """Return the first process of each browser that makes captures."""
        below = [process for main in self.workers() for process in _children(main, recursive=True)]
        return [
            process
            for process in below
            if "--remote-debugging-pipe" in _command_line(process) and "--type=" not in _command_line(process)
        ]

    def browser_parts(self) -> list[psutil.Process]:
        """Return the child processes of browsers, such as renderers and network services."""
        return [
            part
            for process in self.browsers()
            for part in _children(process, recursive=True)
            if "--type=" in _command_line(part)
        ]

    def helpers(self) -> list[psutil.Process]:
        """Return the processes that parse untrusted images and pages."""
        below = [process for main in self.workers() for process in _children(main, recursive=True)]
        return [process for process in below if "_helper " in _command_line(process)]

    def busy_pool_processes(self) -> list[psutil.Process]:
        """Return the pool processes that are generating a report or sealing a bundle."""
        try:
            names = [
                name
                for model in (Bundle, Report)
                for name in model.objects.filter(state="running")
                .exclude(claimed_by="")
                .values_list("claimed_by", flat=True)
            ]
        except (OperationalError, InterfaceError):
            connections["default"].close()
            return []
        claimers = {int(name.split("|")[2]) for name in names}
        return [process for process in self.pool() if process.pid in claimers]

    def web(self) -> list[psutil.Process]:
        """Return the site's processes."""
        return [process for main in self._named_process("web") for process in [main, *_children(main, recursive=True)]]

    def beat(self) -> list[psutil.Process]:
        """Return the scheduler process."""
        return self._named_process("beat")

    def supervisor(self) -> list[psutil.Process]:
        """Return the supervisor process."""
        return _running_processes([self.process.pid])

    def _named_process(self, name: str) -> list[psutil.Process]:
        status = read_running_status(self.config)
        return [] if status is None or name not in status.processes else _running_processes([status.processes[name]])

    def restart_supervisor(self, seconds: float = 180) -> None:
        """Restart a dead supervisor until it stays up, as the machine's service manager would."""
        wait_until(self._restart, seconds)

    def _restart(self) -> bool:
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = _supervisor(self.environ)
        assert self.process.stdout is not None
        return self.process.stdout.readline().startswith("Ready: ")


@contextmanager
def running_stack(folder: Path, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Stack]:
    """Run the product in its own folder, and connect this process's Django to it during the block."""
    own = {
        **FAST_SETTINGS,
        "EXHIBIT_DATA": str(folder / "data"),
        "EXHIBIT_WEB_PORT": str(free_port()),
        "EXHIBIT_WORKERS": "1",
        "EXHIBIT_CAPTURE_BROWSER": "none",
        "EXHIBIT_ALLOWED_NETWORKS": LOOPBACK,
        "EXHIBIT_LANGUAGES": "en",
        **settings,
    }
    environ = {**os.environ, **own, "DATABASE_URL": "", "REDIS_URL": ""}
    config = load_config(own)
    install(config.data_dir)
    stack = Stack(config, Services(config), _supervisor(environ), environ)
    try:
        assert stack.process.stdout is not None
        assert stack.process.stdout.readline().startswith("Ready: ")
        with connected_to(config):
            yield stack
    finally:
        stack.process.terminate()
        stack.process.wait(120)
        if stack.process.stdout is not None:
            stack.process.stdout.close()
    until = time.monotonic() + 180
    while remaining := find_processes(folder):
        assert time.monotonic() < until, [(process.pid, _command_line(process)) for process in remaining]
        time.sleep(0.1)


def _supervisor(environ: Mapping[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "workers.tasks.supervisor"]
    return subprocess.Popen(command, env=environ, cwd=CHECKOUT, text=True, stdout=subprocess.PIPE)


@contextmanager
def connected_to(config: Config) -> Iterator[None]:
    """Connect this process's Django to the database of another installation during the block."""
    own = connections["default"]
    other = own.copy()
    other.settings_dict.update(build_django_database(config))
    fingerprints.clear_cached_spaces()
    connections["default"] = other
    try:
        yield
    finally:
        other.close()
        connections["default"] = own
        fingerprints.clear_cached_spaces()


def retry_on_database_error(act: Callable[[], T], seconds: float = 180) -> T:
    """Run a function that uses the database, and repeat it while the database is unavailable."""
    until = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError):
            connections["default"].close()
            assert time.monotonic() < until, "the database stays away"
            time.sleep(0.05)


def _running_processes(numbers: "Iterator[int] | list[int]") -> list[psutil.Process]:
    return [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]


def _children(process: psutil.Process, *, recursive: bool = False) -> list[psutil.Process]:
    try:
        return process.children(recursive=recursive)
    except psutil.Error:
        return []


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
