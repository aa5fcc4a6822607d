"""Becomes one of the product's processes, for one who starts and watches them: ``python -m workers.run web``."""

import os
import sys

from exhibit.errors import ExitCode, ended
from workers.configuration import load_config
from workers.servers.product import services


def main(arguments: list[str]) -> int:
    """Replace this process by the named one; returns only when that can't be."""
    known = {child.name: child for child in services(load_config())}
    if len(arguments) == 1 and (child := known.get(arguments[0])):
        os.execvpe(child.command[0], child.command, dict(child.environ or os.environ))  # noqa: S606 - no shell is needed
    print(f"Name one of: {', '.join(known)}.", file=sys.stderr)
    return int(ExitCode.WRONG_USE)


if __name__ == "__main__":
    sys.exit(ended(lambda: main(sys.argv[1:])))
