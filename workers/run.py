"""Run one of Exhibit's processes under an external supervisor: ``python -m workers.run web``.

A worker can be limited to some of its queues: ``python -m workers.run worker-background crawl,upkeep``.
"""

import os
import sys

from exhibit.errors import ExitCode, run_program
from registry import jobs
from registry.configuration import load_config
from workers.servers.product import build_worker, list_services


def main(arguments: list[str]) -> int:
    """Replace this process with the process of the given name. Returns an exit code only if that is not possible."""
    config = load_config()
    children = {child.name: child for child in list_services(config)}
    name, *queues = arguments or [""]
    if name in jobs.QUEUES_BY_WORKER and len(queues) == 1:
        if not set(queue_names := queues.pop().split(",")) <= set(jobs.QUEUES_BY_WORKER[name]):
            print(f"The queues of {name} are {', '.join(jobs.QUEUES_BY_WORKER[name])}.", file=sys.stderr)
            return int(ExitCode.INVALID_REQUEST)
        children[name] = build_worker(config, name, queue_names)
    if name in children and not queues:
        child = children[name]
        os.execvpe(child.command[0], child.command, dict(child.environ or os.environ))  # noqa: S606 - no shell is needed
    print(f"Specify one of: {', '.join(children)}.", file=sys.stderr)
    return int(ExitCode.INVALID_REQUEST)


if __name__ == "__main__":
    sys.exit(run_program(lambda: main(sys.argv[1:])))
