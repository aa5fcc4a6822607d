"""Test that an owner's own wording replaces the default, and must contain what the law requires."""

import pytest

from exhibit.errors import InvalidRequestError
from registry.models import Owner
from registry.notices import wording
from registry.notices.wording import (
    FOLDER,
    check_wording,
    fill_placeholders,
    load_shipped_wording,
    remove_empty_placeholders,
    restore_shipped_wording,
    save_wording,
)
from tests.assets.rows import owner


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.toml")))
def test_shipped_wording_is_complete(name: str) -> None:
    kind, language = name.split(".")
    words = load_shipped_wording(kind, language)
    check_wording(kind, language, words.subject, words.body, words.item)


def test_incomplete_wording_or_unknown_placeholder_is_rejected() -> None:
    words = load_shipped_wording("dmca", "en")
    for subject, body, item, message in (
        ("", words.body, words.item, "empty"),
        ("two\nlines", words.body, words.item, "more than one line"),
        (words.subject, words.body.replace("{signature}", ""), words.item, "signature"),
        (words.subject, words.body, words.item.replace("{places}", ""), "places"),
        (words.subject, words.body + "{ownr}", words.item, "{ownr} does not exist"),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            check_wording("dmca", "en", subject, body, item)


@pytest.mark.django_db
def test_custom_wording_applies_until_shipped_is_restored() -> None:
    studio: Owner = owner("studio")
    base = load_shipped_wording("dmca", "en")
    save_wording(studio, "dmca", "en", {"subject": "Ours", "body": base.body + "\r\nBye", "item": base.item}, by="Ann")
    own = wording.get_wording(studio, "dmca", "en")
    assert (own.subject, own.own, own.statements) == ("Ours", True, base.statements)
    assert own.body.endswith("\nBye")
    assert wording.get_wording(owner("agency"), "dmca", "en") == base
    restore_shipped_wording(studio, "dmca", "en", by="Ann")
    assert wording.get_wording(studio, "dmca", "en") == base


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{n}. {title}, by {author}", "{n}. {title}"),
        ("{n}. {title}，作者：{author}", "{n}. {title}"),
        ("“{title}” by {author}", "“{title}”"),
        ("{title} ({author})", "{title}"),
        ("{title}（作者：{author}）", "{title}"),
        ("{title} – {author}", "{title}"),
        ("By {author}: {title}", "{title}"),
        ("“{title}”, taken by {author}, is at {places}.", "“{title}”, is at {places}."),
        ("Author: {author}", "Author: not stated"),
        ("Auteur : {author}", "Auteur : not stated"),
        ("作者（权利人声明）：{author}", "作者（权利人声明）：not stated"),
    ],
)
def test_empty_placeholder_is_removed_with_the_words_before_it(line: str, expected: str) -> None:
    values = dict.fromkeys(("n", "title", "places"), "x") | {"author": ""}
    assert remove_empty_placeholders(line, values, "not stated") == expected
    assert remove_empty_placeholders(line, {**values, "author": "Ann"}, "not stated") == line


def test_placeholders_are_filled_and_blank_lines_collapsed() -> None:
    assert fill_placeholders("{a}\n\n{b}\n\n{c}  \n", {"a": "A {b}", "b": "", "c": "C"}) == "A {b}\n\nC\n"
