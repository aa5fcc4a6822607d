"""Argument types and shared options of commands."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path

import click

AT_LEAST_1 = click.IntRange(min=1)
ANY_PATH, EXISTING_PATH = click.Path(path_type=Path), click.Path(exists=True, path_type=Path)
OUTPUT_FOLDER, OUTPUT_FILE = click.Path(file_okay=False, path_type=Path), click.Path(dir_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
CommandFunction = Callable[..., None]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
owner_option = click.option(
    "--owner", "owner_name", metavar="OWNER", help="Short name of the owner; required if there are several owners."
)
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Reason to record in the log.")
optional_reason_option = click.option("--reason", default="", metavar="TEXT", help="Reason to record in the log.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def combine_options(
    *options: Callable[[CommandFunction], CommandFunction],
) -> Callable[[CommandFunction], CommandFunction]:
    """Combine options into one decorator, in their order."""
    return lambda command: reduce(lambda function, option: option(function), reversed(options), command)
