"""The JSON keys documented in docs/reference/command-output.md."""

import re

from tests import CHECKOUT

PAGE = CHECKOUT / "docs" / "reference" / "command-output.md"


def json_keys(name: str) -> set[str]:
    """Return the keys of a JSON object or of a command's output, without those in parentheses.

    Args:
        name: Name of the object as in its table, or the command with its backticks.
    """
    keys = PAGE.read_text("utf-8").partition(f"\n| {name} |")[2].partition("\n")[0]
    assert keys, name
    while keys != (outer := re.sub(r"\([^()]*\)", "", keys)):
        keys = outer
    return set(re.findall(r"`(\w+)`", keys))
