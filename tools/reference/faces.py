"""The page of the three faces: what terminal, API and site can do, from the commands, operations and pages.

Which of them do the same thing is written on the page itself, and stays as it stands there. What is gone is left out;
what stands in no row yet gets one below the heading ``?``, which the tests refuse: move it to where it belongs.
"""

import inspect
import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from desk.api.api import api
from tools.reference import FOLDER, head
from tools.reference.commands import all_commands

PAGE = FOLDER / "faces.md"
COLUMNS = "| what | terminal | API | site |\n|---|---|---|---|\n"
SIGNING_IN = ("account_", "mfa_", "usersessions_")
Face = dict[str, tuple[str, str]]
"""Where each thing is that a face has, and its words, by its name."""
Row = tuple[str, list[list[str]]]
"""The heading above a row, and the names of each face in it."""


def faces() -> tuple[Face, Face, Face]:
    """The commands of the terminal, the operations of the API, and the pages and forms of the site."""
    terminal: Face = {name: ("", one.help or "") for _section, name, one in all_commands()}
    paths = api.get_openapi_schema()["paths"].items()
    every = ((f"{method.upper()} {path}", one) for path, of in paths for method, one in of.items())
    operations = {one["operationId"]: (path, one["description"]) for path, one in every}
    site = {
        str(one.name): (path, inspect.getdoc(one.callback) or "")
        for path, one in _patterns(get_resolver(), "/")
        if one.name
    }
    return terminal, operations, {name: page for name, page in site.items() if not name.startswith(SIGNING_IN)}


def _patterns(resolver: URLResolver, before: str) -> Iterator[tuple[str, URLPattern]]:
    for one in resolver.url_patterns:
        if isinstance(one, URLPattern):
            yield before + str(one.pattern), one
        elif one.namespace is None:
            yield from _patterns(one, before + str(one.pattern))


def rows() -> Iterator[Row]:
    """The rows as the page has them: the heading, and the names of each face."""
    for section in PAGE.read_text("utf-8").split("\n## ")[1:]:
        heading, _, table = section.partition("\n")
        for line in re.findall(r"^\| .*$", table, re.MULTILINE)[1:]:
            yield heading, [re.findall(r"`([^`]+)`", cell) for cell in line.split(" | ")[1:]]


def page() -> str:
    """The page's text."""
    known = faces()
    kept = [(heading, [_there(*both) for both in zip(row, known, strict=True)]) for heading, row in rows()]
    for place, face in enumerate(known):
        told = {_base(name) for _heading, row in kept for name in row[place]}
        kept += [("?", [[name] if one is face else [] for one in known]) for name in face if name not in told]
    text, last = head(PAGE), ""
    for heading, row in _without_repetitions(kept):
        if any(row):
            text += "" if heading == last else f"\n## {heading}\n\n{COLUMNS}"
            words = next(face[_base(names[0])][1] for names, face in zip(row, known, strict=True) if names)
            cells = (", ".join(_cell(name, face) for name in names) for names, face in zip(row, known, strict=True))
            text += f"| {words.partition(chr(10))[0]} | {' | '.join(cells)} |\n"
            last = heading
    return text


def _without_repetitions(every: list[Row]) -> list[Row]:
    """The rows without those whose names all stand, face by face, in another row: one deed is told once."""
    kept: list[Row] = []
    for one in every:
        if not any(_within(one, other) for other in kept):
            kept = [other for other in kept if not _within(other, one)] + [one]
    return kept


def _within(one: Row, other: Row) -> bool:
    return all(set(names) <= set(others) for names, others in zip(one[1], other[1], strict=True))


def _there(names: list[str], face: Face) -> list[str]:
    return [name for name in names if _base(name) in face]


def _base(name: str) -> str:
    return name.partition(":")[0]


def _cell(name: str, face: Face) -> str:
    address = re.sub(r"<[^>]+>|\{[^}]+\}", "…", face[_base(name)][0])
    return f"`{name}` {re.sub('(/api/v1/owners|/o)/…/', '', address)}".strip()
