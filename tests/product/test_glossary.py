"""Test that pages, mails and documents use the glossary's terms, in English and in Chinese."""

import ast
import re
import tomllib
from collections.abc import Iterator

import polib
import pytest

from evidence.documents.phrases import FOLDER
from tests import CHECKOUT
from tests.assets.chinese import half_width_in
from tools import messages

TERMS, NEVER = (CHECKOUT / "docs/glossary.md").read_text(encoding="utf-8").split("## Terms that are not used")
CELLS = re.compile(r"^\| ([^|]+) \| ([^|]+) \|", re.MULTILINE)
HEADS = ("English", "not")
CODE = re.compile(r"`[^`]*`|%\(\w+\)[ds]|\{\w*\}|\bexhibit [a-z].*|--decision \w+|--\w+|docs/\S+|\b[a-z]+_[a-z]+\b")
"""Names of values, commands and columns, which are the same in every language."""
VALUE, DATE = re.compile(r"%\(\w+\)[ds]|\{\w*\}|<[^>]+>"), re.compile(r"\d+年\d+月\d+日")
OTHERWISE = (
    "Its proponent", "written notice", "of the machine", "Milvus rejected the token", "notices and renewals",
    "the Board's system",
)  # fmt: skip
"""Places where a statute or another program uses a word with another meaning."""


def rows(tables: str) -> list[tuple[str, str]]:
    return [(one, other) for one, other in CELLS.findall(tables) if one not in HEADS and not one.startswith("-")]


def pattern(forms: str) -> re.Pattern[str]:
    """Return a pattern for a term in singular and plural."""
    said = (
        re.escape(form).removesuffix("y") + ("(?:y|ies)" if form.endswith("y") else "(?:e?s)?")
        for form in forms.split(", ")
    )
    return re.compile(rf"\b(?:{'|'.join(said)})\b", re.IGNORECASE)


def sentences() -> Iterator[tuple[str, str]]:
    """Yield sentences in English and in Chinese."""
    for entry in polib.pofile(str(messages.catalogue("zh_Hans"))):
        if entry.translated():  # tests/tools/test_messages.py reports untranslated ones
            yield f"{entry.msgid}\n{entry.msgid_plural}", entry.msgstr or entry.msgstr_plural[0]
    for path in sorted((FOLDER / "en").glob("*.toml")):
        chinese = tomllib.loads((FOLDER / "zh-Hans" / path.name).read_text(encoding="utf-8"))
        for group, said in tomllib.loads(path.read_text(encoding="utf-8")).items():
            yield from ((words, chinese[group][key]) for key, words in said.items())


def translated_otherwise(english: str, chinese: str) -> list[str]:
    """Return terms of an English sentence without their translation in the Chinese one.

    The longest of several terms counts.
    """
    found, left = [], CODE.sub(" ", english)
    for term, words in sorted(rows(TERMS), key=lambda row: -len(row[0])):
        left, count = pattern(term).subn(" ", left)
        if count and not any(word in chinese for word in words.split(" / ")):
            found.append(term)
    return found


@pytest.mark.long
def test_a_term_has_its_word() -> None:
    assert len(rows(TERMS)) > 30
    wrong = [
        f"{terms}: {english.strip()} => {chinese}"
        for english, chinese in sentences()
        if (terms := translated_otherwise(english, chinese)) and not any(one in english for one in OTHERWISE)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_term_that_is_translated_otherwise_is_seen() -> None:
    assert translated_otherwise("Two bundles of the case.", "案件的两个打包文件。") == ["bundle"]
    assert translated_otherwise("It is not licensed.", "已确认。") == ["not licensed"]
    assert translated_otherwise("exhibit case list", "exhibit case list") == []


@pytest.mark.parametrize(("words", "instead"), rows(NEVER))
def test_a_word_of_another_is_never_said(words: str, instead: str) -> None:
    forms = (rf"\b{word}\b" if word.isascii() else word for word in words.split(", "))
    never = re.compile("|".join(forms), re.IGNORECASE)
    said = re.compile("|".join((CODE.pattern, *instead.split(", "))))
    assert [pair for pair in sentences() if never.search(said.sub(" ", "\n".join(pair)))] == []


def test_chinese_has_its_punctuation_and_a_space_beside_latin_words_and_figures() -> None:
    beside = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u4e00-\u9fff]")
    said = [VALUE.sub("", DATE.sub("", chinese)) for _, chinese in sentences()]
    assert len(said) > 2000
    assert [one for one in said if half_width_in(one) or beside.search(one)] == []


def test_the_terminal_names_a_decision_as_pages_do() -> None:
    said = (
        (path.name, node.value)
        for path in sorted((CHECKOUT / "desk/cli").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    )
    other = re.compile(r"\bconfirm(?:s|ed|ing)\b", re.IGNORECASE)
    assert [one for one in said if other.search(CODE.sub(" ", one[1]))] == []
