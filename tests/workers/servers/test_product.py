"""Test the description of the product's processes."""

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

from registry.configuration import load_config
from workers.pipeline.celery import list_queues
from workers.servers.product import SINGLE_THREAD_ENVIRONMENT, build_environment, list_services, start_detached


def test_processes_inherit_configuration_and_workers_use_single_thread(tmp_path: Path) -> None:
    environ = {"EXHIBIT_DATA": str(tmp_path), "DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://r/0"}
    config = load_config(environ | {"EXHIBIT_WORKERS": "3", "EXHIBIT_WEB_PORT": "8123"})
    children = {child.name: child for child in list_services(config)}
    for child in children.values():
        assert child.environ is not None
        assert environ.items() <= child.environ.items()
        assert load_config(child.environ).data_dir == tmp_path
    assert next(iter(children)) == "web"
    assert "8123" in children["web"].command
    workers = [child for name, child in children.items() if name.startswith("worker")]
    for worker in workers:
        assert SINGLE_THREAD_ENVIRONMENT.items() <= (worker.environ or {}).items()
    assert "--autoscale 11,1" in " ".join(children["worker-background"].command)
    queues = [queue for worker in workers for queue in worker.command[worker.command.index("-Q") + 1].split(",")]
    assert Counter(queues) == Counter([*list_queues(), "sweep"])
    assert build_environment(replace(config, database_url=""))["DATABASE_URL"] == ""


def test_detached_process_runs_in_its_own_session(tmp_path: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path)})
    with (tmp_path / "log").open("wb") as log:
        process: subprocess.Popen[bytes] = start_detached(config, "this", log)
        assert process.wait(20) == 0
    assert "Beautiful is better" in (tmp_path / "log").read_text()
