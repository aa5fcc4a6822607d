"""Removal of characters from user text that control terminals, emails and tables, or disguise other characters."""

import re
import unicodedata

_CONTROL_CHARS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_CONTROL_PATTERN = re.compile(f"[{_CONTROL_CHARS}]")


def remove_control_chars(text: str) -> str:
    """Remove control characters, bidirectional overrides and lone surrogates. Line breaks are kept."""
    return _CONTROL_PATTERN.sub("", text)


def replace_unprintable(text: str) -> str:
    """Replace characters that control a terminal or are invisible. Line breaks and spaces of any width are kept."""
    return "".join(char if _is_printable(char) else "\N{REPLACEMENT CHARACTER}" for char in text)


def _is_printable(char: str) -> bool:
    return char.isprintable() or char == "\n" or unicodedata.category(char) == "Zs"


def decode_text(data: bytes) -> str:
    """Decode bytes as UTF-8, or as Latin-1 if they are not valid UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def repair_encoding(text: str) -> str:
    """Decode a text again as UTF-8 if it was wrongly decoded as Latin-1. Other texts are returned unchanged."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def to_one_line(text: str) -> str:
    """Remove control characters, and join the words with single spaces on one line."""
    return " ".join(remove_control_chars(text).split())


def has_visible_letter(text: str) -> bool:
    """Return True if a text contains a visible letter or digit, as every usable name does.

    Some characters are letters by category, but are rendered blank, such as U+3164 HANGUL FILLER.
    """
    return any(char.isalnum() and not _is_blank(char) for char in text)


def fold_name(name: str) -> str:
    """Fold a name for comparison, ignoring case, width, spacing and invisible characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = (char for char in folded if char.isspace() or not _is_invisible(char))
    return " ".join("".join(visible).split())


_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_IGNORABLE_MARKS = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Invisible combining marks (Unicode ``Default_Ignorable_Code_Point``, category Mn)."""


def _is_invisible(char: str) -> bool:
    return (
        _is_blank(char)
        or unicodedata.category(char) in _INVISIBLE_CATEGORIES
        or _IGNORABLE_MARKS.match(char) is not None
    )


def _is_blank(char: str) -> bool:
    name_words = unicodedata.name(char, "").split()
    return "FILLER" in name_words or "BLANK" in name_words
