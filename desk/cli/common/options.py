"""Types of arguments, and options that commands share."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path

import click

AT_LEAST_1 = click.IntRange(min=1)
PLACE, THERE = click.Path(path_type=Path), click.Path(exists=True, path_type=Path)
TO_FILL, TO_WRITE = click.Path(file_okay=False, path_type=Path), click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Run = Callable[..., None]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
owner_option = click.option(
    "--owner", "named", metavar="OWNER", help="Short name of the owner; required if there are several."
)
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Reason, recorded in the log.")
why_option = click.option("--reason", default="", metavar="TEXT", help="Reason, recorded in the log.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def together(*options: Callable[[Run], Run]) -> Callable[[Run], Run]:
    """Combine options into one decorator, in their order."""
    return lambda command: reduce(lambda function, option: option(function), reversed(options), command)
