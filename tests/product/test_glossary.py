"""Test that pages, mails and documents use the glossary's terms, in English and in Chinese."""

import ast
import re
import tomllib
from collections.abc import Iterator

import polib
import pytest

from evidence.documents.phrases import CATALOGUE_FOLDER
from tests import CHECKOUT
from tests.assets.chinese import find_half_width
from tools import messages

TERMS, FORBIDDEN = (CHECKOUT / "docs/glossary.md").read_text(encoding="utf-8").split("## Terms that are not used")
CELLS = re.compile(r"^\| ([^|]+) \| ([^|]+) \|", re.MULTILINE)
HEADS = ("English", "not")
CODE = re.compile(r"`[^`]*`|%\(\w+\)[ds]|\{\w*\}|\bexhibit [a-z].*|--decision \w+|--\w+|docs/\S+|\b[a-z]+_[a-z]+\b")
"""Names of values, commands and columns, which are the same in every language."""
VALUE, DATE = re.compile(r"%\(\w+\)[ds]|\{\w*\}|<[^>]+>"), re.compile(r"\d+年\d+月\d+日")
EXCEPTIONS = (
    "Its proponent", "written notice", "of the machine", "Milvus rejected the token", "notices and renewals",
    "the Board's filing system", "test case", "does not match the text",
)  # fmt: skip
"""Places where a statute or another program uses a word with another meaning."""


def rows(tables: str) -> list[tuple[str, str]]:
    return [
        (left_cell, right_cell)
        for left_cell, right_cell in CELLS.findall(tables)
        if left_cell not in HEADS and not left_cell.startswith("-")
    ]


def term_pattern(forms: str) -> re.Pattern[str]:
    """Return a pattern for a term in singular and plural."""
    forms_pattern = (
        re.escape(form).removesuffix("y") + ("(?:y|ies)" if form.endswith("y") else "(?:e?s)?")
        for form in forms.split(", ")
    )
    return re.compile(rf"\b(?:{'|'.join(forms_pattern)})\b", re.IGNORECASE)


def sentences() -> Iterator[tuple[str, str]]:
    """Yield sentences in English and in Chinese."""
    for entry in polib.pofile(str(messages.get_catalogue_path("zh_Hans"))):
        if entry.translated():  # tests/tools/test_messages.py reports untranslated ones
            yield f"{entry.msgid}\n{entry.msgid_plural}", entry.msgstr or entry.msgstr_plural[0]
    for path in sorted((CATALOGUE_FOLDER / "en").glob("*.toml")):
        chinese = tomllib.loads((CATALOGUE_FOLDER / "zh-Hans" / path.name).read_text(encoding="utf-8"))
        for group, phrases in tomllib.loads(path.read_text(encoding="utf-8")).items():
            yield from ((words, chinese[group][key]) for key, words in phrases.items())


def find_untranslated_terms(english: str, chinese: str) -> list[str]:
    """Return terms of an English sentence without their translation in the Chinese one.

    The longest of several terms counts.
    """
    terms, rest = [], CODE.sub(" ", english)
    for term, words in sorted(rows(TERMS), key=lambda row: -len(row[0])):
        rest, count = term_pattern(term).subn(" ", rest)
        if count and not any(word in chinese for word in words.split(" / ")):
            terms.append(term)
    return terms


@pytest.mark.long
def test_terms_are_translated_consistently() -> None:
    assert len(rows(TERMS)) > 30
    wrong = [
        f"{terms}: {english.strip()} => {chinese}"
        for english, chinese in sentences()
        if (terms := find_untranslated_terms(english, chinese))
        and not any(exception in english for exception in EXCEPTIONS)
    ]
    assert not wrong, "\n".join(wrong)


def test_inconsistent_translation_is_detected() -> None:
    assert find_untranslated_terms("Two bundles of the case.", "案件的两个打包文件。") == ["bundle"]
    assert find_untranslated_terms("It is not licensed.", "已确认。") == ["not licensed"]
    assert find_untranslated_terms("exhibit case list", "exhibit case list") == []


@pytest.mark.parametrize(("words", "instead"), rows(FORBIDDEN))
def test_forbidden_synonym_is_never_used(words: str, instead: str) -> None:
    forms = (rf"\b{word}\b" if word.isascii() else word for word in words.split(", "))
    never = re.compile("|".join(forms), re.IGNORECASE)
    allowed = re.compile("|".join((CODE.pattern, *instead.split(", "))))
    assert [pair for pair in sentences() if never.search(allowed.sub(" ", "\n".join(pair)))] == []


def test_chinese_punctuation_and_latin_spacing_are_correct() -> None:
    beside = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u4e00-\u9fff]")
    texts = [VALUE.sub("", DATE.sub("", chinese)) for _, chinese in sentences()]
    assert len(texts) > 2000
    assert [text for text in texts if find_half_width(text) or beside.search(text)] == []


def test_terminal_and_pages_use_the_same_decision_names() -> None:
    phrases = (
        (path.name, node.value)
        for path in sorted((CHECKOUT / "desk/cli").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    )
    other = re.compile(r"\bconfirm(?:s|ed|ing)\b", re.IGNORECASE)
    assert [pair for pair in phrases if other.search(CODE.sub(" ", pair[1]))] == []
