"""Test that all texts of the site are marked for translation and translated, with all placeholders."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import allauth
import polib
import pytest
from django import conf
from django.contrib import auth
from django.template.base import Lexer, TokenType

from tools import messages

load_marked_messages = cache(messages.find_marked_messages)  # takes seconds
TEMPLATES = sorted((messages.ROOT / "desk").rglob("templates/**/*.html"))
MODULES = sorted((messages.ROOT / "desk" / "web").rglob("*.py"))
CATALOGUES = (
    *((language, messages.LOCALE_FOLDER) for language in messages.LANGUAGES),
    *((language, messages.ACCOUNTS_FOLDER) for language in messages.ACCOUNTS_LANGUAGES),
)
READABLE_ATTRIBUTES = ("alt", "aria-label", "placeholder", "title")
"""Attributes that users read or hear."""
PRODUCT_NAMES = {"Exhibit"}
UNTRANSLATED_TAGS = {"script", "style", "code", "kbd", "pre"}
LETTERS = re.compile(r"[^\W\d_]{2,}")
NON_TRANSLATABLE = re.compile(r"""https?://\S*|\S*\bexample\b\S*|[\w-]+="[^"]*"|data-\w+|\b[A-Z]{2,4}\b""")
"""Example URLs, attributes that a block adds to a tag, and codes."""
TRANSLATION_BLOCKS = {"blocktranslate", "blocktrans", "comment"}
MESSAGE_LEVELS = {"success", "error", "warning", "info"}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}|<[^>]+>")

DISCOURAGED_DECISION_TERMS = re.compile(
    r"\bconfirm(?:s|ed|ing)\b|confirm the case|\b(?:none is (?:licensed|a copy)|all are licensed)"
    r"|covered by a licence"
    r"|已确认|确认案件|确认该案件|由(?:人|演示(?:用)?开关)确认|均未获许可|全部已获许可|都不是复制|属许可范围",
    re.IGNORECASE,
)
"""Former terms for decisions, replaced by Not licensed, Licensed and Dismissed (未获许可, 已获许可, 已排除)."""


class _Reader(HTMLParser):
    """A parser that collects the visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in UNTRANSLATED_TAGS
        self.read += [value for name, value in attrs if name in READABLE_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in UNTRANSLATED_TAGS

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.read.append(data)


def find_unmarked(template: str) -> list[str]:
    """Return the visible text of a template that is not marked for translation."""
    text, within = "", False
    for token in Lexer(template).tokenize():
        if token.token_type is TokenType.BLOCK:
            name = token.contents.split()[0]
            within = name in TRANSLATION_BLOCKS or (within and name.removeprefix("end") not in TRANSLATION_BLOCKS)
        elif token.token_type is TokenType.TEXT and not within:
            text += token.contents
    reader = _Reader()
    reader.feed(text)
    return [
        word
        for piece in reader.read
        for word in LETTERS.findall(NON_TRANSLATABLE.sub("", piece))
        if word not in PRODUCT_NAMES
    ]


def find_unmarked_messages(source: str) -> Iterator[str]:
    """Yield messages shown after an action that are not marked for translation."""
    for node in ast.walk(ast.parse(source)):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MESSAGE_LEVELS
        ):
            continue
        if len(node.args) == 2 and isinstance(node.args[1], ast.Constant | ast.JoinedStr):
            yield ast.unparse(node.args[1])


def test_unmarked_text_is_detected() -> None:
    assert find_unmarked('{% load i18n %}<p title="Here">{% translate "There" %} {{ n }} works</p>') == [
        "Here",
        "works",
    ]
    assert find_unmarked("{% blocktranslate %}There{% endblocktranslate %}<script>let here</script>") == []
    assert list(find_unmarked_messages('messages.error(request, f"{name} failed")')) == ["f'{name} failed'"]


def test_every_page_text_is_marked_for_translation() -> None:
    unmarked_texts = {path.name: find_unmarked(path.read_text(encoding="utf-8")) for path in TEMPLATES}
    unmarked_texts |= {path.name: list(find_unmarked_messages(path.read_text(encoding="utf-8"))) for path in MODULES}
    assert len(unmarked_texts) > 100
    assert {name: words for name, words in unmarked_texts.items() if words} == {}


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    entries = polib.pofile(str(messages.get_catalogue_path(language)))
    translated = {
        (entry.msgctxt, entry.msgid, entry.msgid_plural)
        for entry in entries
        if entry.translated() and not entry.obsolete
    }
    assert (
        sorted(
            single
            for context, single, several in load_marked_messages()
            if (context, single, several) not in translated
        )
        == []
    )


@pytest.mark.parametrize("language", messages.ACCOUNTS_LANGUAGES)
def test_library_translations_match_library_messages(language: str) -> None:
    library_messages: set[str] = set()
    for folder in (Path(allauth.__file__).parent, Path(auth.__file__).parent, Path(conf.__file__).parent):
        library_messages |= {
            entry.msgid for entry in polib.pofile(str(messages.get_catalogue_path(language, folder / "locale")))
        }
    own_messages = {
        entry.msgid for entry in polib.pofile(str(messages.get_catalogue_path(language, messages.ACCOUNTS_FOLDER)))
    }
    assert own_messages - library_messages == set()


@pytest.mark.parametrize(("language", "folder"), CATALOGUES, ids=lambda one: getattr(one, "name", one))
def test_translations_keep_their_placeholders(language: str, folder: Path) -> None:
    for entry in polib.pofile(str(messages.get_catalogue_path(language, folder))):
        for translated in (entry.msgstr, *entry.msgstr_plural.values()):
            if translated:
                source = entry.msgid_plural or entry.msgid
                assert sorted(PLACEHOLDER.findall(translated)) == sorted(PLACEHOLDER.findall(source)), entry.msgid


@pytest.mark.parametrize(("language", "folder"), CATALOGUES, ids=lambda one: getattr(one, "name", one))
def test_compiled_translations_match_their_sources(language: str, folder: Path) -> None:
    source_catalogue = polib.pofile(str(messages.get_catalogue_path(language, folder)))
    compiled = polib.mofile(str(messages.get_compiled_path(language, folder)))
    assert {(entry.msgctxt, entry.msgid): entry.msgstr for entry in compiled} == {
        (entry.msgctxt, entry.msgid): entry.msgstr for entry in source_catalogue.translated_entries()
    }


def test_decision_has_same_name_on_pages_and_in_documents() -> None:
    all_words = [word for _context, *translations in load_marked_messages() for word in translations]
    for language in messages.LANGUAGES:
        entries = polib.pofile(str(messages.get_catalogue_path(language, messages.LOCALE_FOLDER)))
        all_words += [word for entry in entries for word in (entry.msgstr, *entry.msgstr_plural.values())]
    for path in (messages.ROOT / "evidence" / "documents" / "phrases").rglob("*.toml"):
        all_words += re.findall(r'= "(.*)"$', path.read_text("utf-8"), re.MULTILINE)
    assert [words for words in all_words if DISCOURAGED_DECISION_TERMS.search(words)] == []
