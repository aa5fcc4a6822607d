"""The page of all operations of the HTTP API, and of what they take and answer with: from the OpenAPI document."""

from desk.api.api import api
from desk.api.common.reference import Fields, read
from tools.reference import FOLDER, head

PAGE = FOLDER / "api.md"


def page() -> str:
    """The page's text."""
    _about, operations, things = read(api)
    parts, last = [head(PAGE)], ""
    for one in operations:
        if one.subject != last:
            parts.append(f"## {one.subject.capitalize()}\n")
            last = one.subject
        takes = f"\nTakes {one.takes}.\n" if one.takes else ""
        parts.append(f"### {one.name}\n\n`{one.address}`, {one.needs}\n")
        parts.append(f"{one.words}\n{takes}{_table(one.fields)}\n{one.answers}\n")
    parts.append("## What travels\n")
    parts += [f"### {one.name}\n\n{one.words}\n{_table(one.fields)}".replace("\n ", "\n") for one in things]
    return "\n".join(parts).rstrip() + "\n"


def _table(fields: Fields) -> str:
    rows = "".join(f"| `{name}` | {said.replace('|', ' or ')} |\n" for name, said in fields)
    return f"\n| field | what |\n|---|---|\n{rows}" if rows else ""
