"""Runs one of Exhibit's processes under an external supervisor: ``python -m workers.run web``.

A worker can be limited to some of its queues: ``python -m workers.run worker-background crawl,upkeep``.
"""

import os
import sys

from exhibit.errors import ExitCode, ended
from registry import jobs
from registry.configuration import load_config
from workers.servers.product import services, worker


def main(arguments: list[str]) -> int:
    """Replace this process with the named one. Returns an exit code only if that is not possible."""
    config = load_config()
    children = {child.name: child for child in services(config)}
    name, *queues = arguments or [""]
    if name in jobs.QUEUES_OF and len(queues) == 1:
        if not set(queue_names := queues.pop().split(",")) <= set(jobs.QUEUES_OF[name]):
            print(f"The queues of {name} are {', '.join(jobs.QUEUES_OF[name])}.", file=sys.stderr)
            return int(ExitCode.WRONG_USE)
        children[name] = worker(config, name, queue_names)
    if name in children and not queues:
        child = children[name]
        os.execvpe(child.command[0], child.command, dict(child.environ or os.environ))  # noqa: S606 - no shell is needed
    print(f"Name one of: {', '.join(children)}.", file=sys.stderr)
    return int(ExitCode.WRONG_USE)


if __name__ == "__main__":
    sys.exit(ended(lambda: main(sys.argv[1:])))
