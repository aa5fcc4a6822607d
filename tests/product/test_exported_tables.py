"""Test that every exported table is written by the function that prevents formula injection."""

import ast
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from exhibit.files.delimited import escape_formula, format_csv
from tests import CHECKOUT
from tests.assets.formulas import FORMULAS

PACKAGES = ("crawler", "desk", "evidence", "exhibit", "indexer", "registry", "workers")
WRITERS = {
    "exhibit/files/delimited.py": {"csv.writer"},  # csv_text itself
    "indexer/calibration/filed_pairs.py": {"csv.writer"},  # digests and numbers, read only by this program
    "registry/cases/sample.py": {"csv.DictWriter"},  # its own sample works, read only by this program
    "registry/parties/tables.py": {"Workbook"},  # text cells: tests/registry/parties/test_tables.py
}
"""Modules that may write tables without :func:`format_csv`."""
CALLS = {"csv.writer", "csv.DictWriter", "Workbook"}


def table_writers(path: Path) -> Iterator[str]:
    """Yield the calls of a module that create tables."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in CALLS:
            yield name


def test_every_table_is_written_by_the_shared_function() -> None:
    writers: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in (CHECKOUT / package).rglob("*.py"):
            if names := set(table_writers(path)):
                writers[path.relative_to(CHECKOUT).as_posix()] = names
    assert writers == WRITERS


@pytest.mark.parametrize("text", FORMULAS)
def test_spreadsheet_formula_is_escaped(text: str) -> None:
    assert escape_formula(text) == f"'{text}"
    ((cell, number),) = csv.reader(io.StringIO(format_csv([[text, -1]]), newline=""))
    assert (cell, number) == (f"'{text}", "-1")


@pytest.mark.parametrize("text", ["", " ", "plain", "a=b", "2026-11-20", "秋山", "https://example.org/?a=1", "“=1”"])
def test_ordinary_texts_are_unchanged(text: str) -> None:
    assert escape_formula(text) == text
