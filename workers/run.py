"""Becomes one of the product's processes, for one who starts and watches them: ``python -m workers.run web``."""

import os
import sys
from typing import NoReturn

from exhibit.errors import ExhibitError, ExitCode
from workers.configuration import load_config
from workers.servers.processes import Child
from workers.servers.product import services


def main(arguments: list[str]) -> int:
    """Replace this process by the named one; returns only when that can't be."""
    try:
        known = {child.name: child for child in services(load_config())}
    except ExhibitError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    if len(arguments) != 1 or arguments[0] not in known:
        print(f"Name one of: {', '.join(known)}.", file=sys.stderr)
        return int(ExitCode.WRONG_USE)
    return become(known[arguments[0]])


def become(child: Child) -> NoReturn:
    """Replace this process by another."""
    os.execvpe(child.command[0], child.command, dict(child.environ or os.environ))  # noqa: S606 - no shell is needed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
