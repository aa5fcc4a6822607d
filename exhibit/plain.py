"""Text from users, without characters that control terminals, mails and tables or that disguise other characters."""

import re
import unicodedata

_ACTING = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_ACTS = re.compile(f"[{_ACTING}]")


def plain(text: str) -> str:
    """Remove control characters, bidirectional overrides and lone surrogates. Line breaks are kept."""
    return _ACTS.sub("", text)


def printable(text: str) -> str:
    """Replace characters that control a terminal or are invisible. Line breaks and spaces of any width are kept."""
    return "".join(sign if _is_seen(sign) else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _is_seen(sign: str) -> bool:
    return sign.isprintable() or sign == "\n" or unicodedata.category(sign) == "Zs"


def decoded(data: bytes) -> str:
    """Decode bytes as UTF-8, or as Latin-1 if they are not valid UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def mended(text: str) -> str:
    """Decode a text again as UTF-8 if it was wrongly decoded as Latin-1. Other texts are returned unchanged."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def one_line(text: str) -> str:
    """Return the text of :func:`plain` on one line, with single spaces between the words."""
    return " ".join(plain(text).split())


def has_visible_letter(text: str) -> bool:
    """Return True if a text contains a visible letter or digit. A name without any does not identify anybody.

    Some characters are letters by category, but are rendered blank, such as U+3164 HANGUL FILLER.
    """
    return any(sign.isalnum() and not _is_blank(sign) for sign in text)


def fold_name(name: str) -> str:
    """Fold a name for comparison, ignoring case, width, spacing and invisible characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = (sign for sign in folded if sign.isspace() or not _is_unseen(sign))
    return " ".join("".join(visible).split())


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_IGNORABLE = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Marks that do not change any character by themselves (Unicode ``Default_Ignorable_Code_Point``, category Mn)."""


def _is_unseen(sign: str) -> bool:
    return _is_blank(sign) or unicodedata.category(sign) in _UNSEEN or _IGNORABLE.match(sign) is not None


def _is_blank(sign: str) -> bool:
    words = unicodedata.name(sign, "").split()
    return "FILLER" in words or "BLANK" in words
