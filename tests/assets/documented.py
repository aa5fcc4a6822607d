"""The JSON keys that docs/cli.md promises."""

import re

from tests import CHECKOUT

PAGE = (CHECKOUT / "docs" / "cli.md").read_text("utf-8")


def json_keys(of: str) -> set[str]:
    """The keys in a row of the page, without those of what lies within (in brackets).

    Args:
        of: how the row begins: a thing that is told as JSON, or a command with its backticks.
    """
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {of} |")]
    keys = row.rsplit("`--json`:" if "`--json`:" in row else f"| {of} |", 1)[1]
    while keys != (outer := re.sub(r"\([^()]*\)", "", keys)):
        keys = outer
    return set(re.findall(r"`(\w+)`", keys))
