"""Descriptions of fields and members, read from the code: docstrings, comments beside a field, strings below it."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import fields
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


def field_table(cls: type[Any], title: str = "", without: Iterable[str] = ()) -> str:
    """Return a heading and the table of a dataclass's fields with types and descriptions."""
    words = words_of(cls)
    rows = [
        (f"`{one.name}`", markdown(str(one.type)).replace("`", ""), words.get(one.name, "?"))
        for one in fields(cls)
        if one.name not in without
    ]
    about = markdown((inspect.getdoc(cls) or "?").partition("\n\n")[0])
    return f"### {title or cls.__name__}\n\n{about}\n\n{table(('Field', 'Type', 'Description'), rows)}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
