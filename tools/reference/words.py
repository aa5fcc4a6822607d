"""Descriptions of fields and members, read from the code: docstrings, comments beside a field, strings below it."""

import ast
import inspect
import json
import re
import textwrap
import typing
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, fields
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")


def words_of(cls: type) -> dict[str, str]:
    """Return the description of each field or member of a class, inherited ones included."""
    words: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        if one.__module__.partition(".")[0] not in {"builtins", "enum", "django", "typing"}:
            words |= _own_words(one)
    return words


def _own_words(cls: type) -> dict[str, str]:
    source = textwrap.dedent(inspect.getsource(cls))
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    lines, words = source.splitlines(), dict[str, str]()
    _, _, attributes = (ast.get_docstring(tree) or "").partition("Attributes:\n")
    for name, text in re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE):
        words[name] = markdown(text)
    for place, statement in enumerate(tree.body):
        target = (
            statement.target
            if isinstance(statement, ast.AnnAssign)
            else statement.targets[0]
            if isinstance(statement, ast.Assign)
            else None
        )
        if not isinstance(target, ast.Name):
            continue
        comment = lines[(statement.end_lineno or 1) - 1].partition("  # ")[2]
        if comment and not comment.startswith("noqa"):
            words[target.id] = markdown(comment)
        elif comment:
            words[target.id] = markdown(comment.partition(" - ")[2])
        following = tree.body[place + 1] if place + 1 < len(tree.body) else None
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            words[target.id] = markdown(str(following.value.value))
    return words


def markdown(text: str) -> str:
    """Return the text of a docstring on one line, in Markdown, for the cell of a table."""
    text = _ROLE.sub(r"`\1`", " ".join(text.split())).replace("``", "`")
    return text.replace("|", "\\|")


def field_table(cls: type[Any], title: str = "") -> str:
    """Return a heading and the table of a dataclass's fields with types, defaults and descriptions."""
    words, types = words_of(cls), typing.get_type_hints(cls)
    rows = [
        (f"`{one.name}`", _type_words(types[one.name]), _default(one), words.get(one.name, "?")) for one in fields(cls)
    ]
    about = markdown((inspect.getdoc(cls) or "?").partition("\n\n")[0])
    return f"### {title or cls.__name__}\n\n{about}\n\n{table(('Field', 'Type', 'Default', 'Description'), rows)}"


_PLAIN = {
    str: "text", bool: "boolean", int: "integer", float: "number", Path: "path", datetime: "time", NoneType: "null",
    Any: "any value",
}  # fmt: skip


def _type_words(of: Any) -> str:  # noqa: ANN401 - annotations are of any kind
    """Describe a type as JSON or TOML writes it."""
    parts = [one for one in typing.get_args(of) if one is not ...]
    origin = typing.get_origin(of)
    if origin is typing.Literal or (isinstance(of, type) and issubclass(of, Enum)):
        return " or ".join(f"`{getattr(one, 'value', one)}`" for one in parts or of)
    if origin in {UnionType, typing.Union}:
        return " or ".join(map(_type_words, parts))
    if origin is tuple:
        return f"list of {_type_words(parts[0])}"
    if origin is not None and origin is not typing.Annotated:
        return f"object of {_type_words(parts[-1])}"
    return _type_words(parts[0]) if parts else _PLAIN.get(of, of.__name__)


def _default(one: "Field[Any]") -> str:
    """Return the default as JSON writes it; empty if there is none, or if it is empty."""
    value = one.default.value if isinstance(one.default, Enum) else one.default
    if value is MISSING or value is None or value in ("", ()):
        return ""
    values = [each.value if isinstance(each, Enum) else each for each in value] if isinstance(value, tuple) else value
    return f"`{json.dumps(values, default=str)}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
