"""What many commands take: kinds of arguments, and options that they share."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path

import click

AT_LEAST_1 = click.IntRange(min=1)
PLACE, THERE = click.Path(path_type=Path), click.Path(exists=True, path_type=Path)
TO_FILL, TO_WRITE = click.Path(file_okay=False, path_type=Path), click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DAY = click.DateTime(["%Y-%m-%d"])
Run = Callable[..., None]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
owner_option = click.option("--owner", "named", metavar="OWNER", help="Whose; the only owner there is, if not named.")
any_owner_option = click.option("--owner", "named", metavar="OWNER", help="Only those of this owner.")
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the record.")
why_option = click.option("--reason", default="", metavar="TEXT", help="Why; kept in the record.")
yes_option = click.option("--yes", is_flag=True, help="Don't ask.")
out_option = click.option("--out", required=True, metavar="DIR", type=TO_FILL, help="Made if missing.")
label_option = click.option(
    "--label", default="", metavar="TEXT", help="Words that results then show beside these keys."
)


def together(*options: Callable[[Run], Run]) -> Callable[[Run], Run]:
    """Several options as one decorator, in their order."""
    return lambda command: reduce(lambda given, option: option(given), reversed(options), command)
