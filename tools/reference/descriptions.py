"""Descriptions of fields and enum members, from docstrings, comments after a field, and strings below it."""

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

_ROLE_PATTERN = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")


def read_descriptions(cls: type) -> dict[str, str]:
    """Return the description of each field or member of a class, including inherited ones."""
    descriptions: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] not in {"builtins", "enum", "django", "typing"}:
            descriptions |= _read_own_descriptions(base)
    return descriptions


def _read_own_descriptions(cls: type) -> dict[str, str]:
    source = textwrap.dedent(inspect.getsource(cls))
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    lines, descriptions = source.splitlines(), dict[str, str]()
    _, _, attributes = (ast.get_docstring(tree) or "").partition("Attributes:\n")
    for name, text in re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE):
        descriptions[name] = to_markdown(text)
    for index, statement in enumerate(tree.body):
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
            descriptions[target.id] = to_markdown(comment)
        elif comment:
            descriptions[target.id] = to_markdown(comment.partition(" - ")[2])
        following = tree.body[index + 1] if index + 1 < len(tree.body) else None
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            descriptions[target.id] = to_markdown(str(following.value.value))
    return descriptions


def to_markdown(text: str) -> str:
    """Return the text of a docstring as one line of Markdown for a table cell."""
    text = _ROLE_PATTERN.sub(r"`\1`", " ".join(text.split())).replace("``", "`")
    return text.replace("|", "\\|")


def format_field_table(cls: type[Any], title: str = "") -> str:
    """Return a heading and the table of a dataclass's fields with types, defaults and descriptions."""
    descriptions, types = read_descriptions(cls), typing.get_type_hints(cls)
    rows = [
        (
            f"`{field.name}`",
            _describe_type(types[field.name]),
            _describe_default(field),
            descriptions.get(field.name, "?"),
        )
        for field in fields(cls)
    ]
    summary = to_markdown((inspect.getdoc(cls) or "?").partition("\n\n")[0])
    return (
        f"### {title or cls.__name__}\n\n{summary}\n\n{format_table(('Field', 'Type', 'Default', 'Description'), rows)}"
    )


_TYPE_NAMES = {
    str: "text", bool: "boolean", int: "integer", float: "number", Path: "path", datetime: "time", NoneType: "null",
    Any: "any value",
}  # fmt: skip
_TYPE_NOUN, _PLURAL = re.compile(r"^(text|boolean|integer|number|path|time|list|object)\b"), r"\1s"


def _describe_type(annotation: Any) -> str:  # noqa: ANN401 - annotations are of any kind
    """Describe a type in terms of JSON and TOML."""
    parts = [argument for argument in typing.get_args(annotation) if argument is not ...]
    origin = typing.get_origin(annotation)
    if origin is typing.Literal or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        return " or ".join(f"`{getattr(argument, 'value', argument)}`" for argument in parts or annotation)
    if origin in {UnionType, typing.Union}:
        return " or ".join(map(_describe_type, parts))
    if origin is tuple:
        return f"list of {_TYPE_NOUN.sub(_PLURAL, _describe_type(parts[0]))}"
    if origin is not None and origin is not typing.Annotated:
        value_type = _describe_type(parts[-1])
        return "object" if value_type == "any value" else f"object with values of type {value_type}"
    return _describe_type(parts[0]) if parts else _TYPE_NAMES.get(annotation, annotation.__name__)


def _describe_default(field: "Field[Any]") -> str:
    """Return the default as JSON in code font; an empty string if there is no default or it is empty."""
    value = field.default.value if isinstance(field.default, Enum) else field.default
    if value is MISSING or value is None or value in ("", ()):
        return ""
    values = (
        [element.value if isinstance(element, Enum) else element for element in value]
        if isinstance(value, tuple)
        else value
    )
    return f"`{json.dumps(values, default=str)}`"


def format_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
