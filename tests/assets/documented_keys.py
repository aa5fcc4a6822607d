"""The documented JSON keys of commands and objects."""

import re

from tools.reference.json_output import page


def json_keys(name: str) -> set[str]:
    """Return the keys of a JSON object or of a command's output, without those in parentheses.

    Args:
        name: Name of the object as in its table, or the command with its backticks.
    """
    keys = page().partition(f"\n| {name} |")[2].partition("\n")[0]
    assert keys, name
    while keys != (outer := re.sub(r"\([^()]*\)", "", keys)):
        keys = outer
    return set(re.findall(r"`(\w+)`", keys))
