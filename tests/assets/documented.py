"""The JSON keys that docs/reference/commands.md promises."""

import re

from tools.reference.commands import JSON, PAGE


def json_keys(of: str) -> set[str]:
    """The keys of a thing that is told as JSON, or of a command's answer, without those within brackets.

    Args:
        of: the thing, as it stands in the table; or the command with its backticks.
    """
    text = PAGE.read_text("utf-8")
    if of.startswith("`"):
        keys = text.partition(f"### {of.strip('`')}\n")[2].partition("\n###")[0].partition(JSON)[2].partition("\n")[0]
    else:
        keys = text.partition(f"\n| {of} |")[2].partition("\n")[0]
    assert keys, of
    while keys != (outer := re.sub(r"\([^()]*\)", "", keys)):
        keys = outer
    return set(re.findall(r"`(\w+)`", keys))
