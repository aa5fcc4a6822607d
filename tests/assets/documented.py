"""The JSON keys that docs/commands.md promises."""

import re

from tests import CHECKOUT

PAGE = CHECKOUT / "docs" / "commands.md"


def json_keys(of: str) -> set[str]:
    """The keys of a thing that is printed as JSON, or of a command's answer, without those within brackets.

    Args:
        of: the thing, as it stands in its table; or the command with its backticks.
    """
    keys = PAGE.read_text("utf-8").partition(f"\n| {of} |")[2].partition("\n")[0]
    assert keys, of
    while keys != (outer := re.sub(r"\([^()]*\)", "", keys)):
        keys = outer
    return set(re.findall(r"`(\w+)`", keys))
